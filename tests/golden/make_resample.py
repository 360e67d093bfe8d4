"""Writes resample.u8: what Pillow's Image.resize(box=..., BILINEAR) makes of the pattern that
tests/data/test_resample.c makes too, for the same cases in the same order.
Run: python3 tests/golden/make_resample.py   (written with Pillow 9.4.0)"""
import pathlib

import numpy as np
from PIL import Image

WIDTH, HEIGHT = 97, 61
CASES = [  # box: left, top, width, height; size out: width, height
    ((0, 0, 97, 61), (24, 20)),
    ((10.3125, 5.6875, 40.875, 33.25), (31, 29)),
    ((3, 4, 9, 7), (40, 30)),
    ((0, 0, 97, 61), (3, 2)),
    ((80.5, 40.25, 16.5, 20.75), (16, 16)),
    ((0, 0, 97, 61), (1, 1)),
    ((50, 20, 30.5, 0.5), (13, 7)),
    ((0, 30, 97, 31), (50, 60)),
]

y, x, c = np.meshgrid(np.arange(HEIGHT), np.arange(WIDTH), np.arange(3), indexing="ij")
smooth = 3 * x + 2 * y * (c + 1)
noise = (x * 7919 + y * 104729 + c * 1299709) * 2654435761 % 2**32 >> 24
image = Image.fromarray(np.where(y % 20 < 10, smooth % 256, noise).astype(np.uint8))

out = b""
for (left, top, width, height), size in CASES:
    box = (left, top, left + width, top + height)
    out += np.asarray(image.resize(size, Image.BILINEAR, box=box)).tobytes()
pathlib.Path(__file__).with_name("resample.u8").write_bytes(out)
