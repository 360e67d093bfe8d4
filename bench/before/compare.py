"""Tenon of now against Tenon of before a change: the same work by two builds, interleaved.

Needs no PyTorch. OLD is the build folder of the other, made with -DTENON_BENCH=ON. Prints a Markdown table;
the exit status is 1 if a median ratio is below --least. The loader's rows read JPEG files of --folder, of which
OLD packs its own set.
"""
import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "common"))
import harness  # noqa: E402

# Those of the bars that every OLD has: (net, batch, mode).
STEPS = [("alexnet", 32, "train"), ("alexnet", 64, "train"), ("alexnet", 128, "train"), ("resnet18", 16, "train"),
         ("lenet", 64, "train"), ("alexnet", 1, "infer"), ("alexnet", 32, "infer")]


def program(build, name):
    return os.path.join(build, "bench", name)


def row(what, argv, unit, a):
    """`argv` begins with the program's name; `unit` images are in one unit of work. The ratio."""
    sides = [harness.Side(build, [program(build, argv[0]), *argv[1:]], a.threads) for build in (a.old, harness.BUILD)]
    units = {s.name: max(1, round(a.seconds * s.run(4) / unit)) for s in sides}
    speeds = harness.interleave(sides, a.rounds, units)
    for side in sides:
        side.close()
    ratio = harness.ratios(speeds[harness.BUILD], speeds[a.old])
    print(f"| {what} | {harness.spread(speeds[a.old])} | {harness.spread(speeds[harness.BUILD])} "
          f"| **{statistics.median(ratio):.3f}** ({min(ratio):.3f}-{max(ratio):.3f}) |", flush=True)
    return statistics.median(ratio)


def loader_rows(a):
    with tempfile.TemporaryDirectory() as work:
        names = sorted(os.path.join(top, f) for top, _, files in os.walk(a.folder) for f in files if f.endswith(".jpg"))
        if not names:
            sys.exit(f"no .jpg files in {a.folder}")
        listed, packed = os.path.join(work, "list.txt"), os.path.join(work, "packed")
        with open(listed, "w") as f:
            f.writelines(f"{path} 0\n" for path in names * -(-2000 // len(names)))
        os.makedirs(packed)
        subprocess.run([program(a.old, "tenon_loader"), "pack", listed, packed], check=True)
        return [row("loader, JPEG", ["tenon_loader", "rrc", listed, "64", "2"], 64, a),
                row("loader, packed", ["tenon_loader", "crop", packed, "64", "2"], 64, a)]


def start_up(a):
    """From exec to exit of a program that plans LeNet and trains two steps of it: old over new."""
    times = {a.old: [], harness.BUILD: []}
    for _ in range(21):
        for build, taken in times.items():
            begin = time.perf_counter()
            subprocess.run([program(build, "tenon_step"), "lenet", "64", "cpu,threads=2", "f32", "train"], check=True,
                           env=harness.environment(2), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
            taken.append(1000 * (time.perf_counter() - begin))
    old, new = times.values()
    ratio = statistics.median(harness.ratios(old, new))
    print(f"| start to end, ms | {harness.spread(old)} | {harness.spread(new)} | **{ratio:.3f}** |")
    return ratio


def main():
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("old", metavar="OLD")
    args.add_argument("--folder", default=os.path.join(harness.DATA, "nonsquare", "train"))
    args.add_argument("--threads", type=int, default=2)
    args.add_argument("--rounds", type=int, default=7)
    args.add_argument("--seconds", type=float, default=3, help="of one side in one round")
    args.add_argument("--least", type=float, default=0.97)
    a = args.parse_args()
    a.old = os.path.abspath(a.old)
    print(f"Measured on {harness.machine()}; {a.threads} threads; {a.rounds} rounds, interleaved.\n")
    print("| what | before, images/s | now | now / before, round by round |\n|---|---|---|---|", flush=True)
    ratios = [row(f"{net} {mode}, batch {batch}", ["tenon_step", net, str(batch), f"cpu,threads={a.threads}", "f32", mode],
                  batch, a) for net, batch, mode in STEPS]
    ratios += loader_rows(a) + [start_up(a)]
    sys.exit(min(ratios) < a.least)


main()
