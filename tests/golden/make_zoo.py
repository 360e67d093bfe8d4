#!/usr/bin/python3
"""Writes zoo.h beside itself: one step of training of each network of nets/, by PyTorch.

The networks are torchvision's and timm's own where those have them, and written here where not, with the
names that nets/ gives the parameters. Computed in double from f32 numbers that follow from a formula, see
numbers(); dropout is off, since its choices are each framework's own. Of each gradient two numbers are
kept, its 2-norm and its product with a vector that follows from its name too: that one is zero only if
all of it is right. After a step of w -= RATE / |g| * g, |g| the norm of all gradients
(twice as much for the biases of those networks whose recipe says so), the loss is computed again.
"""
import math
import os

import numpy as np
import timm
import torch
import torchvision
from torch import nn
from torch.nn import functional as F

CLASSES, BATCH, RATE, PERIOD = 7, 3, 0.05, 4093


def numbers(name, shape, scale, offset=0.0):
    """Element i is sin(0.37 j^2 + sum of the bytes of the name), j = i modulo PERIOD, times scale, plus offset, in f32."""
    i = np.arange(math.prod(shape), dtype=np.float64) % PERIOD
    flat = (offset + scale * np.sin(0.37 * i * i + sum(name.encode()))).astype(np.float32)
    return torch.from_numpy(flat).double().reshape(shape)


def fill(net):
    """Weights with deviation about sqrt(2 / fan in), scales about 1, biases about 0."""
    for name, p in net.named_parameters():
        if name.endswith("bias"):
            p.data = numbers(name, p.shape, 0.1)
        elif p.dim() == 1:
            p.data = numbers(name, p.shape, 0.1, 0.5)
        else:
            p.data = numbers(name, p.shape, 2 / math.sqrt(math.prod(p.shape[1:])))


class Named(nn.Module):
    """A network whose layers are made when it is first called, each under its name."""

    def part(self, name, make):
        key = name.replace(".", "/")
        if key not in self._modules:
            self.add_module(key, make().double())
        return self._modules[key]

    def conv(self, x, name, filters, kernel, **rest):
        return self.part(name, lambda: nn.Conv2d(x.shape[1], filters, kernel, **rest))(x)

    def up(self, x, name, filters):
        return self.part(name, lambda: nn.ConvTranspose2d(x.shape[1], filters, 2, 2))(x)

    def dense(self, x, name, units):
        x = x.flatten(1)
        return self.part(name, lambda: nn.Linear(x.shape[1], units))(x)

    def named_parameters(self):
        return [(n.replace("/", "."), p) for n, p in super().named_parameters()]


class LeNet(Named):
    def forward(self, x):
        x = F.max_pool2d(self.conv(x, "conv1", 20, 5), 2)
        x = F.max_pool2d(self.conv(x, "conv2", 50, 5), 2)
        return self.dense(F.relu(self.dense(x, "ip1", 500)), "ip2", CLASSES)


class OldAlexNet(Named):
    alpha, k = 1e-4, 1.0

    def norm_pool(self, x):
        return F.max_pool2d(F.local_response_norm(x, 5, self.alpha, 0.75, self.k), 3, 2)

    def forward(self, x):
        x = self.norm_pool(F.relu(self.conv(x, "conv1", 96, 11, stride=4)))
        x = self.norm_pool(F.relu(self.conv(x, "conv2", 256, 5, padding=2, groups=2)))
        x = F.relu(self.conv(x, "conv3", 384, 3, padding=1))
        x = F.relu(self.conv(x, "conv4", 384, 3, padding=1, groups=2))
        x = F.relu(self.conv(x, "conv5", 256, 3, padding=1, groups=2))
        x = F.relu(self.dense(F.max_pool2d(x, 3, 2), "fc6", 4096))
        return self.dense(F.relu(self.dense(x, "fc7", 4096)), "fc8", CLASSES)


class Krizhevsky(OldAlexNet):
    alpha, k = 5e-4, 2.0


class GoogLeNet(Named):
    def relu(self, x, name, filters, kernel, stride=1):
        return F.relu(self.conv(x, name, filters, kernel, stride=stride, padding=kernel // 2))

    def inception(self, x, name, one, three_reduce, three, five_reduce, five, pool):
        ways = [
            self.relu(x, name + ".1x1", one, 1),
            self.relu(self.relu(x, name + ".3x3_reduce", three_reduce, 1), name + ".3x3", three, 3),
            self.relu(self.relu(x, name + ".5x5_reduce", five_reduce, 1), name + ".5x5", five, 5),
            self.relu(F.max_pool2d(x, 3, 1, 1), name + ".pool_proj", pool, 1),
        ]
        return torch.cat(ways, 1)

    def auxiliary(self, x, name):
        x = self.relu(F.avg_pool2d(x, 5, 3), name + ".conv", 128, 1)
        return self.dense(F.relu(self.dense(x, name + ".fc", 1024)), name + ".classifier", CLASSES)

    def forward(self, x):
        def halve(t):
            return F.max_pool2d(t, 3, 2, ceil_mode=True)

        x = F.local_response_norm(halve(self.relu(x, "conv1.7x7_s2", 64, 7, 2)), 5, 1e-4, 0.75, 1.0)
        x = self.relu(self.relu(x, "conv2.3x3_reduce", 64, 1), "conv2.3x3", 192, 3)
        x = halve(F.local_response_norm(x, 5, 1e-4, 0.75, 1.0))
        x = self.inception(x, "3a", 64, 96, 128, 16, 32, 32)
        x = halve(self.inception(x, "3b", 128, 128, 192, 32, 96, 64))
        x = self.inception(x, "4a", 192, 96, 208, 16, 48, 64)
        first = self.auxiliary(x, "loss1")
        x = self.inception(x, "4b", 160, 112, 224, 24, 64, 64)
        x = self.inception(x, "4c", 128, 128, 256, 24, 64, 64)
        x = self.inception(x, "4d", 112, 144, 288, 32, 64, 64)
        second = self.auxiliary(x, "loss2")
        x = halve(self.inception(x, "4e", 256, 160, 320, 32, 128, 128))
        x = self.inception(x, "5a", 256, 160, 320, 32, 128, 128)
        x = self.inception(x, "5b", 384, 192, 384, 48, 128, 128)
        return self.dense(x.mean((2, 3)), "classifier", CLASSES), first, second


class UNet(Named):
    def twice(self, x, name, filters):
        x = F.relu(self.conv(x, name + ".conv1", filters, 3, padding=1))
        return F.relu(self.conv(x, name + ".conv2", filters, 3, padding=1))

    def forward(self, x):
        down = []
        for i in range(3):
            down.append(self.twice(x, f"down{i + 1}", 16 << i))
            x = F.max_pool2d(down[-1], 2)
        x = self.twice(x, "bottom", 128)
        for i in (2, 1, 0):
            x = torch.cat([down[i], self.up(x, f"up{i + 1}.up", 16 << i)], 1)
            x = self.twice(x, f"up{i + 1}", 16 << i)
        return self.conv(x, "last", CLASSES, 1)


class Renamed(nn.Module):
    """torchvision's AlexNet under the names that nets/alexnet.c has."""

    names = {"features.0": "conv1", "features.3": "conv2", "features.6": "conv3", "features.8": "conv4",
             "features.10": "conv5", "classifier.1": "fc6", "classifier.4": "fc7", "classifier.6": "fc8"}

    def __init__(self, slim):
        super().__init__()
        w = [64 // slim, 192 // slim, 384 // slim, 256 // slim, 4096 // slim]
        self.net = torchvision.models.alexnet(num_classes=CLASSES)
        f, c = self.net.features, self.net.classifier
        f[0] = nn.Conv2d(3, w[0], 11, 4, 2)
        for at, before, after, kernel in ((3, w[0], w[1], 5), (6, w[1], w[2], 3), (8, w[2], w[3], 3),
                                          (10, w[3], w[3], 3)):
            f[at] = nn.Conv2d(before, after, kernel, padding=kernel // 2)
        self.net.avgpool = nn.Identity()
        c[1], c[4], c[6] = nn.Linear(w[3], w[4]), nn.Linear(w[4], w[4]), nn.Linear(w[4], CLASSES)

    def named_parameters(self):
        for name, p in self.net.named_parameters():
            layer, _, last = name.rpartition(".")
            yield self.names[layer] + "." + last, p

    def forward(self, x):
        return self.net(x)


def vgg(make):
    net = make(num_classes=CLASSES)
    net.avgpool = nn.Identity()
    net.classifier[0] = nn.Linear(512 * 2 * 2, 4096)
    return net


def vit():
    return timm.create_model("vit_tiny_patch16_224", img_size=64, num_classes=CLASSES)


models = torchvision.models
DOUBLED = {"lenet", "caffe", "googlenet"}  # where biases learn at twice the rate
ZOO = [  # name in nets/, the network, channels and side of its images
    ("lenet", LeNet, 1, 28),
    ("torchvision", lambda: Renamed(1), 3, 67),
    ("slim", lambda: Renamed(8), 3, 67),
    ("caffe", OldAlexNet, 3, 67),
    ("2012", Krizhevsky, 3, 67),
    ("vgg11", lambda: vgg(models.vgg11), 3, 64),
    ("vgg16", lambda: vgg(models.vgg16), 3, 64),
    ("googlenet", GoogLeNet, 3, 80),
    ("resnet18", lambda: models.resnet18(num_classes=CLASSES), 3, 64),
    ("resnet50", lambda: models.resnet50(num_classes=CLASSES), 3, 64),
    ("mobilenet_v2", lambda: models.mobilenet_v2(num_classes=CLASSES), 3, 64),
    ("squeezenet", lambda: models.squeezenet1_1(num_classes=CLASSES), 3, 64),
    ("densenet121", lambda: models.densenet121(num_classes=CLASSES), 3, 64),
    ("unet", UNet, 3, 32),
    ("vit_tiny", vit, 3, 64),
]


def find_loss(net, x):
    y = net(x)
    heads = y if isinstance(y, tuple) else (y,)
    count = heads[0].numel() // CLASSES  # one label for each row, or pixel
    label = (torch.arange(count) * 3 % CLASSES).reshape(heads[0].shape[:1] + heads[0].shape[2:])
    losses = [F.cross_entropy(h, label) for h in heads]
    return losses[0] + sum(0.3 * one for one in losses[1:])


def make_net(make, x):
    net = make().double().train()
    for part in net.modules():
        if isinstance(part, nn.Dropout):
            part.p = 0.0
    net(x)  # makes the layers of those that are made by being called
    fill(net)
    for part in net.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.reset_running_stats()
    return net


def gradients(net, x):
    loss = find_loss(net, x)
    loss.backward()
    return loss.item(), [(n, p, p.grad) for n, p in net.named_parameters() if p.grad is not None]


def find_image(make, shape):
    """An image for which f32 takes the side that double takes at nearly every relu and every maximum, where it can be
    found: one that does not has another gradient, by per cents where networks are deep. Its name, and how far
    PyTorch's own gradient in f32 is off."""
    found = []
    for image in ("x" * length for length in range(1, 5)):
        x = numbers(image, shape, 1.0)
        _, exact = gradients(make_net(make, x), x)
        _, rounded = gradients(make_net(make, x).float(), x.float())
        whole = math.sqrt(sum(float((g * g).sum()) for _, _, g in exact))
        off = max(
            float((g - f.double()).norm() / (g.norm() + 1e-3 * whole)) for (_, _, g), (_, _, f) in zip(exact, rounded)
        )
        found.append((off, image))
        if off < 5e-4:
            break
    return min(found)


def study(name, make, channels, side):
    shape = (BATCH, channels, side, side)
    off, image = find_image(make, shape)
    x = numbers(image, shape, 1.0)
    net = make_net(make, x)
    before, named = gradients(net, x)
    whole = math.sqrt(sum(float((g * g).sum()) for _, _, g in named))
    rows = []
    for n, _, g in named:
        along = float((g * numbers(n + "'", g.shape, 1.0)).sum())
        rows.append(f'    {{"{n}", {float(g.norm()):.9g}, {along:.9g}}},')
    with torch.no_grad():
        for n, p, g in named:
            p -= RATE / whole * (2 if name in DOUBLED and n.endswith("bias") else 1) * g
    after = find_loss(net, x).item()
    print(f"{name}: {before:.6f} -> {after:.6f}, {len(rows)} gradients, norm {whole:.4g}, image {image}, off {off:.2g}", flush=True)
    identifier = "net_2012" if name == "2012" else name
    head = f'    {{"{name}", "{image}", {off:.2g}, {channels}, {side}, {before:.9g}, {after:.9g}, {whole:.9g}, step_{identifier}}},'
    return f"static const zoo_gradient step_{identifier}[] = {{\n" + "\n".join(rows) + "\n    {0},\n};\n", head


def main():
    torch.manual_seed(1)
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "zoo.h")
    parts = [study(*row) for row in ZOO]
    with open(path, "w") as to:
        to.write("/* Written by make_zoo.py. */\n")
        to.write(f"enum {{ ZOO_CLASSES = {CLASSES}, ZOO_BATCH = {BATCH}, ZOO_PERIOD = {PERIOD} }};\n")
        to.write(f"static const float zoo_rate = {RATE}f;\n\n")
        to.write("\n".join(p[0] for p in parts))
        to.write("\nstatic const zoo_step zoo[] = {\n" + "\n".join(p[1] for p in parts) + "\n};\n")


main()
