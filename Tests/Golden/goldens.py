"""What the goldens are made with: exact random numbers, one case, one file."""

import os

import numpy as np
import torch
from safetensors.numpy import save_file

generator = np.random.default_rng(int(os.environ.get("ENCODERS_SEED", 20240607)))


def draw(*shape, scale=1.0):
    """Normal numbers that float32 holds exactly."""
    values = generator.standard_normal(shape) * scale
    return torch.from_numpy(np.asarray(values, dtype=np.float32)).double()


def offsets_of(lengths):
    return [0] + [int(n) for n in np.cumsum(lengths)]


class Goldens:
    """The entries of one file."""

    def __init__(self):
        self.entries = {}

    def put(self, key, value):
        array = value.detach().numpy() if isinstance(value, torch.Tensor) else np.asarray(value)
        kind = np.int32 if array.dtype.kind in "iub" else np.float32
        self.entries[key] = np.array(array, dtype=kind, order="C")

    def case(self, name, function, inputs, fixed=None, offsets=None, **attributes):
        """Runs `function` with `inputs` (differentiable) and `fixed` (not), by name: returns out or (out, more)."""
        for key, value in {**inputs, **(fixed or {})}.items():
            self.put(f"{name}/in/{key}", value)
        for key, value in attributes.items():
            self.put(f"{name}/attributes/{key}", [int(value)])
        if offsets is not None:
            self.put(f"{name}/offsets", offsets)
        leaves = {key: value.clone().requires_grad_() for key, value in inputs.items()}
        out = function({**leaves, **{key: value.clone() for key, value in (fixed or {}).items()}})
        out, more = out if isinstance(out, tuple) else (out, {})
        cotangent = draw(*out.shape)
        out.backward(cotangent)
        self.put(f"{name}/out", out)
        self.put(f"{name}/cotangent", cotangent)
        for key, value in more.items():
            self.put(f"{name}/{key}", value)
        for key, leaf in leaves.items():
            self.put(f"{name}/grad/{key}", leaf.grad)

    def save(self, name):
        path = os.path.join(os.path.dirname(os.path.abspath(__file__)), name)
        save_file(self.entries, path + ".part", metadata={"made_by": f"make_goldens.py, PyTorch {torch.__version__}"})
        os.replace(path + ".part", path)
        print(f"{name}: {len(self.entries)} tensors, {os.path.getsize(path):,} bytes")


def per_sequence(offsets, rows, function):
    """`function` of each non-empty sequence [length, width], the results one after another."""
    spans = [(a, b) for a, b in zip(offsets, offsets[1:]) if b > a]
    return torch.cat([function(rows[a:b]) for a, b in spans])
