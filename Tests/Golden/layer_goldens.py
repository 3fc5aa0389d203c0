"""Recurrences, attention and Transformer blocks, over ragged batches."""

import torch
import torch.nn.functional as F
from torch import nn

from goldens import Goldens, draw, offsets_of, per_sequence


def layers():
    goldens = Goldens()
    recurrences(goldens.case)
    attentions(goldens.case)
    transformer_blocks(goldens.case)
    goldens.save("layers.safetensors")


def weights_of(module):
    """Fresh weights for a module, by its own names."""
    shapes = {name: value.shape for name, value in module.named_parameters()}
    return {
        name: draw(*shape, scale=0.4) + (1 if "norm" in name and "weight" in name else 0)
        for name, shape in shapes.items()
    }


def apply(module, weights, x, **options):
    module = module.double()
    return torch.func.functional_call(
        module, {name: weights[name] for name, _ in module.named_parameters()}, (x,), options
    )


def recurrences(case):
    """out: the last layer's states [rows, hidden × directions]; last: its final ones [count, hidden × directions]."""
    offsets = offsets_of([5, 1, 8, 2, 3, 8])
    inputs, hidden = 6, 5
    for name, kind in {"rnn_tanh": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}.items():
        for suffix, depth, both in [
            ("", 1, False),
            ("_bidirectional", 1, True),
            ("_2_bidirectional", 2, True),
            ("_2", 2, False),
        ]:
            module = kind(inputs, hidden, num_layers=depth, bidirectional=both)
            directions = 2 if both else 1

            def function(i):
                outs, lasts = [], []
                for a, b in zip(offsets, offsets[1:]):
                    out, state = apply(module, i, i["x"][a:b])
                    state = state[0] if isinstance(state, tuple) else state
                    outs.append(out)
                    lasts.append(state[-directions:].flatten())
                return torch.cat(outs), {"last": torch.stack(lasts)}

            case(
                name + suffix,
                function,
                {"x": draw(offsets[-1], inputs), **weights_of(module)},
                offsets=offsets,
                layers=depth,
                bidirectional=both,
                hidden=hidden,
            )


def attentions(case):
    """The core: softmax(q kᵀ / √d) v of each head; q, k, v and out are [rows, heads × d]."""
    offsets = offsets_of([5, 1, 0, 8, 2, 3, 37])
    heads, width = 3, 12
    for name, causal in [("attention", False), ("attention_causal", True)]:

        def function(i):
            def one(rows):
                q, k, v = (part.unflatten(-1, (heads, -1)).transpose(0, 1) for part in rows.chunk(3, -1))
                return F.scaled_dot_product_attention(q, k, v, is_causal=causal).transpose(0, 1).flatten(1)

            return per_sequence(offsets, torch.cat([i["q"], i["k"], i["v"]], -1), one)

        inputs = {part: draw(offsets[-1], width) for part in "qkv"}
        case(name, function, inputs, offsets=offsets, heads=heads, causal=causal)

    offsets = offsets_of([5, 1, 8, 2, 3])
    module = nn.MultiheadAttention(width, heads, batch_first=True)

    def function(i):
        one = lambda x: torch.func.functional_call(
            module.double(), {key: value for key, value in i.items() if key != "x"}, (x, x, x), {"need_weights": False}
        )[0]
        return per_sequence(offsets, i["x"], one)

    inputs = {"x": draw(offsets[-1], width), **weights_of(module)}
    case("multi_head_attention", function, inputs, offsets=offsets, heads=heads)


def transformer_blocks(case):
    offsets = offsets_of([5, 1, 8, 2, 3])
    width, heads, inner = 12, 3, 20
    for name, first in [("pre_norm", True), ("post_norm", False)]:
        for activation in ("relu", "gelu"):
            module = nn.TransformerEncoderLayer(
                width, heads, inner, dropout=0.0, activation=activation, batch_first=True, norm_first=first
            )
            function = lambda i: per_sequence(offsets, i["x"], lambda x: apply(module, i, x[None])[0])
            inputs = {"x": draw(offsets[-1], width), **weights_of(module)}
            case(f"transformer_{name}_{activation}", function, inputs, offsets=offsets, heads=heads, pre_norm=first)
