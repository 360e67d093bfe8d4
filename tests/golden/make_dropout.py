#!/usr/bin/python3
"""Writes dropout.h beside itself: which elements a node "drop" keeps in step 3 of seed 42, rate 0.3.

Philox4x32-10 is written out here anew from the paper (Salmon et al. 2011), first checked against the
known answers of its authors' Random123 (kat_vectors).
"""
import os

MASK = 0xFFFFFFFF


def philox(counter, key):
    c, k = list(counter), list(key)
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(p1 >> 32) ^ c[1] ^ k[0], p1 & MASK, (p0 >> 32) ^ c[3] ^ k[1], p0 & MASK]
        k = [(k[0] + 0x9E3779B9) & MASK, (k[1] + 0xBB67AE85) & MASK]
    return c


assert philox([0] * 4, [0] * 2) == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]
assert philox([MASK] * 4, [MASK] * 2) == [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]


def fnv1a(text):
    h = 0xCBF29CE484222325
    for byte in text.encode():
        h = ((h ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return h


def kept(seed, name, step, rate, index):
    stream = (fnv1a(name) ^ (step * 0x9E3779B97F4A7C15)) & 0xFFFFFFFFFFFFFF
    high = (1 << 56) | stream  # 1: TN_RANDOM_DROPOUT
    low = index // 4
    words = philox([low & MASK, low >> 32, high & MASK, high >> 32], [seed & MASK, seed >> 32])
    return words[index % 4] >= int(rate * 2**32)


RATE = 0.300000011920928955078125  # 0.3 in f32
bits = ", ".join(str(int(kept(42, "drop", 3, RATE, i))) for i in range(101))
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "dropout.h"), "w", encoding="ascii") as f:
    f.write("/* Written by make_dropout.py. */\n/* clang-format off */\n"
            f"static const int golden_dropout_kept[] = {{{bits}}};\n")
