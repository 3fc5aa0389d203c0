"""Writes the goldens beside it with the reference implementations (safetensors, numpy); run inside this folder."""

import numpy as np
import safetensors
import safetensors.numpy

tensors = {
    "float64": np.array([[1.5, -2.25e-300], [np.pi, 1e300]]),
    "float32": np.array([0.1, -1e-45, 3.4028235e38, np.inf], np.float32),
    # One, the largest, the least normal, a subnormal, minus zero.
    "float16": np.array([1, 65504, 6.104e-05, 5.96e-08, -0.0], np.float16),
    "int64": np.array([-(2**63), 2**63 - 1]),
    "int32": np.array([[-5], [7]], np.int32),
    "int16": np.array([-300, 300], np.int16),
    "int8": np.array([-128, 127, 3], np.int8),
    "uint8": np.array([0, 255], np.uint8),
    "bool": np.array([True, False, True]),
    "empty": np.zeros((0, 3), np.float32),
    "scalar": np.array(2.5, np.float32),
    "näme.\"quoted\"\n": np.array([1, 2], np.float32),
}
safetensors.numpy.save_file(tensors, "types.safetensors", metadata={"format": "pt"})

# bfloat16 has no NumPy type: 1, -2.5, 3.140625.
data = np.array([0x3F80, 0xC020, 0x4049], np.uint16)
spec = safetensors.TensorSpec(dtype="bfloat16", shape=[3], data_ptr=data.ctypes.data, data_len=data.nbytes)
safetensors.serialize_file({"b": spec}, "bfloat16.safetensors", metadata={"format": "pt"})

np.save("float32.npy", np.arange(6, dtype=np.float32).reshape(3, 2) / 3)
np.save("float64.npy", np.arange(24, dtype=np.float64).reshape(2, 3, 4) / 7)
np.save("int64.npy", np.array([-(2**40), 5]))
np.save("scalar.npy", np.array(2.5))
np.save("fortran.npy", np.asfortranarray(np.arange(6, dtype=np.float32).reshape(3, 2)))
