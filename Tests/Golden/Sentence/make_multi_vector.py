"""Encoders of sentence-transformers with a vector a token, and the matrices that they compute by role.

    python make_multi_vector.py    # after make.py; needs torch, transformers, sentence-transformers; writes multi_vector/ and multi_vector.safetensors

The Transformer's own files are those of `plain`; a case is what its sentence_bert_config.json says besides.
"""

import json
import os
import pathlib
import shutil
import tempfile

os.environ["HF_HUB_OFFLINE"] = "1"
import numpy as np
import torch
from safetensors.numpy import save_file
from sentence_transformers import MultiVectorEncoder, models
from sentence_transformers.multi_vector_encoder.modules import MultiVectorMask

HERE = pathlib.Path(__file__).resolve().parent
CASES = {
    "fixed": {"query_expansion": {"strategy": "fixed", "length": 18, "attend": False}, "document_length": 15},
    "seen": {"query_expansion": {"strategy": "fixed", "length": 18, "attend": True, "token": "film"}},
    "min": {"query_expansion": {"strategy": "min", "length": 12, "attend": False}, "query_length": 16},
    "lengths": {"query_length": 8, "document_length": 12},
}  # fmt: skip

torch.manual_seed(int(os.environ.get("ENCODERS_SEED", 0)))
texts = json.loads((HERE / "texts.json").read_text())
place = HERE / "multi_vector"
shutil.rmtree(place, ignore_errors=True)
base = models.Transformer(str(HERE / "plain"))
token = dict(module_input_name="token_embeddings", module_output_name="token_embeddings")
dense = models.Dense(32, 12, bias=False, activation_function=torch.nn.Identity(), **token)
modules = [base, dense, MultiVectorMask(skiplist_words=["the", "film", "no word"]), models.Normalize(**token)]
model = MultiVectorEncoder(modules=modules, prompts={"query": "find: ", "document": "film: "}, device="cpu")
model.save(str(place))
entries = {}
for case, changes in CASES.items():
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(shutil.copytree(place, folder + "/model"))
        path = folder / "sentence_bert_config.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
        model = MultiVectorEncoder(str(folder), device="cpu")
        for role, encode in (("query", model.encode_query), ("document", model.encode_document)):
            rows = [np.asarray(encode([text])[0]) for text in texts]
            entries[f"{case}/{role}"] = np.concatenate(rows)
            entries[f"{case}/{role}/lengths"] = np.array([len(row) for row in rows], dtype=np.int32)
save_file(entries, str(HERE / "multi_vector.safetensors"))
(HERE / "multi_vector.json").write_text(json.dumps(CASES, indent=1) + "\n")
for name in ("README.md", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "config.json"):
    (place / name).unlink()
