"""A step of training, or inference, of Tenon against PyTorch: speed and peak memory, side by side.

PyTorch runs in both of its memory formats, and on a GPU also as a CUDA graph (of channels_last), with --compile also by
torch.compile, each in a process of its own, and its best one counts. Prints rows of a Markdown table. With --bars: all that has a bar
on a CPU, and whether it is reached.
"""
import argparse
import os
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "common"))
import harness  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
STEP = os.path.join(harness.BUILD, "bench", "tenon_step")
# (net, mode, batch, at least so many times PyTorch's speed, at most so many times its peak memory)
BARS = [("alexnet", "train", 32, 2.0, 1.1), ("alexnet", "train", 64, 2.0, 1.1),
        ("alexnet", "train", 128, 2.0, 1.1), ("resnet18", "train", 16, 1.6, 1.1),
        ("lenet", "train", 64, 4.0, 1.1), ("vit_tiny", "train", 16, 1.2, 1.1),
        ("unet", "train", 8, 1.2, 1.1), ("alexnet", "infer", 1, 2.5, None),
        ("alexnet", "infer", 32, 2.0, None)]
START_UP_MS = 50


def rivals_of(a):
    return ["nchw", "channels_last"] + (["graph"] if a.device.startswith("cuda") else []) + \
        (["compile"] if a.compile else [])


def compare(net, batch, mode, a, bar=None, memory_bar=None):
    """One row."""
    rivals = rivals_of(a)
    spec = [net, str(batch), a.device, a.precision, mode]
    sides = [harness.Side(layout, [harness.PYTHON, os.path.join(HERE, "torch_side.py"), *spec, layout],
                          a.threads) for layout in rivals]
    sides.append(harness.Side("tenon", [STEP, *spec], a.threads))
    for side in sides:
        print(f"  {side.about}; BLAS: {side.blas()}", file=sys.stderr)
    if len({side.about.rsplit(", ", 1)[1] for side in sides}) > 1:
        sys.exit(f"{net}: the sides' nets are not the same, their numbers of trained parameters differ")
    # A round is long enough for the clock and short enough to interleave: about a.seconds each.
    units = {s.name: max(1, round(a.seconds * s.run(1) / batch)) for s in sides}
    speeds = harness.interleave(sides, a.rounds, units)
    best = harness.fastest(rivals, speeds)
    peak = {side.name: side.peak_mib() for side in sides}
    for side in sides:
        side.close()
    ratio = harness.ratios(speeds["tenon"], speeds[best])
    cells = [f"{net} {mode}", str(batch), *[harness.spread(speeds[r]) for r in rivals],
             harness.spread(speeds["tenon"]),
             f"**{statistics.median(ratio):.2f}** ({min(ratio):.2f}-{max(ratio):.2f})",
             f"{peak[best]:.0f}", f"{peak['tenon']:.0f}"]
    if bar:
        reached = statistics.median(ratio) >= bar
        if memory_bar:
            reached = reached and peak["tenon"] <= memory_bar * peak[best]
        cells += [f"{bar:.1f}", "yes" if reached else "**no**"]
    print("| " + " | ".join(cells) + " |", flush=True)


def start_up(a):
    """Milliseconds from exec to exit of a program that plans LeNet, trains two steps, and is told to end."""
    argv = [STEP, "lenet", "64", a.device, a.precision, "train"]
    times = []
    for _ in range(21):
        start = time.perf_counter()
        subprocess.run(argv, env=harness.environment(a.threads), stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, check=True)
        times.append(1000 * (time.perf_counter() - start))
    median = statistics.median(times)
    print(f"\nA program from start to end, planning LeNet and two steps of it in it: {harness.spread(times)} ms; "
          f"bar {START_UP_MS} ms: {'reached' if median <= START_UP_MS else '**not reached**'}.")


def main():
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("--net", default="alexnet", help="alexnet, lenet, resnet18, resnet50, googlenet, vit_tiny or unet")
    args.add_argument("--mode", default="train", choices=["train", "infer"])
    args.add_argument("--batch", type=int, nargs="+", default=[32, 64, 128])
    args.add_argument("--bars", action="store_true")
    args.add_argument("--compile", action="store_true", help="torch.compile, too")
    args.add_argument("--threads", type=int, default=2, help="of the CPU")
    args.add_argument("--device", default="cpu", help="cpu, or cuda:0")
    args.add_argument("--precision", default="f32", choices=["f32", "tf32", "bf16", "f16"])
    args.add_argument("--rounds", type=int, default=7)
    args.add_argument("--seconds", type=float, default=4, help="of one side in one round")
    a = args.parse_args()
    if a.device == "cpu":
        a.device = f"cpu,threads={a.threads}"
    print(f"Measured on {harness.machine()}; {a.device}, {a.precision}; {a.rounds} rounds, interleaved.\n")
    rivals = "".join(f" PyTorch {r} img/s |" for r in rivals_of(a))
    print(f"| step | batch |{rivals} Tenon img/s | Tenon / better PyTorch, round by round "
          "| PyTorch peak MiB | Tenon peak MiB |" + (" bar | reached |" if a.bars else ""))
    print("|" + "---|" * (6 + len(rivals_of(a)) + 2 * a.bars), flush=True)
    if a.bars:
        for net, mode, batch, bar, memory_bar in BARS:
            compare(net, batch, mode, a, bar, memory_bar)
        start_up(a)
        return
    for batch in a.batch:
        compare(a.net, batch, a.mode, a)


main()
