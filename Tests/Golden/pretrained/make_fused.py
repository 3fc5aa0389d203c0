"""What the PEFT library computes with adapters of tiny models whose files have other names than the models in memory, and one tensor for several.

    python make_fused.py    # after make.py; needs torch, transformers, peft, safetensors; writes gte/adapter and nomic_bert/adapter

In double precision, each text alone and unpadded.
"""

import json
import os
import shutil

os.environ["HF_HUB_OFFLINE"] = "1"
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModel

HERE = os.path.dirname(os.path.abspath(__file__))
CASES = {
    "gte": dict(r=2, lora_alpha=6, target_modules=["k_proj", "v_proj", "gate_proj", "down_proj"], use_dora=True, bias="lora_only"),
    "nomic_bert": dict(r=1, lora_alpha=2, target_modules="all-linear", bias="all"),
}


def main():
    generator = torch.Generator().manual_seed(int(os.environ.get("ENCODERS_SEED", 0)))
    for name, settings in CASES.items():
        folder = os.path.join(HERE, name, "adapter")
        shutil.rmtree(folder, ignore_errors=True)
        golden = load_file(os.path.join(HERE, name, "golden.safetensors"))
        lengths = golden["lengths"].tolist()
        texts = list(zip(golden["ids"].long().split(lengths), golden["types"].long().split(lengths)))
        base = AutoModel.from_pretrained(
            os.path.join(HERE, name), dtype=torch.float32, attn_implementation="eager", add_pooling_layer=False
        )
        model = get_peft_model(base, LoraConfig(**settings)).eval()
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.requires_grad:
                    noise = torch.randn(parameter.shape, generator=generator)
                    parameter.copy_(parameter * (1 + 0.2 * noise) if parameter.ndim == 1 else parameter + 0.2 * noise)
        model.save_pretrained(folder)
        os.remove(os.path.join(folder, "README.md"))
        path = os.path.join(folder, "adapter_config.json")
        with open(path) as file:
            config = json.load(file)
        config["base_model_name_or_path"] = ".."
        # Sets are in no order.
        config["target_modules"] = sorted(config["target_modules"])
        with open(path, "w") as file:
            file.write(json.dumps(config, indent=1, sort_keys=True) + "\n")
        model.double()
        with torch.no_grad():
            hidden = torch.cat([model(input_ids=ids[None], token_type_ids=types[None]).last_hidden_state[0] for ids, types in texts])
        assert (hidden - golden["hidden"]).abs().max() > 1e-1, name
        save_file({"hidden": hidden.float()}, os.path.join(folder, "golden.safetensors"))


if __name__ == "__main__":
    main()
