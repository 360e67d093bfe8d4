"""How long it takes to read run folders: the list of many, one whole log, one more line of it.

Makes --runs runs whose logs have --steps lines of steps, and prints a Markdown table. The logs are one file by as many names; all
is in the system's caches: what is measured is warm.
"""
import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "common"))
import harness  # noqa: E402

TENON = os.path.join(harness.BUILD, "bench", "tenon_runs")
BARS = {"list": 0.2, "series": None, "tail": None}  # seconds


def write_log(path, steps):
    with open(path, "w") as to:
        to.write('{"e":"start","t":1700000000.125,"step":0,"v":1,"device":"cpu"}\n')
        for step in range(1, steps + 1):
            to.write(f'{{"e":"step","t":{1700000000.125 + step:.3f},"step":{step},"epoch":{step // 1000 + 1},"batch":{step % 1000},'
                     f'"loss":{2.5 / (1 + step / 1e4):.9g},"top1":{step / steps:.17g},"rate":0.00999999978,"images_s":1234.5,'
                     f'"wait":0.0125}}\n')


def make(folder, runs, log, steps):
    state = {"v": 1, "state": "running", "reason": None, "pid": 7, "host": "box", "boot": "x", "step": steps, "epoch": steps // 1000,
             "steps": steps, "eta": 12.5, "last": {"loss": 0.5, "top1": 0.75, "rate": 0.01},
             "best": {"value": 0.5, "epoch": 7, "step": 7000}, "device": "cpu, 2 threads", "trouble": None, "updated": 1700000000.5}
    for i in range(runs):
        run = os.path.join(folder, f"run-{i:04d}")
        os.makedirs(os.path.join(run, "checkpoints"))
        for name in ("lock", *(f"checkpoints/step-{s:08d}.safetensors" for s in (steps - 2, steps - 1, steps))):
            open(os.path.join(run, name), "w").close()
        for name, said in (("config.json", {"seed": i}), ("state.json", state)):
            with open(os.path.join(run, name), "w") as to:
                json.dump(said, to)
        os.link(log, os.path.join(run, "log.jsonl"))


def main():
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("--runs", type=int, default=1000)
    args.add_argument("--steps", type=int, default=100000)
    args.add_argument("--rounds", type=int, default=9)
    a = args.parse_args()
    with tempfile.TemporaryDirectory(prefix="tenon-bench-") as work:
        log, folder, grown = (os.path.join(work, name) for name in ("log.jsonl", "runs", "grown"))
        write_log(log, a.steps)
        make(folder, a.runs, log, a.steps)
        one = os.path.join(folder, "run-0000")
        shutil.copytree(one, grown)
        sides = [harness.Side("list", [TENON, "list", folder]), harness.Side("series", [TENON, "series", one]),
                 harness.Side("tail", [TENON, "tail", grown])]
        speeds = harness.interleave(sides, a.rounds, {s.name: 1 for s in sides})
        for side in sides:
            side.close()
    what = {"list": (f"the list of {a.runs} runs", "ms", a.runs * 1e3), "series": (f"a log of {a.steps} lines, as columns", "ms", a.steps * 1e3),
            "tail": ("one line more of it", "us", 1e6)}
    print(f"Measured on {harness.machine()}; {a.runs} runs of {a.steps} steps, warm; {a.rounds} rounds, interleaved.\n")
    print("| read | taken | bar |\n|---|---|---|")
    slow = False
    for side in sides:
        name, unit, count = what[side.name]
        taken = [count / speed for speed in speeds[side.name]]
        bar = BARS[side.name]
        slow |= bar is not None and statistics.median(taken) > 1000 * bar
        print(f"| {name} | {harness.spread(taken, '{:.1f}')} {unit} | {f'{1000 * bar:.0f} ms' if bar else ''} |")
    sys.exit(1 if slow else 0)


if __name__ == "__main__":
    main()
