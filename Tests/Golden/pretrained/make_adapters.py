"""What the PEFT library computes with LoRA on the tiny models beside this file.

    python make_adapters.py    # needs torch, transformers, peft, safetensors; writes adapters.safetensors

In double precision, without dropout, each text alone and unpadded. For every model: the start of the adapters, the hidden states and the
gradients of the mean squared distance to a target, the adapters and the hidden states after five steps of AdamW, and the merged weights.
"""

import os

import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModel

HERE = os.path.dirname(os.path.abspath(__file__))
CASES = {
    "bert": dict(r=4, lora_alpha=12, target_modules=["query", "attention.output.dense"]),
    "modernbert": dict(r=2, lora_alpha=2, target_modules="all-linear"),
    "qwen3": dict(r=3, lora_alpha=6, target_modules=["q_proj", "v_proj"]),
}


def main():
    entries = {}
    generator = torch.Generator().manual_seed(11)

    def draw(*shape):
        return torch.randn(*shape, generator=generator).double()

    for name, settings in CASES.items():
        golden = load_file(os.path.join(HERE, name, "golden.safetensors"))
        rows = list(golden["ids"].long().split(golden["lengths"].tolist()))
        extra = {"add_pooling_layer": False} if name == "bert" else {}
        base = AutoModel.from_pretrained(
            os.path.join(HERE, name), dtype=torch.float64, attn_implementation="eager", **extra
        )
        model = get_peft_model(base, LoraConfig(lora_dropout=0.0, **settings)).double().eval()
        adapters = {
            key.removeprefix("base_model.model.").replace(".default", ""): value
            for key, value in model.named_parameters() if value.requires_grad
        }

        def put(kind, values):
            for key, value in values.items():
                entries[f"{name}/{kind}/{key}"] = value.detach().float().contiguous()

        def hidden():
            return torch.cat([model(input_ids=text[None]).last_hidden_state[0] for text in rows])

        with torch.no_grad():
            for key, value in adapters.items():
                value.copy_((0.3 * draw(*value.shape)).float())
        put("start", adapters)
        target = draw(*golden["hidden"].shape).float().double()
        # Its epsilon keeps a gradient's rounding from deciding which way an element moves.
        optimizer = torch.optim.AdamW(list(adapters.values()), lr=0.01, eps=1e-3, weight_decay=0.1)
        entries[f"{name}/target"] = target.float()
        entries[f"{name}/hidden/start"] = hidden().detach().float()
        for step in range(5):
            optimizer.zero_grad()
            (hidden() - target).square().mean().backward()
            if step == 0:
                put("gradient", {key: value.grad for key, value in adapters.items()})
            optimizer.step()
        put("end", adapters)
        entries[f"{name}/hidden/end"] = hidden().detach().float()
        model.merge_and_unload()
        layers = {key.rsplit(".lora_", 1)[0] + ".weight" for key in adapters}
        put("merged", {key: value for key, value in base.named_parameters() if key in layers})
    save_file(entries, os.path.join(HERE, "adapters.safetensors"), {"made_by": f"make_adapters.py, PyTorch {torch.__version__}"})
    print(len(entries), "tensors")


if __name__ == "__main__":
    main()
