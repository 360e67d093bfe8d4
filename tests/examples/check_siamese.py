#!/usr/bin/env python3
"""siamese learns to tell pairs of one colour from pairs of two, the same for the same seed."""
import re

import programs
from programs import SLOW, Folder, end, expect, refused, run

ONE = ("--device", "cpu,threads=1", "--size", 16)

with Folder() as folder:
    programs.make_images(folder / "set", 16)
    said = run("siamese", folder / "set", *ONE, "--epochs", 2 if SLOW else 60).stdout
    right = [float(x) for x in re.findall(r": (\S+) % of the pairs right", said)]
    expect(right and (SLOW or right[-1] > 90), "pairs are not told apart", said)
    again = run("siamese", folder / "set", *ONE, "--epochs", 2).stdout
    expect(said.splitlines()[:2] == again.splitlines(), "the same seed says something else", again)
    refused("siamese", folder / "none", says="none")
    (folder / "set" / "blue" / "000.ppm").write_text("no picture")
    done = run("siamese", folder / "set", *ONE, "--epochs", 1, "--batch", 20, status=1)
    expect("items are bad, where" in done.stderr and "blue/000.ppm" in done.stderr, "a bad picture", done.stderr)

end("siamese")
