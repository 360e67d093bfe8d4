#!/usr/bin/python3
"""Writes softmax.h and softmax_xent.h beside itself: what PyTorch gives in double.

Inputs are f32; row 2 holds logits of 1e4, and row 1's label is the one that is ignored.
"""
import os

import torch

HERE = os.path.dirname(os.path.abspath(__file__))
torch.manual_seed(7)


def array(kind, name, tensor):
    """One C array, eight digits more than f32 has."""
    numbers = ", ".join(f"{v:.17g}" if kind != "int32_t" else str(v) for v in tensor.flatten().tolist())
    return f"static const {kind} {name}[] = {{{numbers}}};\n"


def write(name, arrays):
    with open(os.path.join(HERE, name), "w", encoding="ascii") as f:
        f.write("/* Written by make_softmax.py. */\n/* clang-format off */\n#include <stdint.h>\n\n" + "".join(arrays))


x = (torch.randn(4, 6) * 3).float()
x[2] += 1e4
labels = torch.tensor([3, -1, 0, 5])

write("softmax.h", [
    array("float", "golden_softmax_x", x),
    array("double", "golden_softmax_y", torch.softmax(x.double(), 1)),
])

arrays = [array("float", "golden_xent_x", x), array("int32_t", "golden_xent_labels", labels)]
for name, smoothing in (("plain", 0.0), ("smooth", 0.1)):
    logits = x.double().requires_grad_()
    loss = torch.nn.functional.cross_entropy(logits, labels, ignore_index=-1, label_smoothing=smoothing)
    loss.backward()
    arrays.append(array("double", f"golden_xent_{name}_loss", loss.detach()))
    arrays.append(array("double", f"golden_xent_{name}_dx", logits.grad))
write("softmax_xent.h", arrays)
