"""How long it takes to open a set of many files: its folder, a list of it, the folder with an exclude list.

Makes a folder of --files empty files in --classes classes, and prints a Markdown table. The names are in the system's caches
then: what is measured is warm. An empty file is as good as any, since opening reads none.
"""
import argparse
import os
import statistics
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "common"))
import harness  # noqa: E402

TENON = os.path.join(harness.BUILD, "bench", "tenon_data")
BAR = 1.0  # seconds


def make(folder, files, classes):
    for c in range(classes):
        of_class = os.path.join(folder, f"n{c:08d}")
        os.makedirs(of_class)
        for i in range(c, files, classes):
            open(os.path.join(of_class, f"n{c:08d}_{i}.JPEG"), "w").close()


def leave_out(listed, folder, path):
    """Every tenth file of a list, as an exclude list."""
    with open(listed) as f, open(path, "w") as out:
        for number, line in enumerate(f):
            if number % 10 == 0:
                out.write(os.path.relpath(line.split("\t")[0], folder) + "\tas an example\n")


def main():
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("--files", type=int, default=100000)
    args.add_argument("--classes", type=int, default=100)
    args.add_argument("--rounds", type=int, default=9)
    a = args.parse_args()
    with tempfile.TemporaryDirectory(prefix="tenon-bench-") as work:
        folder, listed, exclude = (os.path.join(work, name) for name in ("set", "list.txt", "exclude.txt"))
        make(folder, a.files, a.classes)
        subprocess.run([TENON, "list", folder, listed], check=True)
        leave_out(listed, folder, exclude)
        sides = [harness.Side("the folder", [TENON, "open", folder]), harness.Side("a list of it", [TENON, "open", listed]),
                 harness.Side("the folder, a tenth left out", [TENON, "open", folder, exclude])]
        speeds = harness.interleave(sides, a.rounds, {s.name: 1 for s in sides})
        for side in sides:
            side.close()
    print(f"Measured on {harness.machine()}; {a.files} files in {a.classes} classes, warm; {a.rounds} rounds, interleaved.\n")
    print("| opened | ms | bar |\n|---|---|---|")
    slow = False
    for side in sides:
        images = 0.9 * a.files if "left out" in side.name else a.files
        taken = [1000 * images / speed for speed in speeds[side.name]]
        slow |= statistics.median(taken) > 1000 * BAR
        print(f"| {side.name} | {harness.spread(taken, '{:.0f}')} | {1000 * BAR:.0f} |")
    sys.exit(1 if slow else 0)


main()
