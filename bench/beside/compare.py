"""A machine that others use too: training and engines on two cores, alone and beside a loop that keeps one of them busy.

Each side is measured alone and beside the loop, in turn, so that whatever else the machine does hits both. The bars: at most
2.2 times as slow beside the loop as alone, and there no slower than onnxruntime.
"""
import argparse
import importlib.util
import os
import signal
import statistics
import subprocess
import sys
import tempfile

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "common"))
import harness  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
BENCH = os.path.join(harness.BUILD, "bench")
ENGINES = os.path.join(HERE, "..", "engines")
THREADS = 2
SLOWER_BAR = 2.2


class Busy:
    """The loop, on one core, stopped at first."""

    def __init__(self, core):
        self.child = subprocess.Popen([sys.executable, "-c", f"import os\nos.sched_setaffinity(0, [{core}])\nwhile True: pass"])
        self.child.send_signal(signal.SIGSTOP)

    def __enter__(self):
        self.child.send_signal(signal.SIGCONT)

    def __exit__(self, *unused):
        self.child.send_signal(signal.SIGSTOP)

    def end(self):
        self.child.kill()
        self.child.wait()


def measure(sides, busy, a):
    """Milliseconds an image: {name: ([alone, a round], [beside])}."""
    times = {side.name: ([], []) for side in sides}
    units = {side.name: max(1, round(a.seconds * side.run(1) / side.batch)) for side in sides}
    for turn in range(a.rounds):
        for side in sides if turn % 2 == 0 else reversed(sides):
            alone, beside = times[side.name]
            alone.append(1e3 / side.run(units[side.name]))
            with busy:
                beside.append(1e3 / side.run(units[side.name]))
    return times


def report(what, times):
    for name, (alone, beside) in times.items():
        slower = harness.ratios(beside, alone)
        cells = [what, name, harness.spread(alone), harness.spread(beside),
                 f"**{statistics.median(slower):.2f}** ({min(slower):.2f}-{max(slower):.2f})"]
        reached = ""
        if name == "tenon":
            reached = f"{SLOWER_BAR}: {'yes' if statistics.median(slower) <= SLOWER_BAR else '**no**'}"
            for rival in [r for r in times if r != name]:
                ratio = statistics.median(harness.ratios(times[rival][1], beside))
                reached += f"; {ratio:.2f} x {rival} there: {'yes' if ratio >= 1 else '**no**'}"
        print("| " + " | ".join([*cells, reached]) + " |", flush=True)


def open_side(name, argv, batch):
    side = harness.Side(name, argv, THREADS)
    side.batch = batch
    return side


def training(a, busy):
    side = open_side("tenon", [os.path.join(BENCH, "tenon_step"), "alexnet", "32", f"cpu,threads={THREADS}", "f32", "train"], 32)
    report("AlexNet, training, batch 32", measure([side], busy, a))
    side.close()


def engine(a, busy, files):
    onnx, x, plan = (os.path.join(files, name) for name in ("resnet18.onnx", "x.raw", "resnet18.plan"))
    subprocess.run([harness.PYTHON, os.path.join(ENGINES, "export.py"), files, "resnet18"], check=True, stdout=sys.stderr)
    subprocess.run([os.path.join(BENCH, "tenon_engines"), "build", onnx, plan], check=True)
    np.random.default_rng(1).standard_normal((1, 3, 224, 224), np.float32).tofile(x)
    sides = [open_side("tenon", [os.path.join(BENCH, "tenon_engines"), "run", plan, "1", str(THREADS), x, os.devnull], 1)]
    if importlib.util.find_spec("onnxruntime"):
        sides.append(open_side("onnxruntime", [harness.PYTHON, os.path.join(ENGINES, "rival.py"), "onnxruntime", onnx, "1",
                                               str(THREADS), x, os.devnull], 1))
    report("ResNet-18, engine, batch 1", measure(sides, busy, a))
    for side in sides:
        side.close()


def main():
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("--rounds", type=int, default=7)
    args.add_argument("--seconds", type=float, default=2, help="of one side in one round, alone")
    args.add_argument("--only", choices=["training", "engine"], help="one of the two")
    a = args.parse_args()
    cores = sorted(os.sched_getaffinity(0))[:THREADS]
    if len(cores) < THREADS:
        sys.exit("two cores are needed")
    os.sched_setaffinity(0, cores)  # of all that is started from here
    busy = Busy(cores[-1])
    try:
        print(f"Measured on {harness.machine()}, on two of them; {a.rounds} rounds, interleaved; ms an image.\n")
        print("| what | side | alone | beside a busy loop | beside / alone, round by round | bar |")
        print("|" + "---|" * 6, flush=True)
        if a.only != "engine":
            training(a, busy)
        if a.only != "training":
            with tempfile.TemporaryDirectory() as files:
                engine(a, busy, files)
    finally:
        busy.end()


main()
