#!/usr/bin/python3
"""Writes elementwise.h beside itself: functions of one and of two values, and their gradients, as PyTorch has them in
double, above all where a function bends, two values are equal or a formula has a pole."""
import math
import os

import torch
import torch.nn.functional as F

HERE = os.path.dirname(os.path.abspath(__file__))
UNARY = {
    "abs": (torch.abs, (-2, -0.5, 0, 0.25, 3)),
    "clip": (lambda x: torch.clamp(x, -1, 2), (-3, -1, -0.5, 0, 2, 2.5)),
    "relu6": (F.relu6, (-3, 0.5, 5.5, 7)),
    "elu": (lambda x: F.elu(x, 0.5), (-30, -1, -0.0078125, 0, 0.5, 4)),
    "exp": (torch.exp, (-20, -1, 0, 1, 3)),
    "gelu": (F.gelu, (-9, -3, -0.5, 0, 0.5, 3)),
    "gelu_tanh": (lambda x: F.gelu(x, approximate="tanh"), (-9, -3, -0.5, 0, 0.5, 3)),
    "hardsigmoid": (F.hardsigmoid, (-4, -2.5, 0, 1, 2.5, 4)),
    "hardswish": (F.hardswish, (-4, -3, -1, 0, 2, 3, 5)),
    "log": (torch.log, (0.0078125, 0.5, 1, 2, 1000)),
    "neg": (torch.neg, (-2, 0, 3)),
    "prelu": (lambda x: F.prelu(x, torch.tensor([0.25], dtype=torch.float64)), (-2, -0.5, 0, 0.25, 3)),
    "sqrt": (torch.sqrt, (0.0078125, 1, 2, 100)),
    "swish": (F.silu, (-30, -1, 0, 0.5, 8)),
    "ceil": (torch.ceil, (-2, -1.5, -0.25, 0, 0.25, 2.5, 3)),
    "atan": (torch.atan, (-100, -1, -0.25, 0, 0.4375, 2.5)),
    "celu": (lambda x: F.celu(x, 0.5), (-30, -1, -0.0078125, 0, 0.5, 4)),
    "cos": (torch.cos, (-100, -3, -0.75, 0, 0.8125, 1000)),
    "erf": (torch.erf, (-5, -1, -0.5, -0.0078125, 0, 0.0078125, 0.5, 2)),
    "floor": (torch.floor, (-2, -1.5, -0.25, 0, 0.25, 2.5, 3)),
    "mish": (F.mish, (-30, -1, 0, 0.5, 8, 30)),
    "reciprocal": (torch.reciprocal, (-4, -0.5, 1, 3)),
    "round": (torch.round, (-2.5, -1.5, -0.5, 0, 0.5, 0.75, 1.5, 2.5, 3)),
    "selu": (F.selu, (-30, -1, -0.0078125, 0, 0.5, 4)),
    "sign": (torch.sign, (-2, -0.5, 0, 0.25, 3)),
    "sin": (torch.sin, (-100, -3, -0.75, 0, 0.8125, 1000)),
    "softplus": (lambda x: F.softplus(x, threshold=1e9), (-30, -9, -1, 0, 0.5, 8, 90)),
    "softsign": (F.softsign, (-100, -1, 0, 0.5, 3)),
    "thresholded_relu": (lambda x: F.threshold(x, 1, 0), (-2, 0.5, 1, 1.5)),
}
BINARY = {
    "add": (torch.add, ((1, 2), (-3, 0.5))),
    "sub": (torch.sub, ((1, 2), (-3, 0.5))),
    "mul": (torch.mul, ((1, 2), (-3, 0.5), (0, 4))),
    "div": (torch.div, ((1, 2), (-3, 0.5), (0, 4))),
    "pow": (torch.pow, ((0, 0), (2, 0), (-2, 0), (0, 2), (0, 1), (0, 0.5), (1.5, 2.5), (3, -1), (1, 5))),
    "minimum": (torch.minimum, ((1, 2), (2, 1), (1.5, 1.5), (0, 0), (-1, -1))),
    "maximum": (torch.maximum, ((1, 2), (2, 1), (1.5, 1.5), (0, 0), (-1, -1))),
    "mask": (lambda a, b: torch.where(b != 0, a, 0 * b),
             ((1, 2), (3, 0), (-4, -0.5), (math.nan, 0), (math.inf, 0), (2, 0.0078125))),
}


def array(name, numbers):
    text = ", ".join("NAN" if math.isnan(v) else "INFINITY" if math.isinf(v) else f"{v:.17g}" for v in numbers)
    return f"static const double {name}[] = {{{text}}};\n"


def rows(name, function, inputs):
    """The inputs, y, and the gradient of each input where that of y is 1."""
    leaves = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in inputs]
    y = function(*leaves)
    y.sum().backward()
    letters = "x" if len(leaves) == 1 else "ab"
    text = "".join(array(f"golden_{name}_{letter}", leaf.tolist()) for letter, leaf in zip(letters, leaves))
    text += array(f"golden_{name}_y", y.tolist())
    return text + "".join(array(f"golden_{name}_d{letter}", leaf.grad.tolist())
                          for letter, leaf in zip(letters, leaves))


with open(os.path.join(HERE, "elementwise.h"), "w", encoding="ascii") as f:
    f.write("/* Written by make_elementwise.py. */\n/* clang-format off */\n#include <math.h>\n\n")
    for name, (function, points) in UNARY.items():
        f.write(rows(name, function, [points]))
    for name, (function, pairs) in BINARY.items():
        f.write(rows(name, function, list(zip(*pairs))))
