"""Tiny adapters of the PEFT library, and the vectors that sentence-transformers computes with them.

    python make_peft.py    # after make.py; needs torch, transformers, sentence-transformers, peft; writes adapters/ and adapters.safetensors

Their base models are the folders beside this file, which their configurations name from their own folders. `sentence` is a folder of
sentence-transformers that has an adapter in the place of its weights.
"""

import json
import os
import pathlib
import shutil

os.environ["HF_HUB_OFFLINE"] = "1"
import torch
import transformers
from peft import LoraConfig, TaskType, get_peft_model
from safetensors.numpy import save_file
from sentence_transformers import CrossEncoder, SentenceTransformer

HERE = pathlib.Path(__file__).resolve().parent
FOLDER = HERE / "adapters"
generator = torch.Generator().manual_seed(int(os.environ.get("ENCODERS_SEED", 0)))
texts = json.loads((HERE / "texts.json").read_text())


def adapted(model, name, base, **settings):
    """The model with random additions, which are saved."""
    model = get_peft_model(model, LoraConfig(**settings)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                noise = torch.randn(parameter.shape, generator=generator)
                parameter.copy_(parameter * (1 + 0.2 * noise) if parameter.ndim == 1 else parameter + 0.1 * noise)
    model.save_pretrained(str(FOLDER / name))
    (FOLDER / name / "README.md").unlink()
    path = FOLDER / name / "adapter_config.json"
    config = json.loads(path.read_text())
    config["base_model_name_or_path"] = base
    # Sets are in no order.
    config["target_modules"] = sorted(config["target_modules"])
    path.write_text(json.dumps(config, indent=1, sort_keys=True) + "\n")
    return model


def sentence(name, base, path, **settings):
    encoder = SentenceTransformer(str(HERE / base), device="cpu")
    encoder[0].model = adapted(encoder[0].model, name, path, task_type=TaskType.FEATURE_EXTRACTION, **settings)
    vectors = encoder.encode(texts)
    assert abs(vectors - SentenceTransformer(str(HERE / base), device="cpu").encode(texts)).max() > 1e-2, name
    return vectors


transformers.utils.logging.set_verbosity_error()
shutil.rmtree(FOLDER, ignore_errors=True)
entries = {
    "lora": sentence(
        "lora", "plain", "../../plain", r=4, lora_alpha=6, target_modules=["query", "word_embeddings", "attention.output.dense"],
        bias="lora_only", rank_pattern={"query": 2}, alpha_pattern={"0.attention.self.query": 3, r"1\..*\.dense": 9},
    ),
    "dora": sentence(
        "dora", "plain", "../../plain", r=3, lora_alpha=6, target_modules=["query", "dense"], use_dora=True, use_rslora=True,
        bias="all", modules_to_save=["embeddings.LayerNorm"],
    ),
    "sentence": sentence("sentence", "bert", "../../plain", r=2, target_modules="all-linear"),
}  # fmt: skip
for file in ("modules.json", "config_sentence_transformers.json", "sentence_bert_config.json", "tokenizer.json", "tokenizer_config.json"):
    shutil.copy(HERE / "bert" / file, FOLDER / "sentence" / file)
for folder in ("1_Pooling", "2_Normalize"):
    shutil.copytree(HERE / "bert" / folder, FOLDER / "sentence" / folder)
cross = CrossEncoder(str(HERE / "cross"), device="cpu")
cross[0].model = adapted(cross[0].model, "cross", "../../cross", task_type=TaskType.SEQ_CLS, r=2, target_modules=["value"])
entries["cross"] = cross.predict([(texts[0], text) for text in texts])[:, None]
save_file(entries, str(HERE / "adapters.safetensors"))
