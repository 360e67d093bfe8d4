#!/usr/bin/python3
"""Writes nets.h beside itself: loss, logits and every gradient of three small networks, by PyTorch.

Computed in double from f32 numbers that follow from a formula, so that only results are stored:
element i of a tensor is  sin(0.37 i^2 + sum of the bytes of its name)  times a scale, see number().
Each network is written a second time, with the same names, in tests/models/test_nets.c.
"""
import math
import os

import torch
from torch import nn
from torch.nn import functional as F


def numbers(name, shape, scale, offset=0.0):
    phase = sum(name.encode())
    count = math.prod(shape)
    flat = [offset + scale * math.sin(0.37 * i * i + phase) for i in range(count)]
    return torch.tensor(flat, dtype=torch.float64).float().double().reshape(shape)


def fill(net):
    """Weights with deviation about 1 / sqrt(fan in), scales of batchnorm about 1, biases about 0."""
    for name, p in net.named_parameters():
        if name.endswith("bias"):
            p.data = numbers(name, p.shape, 0.1)
        elif p.dim() == 1:
            p.data = numbers(name, p.shape, 0.2, 1.0)
        else:
            p.data = numbers(name, p.shape, math.sqrt(3 / math.prod(p.shape[1:])))


class LeNet(nn.Module):
    shape, classes, smoothing = (3, 1, 12, 12), 5, 0.1

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 4, 5)
        self.conv2 = nn.Conv2d(4, 6, 3, padding=1)
        self.fc1 = nn.Linear(24, 10)
        self.fc2 = nn.Linear(10, 5)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.avg_pool2d(torch.tanh(self.conv2(x)), 2)
        return self.fc2(F.relu(self.fc1(x.flatten(1))))


class Residual(nn.Module):
    shape, classes, smoothing = (4, 3, 6, 6), 3, 0.0

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 3, stride=2, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(8)
        self.conv2 = nn.Conv2d(8, 8, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(8)
        self.down = nn.Conv2d(3, 8, 1, stride=2, bias=False)
        self.bn3 = nn.BatchNorm2d(8)
        self.conv3 = nn.Conv2d(8, 8, 3, padding=1)
        self.fc = nn.Linear(8, 3)

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        y = F.relu(self.bn2(self.conv2(y)) + self.bn3(self.down(x)))
        y = F.relu(self.conv3(y) + y)
        return self.fc(y.mean((2, 3)))


class Inception(nn.Module):
    shape, classes, smoothing = (2, 5, 7, 7), 4, 0.0
    widths = (16, 32, 16, 16)

    def __init__(self):
        super().__init__()
        a, b, c, d = self.widths
        self.one = nn.Conv2d(5, a, 1)
        self.three_reduce = nn.Conv2d(5, 4, 1)
        self.three = nn.Conv2d(4, b, 3, padding=1)
        self.five_reduce = nn.Conv2d(5, 2, 1)
        self.five = nn.Conv2d(2, c, 5, padding=2)
        self.pool = nn.Conv2d(5, d, 1)
        self.fc = nn.Linear(a + b + c + d, 4)

    def forward(self, x):
        x = F.local_response_norm(x, 5, alpha=0.5, beta=0.75, k=1.0)
        y = torch.cat((
            F.relu(self.one(x)),
            F.relu(self.three(F.relu(self.three_reduce(x)))),
            F.relu(self.five(F.relu(self.five_reduce(x)))),
            F.relu(self.pool(F.max_pool2d(x, 3, stride=1, padding=1)))), 1)
        return self.fc(y.mean((2, 3)))


class InceptionOdd(Inception):
    """Channels that are no whole blocks."""
    widths = (3, 5, 2, 7)


def array(name, tensor):
    text = ", ".join(f"{v:.9g}" for v in tensor.detach().flatten().tolist())
    return f"static const double {name}[] = {{{text}}};\n"


def main():
    out = ["/* Written by make_nets.py. */\n/* clang-format off */\n"]
    for key, kind in (("lenet", LeNet), ("residual", Residual), ("inception", Inception),
                      ("inception_odd", InceptionOdd)):
        net = kind().double()
        fill(net)
        x = numbers("x", kind.shape, 1.0).requires_grad_()
        labels = torch.arange(kind.shape[0]) % kind.classes
        logits = net(x)
        loss = F.cross_entropy(logits, labels, label_smoothing=kind.smoothing)
        loss.backward()
        entries = []
        def put(name, tensor):
            symbol = f"golden_{key}_{name.replace('.', '_')}"
            out.append(array(symbol, tensor))
            entries.append(f'{{"{name}", {tensor.numel()}, {symbol}}}')
        put("loss", loss)
        put("logits", logits)
        put("x", x.grad)
        for name, p in net.named_parameters():
            put(name, p.grad)
        for name, b in net.named_buffers():
            if "running" in name:
                put(name, b)
        out.append(f"static const golden_tensor golden_{key}[] = {{{', '.join(entries)}, {{0}}}};\n")
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "nets.h")
    with open(path, "w", encoding="ascii") as f:
        f.write("".join(out))


main()
