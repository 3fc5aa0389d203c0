"""Tiny folders of sentence-transformers and the vectors that it computes with them.

    python make.py    # needs torch, transformers, sentence-transformers; writes folders beside this file, and vectors.safetensors
"""

import os
import pathlib
import shutil
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = pathlib.Path(os.environ.get("ENCODERS_ROOT", HERE.parents[2]))
sys.path.insert(0, str(ROOT / "Tests/Parity"))

import json

import numpy as np
import torch
from safetensors.numpy import save_file
from compare_sentences import WORDS, SparseEncoder, SpladePooling, bert_tokenizer, family, models, texts, transformers
from sentence_transformers import CrossEncoder, SentenceTransformer

seed = int(os.environ.get("ENCODERS_SEED", 0))
torch.manual_seed(seed)
lines = texts(np.random.default_rng(seed), 12)
tokenizer = bert_tokenizer(lines)
for name in ("bert", "dense", "splade", "cross", "plain"):
    shutil.rmtree(HERE / name, ignore_errors=True)

plain = family("bert", tokenizer, str(HERE / "plain"), max_position_embeddings=64)
base = models.Transformer(plain, max_seq_length=20)
prompts = {"query": "find the film: ", "document": ""}
bert = SentenceTransformer(modules=[base, models.Pooling(32, "mean"), models.Normalize()], prompts=prompts, device="cpu")
bert.save(str(HERE / "bert"))
pooling = models.Pooling(32, ["cls", "max", "mean", "mean_sqrt_len_tokens", "weightedmean", "lasttoken"], include_prompt=False)
dense = SentenceTransformer(modules=[base, pooling, models.Dense(192, 12)], prompts=prompts, default_prompt_name="query", device="cpu")
dense.save(str(HERE / "dense"))
masked = family("bert", tokenizer, str(HERE / "masked"), head=transformers.AutoModelForMaskedLM, max_position_embeddings=64)
splade = SparseEncoder(modules=[models.Transformer(masked, transformer_task="fill-mask"), SpladePooling()], device="cpu")
splade.save(str(HERE / "splade"))
shutil.rmtree(masked)
head = transformers.AutoModelForSequenceClassification
family("bert", tokenizer, str(HERE / "cross"), head=head, num_labels=1, max_position_embeddings=64)
cross = CrossEncoder(str(HERE / "cross"), device="cpu")

save_file(
    {
        "bert": bert.encode(lines), "bert.query": bert.encode(lines, prompt_name="query"), "dense": dense.encode(lines),
        "plain": SentenceTransformer(plain, device="cpu").encode(lines),
        "splade": splade.encode(lines, convert_to_sparse_tensor=False).numpy(),
        "cross": cross.predict([(lines[0], line) for line in lines])[:, None],
    },
    str(HERE / "vectors.safetensors"),
)
(HERE / "texts.json").write_text(json.dumps(lines, ensure_ascii=False, indent=1) + "\n")
for readme in HERE.glob("*/README.md"):
    readme.unlink()
