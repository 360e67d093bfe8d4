#!/usr/bin/python3
"""Writes augment.txt: what torchvision chooses and computes, for tests/data/test_augment.c.

Boxes: torchvision's own RandomResizedCrop.get_params, run on Tenon's random numbers: `torch` in its
module is replaced by a stand-in that draws from Philox4x32-10 as src/base/random.h does.
    box AREA0 AREA1 ASPECT0 ASPECT1 WIDTH HEIGHT EPOCH PLACE  X Y WIDTH HEIGHT
Colours: torchvision.transforms.functional_tensor on all 16 x 16 x 16 colours of a grid (r, g, b = 17 i)
and the FNV-1a hash and the sum of the bytes that come out.
    jitter KIND FACTOR HASH SUM
Moments of areas and aspects over 40000 boxes of torchvision with torch's own numbers.
    moments WIDTH HEIGHT MEAN_AREA MEAN_LOG_ASPECT SHARE_OF_WHOLE_HEIGHT
Run it in this folder.
"""
import math

import numpy
import torch
import torchvision.transforms.functional_tensor as functional
from torchvision.transforms import transforms

SEED, AUGMENT = 7, 3


def philox(key, low, high):
    c = [low & 0xFFFFFFFF, low >> 32, high & 0xFFFFFFFF, high >> 32]
    k = [key & 0xFFFFFFFF, key >> 32]
    for _ in range(10):
        a, b = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(b >> 32) ^ c[1] ^ k[0], b & 0xFFFFFFFF, (a >> 32) ^ c[3] ^ k[1], a & 0xFFFFFFFF]
        k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return c


class Random:
    """tn_random of src/base/random.h."""

    def __init__(self, epoch, place):
        self.high, self.drawn = AUGMENT << 56 | epoch << 32 | place, 0

    def next(self):
        word = philox(SEED, self.drawn // 4, self.high)[self.drawn % 4]
        self.drawn += 1
        return word

    def real(self):
        high = self.next() >> 5
        return (high << 26 | self.next() >> 6) * 2.0**-53

    def below(self, limit):
        fair = 2**64 - 1 - (2**64 - 1) % limit
        while True:
            x = self.next() << 32
            x |= self.next()
            if x < fair:
                return x % limit


class Number(float):
    def item(self):
        return float(self)


class Torch:
    """As much of torch as get_params uses, on Tenon's numbers."""

    def __init__(self, random):
        self.random = random

    def tensor(self, values):
        return values

    def log(self, values):
        return [math.log(v) for v in values]

    def exp(self, value):
        return Number(math.exp(value))

    def empty(self, _):
        return self

    def uniform_(self, low, high):
        return Number(low + (high - low) * self.random.real())

    def randint(self, low, high, size):
        value = self.random.below(high - low) + low
        return type("Tensor", (), {"item": lambda self: value})()


def boxes(out):
    cases = [
        ((0.08, 1), (3 / 4, 4 / 3), 224, 224, "the usual"),
        ((0.08, 1), (3 / 4, 4 / 3), 500, 375, "not square"),
        ((0.08, 1), (3 / 4, 4 / 3), 1000, 40, "so wide that tries fail"),
        ((0.9, 1), (3 / 4, 4 / 3), 30, 900, "so high that nearly all fail"),
        ((0.5, 1), (1, 1), 7, 5, "small"),
        ((0.25, 0.25), (2, 2), 64, 64, "nothing but the place is left to chance"),
    ]
    for scale, ratio, width, height, why in cases:
        out.write(f"# {why}\n")
        for place in range(8):
            epoch = place % 3
            transforms.torch = Torch(Random(epoch, place))
            image = numpy.zeros((3, height, width), numpy.uint8)
            i, j, h, w = transforms.RandomResizedCrop.get_params(
                torch.from_numpy(image), list(scale), list(ratio)
            )
            transforms.torch = torch
            out.write(
                f"box {scale[0]:.9g} {scale[1]:.9g} {ratio[0]:.9g} {ratio[1]:.9g}"
                f" {width} {height} {epoch} {place} {j} {i} {w} {h}\n"
            )


def jitters(out):
    steps = torch.arange(16, dtype=torch.uint8) * 17
    grid = torch.stack(torch.meshgrid(steps, steps, steps, indexing="ij")).reshape(3, 64, 64)
    kinds = [functional.adjust_brightness, functional.adjust_contrast, functional.adjust_saturation]
    for kind, function in enumerate(kinds):
        for factor in (0.0, 0.25, 0.6, 1.0, 1.4, 1.75):
            image = function(grid, factor).permute(1, 2, 0).contiguous().numpy()
            hashed = 14695981039346656037
            for byte in image.tobytes():
                hashed = (hashed ^ byte) * 1099511628211 % 2**64
            out.write(f"jitter {kind} {factor} {hashed:016x} {int(image.sum(dtype=numpy.int64))}\n")


def moments(out):
    torch.manual_seed(1)
    for width, height in ((224, 224), (500, 375), (120, 640)):
        area = aspect = whole = 0
        image, count = torch.zeros(3, height, width), 40000
        for _ in range(count):
            _, _, h, w = transforms.RandomResizedCrop.get_params(image, [0.08, 1], [3 / 4, 4 / 3])
            area += w * h / (width * height)
            aspect += math.log(w / h)
            whole += h == height
        out.write(f"moments {width} {height} {area / count:.5f} {aspect / count:.5f} {whole / count:.5f}\n")


with open("augment.txt", "w") as out:
    out.write("# Written by make_augment.py\n")
    boxes(out)
    jitters(out)
    moments(out)
