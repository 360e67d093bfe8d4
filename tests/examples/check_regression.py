#!/usr/bin/env python3
"""regression learns a function from a table, leaves bad rows out by name, and says what is no table."""
import random
import re

from programs import SLOW, Folder, end, expect, refused, run

ONE = ("--device", "cpu,threads=1")


def row(rng):
    """y = 3 a - 2 b + a b, in numbers of different sizes, with noise of 0.1."""
    a, b = rng.uniform(-1, 1), rng.uniform(-1, 1)
    return f"{100 * a:.4f}, {b / 10:.6f},{3 * a - 2 * b + a * b + rng.gauss(0, 0.1) + 40:.5f}"


with Folder() as folder:
    rng = random.Random(3)
    rows = [row(rng) for _ in range(603)]  # the last batches are short
    good, bad = folder / "good.csv", folder / "bad.csv"
    good.write_text("a,b,y\n" + "\n".join(rows) + "\n")
    epochs = ("--epochs", 4 if SLOW else 30)
    said = run("regression", good, *ONE, *epochs, "--save", folder / "net").stdout
    off = [float(x) for x in re.findall(r"off by (\S+)", said)]
    expect(off and off[-1] < (1 if SLOW else 0.16), "is off by more than the noise", said)
    expect((folder / "net").exists(), "nothing is saved")
    expect(run("regression", good, *ONE, *epochs).stdout == said, "the same seed says something else")

    rows[7], rows[11] = "1,n/a,2", "1,2"  # lines 8 and 12
    bad.write_text("\r\n".join(rows))
    done = run("regression", bad, *ONE, "--epochs", 1)
    expect("[5]: line 8: field 2 is no number: 1,n/a,2" in done.stderr, "no word of line 8", done.stderr)
    expect("line 12: 2 fields, not 3" in done.stderr, "no word of line 12", done.stderr)
    for i in range(20, 40):
        rows[i] = "x"
    bad.write_text("\n".join(rows))
    done = run("regression", bad, *ONE, "--epochs", 1, status=1)
    expect("items are bad, where" in done.stderr, "too many bad rows", done.stderr)

    refused("regression", folder / "none.csv", says="No such file")
    bad.write_text("a,b\n")
    refused("regression", bad, says="has no row of numbers")
    bad.write_text("1\n2\n")
    refused("regression", bad, says="no row of 2 to")
    bad.write_text("1,2\n")
    refused("regression", bad, says="one row alone")
    bad.write_bytes(b"1,2\n3,\0004\n")
    refused("regression", bad, says="is no text")

end("regression")
