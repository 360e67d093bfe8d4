#!/usr/bin/env python3
"""Writes onnx_windows.safetensors: models of one operator that has windows, resizes or chooses, its attributes drawn at random.

Usage: make_onnx_windows.py        needs numpy, onnx, onnxruntime (made with 1.32.0)
A case has NAME.model, the bytes of the file, NAME.x and, of two inputs, NAME.x1, and NAME.y, what onnxruntime makes the first
output; 64 bit integers are 32 bit ones here. What Tenon refuses is not drawn, nor is that in which onnxruntime is not what ONNX
says: same() and resize() say where.
"""
import json
import pathlib
import struct

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

CASES = 14  # of each kind
TYPES = {np.dtype("float32"): TensorProto.FLOAT, np.dtype("int64"): TensorProto.INT64, np.dtype("int32"): TensorProto.INT32}


class Draw:
    """What a kind of case takes its numbers from."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)

    def int(self, low, high):
        return int(self.rng.integers(low, high + 1))

    def ints(self, low, high, count):
        return [self.int(low, high) for _ in range(count)]

    def one(self, *of):
        return of[self.int(0, len(of) - 1)]

    def maybe(self, share=0.5):
        return self.rng.random() < share

    def floats(self, *shape):
        return (self.rng.integers(-64, 65, shape) / 16).astype(np.float32)

    def opset(self, *since):
        """An opset from 7 to 22 that is one of these or later."""
        return self.int(max(7, since[0] if since else 7), 22)


def window(d, dims, dilated=True, pads=True):
    """kernel_shape, strides, dilations and pads or auto_pad."""
    a = {"kernel_shape": d.ints(1, 3, dims)}
    if d.maybe(0.7):
        a["strides"] = d.ints(1, 3, dims)
    if dilated and d.maybe():
        a["dilations"] = d.ints(1, 2, dims)
    if d.maybe(0.3):
        a["auto_pad"] = d.one("SAME_UPPER", "SAME_LOWER", "VALID")
    elif pads and d.maybe(0.7):
        dil = a.get("dilations", [1] * dims)
        most = [d_ * (k - 1) for d_, k in zip(dil, a["kernel_shape"])]
        a["pads"] = [d.int(0, m) for m in most + most]
    return a


def image(d, dims, channels):
    return d.floats(d.int(1, 2), channels, *d.ints(6, 9, dims))


def conv(d):
    dims, groups = d.one(1, 2, 2), d.one(1, 1, 2)
    a = window(d, dims)
    if a.get("auto_pad", "VALID") != "VALID" and d.maybe(0.7):
        a.pop("dilations", None)
    if groups > 1:
        a["group"] = groups
    c, k = d.int(1, 2), d.int(1, 2)
    weights = [d.floats(k * groups, c, *a["kernel_shape"])] + ([d.floats(k * groups)] if d.maybe() else [])
    return "Conv", d.opset(), [image(d, dims, c * groups)], weights, a


def conv_transpose(d):
    dims, groups = d.one(1, 2, 2), d.one(1, 1, 2)
    a = window(d, dims)
    strides = a.get("strides", [1] * dims)
    x = d.floats(d.int(1, 2), 2 * groups, *d.ints(3, 5, dims))
    if d.maybe(0.4):
        a["output_padding"] = [d.int(0, s - 1) for s in strides]
    if a.get("auto_pad", "VALID") != "VALID":
        a["strides"] = strides = [min(s, k) for s, k in zip(strides, a["kernel_shape"])]
        a.pop("output_padding", None)
    if d.maybe(0.3) and "pads" not in a:
        dil = a.get("dilations", [1] * dims)
        more = a.get("output_padding", [0] * dims)
        full = [(n - 1) * s + k_ * (k - 1) + 1 + m for n, s, k_, k, m in zip(x.shape[2:], strides, dil, a["kernel_shape"], more)]
        a["output_shape"] = [max(1, f - d.int(0, 2)) for f in full]
    if groups > 1:
        a["group"] = groups
    k = d.int(1, 2)
    weights = [d.floats(2 * groups, k, *a["kernel_shape"])] + ([d.floats(k * groups)] if d.maybe() else [])
    return "ConvTranspose", d.opset(), [x], weights, a


def same(a):
    """onnxruntime pads a pool to the same size as if it was not dilated, and by less than nothing where strides are larger."""
    if a.get("auto_pad", "VALID") != "VALID":
        a.pop("dilations", None)
        a["strides"] = [min(s, k) for s, k in zip(a.get("strides", a["kernel_shape"]), a["kernel_shape"])]
    return a


def max_pool(d):
    dims, opset = d.one(1, 2, 2), d.opset()
    a = window(d, dims, dilated=opset >= 10)
    if opset >= 10 and d.maybe():
        a["ceil_mode"] = 1
    return "MaxPool", opset, [image(d, dims, 2)], [], same(a)


def average_pool(d):
    dims, opset = d.one(1, 2, 2), d.opset()
    a = window(d, dims, dilated=opset >= 19)
    if opset >= 10 and d.maybe():
        a["ceil_mode"] = 1
    if d.maybe():
        a["count_include_pad"] = 1
    return "AveragePool", opset, [image(d, dims, 2)], [], same(a)


def global_pool(d):
    return d.one("GlobalMaxPool", "GlobalAveragePool"), d.opset(), [image(d, d.int(1, 3), 2)], [], {}


def upsample(d):
    opset, mode = d.int(7, 9), d.one("nearest", "linear")
    x, scales = image(d, 2, 2)[:, :, :4, :3], [1.0, 1.0, float(d.int(1, 3)), float(d.int(1, 3))]
    if opset < 9:
        return "Upsample", opset, [x], [], {"mode": mode, "scales": scales}
    return "Upsample", opset, [x], [np.array(scales, np.float32)], {"mode": mode}


def resize(d):
    opset, dims = d.opset(10), d.one(1, 2, 2)
    x = d.floats(d.int(1, 2), 2, *d.ints(2, 6, dims))
    mode = d.one("nearest", "linear", "cubic") if opset >= 11 and dims == 2 else d.one("nearest", "linear")
    a = {"mode": mode}
    if opset == 10:
        return "Resize", opset, [x], [np.array([1, 1] + d.ints(1, 3, dims), np.float32)], a
    places = ["half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric"] + (["half_pixel_symmetric"] if opset >= 19 else [])
    a["coordinate_transformation_mode"] = place = d.one(*places)
    if mode == "nearest":
        a["nearest_mode"] = d.one("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")
    if mode == "cubic":
        a["cubic_coeff_a"] = d.one(-0.5, -0.75)
        a["exclude_outside"] = d.int(0, 1)
    none = np.zeros(0, np.float32)
    if opset >= 18 and d.maybe(0.3):
        a["axes"] = d.one(list(range(2, 2 + dims)), [-1], [2])
        sizes = np.array(d.ints(2, 9, len(a["axes"])), np.int64)
        if mode != "cubic" and place != "align_corners" and min(a["axes"]) > 0:  # which onnxruntime forgets of others
            a["keep_aspect_ratio_policy"] = d.one("stretch", "not_larger", "not_smaller")
        return "Resize", opset, [x], [none, none, sizes], a
    if d.maybe() or place == "align_corners":
        return "Resize", opset, [x], [none, none, np.array(x.shape[:2] + tuple(d.ints(1, 9, dims)), np.int64)], a
    # onnxruntime copies where no size changes, and rounds to another number where a scale is not exact
    exact = (0.5, 0.75, 1.25, 1.5, 2, 2.5, 3)
    of = exact if place == "half_pixel_symmetric" else exact + (0.6, 0.8)
    scales = [1, 1] + [d.one(*of) for _ in range(dims)]
    if any(int(n * s) == n for n, s in zip(x.shape[2:], scales[2:])):
        scales = [1, 1] + [2] * dims
    return "Resize", opset, [x], [none, np.array(scales, np.float32)], a


def gather(d):
    x = d.floats(*d.ints(2, 4, d.int(1, 4)))
    axis = d.int(-x.ndim, x.ndim - 1)
    indices = d.rng.integers(-x.shape[axis], x.shape[axis], d.ints(1, 3, d.int(0, 2)))
    known = d.maybe() and x.ndim > 1 and axis % x.ndim > 0
    opset = d.opset(11)
    return "Gather", opset, [x] if known else [x, indices.astype(np.int64)], [indices.astype(np.int64)] if known else [], {"axis": axis}


def gather_elements(d):
    x = d.floats(*d.ints(2, 4, d.int(2, 3)))
    axis = d.int(-x.ndim, x.ndim - 1)
    shape = [d.int(1, 5) if i == axis % x.ndim else n if i == 0 else d.int(1, n) for i, n in enumerate(x.shape)]
    indices = d.rng.integers(-x.shape[axis], x.shape[axis], shape).astype(np.int64)
    known = d.maybe() and axis % x.ndim > 0
    return "GatherElements", d.opset(11), [x] if known else [x, indices], [indices] if known else [], {"axis": axis}


def arg(d):
    opset, x = d.opset(), np.round(d.floats(*d.ints(2, 5, d.int(2, 4))))
    a = {"axis": d.int(-x.ndim if opset >= 11 else 0, x.ndim - 1), "keepdims": d.int(0, 1)}
    if opset >= 12 and d.maybe():
        a["select_last_index"] = 1
    return d.one("ArgMax", "ArgMin"), opset, [x], [], a


def top_k(d):
    opset, x = d.opset(), d.rng.permutation(120).astype(np.float32).reshape(2, 3, 4, 5)
    a = {"axis": d.int(0, 3)}
    k = d.int(1, x.shape[a["axis"]])
    if opset < 10:
        return "TopK", opset, [x], [], {"k": k, **a}
    if opset >= 11:
        a["largest"] = d.int(0, 1)
    return "TopK", opset, [x], [np.array([k], np.int64)], a


def loss(d):
    op, classes, rest = d.one("NegativeLogLikelihoodLoss", "SoftmaxCrossEntropyLoss"), 4, d.ints(2, 3, d.int(0, 2))
    x, labels = d.floats(3, classes, *rest), d.rng.integers(0, classes, [3] + rest).astype(np.int64)
    a = {"reduction": d.one("none", "sum", "mean")}
    if d.maybe():
        a["ignore_index"] = d.one(0, 2, -1, 7)
        labels[0] = a["ignore_index"]
    return op, d.opset(12), [x, labels], [np.abs(d.floats(classes)) + 0.25] if d.maybe() else [], a


KINDS = (conv, conv_transpose, max_pool, average_pool, global_pool, upsample, resize, gather, arg, top_k, loss, gather_elements)


def model_of(op, opset, inputs, known, attributes):
    names = [f"x{i}" for i in range(len(inputs))] + [f"k{i}" if a.size or op != "Resize" else "" for i, a in enumerate(known)]
    infos = [helper.make_tensor_value_info(n, TYPES[a.dtype], a.shape) for n, a in zip(names, inputs)]
    tensors = [numpy_helper.from_array(a, f"k{i}") for i, a in enumerate(known) if a.size or op != "Resize"]
    if op == "Resize" and opset < 13:  # which may not be left out before
        names = [n or "none" for n in names]
        if "none" in names:
            tensors.append(numpy_helper.from_array(np.zeros(0, np.float32), "none"))
    node = helper.make_node(op, names, ["y", "z"] if op == "TopK" else ["y"], "n", **attributes)
    of_y = TensorProto.INT64 if op.startswith("Arg") else TensorProto.FLOAT
    outputs = [helper.make_tensor_value_info("y", of_y, None)]
    if op == "TopK":
        outputs.append(helper.make_tensor_value_info("z", TensorProto.INT64, None))
    return helper.make_model(helper.make_graph([node], "g", infos, outputs, tensors), ir_version=8, producer_name="",
                             opset_imports=[helper.make_opsetid("", opset)])


def answer(model, inputs):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, {f"x{i}": a for i, a in enumerate(inputs)})[0]


def draw(kind, number):
    """A case that onnxruntime takes, by its number: model, inputs, answer; None: it does not."""
    case = kind(Draw([number, KINDS.index(kind)]))
    try:
        model = model_of(*case)
        y = answer(model, case[2])
    except Exception:  # what the attributes make has no pixels, or is of no kernel
        return None
    return (case, model, case[2], y) if y.size and np.isfinite(y).all() else None


def narrow(a):
    return a.astype(np.int32) if a.dtype == np.int64 else a


def main():
    table, data, count = {}, b"", 0
    for kind in KINDS:
        found, number = 0, 0
        while found < CASES:
            drawn = draw(kind, number)
            number += 1
            if not drawn:
                continue
            case, model, inputs, y = drawn
            found += 1
            parts = {"model": np.frombuffer(model.SerializeToString(), np.uint8), "y": narrow(y)}
            parts.update((f"x{i or ''}", narrow(a)) for i, a in enumerate(inputs))
            for part, a in parts.items():
                dtype = {"uint8": "U8", "int32": "I32", "float32": "F32"}[str(a.dtype)]
                table[f"{count:03d} {case[0]} {case[1]}.{part}"] = {"dtype": dtype, "shape": list(a.shape),
                                                                    "data_offsets": [len(data), len(data) + a.nbytes]}
                data += np.ascontiguousarray(a).tobytes()
            count += 1
    header = json.dumps(table).encode()
    header += b" " * (-len(header) % 8)
    path = pathlib.Path(__file__).parent / "onnx_windows.safetensors"
    path.write_bytes(struct.pack("<Q", len(header)) + header + data)
    print(f"{path.name}: {count} cases, {path.stat().st_size} bytes; onnx {onnx.__version__}, onnxruntime {onnxruntime.__version__}")


if __name__ == "__main__":
    main()
