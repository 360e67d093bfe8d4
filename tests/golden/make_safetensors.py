"""Writes python.safetensors with Python's own safetensors: what tests/io/test_safetensors.c reads."""
import os
import numpy as np
from safetensors.numpy import save_file

save_file(
    {
        "conv1.weight": np.arange(24, dtype=np.float32).reshape(2, 3, 2, 2) / 8,
        "conv1.bias": np.array([-1.5, 2.25], dtype=np.float32),
        "step": np.array(7, dtype=np.int64),  # a scalar, of a type that Tenon does not have
        "bytes": np.array([[0, 128, 255]], dtype=np.uint8),
        "half": np.array([0.5, -2], dtype=np.float16),
        "empty": np.zeros((0, 4), dtype=np.float32),
    },
    os.path.join(os.path.dirname(os.path.abspath(__file__)), "python.safetensors"),
    metadata={"classes": 'a "quoted" \\ name\nKäfer, 甲虫', "net": "2012"},
)
