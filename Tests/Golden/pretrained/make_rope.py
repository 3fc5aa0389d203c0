"""What transformers computes with every way of turning beyond the trained length, and the tiny models beside this file.

    python make_rope.py    # after make.py; needs torch, transformers, safetensors; writes rope.json and rope.safetensors

A case is a model whose config.json has some members changed (null: left out). Each text is run alone and unpadded, by a model that has seen
no other before, in double precision; the file has every second row.
"""

import json
import os
import shutil
import tempfile

import torch
from safetensors.torch import save_file
from transformers import AutoModel

HERE = os.path.dirname(os.path.abspath(__file__))
LENGTHS = [3, 40, 1, 90, 60, 48]


def qwen3(**rope):
    return {"rope_parameters": {"rope_theta": 10000.0, **rope}}


def modernbert(**rope):
    local = {"rope_type": "default", "rope_theta": 100.0}
    return {"max_position_embeddings": 48, "rope_parameters": {"full_attention": {"rope_theta": 1000.0, **rope}, "sliding_attention": local}}


LONG = dict(rope_type="longrope", original_max_position_embeddings=32, short_factor=[1.0, 1.1, 1.3, 2.0], long_factor=[1.5, 2.0, 3.5, 6.0])
LLAMA3 = dict(rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=32)
YARN = dict(rope_type="yarn", factor=4.0, original_max_position_embeddings=32)
CASES = {
    "linear": ("qwen3", qwen3(rope_type="linear", factor=2.5)),
    "dynamic": ("qwen3", qwen3(rope_type="dynamic", factor=3.0)),
    "yarn": ("qwen3", qwen3(**YARN)),
    # As configurations before version 5 have it; the trained length is max_position_embeddings.
    "yarn-old": ("qwen3", {"rope_parameters": None, "rope_theta": 500.0, "rope_scaling": {"type": "yarn", "factor": 3.0}}),
    "yarn-attention": ("qwen3", qwen3(**YARN, attention_factor=0.8, beta_fast=4.0, beta_slow=0.5, truncate=False)),
    "yarn-scales": ("qwen3", qwen3(**YARN, mscale=1.2, mscale_all_dim=0.7, beta_fast=2.0)),
    "llama3": ("qwen3", qwen3(**LLAMA3)),
    "llama3-outer": ("qwen3", {**qwen3(**LLAMA3), "original_max_position_embeddings": 24}),
    "longrope": ("gte", {"max_position_embeddings": 96, "rope_parameters": {"rope_theta": 300.0, **LONG}}),
    "longrope-attention": (
        "nomic_bert", {"max_position_embeddings": 96, "rope_parameters": {"rope_theta": 300.0, **LONG, "attention_factor": 1.3}},
    ),
    "proportional": ("qwen3", qwen3(rope_type="proportional", partial_rotary_factor=0.5, factor=2.0)),
    "gte-dynamic": ("gte", {"rope_parameters": None, "rope_theta": 200.0, "rope_scaling": {"type": "dynamic", "factor": 2.0}}),
    "nomic-yarn": ("nomic_bert", {"rope_parameters": {"rope_theta": 1000.0, **YARN}}),
    "modernbert-dynamic": ("modernbert", modernbert(rope_type="dynamic", factor=2.0)),
    # Its `truncate` has no effect: transformers looks for it beside the kinds of layers.
    "modernbert-yarn": ("modernbert", modernbert(**YARN, truncate=False, beta_fast=3.0)),
    "modernbert-old": (
        "modernbert",
        {
            "rope_parameters": None, "global_rope_theta": 2000.0, "local_rope_theta": 50.0,
            "rope_scaling": {"rope_type": "linear", "factor": 3.0},
        },
    ),
    # Nothing is stretched: attention to what comes after too, in whose windows the row itself isn't counted.
    "both-ways": ("qwen3", {"is_causal": False}),
}  # fmt: skip


def run(name, changes, texts):
    folder = os.path.join(HERE, name)
    config = json.load(open(os.path.join(folder, "config.json")))
    config.update(changes)
    with tempfile.TemporaryDirectory() as place:
        shutil.copy(os.path.join(folder, "model.safetensors"), place)
        with open(os.path.join(place, "config.json"), "w") as file:
            json.dump({key: value for key, value in config.items() if value is not None}, file)
        rows = []
        for text in texts:
            model = AutoModel.from_pretrained(place, dtype=torch.float32, attn_implementation="eager").double().eval()
            with torch.no_grad():
                rows.append(model(input_ids=text[None], attention_mask=torch.ones_like(text)[None]).last_hidden_state[0])
    return torch.cat(rows).float()


def main():
    generator = torch.Generator().manual_seed(int(os.environ.get("ENCODERS_SEED", 0)))
    texts = [torch.randint(5, 60, (length,), generator=generator) for length in LENGTHS]
    entries = {"ids": torch.cat(texts).int(), "lengths": torch.tensor(LENGTHS, dtype=torch.int32)}
    plain = {}
    for case, (name, changes) in CASES.items():
        hidden = run(name, changes, texts)
        if name not in plain:
            plain[name] = run(name, {}, texts)
        assert (hidden - plain[name]).abs().max() > 1e-2, case
        entries[f"{case}/hidden"] = hidden[::2].contiguous()
        print(case)
    save_file(entries, os.path.join(HERE, "rope.safetensors"))
    with open(os.path.join(HERE, "rope.json"), "w") as file:
        json.dump({case: {"model": name, "changes": changes} for case, (name, changes) in CASES.items()}, file, indent=1)
        file.write("\n")


if __name__ == "__main__":
    main()
