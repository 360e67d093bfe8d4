#!/usr/bin/python3
"""Writes shape.h beside itself: what PyTorch gives in double for images resized and for gradients of batched products."""
import os

import torch
import torch.nn.functional as F

HERE = os.path.dirname(os.path.abspath(__file__))
torch.manual_seed(11)


def array(kind, name, tensor):
    numbers = ", ".join(f"{v:.17g}" for v in tensor.flatten().tolist())
    return f"static const {kind} golden_{name}[] = {{{numbers}}};\n"


text = ["/* Written by make_shape.py. */\n/* clang-format off */\n"]
image = torch.randn(2, 3, 5, 7).float()
text.append(array("float", "resize_x", image))
for name, size, opts in (("nearest_up", (9, 14), {"mode": "nearest-exact"}),
                         ("nearest_down", (3, 4), {"mode": "nearest-exact"}),
                         ("linear_up", (9, 14), {"mode": "bilinear", "align_corners": False}),
                         ("linear_down", (3, 4), {"mode": "bilinear", "align_corners": False}),
                         ("corners_up", (9, 14), {"mode": "bilinear", "align_corners": True}),
                         ("corners_down", (3, 4), {"mode": "bilinear", "align_corners": True})):
    x = image.double().requires_grad_()
    y = F.interpolate(x, size=size, **opts)
    y.square().mean().backward()  # as against a target of 0
    text += [array("double", f"{name}_y", y.detach()), array("double", f"{name}_dx", x.grad)]

a, b = torch.randn(2, 1, 3, 4).float(), torch.randn(3, 5, 4).float()
text += [array("float", "matmul_a", a), array("float", "matmul_b", b)]
x, w = a.double().requires_grad_(), b.double().requires_grad_()
y = x @ w.transpose(1, 2)
y.square().mean().backward()
text += [array("double", "matmul_y", y.detach()), array("double", "matmul_da", x.grad), array("double", "matmul_db", w.grad)]

with open(os.path.join(HERE, "shape.h"), "w", encoding="ascii") as f:
    f.write("".join(text))
