"""What pretrained Transformers need besides: attention with windows, biases and shared key heads, rotary positions, gates, RMS norms."""

import torch
import torch.nn.functional as F

from goldens import Goldens, draw, offsets_of, per_sequence


def attention_parts():
    goldens = Goldens()
    case = goldens.case
    case(
        "rms_norm",
        lambda i: F.rms_norm(i["x"], i["x"].shape[-1:], i["weight"], 1e-6),
        {"x": draw(6, 37), "weight": draw(37)},
    )
    case("gelu_tanh", lambda i: F.gelu(i["x"], approximate="tanh"), {"x": draw(203, scale=3)})
    functions = {"gelu": F.gelu, "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"), "silu": F.silu, "relu": F.relu}
    functions |= {"tanh": torch.tanh, "sigmoid": torch.sigmoid}
    for name, function in functions.items():
        for first in (True, False):

            def gated(i):
                gate, up = i["x"].chunk(2, -1) if first else reversed(i["x"].chunk(2, -1))
                return function(gate) * up

            case(f"gated_{name}_{'first' if first else 'last'}", gated, {"x": draw(5, 38, scale=2)})
    rotary(case)
    attentions(case)
    goldens.save("attention.safetensors")


def rotary(case):
    """Angles position · 10000^(−2i / turned); `turned` of each head's columns."""
    offsets = offsets_of([5, 1, 0, 8, 37])
    heads, size = 3, 12
    for name, turned, interleaved in [("", 12, False), ("_partly", 8, False), ("_interleaved", 12, True)]:

        def one(x):
            x = x.unflatten(-1, (heads, size))
            angles = torch.arange(len(x))[:, None, None] / 10000.0 ** (torch.arange(0, turned, 2) / turned)
            cos, sin = angles.double().cos(), angles.double().sin()
            pairs = x[..., :turned].unflatten(-1, (-1, 2) if interleaved else (2, -1))
            a, b = pairs.unbind(-1 if interleaved else -2)
            out = torch.stack([a * cos - b * sin, b * cos + a * sin], -1 if interleaved else -2).flatten(-2)
            return torch.cat([out, x[..., turned:]], -1).flatten(1)

        case(
            "rotary" + name, lambda i: per_sequence(offsets, i["x"], one), {"x": draw(offsets[-1], heads * size)},
            offsets=offsets, heads=heads, turned=turned, interleaved=interleaved,
        )  # fmt: skip


def attentions(case):
    """softmax(q kᵀ / √d + bias[j − i]) v with what is out of the window hidden; key head = query head / group."""
    offsets = offsets_of([5, 1, 0, 8, 37])
    for name, heads, keys, causal, window, reach in [
        ("window", 3, 3, False, 2, None),
        ("causal_window", 2, 2, True, 4, None),
        ("groups", 4, 2, False, None, None),
        ("causal_groups", 6, 2, True, None, None),
        ("bias", 3, 3, False, None, 6),
        ("bias_window_groups", 4, 1, False, 9, 3),
    ]:
        size = 7

        def function(i):
            def one(rows):
                q, k, v = rows.split([heads * size, keys * size, keys * size], -1)
                q = q.unflatten(-1, (heads, size)).transpose(0, 1)
                k, v = (
                    x.unflatten(-1, (keys, size)).transpose(0, 1).repeat_interleave(heads // keys, 0) for x in (k, v)
                )
                scores = q @ k.mT / size**0.5
                places = torch.arange(len(rows))
                distance = places - places[:, None]
                if reach is not None:
                    scores = scores + i["bias"][distance.clamp(-reach, reach) + reach].movedim(-1, 0)
                hidden = (distance > 0) if causal else torch.zeros_like(distance, dtype=bool)
                if window is not None:
                    hidden = hidden | (distance.abs() > window)
                return (scores.masked_fill(hidden, -torch.inf).softmax(-1) @ v).transpose(0, 1).flatten(1)

            return per_sequence(offsets, torch.cat([i["q"], i["k"], i["v"]], -1), one)

        inputs = {"q": draw(offsets[-1], heads * size), "k": draw(offsets[-1], keys * size)}
        inputs |= {"v": draw(offsets[-1], keys * size)} | ({} if reach is None else {"bias": draw(2 * reach + 1, heads)})
        case(
            "attention_" + name, function, inputs, offsets=offsets, heads=heads, keys=keys, causal=causal,
            window=-1 if window is None else window,
        )  # fmt: skip
