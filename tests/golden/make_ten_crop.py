#!/usr/bin/python3
"""Writes ten_crop.h beside itself: torchvision's TenCrop of a picture whose byte i is 37 i modulo 251.

Left over are 5 rows and 3 columns, whose halves are rounded down and up.
"""
import os

import numpy as np
from PIL import Image
from torchvision.transforms import TenCrop

HERE = os.path.dirname(os.path.abspath(__file__))
H, W, h, w = 11, 8, 6, 5

picture = (np.arange(H * W * 3) * 37 % 251).astype(np.uint8).reshape(H, W, 3)
crops = [np.asarray(c) for c in TenCrop((h, w))(Image.fromarray(picture))]
with open(os.path.join(HERE, "ten_crop.h"), "w", encoding="ascii") as f:
    f.write("/* Written by make_ten_crop.py. */\n/* clang-format off */\n#include <stdint.h>\n\n"
            f"enum {{ GOLDEN_TEN_FROM_HEIGHT = {H}, GOLDEN_TEN_FROM_WIDTH = {W}, GOLDEN_TEN_HEIGHT = {h}, "
            f"GOLDEN_TEN_WIDTH = {w} }};\n"
            "static const uint8_t golden_ten_crop[][GOLDEN_TEN_HEIGHT * GOLDEN_TEN_WIDTH * 3] = {\n")
    for c in crops:
        f.write("    {" + ", ".join(map(str, c.flatten())) + "},\n")
    f.write("};\n")
