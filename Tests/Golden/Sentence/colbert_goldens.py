"""A tiny ColBERT of PyLate and the matrices that it computes.

    python colbert_goldens.py    # after make.py; needs pylate, which wants older libraries than the others: an environment of its own

Writes colbert/ (with its texts), stanford/, colbert.json and colbert.safetensors. A case is the folder with some members of its config_sentence_transformers.json changed.
"""

import json
import os
import pathlib
import shutil
import tempfile

os.environ["HF_HUB_OFFLINE"] = "1"
import numpy as np
import torch
from pylate import models
from safetensors.numpy import load_file, save_file

HERE = pathlib.Path(__file__).resolve().parent
CASES = {
    "default": {},
    "attended": {"attend_to_expansion_tokens": True},
    "unexpanded": {"do_query_expansion": False, "skiplist_words": ["film", "the", "none of these"]},
    "short": {"query_length": 6, "document_length": 9, "skiplist_words": [], "document_prefix": ""},
}

torch.manual_seed(3)
texts = json.loads((HERE / "texts.json").read_text())
shutil.rmtree(HERE / "colbert", ignore_errors=True)
model = models.ColBERT(str(HERE / "plain"), embedding_size=12, query_length=16, document_length=20, device="cpu")
model.save(str(HERE / "colbert"), create_model_card=False)
(HERE / "colbert/texts.json").write_text(json.dumps(texts, ensure_ascii=False, indent=1) + "\n")
entries = {}
for case, changes in CASES.items():
    with tempfile.TemporaryDirectory() as place:
        folder = shutil.copytree(HERE / "colbert", place + "/model")
        path = pathlib.Path(folder) / "config_sentence_transformers.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
        model = models.ColBERT(folder, device="cpu")
        for role in ("query", "document"):
            rows = [model.encode([text], is_query=role == "query")[0] for text in texts]
            together = model.encode(texts, is_query=role == "query")
            assert max(abs(a - b).max() for a, b in zip(rows, together) if len(a)) < 1e-5
            entries[f"{case}/{role}"] = np.concatenate(rows)
            entries[f"{case}/{role}/lengths"] = np.array([len(row) for row in rows], dtype=np.int32)
        queries, documents = model.encode(texts[:3], is_query=True), model.encode(texts, is_query=False)
        entries[f"{case}/scores"] = np.array(
            [[(q @ d.T).max(1).sum() if len(d) else 0 for d in documents] for q in queries], dtype=np.float32
        )
# A folder of Stanford's: the weights beside the Transformer's, the rest in artifact.metadata.
with tempfile.TemporaryDirectory() as place:
    folder = pathlib.Path(shutil.copytree(HERE / "plain", place + "/model"))
    weights = load_file(folder / "model.safetensors")
    weights = {"bert." + key: value for key, value in weights.items()}
    weights["linear.weight"] = np.random.default_rng(5).standard_normal((10, 32), dtype=np.float32)
    save_file(weights, str(folder / "model.safetensors"), {"format": "pt"})
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "architectures": ["HF_ColBERT"]}))
    metadata = {"query_token_id": "film", "doc_token_id": "the", "query_maxlen": 14, "doc_maxlen": 18, "attend_to_mask_tokens": False}
    (folder / "artifact.metadata").write_text(json.dumps(metadata) + "\n")
    model = models.ColBERT(str(folder), device="cpu")
    for role in ("query", "document"):
        rows = [model.encode([text], is_query=role == "query")[0] for text in texts]
        entries[f"stanford/{role}"] = np.concatenate(rows)
        entries[f"stanford/{role}/lengths"] = np.array([len(row) for row in rows], dtype=np.int32)
    shutil.rmtree(HERE / "stanford", ignore_errors=True)
    (HERE / "stanford").mkdir()
    # All that it needs: the live comparison makes plain/ anew, but not this.
    for name in ("artifact.metadata", "model.safetensors", "config.json", "tokenizer.json", "tokenizer_config.json"):
        shutil.copy(folder / name, HERE / "stanford" / name)

save_file(entries, str(HERE / "colbert.safetensors"))
(HERE / "colbert.json").write_text(json.dumps(CASES, indent=1) + "\n")
