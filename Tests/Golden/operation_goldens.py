"""Single operations and losses."""

import math

import torch
import torch.nn.functional as F

from goldens import Goldens, draw, generator, offsets_of, per_sequence


def channels_first(x):
    return x.movedim(-1, 1)


def channels_last(x):
    return x.movedim(1, -1)


def operations():
    goldens = Goldens()
    case = goldens.case

    weight, bias = draw(5, 7, scale=0.5), draw(5)
    case(
        "linear", lambda i: F.linear(i["x"], i["weight"], i["bias"]), {"x": draw(6, 7), "weight": weight, "bias": bias}
    )
    case("linear_no_bias", lambda i: F.linear(i["x"], i["weight"]), {"x": draw(6, 7), "weight": weight})
    case("matmul", lambda i: i["a"] @ i["b"], {"a": draw(4, 6), "b": draw(6, 5)})
    case("add", lambda i: i["a"] + i["b"], {"a": draw(4, 5), "b": draw(4, 5)})
    case("subtract", lambda i: i["a"] - i["b"], {"a": draw(4, 5), "b": draw(4, 5)})
    case("multiply", lambda i: i["a"] * i["b"], {"a": draw(4, 5), "b": draw(4, 5)})
    case("scale", lambda i: i["x"] * i["factor"], {"x": draw(4, 5)}, fixed={"factor": torch.tensor(0.375)})

    functions = {
        "relu": F.relu,
        "gelu": F.gelu,  # x Φ(x), with erf
        "tanh": torch.tanh,
        "sigmoid": torch.sigmoid,
        "silu": F.silu,
        "softmax_last_axis": lambda x: F.softmax(x, -1),
        "log_softmax": lambda x: F.log_softmax(x, -1),
        "l2_normalize": lambda x: F.normalize(x, dim=-1, eps=1e-12),
    }
    for name, function in functions.items():
        case(name, lambda i: function(i["x"]), {"x": draw(5, 9, scale=2)})
    case("softmax_wide", lambda i: F.softmax(i["x"], -1), {"x": draw(3, 131, scale=6)})
    case("gelu_long", lambda i: F.gelu(i["x"]), {"x": draw(203, scale=3)})
    case("tanh_long", lambda i: torch.tanh(i["x"]), {"x": draw(203, scale=3)})
    case("sigmoid_long", lambda i: torch.sigmoid(i["x"]), {"x": draw(203, scale=4)})

    case(
        "layer_norm",
        lambda i: F.layer_norm(i["x"], i["x"].shape[-1:], i["weight"], i["bias"], 1e-5),
        {"x": draw(6, 37), "weight": draw(37), "bias": draw(37)},
    )
    batch_norms(case)

    ids = torch.tensor([3, 0, 3, 7, 10, 3, 0])
    case("embedding", lambda i: F.embedding(i["ids"], i["weight"]), {"weight": draw(11, 6)}, fixed={"ids": ids})

    convolutions(case)
    poolings(case)
    losses(case)
    goldens.save("operations.safetensors")


def batch_norms(case):
    """Momentum 0.1, epsilon 1e-5; the running variance is unbiased. `in/running_*` before, `running_*` after."""

    def function(i, training):
        mean, variance = i["running_mean"], i["running_var"]
        out = F.batch_norm(channels_first(i["x"]), mean, variance, i["weight"], i["bias"], training, 0.1, 1e-5)
        return channels_last(out), {"running_mean": mean, "running_var": variance}

    def run(name, shape, training):
        width = shape[-1]
        inputs = {"x": draw(*shape, scale=2) + 0.5, "weight": draw(width), "bias": draw(width)}
        fixed = {"running_mean": draw(width), "running_var": draw(width).abs() + 0.5}
        case(name, lambda i: function(i, training), inputs, fixed)

    run("batch_norm_train", (9, 5), True)
    run("batch_norm_eval", (9, 5), False)
    run("batch_norm_2d_train", (3, 4, 5, 6), True)
    run("batch_norm_2d_eval", (3, 4, 5, 6), False)


def convolutions(case):
    offsets = offsets_of([5, 1, 0, 8, 2, 3])
    for kernel in (1, 3, 4, 5):
        # 'same' in PyTorch: (kernel - 1) / 2 rounded down on the left, the rest on the right.
        def same(i):
            one = lambda x: F.conv1d(x.T[None], i["weight"], i["bias"], padding="same")[0].T
            return per_sequence(offsets, i["x"], one)

        inputs = {"x": draw(offsets[-1], 6), "weight": draw(7, 6, kernel, scale=0.4), "bias": draw(7)}
        case(f"ragged_conv1d_same_{kernel}", same, inputs, offsets=offsets, kernel=kernel)

    def run(*arguments, **options):
        convolution(case, *arguments, **options)

    dense = (3, 11, 4)
    run("conv1d", F.conv1d, dense, 6, (3,))
    run("conv1d_padding", F.conv1d, dense, 6, (3,), padding=1)
    run("conv1d_stride", F.conv1d, dense, 6, (3,), stride=2, padding=1)
    run("conv1d_dilation", F.conv1d, dense, 6, (3,), dilation=2, padding=2)
    run("conv1d_groups", F.conv1d, dense, 6, (3,), groups=2, padding=1)
    run("conv1d_everything", F.conv1d, dense, 6, (4,), stride=2, padding=3, dilation=2, groups=2, bias=False)

    image = (2, 9, 8, 4)
    run("conv2d", F.conv2d, image, 6, (3, 3))
    run("conv2d_no_bias", F.conv2d, image, 6, (3, 3), bias=False)
    run("conv2d_padding", F.conv2d, image, 6, (3, 3), padding=1)
    run("conv2d_stride", F.conv2d, image, 6, (3, 3), stride=2, padding=1)
    run("conv2d_dilation", F.conv2d, image, 6, (3, 3), dilation=2)
    run("conv2d_groups", F.conv2d, image, 6, (3, 3), padding=1, groups=2)
    run("conv2d_depthwise", F.conv2d, image, 4, (3, 3), padding=1, groups=4)
    run("conv2d_everything", F.conv2d, image, 6, (3, 3), stride=2, padding=2, dilation=2, groups=2)
    run("conv2d_5x5", F.conv2d, image, 6, (5, 5), padding=2)
    run("conv2d_one_channel", F.conv2d, (2, 9, 8, 1), 5, (3, 3), padding=1)


def convolution(case, name, operation, shape, outputs, kernel, stride=1, padding=0, dilation=1, groups=1, bias=True):
    inputs = {"x": draw(*shape), "weight": draw(outputs, shape[-1] // groups, *kernel, scale=0.4)}
    if bias:
        inputs["bias"] = draw(outputs)
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    function = lambda i: channels_last(operation(channels_first(i["x"]), i["weight"], i.get("bias"), **options))
    case(name, function, inputs, **options)


def tiled_convolutions():
    """Of the kind that is computed in tiles."""
    goldens = Goldens()
    for padding, shape, outputs in ((1, (3, 9, 8, 16), 20), (0, (2, 10, 12, 33), 16), (2, (2, 6, 7, 17), 35)):
        convolution(
            goldens.case, f"conv2d_tiled_{padding}", F.conv2d, shape, outputs, (3, 3), padding=padding, bias=padding != 0
        )
    goldens.save("tiled.safetensors")


def poolings(case):
    def run(name, operation, shape, kernel, stride, padding):
        options = {"kernel_size": kernel, "stride": stride, "padding": padding}
        function = lambda i: channels_last(operation(channels_first(i["x"]), **options))
        case(name, function, {"x": draw(*shape)}, kernel=kernel, stride=stride, padding=padding)

    run("max_pool2d", F.max_pool2d, (2, 7, 6, 5), 2, 2, 0)
    run("max_pool2d_overlapping", F.max_pool2d, (2, 7, 6, 5), 3, 2, 1)
    run("avg_pool2d", F.avg_pool2d, (2, 7, 6, 5), 2, 2, 0)
    run("avg_pool2d_padded", F.avg_pool2d, (2, 7, 6, 5), 3, 2, 1)  # the padding is counted, PyTorch's default
    run("max_pool1d", F.max_pool1d, (3, 9, 5), 2, 2, 0)
    run("max_pool1d_overlapping", F.max_pool1d, (3, 9, 5), 3, 2, 1)
    run("avg_pool1d", F.avg_pool1d, (3, 9, 5), 2, 2, 0)
    case("flatten", lambda i: channels_first(i["x"]).flatten(1), {"x": draw(2, 3, 4, 5)})  # in the order C, H, W

    offsets = offsets_of([5, 1, 8, 2, 3])
    pools = {
        "mean": lambda x: x.mean(0),
        "max": lambda x: x.max(0).values,
        "cls": lambda x: x[0],
        "last": lambda x: x[-1],
        "mean_sqrt_len": lambda x: x.sum(0) / math.sqrt(len(x)),
        "weighted_mean": lambda x: torch.arange(1, len(x) + 1, dtype=x.dtype) @ x / (len(x) * (len(x) + 1) / 2),
    }
    for name, pool in pools.items():
        function = lambda i: per_sequence(offsets, i["x"], lambda x: pool(x)[None])
        case(f"ragged_pool_{name}", function, {"x": draw(offsets[-1], 7)}, offsets=offsets)

    def attention(i):  # softmax(x · weight) over the sequence, then the weighted sum of its rows
        return per_sequence(offsets, i["x"], lambda x: (F.softmax(x @ i["weight"], 0) @ x)[None])

    case("ragged_pool_attention", attention, {"x": draw(offsets[-1], 7), "weight": draw(7)}, offsets=offsets)


def losses(case):
    """Scalars, the mean over the batch (over the sum of the classes' weights where there are any)."""
    case("mse", lambda i: F.mse_loss(i["x"], i["targets"]), {"x": draw(6, 5)}, fixed={"targets": draw(6, 5)})

    classes = torch.tensor([2, 0, 3, 1, 1, 0, 2])
    weights = draw(4).abs() + 0.25
    for name, smoothing, weighted in [
        ("", 0, 0),
        ("_smoothing", 0.1, 0),
        ("_weights", 0, 1),
        ("_smoothing_weights", 0.1, 1),
    ]:
        fixed = {"targets": classes, **({"class_weights": weights} if weighted else {})}

        def function(i):
            return F.cross_entropy(i["x"], i["targets"], i.get("class_weights"), label_smoothing=smoothing)

        case(f"cross_entropy{name}", function, {"x": draw(7, 4, scale=2)}, fixed)

    targets = torch.from_numpy(generator.integers(0, 2, (6, 4))).double()
    for name, weighted in [("", 0), ("_pos_weight", 1)]:
        fixed = {"targets": targets, **({"pos_weight": weights} if weighted else {})}

        def function(i):
            return F.binary_cross_entropy_with_logits(i["x"], i["targets"], pos_weight=i.get("pos_weight"))

        case(f"binary_cross_entropy_with_logits{name}", function, {"x": draw(6, 4, scale=2)}, fixed)

    for name, smoothing, weighted in [("", 0, 0), ("_smoothing_weights", 0.1, 1)]:
        fixed = {"targets": F.softmax(draw(7, 4), 1), **({"class_weights": weights} if weighted else {})}

        def function(i):
            return F.cross_entropy(i["x"], i["targets"], i.get("class_weights"), label_smoothing=smoothing)

        case(f"cross_entropy_probabilities{name}", function, {"x": draw(7, 4, scale=2)}, fixed)
