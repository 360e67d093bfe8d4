"""Tenon's loader against torchvision's DataLoader on the same JPEG files, side by side.

Prints a Markdown table. The files of the folder, searched to any depth, are listed as often as it takes to
reach --images, so that no side spends its time on the ends of epochs.
"""
import argparse
import os
import statistics
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "common"))
import harness  # noqa: E402
from PIL import Image  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
TENON = os.path.join(harness.BUILD, "bench", "tenon_loader")


def jpegs(folder):
    found = sorted(os.path.join(top, f) for top, _, files in os.walk(folder) for f in files
                   if f.lower().endswith((".jpg", ".jpeg")))
    if not found:
        sys.exit(f"no JPEG files in {folder}")
    return found


def about_files(files):
    """What the files are like: half of the answer to how fast they can be read."""
    sizes = [Image.open(f).size for f in files]
    width, height = (statistics.mean(s) for s in zip(*sizes))
    kilobytes = statistics.mean(os.path.getsize(f) for f in files) / 1000
    return f"{len(files)} JPEG files, mean {width:.0f} x {height:.0f} pixels, {kilobytes:.0f} kB"


def start(list_file, packed, a):
    """The six sides. The first is what the bars count from."""
    spec = [str(a.batch), str(a.threads)]
    torch_side = [harness.PYTHON, os.path.join(HERE, "torch_side.py"), list_file, *spec]
    return [harness.Side("torchvision, JPEG to normalised f32", [*torch_side, "f32"], a.threads),
            harness.Side("torchvision, JPEG to u8", [*torch_side, "u8"], a.threads),
            harness.Side("Tenon, JPEG to u8", [TENON, "rrc", list_file, *spec], a.threads),
            harness.Side("Tenon, JPEG to u8, without maps", [TENON, "plain", list_file, *spec], a.threads),
            harness.Side("Tenon, JPEG to u8, first epoch", [TENON, "first", list_file, *spec], a.threads),
            harness.Side("Tenon, packed to u8", [TENON, "crop", packed, *spec], a.threads)]


def compare(folder, work, a):
    files = jpegs(folder)
    list_file, packed = os.path.join(work, "list.txt"), os.path.join(work, "packed")
    with open(list_file, "w") as f:
        f.writelines(f"{path} 0\n" for path in files * -(-a.images // len(files)))
    os.makedirs(packed)
    harness.subprocess.run([TENON, "pack", list_file, packed], check=True)
    sides = start(list_file, packed, a)
    for side in sides:
        print(f"  {side.about}", file=sys.stderr)
    # Each side's round lasts about a.seconds; the first, short one only finds out how much that is.
    units = {s.name: max(4, round(a.seconds * s.run(8) / a.batch)) for s in sides}
    speeds = harness.interleave(sides, a.rounds, units)
    for side in sides:
        side.close()
    f32, u8 = (speeds[side.name] for side in sides[:2])
    print(f"Measured on {harness.machine()}; {a.threads} threads or workers; batch {a.batch}; {a.rounds} "
          f"rounds, interleaved; {about_files(files)}.\n")
    print("| loader | img/s | / torchvision f32, round by round | / torchvision u8 |\n|---|---|---|---|")
    for side in sides:
        cells = [side.name, harness.spread(speeds[side.name], "{:.0f}")]
        cells += [harness.spread(harness.ratios(speeds[side.name], rival), "{:.2f}") for rival in (f32, u8)]
        print("| " + " | ".join(cells) + " |")
    print(flush=True)


def main():
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("folder", nargs="*", default=[os.path.join(harness.DATA, "varied"),
                                                    os.path.join(harness.DATA, "nonsquare", "train")])
    args.add_argument("--images", type=int, default=2000, help="in the list")
    args.add_argument("--batch", type=int, default=64)
    args.add_argument("--threads", type=int, default=2)
    args.add_argument("--rounds", type=int, default=5)
    args.add_argument("--seconds", type=float, default=6, help="of one side in one round")
    a = args.parse_args()
    for folder in a.folder:
        with tempfile.TemporaryDirectory() as work:
            compare(folder, work, a)


main()
