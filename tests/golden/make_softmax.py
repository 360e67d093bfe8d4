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

# Rows mixed of two: PyTorch's cross entropy against the soft targets themselves; row 1 is left out by hand.
partners = torch.tensor([0, -1, 0, 2])
shares = torch.tensor([0.25, 0.5, 0.75, 1.0])
kept = labels >= 0
targets = (shares[kept, None] * torch.nn.functional.one_hot(labels[kept], 6)
           + (1 - shares[kept, None]) * torch.nn.functional.one_hot(partners[kept], 6)).double()
arrays = [array("float", "golden_mixed_x", x), array("int32_t", "golden_mixed_labels", labels),
          array("int32_t", "golden_mixed_partners", partners), array("float", "golden_mixed_shares", shares)]
for name, smoothing in (("plain", 0.0), ("smooth", 0.1)):
    logits = x.double().requires_grad_()
    loss = torch.nn.functional.cross_entropy(logits[kept], targets, label_smoothing=smoothing)
    loss.backward()
    arrays.append(array("double", f"golden_mixed_{name}_loss", loss.detach()))
    arrays.append(array("double", f"golden_mixed_{name}_dx", logits.grad))
write("xent_mixed.h", arrays)
