#!/usr/bin/python3
"""Writes batchnorm.h: steps of PyTorch's BatchNorm2d in training, then one in evaluation; float64.

    python3 make_batchnorm.py > batchnorm.h
"""
import torch

STEPS, SHAPE = 4, (3, 5, 2, 3)


def show(what, values, kind):
    numbers = [f"{v:.9g}" for v in values.reshape(-1).tolist()]
    print(f"static const {kind} golden_batchnorm_{what}[] = {{")
    for i in range(0, len(numbers), 8):
        print("    " + ", ".join(numbers[i:i + 8]) + ",")
    print("};")


torch.manual_seed(1)
x = (torch.randn(STEPS, *SHAPE) * 2 + 1).mul(256).round().div(256).double()
layer = torch.nn.BatchNorm2d(SHAPE[1], eps=2.0 ** -10, momentum=0.25).double()
with torch.no_grad():
    layer.weight.copy_(torch.arange(SHAPE[1]) / 4 - 0.5)
    layer.bias.copy_(torch.arange(SHAPE[1]) / 8)
mean, var, y = [], [], []
for step in range(STEPS):
    y.append(layer(x[step]).detach())
    mean.append(layer.running_mean.clone())
    var.append(layer.running_var.clone())
layer.eval()
print("/* Written by make_batchnorm.py. */\n/* clang-format off */")
show("x", x, "float")
show("y", torch.stack(y), "double")
show("running_mean", torch.stack(mean), "double")
show("running_var", torch.stack(var), "double")
show("evaluated", layer(x[0]).detach(), "double")
