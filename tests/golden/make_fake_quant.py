#!/usr/bin/python3
"""Writes fake_quant.h beside itself: fake quantisation and its gradient as PyTorch has them, at ties, on both sides of the range and
inside of it, by one scale and by one a channel."""
import os

import torch

HERE = os.path.dirname(os.path.abspath(__file__))
X = [-40, -16.25, -15.875, -1, -0.375, -0.125, 0, 0.125, 0.25, 0.375, 0.625, 1.1, 15.8, 15.875, 16, 31.75, 32, 70]
# name: scale, zero, lo, hi
ONE = {
    "signed": (0.125, 0, -127, 127),
    "all_signed": (0.25, 0, -128, 127),
    "unsigned": (0.25, 0, 0, 255),
    "shifted": (0.5, 37, 0, 255),
    "seven_bits": (0.25, 0, -63, 63),
}


def array(name, numbers):
    return f"static const float {name}[] = {{{', '.join(f'{v:.9g}' for v in numbers)}}};\n"


def rows(name, x, y):
    y.sum().backward()
    return array(f"golden_{name}_y", y.flatten().tolist()) + array(f"golden_{name}_dx", x.grad.flatten().tolist())


with open(os.path.join(HERE, "fake_quant.h"), "w", encoding="ascii") as f:
    f.write("/* Written by make_fake_quant.py. */\n/* clang-format off */\n")
    f.write(array("golden_x", X))
    for name, (scale, zero, lo, hi) in ONE.items():
        x = torch.tensor(X, requires_grad=True)
        f.write(rows(name, x, torch.fake_quantize_per_tensor_affine(x, scale, zero, lo, hi)))
    scales = [0.125, 0.5, 2]
    f.write(array("golden_scales", scales))
    for axis, shape in ((0, (3, 6)), (1, (2, 3, 3))):
        x = torch.tensor(X).reshape(shape).requires_grad_()
        y = torch.fake_quantize_per_channel_affine(x, torch.tensor(scales), torch.zeros(3, dtype=torch.int32), axis,
                                                   -127, 127)
        f.write(rows(f"axis_{axis}", x, y))
