#!/usr/bin/env python3
"""ONNX's own checker passes what Tenon writes. Usage: check_onnx.py FILE... ; 77 where Python has no onnx."""
import sys

try:
    import onnx
except ImportError:
    print("skipped: this Python has no onnx")
    sys.exit(77)

newest = onnx.defs.onnx_opset_version()
passed = 0
for path in sys.argv[1:]:
    model = onnx.load(path)
    if model.opset_import[0].version > newest:
        print(f"skipped: {path} is of opset {model.opset_import[0].version}, and onnx {onnx.__version__} knows {newest}")
        continue
    onnx.checker.check_model(model, full_check=True)
    passed += 1
print(f"{passed} of {len(sys.argv) - 1} passed")
sys.exit(0 if passed else 1)
