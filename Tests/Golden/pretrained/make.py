"""Tiny random-weight models of every family and what the transformers library computes with them.

    ENCODERS_MINILM=… python make.py    # needs torch, transformers, safetensors; writes a folder a model beside this file

With the folder of all-MiniLM-L6-v2 it also writes some rows of what that computes.

Each text is run alone and unpadded, in double precision where the model allows. NomicBERT's and GTE's own code is not in the library: its
names of parameters and of config keys come from the library's conversion tables, which map them to the same computation
(`nomic_bert`, `gte`), except GTE's NTK scaling, written here from the published formula.
"""

import json
import math
import os
import shutil

import torch
import transformers
from safetensors.torch import load_file, save_file

HERE = os.path.dirname(os.path.abspath(__file__))
LENGTHS = [3, 17, 1, 9, 40]
COMMON = dict(vocab_size=60, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24)


def randomize(model, seed, kind):
    """Larger than the usual start, so that every part shows in the numbers; biases and norms too."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            if parameter.ndim == 1 and name.endswith("weight"):
                parameter.copy_(1 + 0.2 * noise)
            else:
                parameter.copy_((0.3 if parameter.ndim == 1 else 1.2 / math.sqrt(parameter.shape[-1])) * noise)
            parameter.copy_(parameter.to(kind))


def texts(vocabulary, types, special, lengths, seed=7):
    generator = torch.Generator().manual_seed(seed)
    ids = [torch.randint(special, vocabulary, (n,), generator=generator) for n in lengths]
    kinds = [(torch.arange(n) >= n // 2).long() if types > 1 else torch.zeros(n, dtype=torch.long) for n in lengths]
    return ids, kinds


def run(model, ids, kinds, takes_types, output):
    rows = []
    for text, kind in zip(ids, kinds):
        extra = {"token_type_ids": kind[None]} if takes_types else {}
        rows.append(output(model(input_ids=text[None], attention_mask=torch.ones_like(text)[None], **extra)))
    return rows


def save(folder, weights, config, kind):
    os.makedirs(folder, exist_ok=True)
    save_file({k: v.to(kind, copy=True).contiguous() for k, v in weights.items()}, folder + "/model.safetensors", {"format": "pt"})
    config.pop("dtype", None)
    with open(folder + "/config.json", "w") as file:
        json.dump(config, file, indent=1, sort_keys=True)
        file.write("\n")


def saved(model, folder, original):
    """The weights and the config that the library writes; `original`: with the names of the hub's checkpoints, else with its own."""
    model.save_pretrained(folder + "/saved")
    config = json.load(open(folder + "/saved/config.json"))
    weights = load_file(folder + "/saved/model.safetensors") if original else dict(model.state_dict())
    shutil.rmtree(folder + "/saved")
    return weights, config


def family(
    name, config, base, classifier=None, masked=None, lengths=LENGTHS, special=5, gradients=False, kind=torch.float32,
    change=None, rewrite=None,
):
    """The encoder alone, with a classifier and with a masked language model, and a file with what comes out of them.

    `change` alters the encoder before it runs, `rewrite` the config that is written.
    """
    folder = os.path.join(HERE, name)
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    config._attn_implementation = "eager"
    types = getattr(config, "type_vocab_size", 0) if config.model_type not in ("distilbert", "mpnet") else 0
    ids, kinds = texts(config.vocab_size, types, special, lengths)
    golden = {
        "ids": torch.cat(ids).int(),
        "types": torch.cat(kinds).int(),
        "lengths": torch.tensor([len(x) for x in ids], dtype=torch.int32),
    }
    model = base(config)
    randomize(model, 1, kind)
    weights, written = saved(model, folder, True)
    save(folder, weights, rewrite(written) if rewrite else written, kind)
    if change:
        change(model)
    model = model.double().eval()
    hidden = torch.cat(run(model, ids, kinds, types, lambda o: o.last_hidden_state[0]))
    golden["hidden"] = hidden.detach().float()
    if gradients:
        cotangent = torch.randn(hidden.shape, generator=torch.Generator().manual_seed(3)).float()
        golden["cotangent"] = cotangent
        (hidden * cotangent.double()).sum().backward()
        for key, parameter in model.named_parameters():
            if parameter.grad is not None:
                golden["grad/" + key] = parameter.grad.float()
    for head, make in (("classifier", classifier), ("masked", masked)):
        if make is None:
            continue
        model = make(config)
        randomize(model, 2, kind)
        weights, written = saved(model, folder, head == "classifier" or name not in ("gte", "nomic_bert"))
        save(folder + "/" + head, weights, written, kind)
        logits = run(model.double().eval(), ids, kinds, types, lambda o: o.logits[0].detach())
        golden[head] = (torch.stack(logits) if head == "classifier" else torch.cat(logits)[:, ::5]).float()
    save_file({k: v.contiguous() for k, v in golden.items()}, folder + "/golden.safetensors")
    total = sum(os.path.getsize(os.path.join(d, f)) for d, _, files in os.walk(folder) for f in files)
    print(f"{name}: {total:,} bytes")


def nomic_config(config):
    """NomicBERT's config as its own code writes it."""
    return {
        "model_type": "nomic_bert", "architectures": ["NomicBertModel"], "activation_function": "swiglu",
        "n_embd": config["hidden_size"], "n_layer": config["num_hidden_layers"], "n_head": config["num_attention_heads"],
        "n_inner": config["intermediate_size"], "n_positions": 64, "vocab_size": config["vocab_size"],
        "layer_norm_epsilon": config["layer_norm_eps"], "type_vocab_size": 2, "prenorm": False, "qkv_proj_bias": False,
        "mlp_fc1_bias": False, "mlp_fc2_bias": False, "rotary_emb_base": 1000, "rotary_emb_fraction": 1.0,
        "rotary_emb_interleaved": False, "rotary_scaling_factor": None, "rotary_emb_scale_base": None, "causal": False,
        "parallel_block": False, "use_rms_norm": False, "resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0,
    }  # fmt: skip


def new_config(config):
    """GTE's config as its own code writes it."""
    config = {k: v for k, v in config.items() if k != "rope_parameters"}
    return dict(
        config, model_type="new", architectures=["NewModel"], rope_theta=500000, pack_qkv=True,
        rope_scaling={"type": "ntk", "factor": 2.0}, position_embedding_type="rope", layer_norm_type="layer_norm",
        logn_attention_scale=False,
    )  # fmt: skip


def ntk(model):
    """GTE's NTK scaling: the base times the factor, the frequencies over factor^(2 / width)."""
    width = model.config.hidden_size // model.config.num_attention_heads
    frequencies = 1 / ((500000 * 2.0) ** (torch.arange(0, width, 2).float() / width)) / 2.0 ** (2 / width)
    model.rotary_emb.inv_freq.copy_(frequencies)


def main():
    t = transformers
    common = dict(COMMON, num_labels=3)
    short, half, brain = dict(max_position_embeddings=48), torch.float16, torch.bfloat16
    long = [3, 17, 1, 150, 9]
    family(
        "bert", t.BertConfig(**common, **short), t.BertModel, t.BertForSequenceClassification, t.BertForMaskedLM,
        gradients=True,
    )  # fmt: skip
    family(
        "roberta", t.RobertaConfig(**common, **short, type_vocab_size=1, hidden_act="gelu_new"),
        lambda c: t.RobertaModel(c, add_pooling_layer=False), t.RobertaForSequenceClassification, t.RobertaForMaskedLM,
        special=0, kind=half,
    )  # fmt: skip
    family(
        "xlm-roberta", t.XLMRobertaConfig(**common, **short, type_vocab_size=1), t.XLMRobertaModel,
        t.XLMRobertaForSequenceClassification, kind=half,
    )  # fmt: skip
    family(
        "camembert", t.CamembertConfig(**common, **short, type_vocab_size=1), t.CamembertModel,
        masked=t.CamembertForMaskedLM, kind=brain,
    )  # fmt: skip
    family(
        "distilbert",
        t.DistilBertConfig(
            vocab_size=60, dim=16, n_layers=2, n_heads=2, hidden_dim=24, num_labels=3, activation="relu", **short
        ),
        t.DistilBertModel, t.DistilBertForSequenceClassification, t.DistilBertForMaskedLM, kind=brain,
    )  # fmt: skip
    family(
        "mpnet", t.MPNetConfig(**common, max_position_embeddings=160), t.MPNetModel,
        t.MPNetForSequenceClassification, t.MPNetForMaskedLM, lengths=long, gradients=True, kind=brain,
    )  # fmt: skip
    family(
        "albert",
        t.AlbertConfig(
            **dict(common, num_hidden_layers=4), **short, embedding_size=8, num_hidden_groups=2, inner_group_num=2
        ),
        t.AlbertModel, t.AlbertForSequenceClassification, t.AlbertForMaskedLM, kind=brain,
    )  # fmt: skip
    family(
        "electra", t.ElectraConfig(**common, **short, embedding_size=8), t.ElectraModel,
        t.ElectraForSequenceClassification, t.ElectraForMaskedLM, kind=brain,
    )  # fmt: skip
    family(
        "modernbert",
        t.ModernBertConfig(
            **dict(common, num_hidden_layers=4), max_position_embeddings=160, local_attention=16, pad_token_id=0,
            bos_token_id=1, eos_token_id=2, cls_token_id=1, sep_token_id=2, classifier_pooling="mean",
        ),
        t.ModernBertModel, t.ModernBertForSequenceClassification, t.ModernBertForMaskedLM, lengths=long, gradients=True,
        kind=brain,
    )  # fmt: skip
    family(
        "qwen3",
        t.Qwen3Config(
            **common, **short, num_key_value_heads=1, head_dim=12, pad_token_id=0, use_sliding_window=True,
            sliding_window=8, max_window_layers=1, rope_parameters={"rope_type": "default", "rope_theta": 1000000.0},
        ),
        t.Qwen3Model, t.Qwen3ForSequenceClassification, gradients=True, kind=brain,
    )  # fmt: skip
    nomic = t.NomicBertConfig(**dict(common, intermediate_size=256, num_hidden_layers=1), **short)
    family(
        "nomic_bert", nomic, t.NomicBertModel, t.NomicBertForSequenceClassification, t.NomicBertForMaskedLM, kind=brain
    )  # fmt: skip
    family("nomic_bert-hub", nomic, t.NomicBertModel, kind=brain, rewrite=nomic_config)
    gte = t.GteConfig(**common, **short, type_vocab_size=1, pad_token_id=0)
    family("gte", gte, t.GteModel, t.GteForSequenceClassification, t.GteForMaskedLM, kind=brain)
    gte = t.GteConfig(**common, **short, type_vocab_size=0, pad_token_id=0)
    family("new", gte, t.GteModel, kind=brain, change=ntk, rewrite=new_config)


def minilm(model_folder):
    """Some rows of the real all-MiniLM-L6-v2, whose weights are not here."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(model_folder)
    model = transformers.AutoModel.from_pretrained(model_folder).eval()
    lines = ["This is a test.", "x", "Grüße aus Köln 你好", "What a long text this is, and no end of it in sight! " * 30]
    ids = [tokenizer(x, truncation=True, max_length=256, padding=False)["input_ids"] for x in lines]
    with torch.no_grad():
        hidden = torch.cat([model(input_ids=torch.tensor([x])).last_hidden_state[0] for x in ids])
    golden = {
        "ids": torch.tensor(sum(ids, []), dtype=torch.int32),
        "lengths": torch.tensor([len(x) for x in ids], dtype=torch.int32),
        "hidden": hidden[::11].contiguous(),
    }
    save_file(golden, os.path.join(HERE, "minilm.safetensors"))


if __name__ == "__main__":
    main()
    if "ENCODERS_MINILM" in os.environ:
        minilm(os.environ["ENCODERS_MINILM"])
