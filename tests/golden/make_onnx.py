#!/usr/bin/env python3
"""Writes onnx.safetensors: models of one operator (or a few) over opsets and attributes, and what onnxruntime makes of them.

Usage: make_onnx.py        needs numpy, onnx, onnxruntime (made with 1.20.1 and 1.32.0)
A case has three tensors: NAME.model, the bytes of the file; NAME.x, its one input; NAME.y, its first output.
"""
import json
import pathlib
import random
import struct

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

OPSETS = (7, 9, 11, 13, 18, 22)
pick = random.Random(4)
numbers = np.random.default_rng(4)
cases = {}


def some(*shape, low=-2.0, high=2.0):
    return numbers.uniform(low, high, shape).astype(np.float32)


def ints(*values):
    return np.array(values, dtype=np.int64)


def model(op, opset, x, others=(), batch=False, outputs=1, **attributes):
    """A node of x and of tensors of the file; None is left out."""
    names = [f"{op.lower()}_{i}" for i in range(len(others))]
    tensors = [numpy_helper.from_array(t, n) for n, t in zip(names, others) if t is not None]
    inputs = ["x"] + [n if t is not None else "" for n, t in zip(names, others)]
    made = [f"y{i}" for i in range(outputs)]
    node = helper.make_node(op, inputs, made, **attributes)
    return wrap(opset, x, [node], tensors, batch, made[0])


def wrap(opset, x, nodes, tensors, batch, output):
    shape = ["N" if batch and i == 0 else d for i, d in enumerate(x.shape)]
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
                              [helper.make_tensor_value_info(output, TensorProto.FLOAT, None)], tensors)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=4 if opset < 9 else 8)
    made.producer_name = ""
    return made.SerializeToString()


def add(name, opset, proto, x):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    y = onnxruntime.InferenceSession(proto, options, providers=["CPUExecutionProvider"]).run(None, {"x": x})[0]
    assert y.dtype == np.float32 and y.size, name
    cases[f"{len(cases):03d} {name} {opset}"] = (proto, x, y)


def one(op, opset, x, others=(), **rest):
    add(op, opset, model(op, opset, x, others, **rest), x)


# ---- families ---------------------------------------------------------------------------------------------------------


def activations(opset):
    x = some(2, 3, 4)
    one(pick.choice(("Relu", "Sigmoid", "Tanh", "Abs", "Neg", "Exp")), opset, x)
    one(pick.choice(("Log", "Sqrt")), opset, some(3, 4, low=0.1))
    one("LeakyRelu", opset, x, alpha=pick.choice((0.1, 0.5, 1.5, -0.5)))
    one("Elu", opset, x, alpha=pick.choice((0.5, 1.0, 2.0)))
    one("HardSigmoid", opset, x, alpha=pick.choice((0.1, 0.2)), beta=pick.choice((0.0, 0.5)))
    one("PRelu", opset, x, [pick.choice((some(3, 1), some(1), some(3, 4), some(4)))])
    if opset < 11:
        one("Clip", opset, x, min=-1.0, **pick.choice(({}, {"max": 0.0})))
    else:
        one("Clip", opset, x, [pick.choice((None, np.float32(-1))), np.float32(pick.choice((0, 1)))])
    if opset >= 14:
        one("HardSwish", opset, x)
    if opset >= 20:
        one("Gelu", opset, x, approximate=pick.choice(("none", "tanh")))


def arithmetic(opset):
    x = some(2, 3, 4)
    other = pick.choice((some(4), some(3, 1), some(1, 3, 4), some(2, 1, 4), np.float32(0.7)))
    one(pick.choice(("Add", "Sub", "Mul")), opset, x, [other])
    one("Div", opset, x, [some(3, 1, low=0.5)])
    one("Pow", opset, some(2, 3, low=0.1), [np.float32(pick.choice((2, 0.5, 1.7, -1)))])
    one(pick.choice(("Sum", "Max", "Min", "Mean")), opset, x, [some(4), some(3, 1)] if opset >= 8 else [some(2, 3, 4)])


def products(opset):
    x = some(4, 5)
    one("Gemm", opset, x, [some(5, 3), pick.choice((some(3), some(1), some(4, 1), some(4, 3)))], alpha=0.5, beta=2.0)
    one("Gemm", opset, some(5, 4), [some(3, 5), some(3)], transA=1, transB=1)
    one("Gemm", opset, x, [some(3, 5), some(3)], transB=1, batch=True)
    one("MatMul", opset, *pick.choice(((x, [some(5, 2)]), (some(2, 3, 5), [some(5, 4)]), (some(2, 3, 5), [some(2, 5, 4)]),
                                       (some(5), [some(5, 4)]), (some(2, 3, 5), [some(5)]), (some(5), [some(5)]))))


def convolutions(opset):
    x = some(2, 4, 7, 6)
    one("Conv", opset, x, [some(6, 2, 3, 2), some(6)], group=2, strides=[2, 1], pads=[1, 0, 0, 1], dilations=[1, 2])
    one("Conv", opset, x, [some(3, 4, 3, 4)], auto_pad=pick.choice(("SAME_UPPER", "SAME_LOWER")), strides=[2, 2])
    one("Conv", opset, some(2, 3, 9), [some(4, 3, 3), some(4)], pads=[2, 0], batch=True)


def moved_to_input(opset, since, name, values):
    """A list as an attribute, or from that opset on as an input."""
    return ((), {name: values}) if opset < since else ([ints(*values)], {})


def shapes(opset):
    x = some(2, 3, 4, 1)
    one("Reshape", opset, x, [ints(*pick.choice(((0, -1), (-1, 12), (0, 4, -1))))], batch=True)
    one("Reshape", opset, x, [ints(*pick.choice(((2, 12), (4, 6), (1, 0, -1))))])
    one("Flatten", opset, x, axis=pick.choice((0, 1, 2, 3)))
    others, rest = moved_to_input(opset, 13, "axes", pick.choice(([3], [-1] if opset >= 11 else [3])))
    one("Squeeze", opset, x, others, batch=True, **rest)
    others, rest = moved_to_input(opset, 13, "axes", pick.choice(([0, 5], [1, 2])))
    one("Unsqueeze", opset, x, others, **rest)
    one("Transpose", opset, x, **pick.choice(({}, {"perm": [0, 2, 1, 3]}, {"perm": [3, 0, 2, 1]})))
    one("DepthToSpace", opset, some(2, 8, 2, 3), blocksize=2, **({"mode": "CRD"} if opset >= 11 else {}))
    one("SpaceToDepth", opset, some(2, 2, 4, 6), blocksize=2)


def moves(opset):
    x = some(4, 5, 6)
    if opset < 10:
        one("Slice", opset, x, starts=[1, -3], ends=[3, 1000], axes=[0, 2])
    else:
        one("Slice", opset, x, [ints(3, -1), ints(-2**63, 0), ints(0, 2), ints(-1, -2)])
    others, rest = moved_to_input(opset, 13, "split", [2, 1, 3])
    one("Split", opset, x, others, axis=2, outputs=3, **rest)
    one("Concat", opset, x, [some(4, 2, 6), some(4, 1, 6)], axis=1 if opset < 11 else -2)
    mode = pick.choice(("constant", "edge", "reflect"))
    if opset < 11:
        one("Pad", opset, x, mode=mode, pads=[0, 2, 1, 1, 0, 2], value=0.5)
    else:
        one("Pad", opset, x, [ints(0, 2, 1, 1, 0, 2), np.float32(0.5)], mode=mode)
    if opset >= 8:
        one("Expand", opset, some(3, 1), [ints(2, 1, 4)])
    one("Tile", opset, some(2, 3), [ints(2, 3)])


def reductions(opset):
    x = some(3, 4, 5, low=0.1)
    op = pick.choice(("ReduceMean", "ReduceMax", "ReduceMin", "ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceLogSum",
                      "ReduceLogSumExp"))
    others, rest = moved_to_input(opset, 18, "axes", pick.choice(([1], [0, 2], [1, 2])))
    one(op, opset, x, others, keepdims=pick.choice((0, 1)), **rest)
    others, rest = moved_to_input(opset, 13, "axes", pick.choice(([1], [0, 2])))
    one("ReduceSum", opset, x, others, keepdims=pick.choice((0, 1)), **rest)
    one("ReduceMean", opset, x, batch=True)
    one(pick.choice(("Softmax", "LogSoftmax")), opset, some(2, 3, 4), axis=pick.choice((0, 1, 2)))
    one("Softmax", opset, some(2, 3, 2, 2), batch=True)


def norms(opset):
    x = some(2, 4, 3, 5)
    c = [some(4), some(4), some(4), some(4, low=0.5)]
    one("BatchNormalization", opset, x, c, epsilon=1e-3)
    one("BatchNormalization", opset, some(3, 4, 5), c, batch=True)
    one("BatchNormalization", opset, some(3, 4), c)
    one("LRN", opset, x, size=3, alpha=0.1, beta=0.5, bias=2.0)
    one("InstanceNormalization", opset, x, c[:2], epsilon=1e-2)
    if opset >= 9:
        one("MeanVarianceNormalization", opset, x)
    if opset >= 17:
        axis = pick.choice((1, 2, -1))
        inner = x.shape[axis:]
        one("LayerNormalization", opset, x, [some(*inner), pick.choice((None, some(*inner)))], axis=axis)
    if opset >= 21:
        one("GroupNormalization", opset, x, c[:2], num_groups=2)


def passed_on(opset):
    x = some(2, 3)
    if opset < 12:
        one("Dropout", opset, x, ratio=0.3)
    else:
        one("Dropout", opset, x, [np.float32(0.3)])
    nodes = [helper.make_node("Identity", ["x"], ["a"]), helper.make_node("Cast", ["a"], ["b"], to=TensorProto.FLOAT),
             helper.make_node("Relu", ["b"], ["y"])]
    add("Identity", opset, wrap(opset, x, nodes, [], True, "y"), x)


def known_before(opset):
    """Shape, Gather, Unsqueeze, Concat, Reshape, as exporters write x.view(x.size(0), -1)."""
    x = some(3, 4, 5)
    axes = {"axes": [0]} if opset < 13 else {}
    more = [] if opset < 13 else ["zero_list"]
    nodes = [
        helper.make_node("Shape", ["x"], ["s"]), helper.make_node("Gather", ["s", "zero"], ["n"], axis=0),
        helper.make_node("Mul", ["n", "two"], ["n2"]), helper.make_node("Div", ["n2", "two"], ["n3"]),
        helper.make_node("Unsqueeze", ["n3"] + more, ["n4"], **axes),
        helper.make_node("Concat", ["n4", "rest"], ["to"], axis=0), helper.make_node("Reshape", ["x", "to"], ["y0"]),
        helper.make_node("Transpose", ["w"], ["wt"], perm=[1, 0]), helper.make_node("MatMul", ["y0", "wt"], ["y1"]),
        helper.make_node("ConstantOfShape" if opset >= 9 else "Identity", ["shape" if opset >= 9 else "ones"], ["o"]),
        helper.make_node("Add", ["y1", "o"], ["y"]),
    ]
    tensors = [numpy_helper.from_array(a, n) for n, a in (
        ("zero", np.int64(0)), ("zero_list", ints(0)), ("two", np.int64(2)), ("rest", ints(-1)), ("w", some(2, 20)),
        ("shape", ints(2)), ("ones", some(2)))]
    add("known", opset, wrap(opset, x, nodes, tensors, True, "y"), x)


def quantised(opset):
    """As onnxruntime writes models of 8 bits: values and weights through whole numbers, a bias of 32 bits."""
    x, w = some(2, 3, 5, 5), numbers.integers(-128, 128, (4, 3, 3, 3)).astype(np.int8)
    zero, kind = pick.choice(((np.uint8(120), np.uint8), (np.int8(0), np.int8)))
    each = opset >= 13
    scales = some(4, low=0.01, high=0.02) if each else np.float32(0.015)
    zeros = np.zeros(4, np.int8) if each else np.int8(0)
    axis = {"axis": 0} if each else {}
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["xq"]), helper.make_node("DequantizeLinear", ["xq", "s", "z"], ["xd"]),
        helper.make_node("DequantizeLinear", ["w", "ws", "wz"], ["wd"], **axis),
        helper.make_node("DequantizeLinear", ["b", "bs"], ["bd"], **axis),
        helper.make_node("Conv", ["xd", "wd", "bd"], ["y"], pads=[1, 1, 1, 1])]
    tensors = [numpy_helper.from_array(np.asarray(a), n) for n, a in (
        ("s", np.float32(0.02)), ("z", kind(zero)), ("w", w), ("ws", scales), ("wz", zeros),
        ("b", numbers.integers(-500, 500, 4).astype(np.int32)), ("bs", scales * np.float32(0.02)))]
    add("quantised", opset, wrap(opset, x, nodes, tensors, True, "y"), x)


def main():
    for opset in OPSETS:
        for family in (activations, arithmetic, products, convolutions, shapes, moves, reductions, norms, passed_on,
                       known_before):
            family(opset)
    for opset in (10, 13, 18, 21):
        quantised(opset)
    table, data = {}, b""
    for name, (proto, x, y) in cases.items():
        for part, dtype, shape, raw in (("model", "U8", [len(proto)], proto), ("x", "F32", list(x.shape), x.tobytes()),
                                        ("y", "F32", list(y.shape), y.tobytes())):
            table[f"{name}.{part}"] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(raw)]}
            data += raw
    header = json.dumps(table).encode()
    header += b" " * (-len(header) % 8)
    path = pathlib.Path(__file__).parent / "onnx.safetensors"
    path.write_bytes(struct.pack("<Q", len(header)) + header + data)
    print(f"{path}: {len(cases)} cases, {path.stat().st_size} bytes; onnx {onnx.__version__}, onnxruntime "
          f"{onnxruntime.__version__}")


main()
