#!/usr/bin/env python3
"""mnist learns on the real digits in a short run; classify reads one. Damaged files are refused."""
import gzip
import re
import struct

import programs
from programs import DATA, SLOW, Folder, expect, need, refused, run

mnist = DATA / "mnist"
need(mnist)

# One thread: many would only get into each other's way.
ONE = ("--device", "cpu,threads=1")

with Folder() as folder:
    steps, least = (60, 75) if SLOW else (250, 93)
    said = run("mnist", mnist, *ONE, "--max-steps", steps, "--save", folder / "lenet")
    found = re.search(r"(\S+) % of 10000 test images right", said.stdout)
    expect(found and float(found[1]) > least, f"{steps} steps teach too little", said.stdout)

    images = gzip.open(mnist / "t10k-images-idx3-ubyte.gz").read()
    labels = gzip.open(mnist / "t10k-labels-idx1-ubyte.gz").read()
    right = 0
    for i in range(10):
        path = folder / f"{i}.pgm"
        path.write_bytes(b"P5\n28 28\n255\n" + images[16 + 784 * i:16 + 784 * (i + 1)])
        said = run("classify", *ONE, "--top", 1, folder / "lenet", path)
        right += said.stdout.split()[-1] == str(labels[8 + i])
    expect(right >= (6 if SLOW else 8), f"classify reads {right} of 10 digits right")

    small = folder / "small"
    programs.make_digits(mnist, small)  # plain files do as well
    said = run("mnist", small, *ONE, "--batch", 32)
    expect("of 100 test images right" in said.stdout, "plain files", said.stdout)
    # Two devices with half of each batch: the same training.
    both = run("mnist", small, "--device", "cpu:0-1,threads=2", "--batch", 32)
    learned = [re.findall(r"loss \S+ top-1 \S+ %|^epoch \d+: \S+ %", s.stdout, re.M) for s in (said, both)]
    expect(len(learned[0]) >= 3 and learned[0] == learned[1], "two devices learn otherwise", said.stdout + both.stdout)
    refuse = run("mnist", small, "--device", "cpu:0-1", "--batch", 33, status=1)
    expect("a batch of 33 cannot be shared equally by 2 devices: 32 and 34 can" in refuse.stderr, "an odd batch",
           refuse.stderr)
    refused("mnist", small, "--batch", 101, says="--batch is 101")
    cut = small / "train-images-idx3-ubyte"
    cut.write_bytes(cut.read_bytes()[:-1])
    refused("mnist", small, says="cut off")
    cut.write_bytes(struct.pack(">IIII", 0x803, 99, 28, 28) + images[16:16 + 99 * 784])
    refused("mnist", small, says="99 images but 100 labels")
    cut.write_bytes(struct.pack(">IIII", 0x802, 100, 28, 28))
    refused("mnist", small, says="not an idx file")

programs.end("mnist")
