"""Writes the numbers that the Swift tests compare with, as PyTorch computes them. Run by hand, when a case is added:

    python3 -m venv /tmp/goldens && /tmp/goldens/bin/pip install torch==2.13.0 numpy safetensors
    /tmp/goldens/bin/python Tests/Golden/make_goldens.py

Everything is computed in float64 from inputs that float32 holds exactly, and stored as float32, so that what is stored
is the right answer rounded once. The keys of operations, layers, attention and
tiled.safetensors:

    <case>/in/<name>          an input or a weight (weights in PyTorch's layout and by PyTorch's names)
    <case>/offsets            int32 [count + 1]: the case is ragged, `in/x` and `out` are the sequences' rows in a row
    <case>/attributes/<name>  int32 [1]: stride, heads, causal, …
    <case>/out                the result, and <case>/<name> for further results (no gradient flows into these)
    <case>/cotangent          the gradient that arrives at `out`
    <case>/grad/<name>        the gradient of every differentiable input

Images are [N, H, W, C] and dense sequences [N, L, C]. Ragged cases run PyTorch on one sequence at a time.
training.safetensors is described at `training` in training_goldens.py.
"""

from attention_goldens import attention_parts
from layer_goldens import layers
from operation_goldens import operations, tiled_convolutions
from training_goldens import training

if __name__ == "__main__":
    operations()
    layers()
    training()
    attention_parts()
    tiled_convolutions()
