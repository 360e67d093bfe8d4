"""Opens the file that test_safetensors_python.c wrote with Python's safetensors and compares it.
Exit status 77: Python's safetensors is not installed."""
import sys

try:
    import numpy as np
    from safetensors import safe_open
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

with safe_open(sys.argv[1], framework="np") as f:
    assert f.metadata() == {"classes": 'tench, "Tinca"\nK\u00e4fer \u7532\u866b \uf7e9\t\\', "empty": "",
                            "tenon.escapes": "U+F700 + byte"}, f.metadata()
    assert sorted(f.keys()) == ["conv1.weight", 'odd "name"', "scalar", "u8"], list(f.keys())
    want = {
        "conv1.weight": np.arange(6, dtype=np.float32).reshape(1, 2, 3) / 4,
        'odd "name"': np.array([-7, 8], dtype=np.int32),
        "scalar": np.array(0.5, dtype=np.float32),
        "u8": np.array([1, 2, 255], dtype=np.uint8),
    }
    for name, value in want.items():
        got = f.get_tensor(name)
        assert got.dtype == value.dtype and got.shape == value.shape, (name, got.dtype, got.shape)
        assert (got == value).all(), (name, got)
