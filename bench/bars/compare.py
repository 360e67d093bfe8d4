"""All that has a bar on a CPU of two threads, and whether it is reached: training against PyTorch, engines against onnxruntime and
OpenVINO, whole numbers against f32, start-up.

PyTorch is let run eagerly and by torch.compile (which needs a C++ compiler), each in NCHW and channels_last, and the fastest counts;
--quick leaves torch.compile out and takes little time for each. Prints Markdown tables.
"""
import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
for folder in ("common", "step", "engines"):
    sys.path.insert(0, os.path.join(HERE, "..", folder))
import engines  # noqa: E402
import harness  # noqa: E402
import steps  # noqa: E402

# (net, batch, at least so many times PyTorch's speed)
TRAINING = [
    ("resnet18", 16, 2.0),
    ("resnet18", 64, 2.0),
    ("resnet50", 8, 2.0),
    ("mobilenet_v1", 16, 2.0),
    ("mobilenet_v2", 16, 2.0),
    ("googlenet", 16, 2.0),
    ("squeezenet", 32, 2.0),
    ("densenet121", 8, 2.0),
    ("unet", 4, 2.0),
    ("vgg11", 16, 4.5),
    ("alexnet", 32, 3.0),
    ("alexnet", 64, 3.0),
    ("alexnet", 128, 3.0),
    ("lenet", 64, 5.0),
    ("resnet20", 128, 3.5),
    ("vit_tiny", 16, 1.3),
]
TRAINING_MEMORY = 0.55  # of PyTorch's peak
INT8_NET, INT8_BATCH = "resnet18", 1
INT8_BARS = {True: 1.4, False: 1.0}  # times our f32, by whether the processor adds up products of bytes in one instruction
START_UP_MS = 50


def table(*columns):
    print("\n| " + " | ".join(columns) + " |\n" + "|---" * len(columns) + "|", flush=True)


def row(ratio, bar, cells, held=True):
    """Ends in the ratio, the bar, and whether it is reached and what else has to hold does."""
    yes = statistics.median(ratio) >= bar and held
    cells = [*cells, f"**{statistics.median(ratio):.2f}** ({min(ratio):.2f}-{max(ratio):.2f})", f"{bar:.1f}", "yes" if yes else "**no**"]
    print("| " + " | ".join(cells) + " |", flush=True)


def training(a):
    table("training", "batch", *[f"PyTorch {name}, images/s" for name in steps.EAGER + steps.COMPILED], "Tenon",
          f"peak MiB of the fastest and of Tenon, at most {TRAINING_MEMORY}", "Tenon / fastest PyTorch", "bar", "reached")
    for net, batch, bar in TRAINING:
        if a.net and net not in a.net or a.batch and batch not in a.batch:
            continue
        names = steps.EAGER + ([] if a.eager or a.quick else steps.COMPILED)
        speeds, best, peak = steps.compare(net, batch, "train", names, a)
        share = peak["tenon"] / peak[best]
        cells = [harness.spread(speeds[name]) if name in speeds else "-" for name in steps.EAGER + steps.COMPILED + ["tenon"]]
        held = share <= TRAINING_MEMORY
        cells.append(f"{peak[best]:.0f}, {peak['tenon']:.0f}: {share:.2f}{'' if held else ' **no**'}")
        row(harness.ratios(speeds["tenon"], speeds[best]), bar, [net, str(batch), *cells], held)


def engine_rows(a, rivals, files):
    counted = [name for name in rivals if name in engines.LIMITED or not a.isa]
    table("engine, f32", "batch", *[f"{name}, images/s{'' if name in counted else ', not limited: not counted'}" for name in rivals],
          "Tenon", "Tenon / fastest", "bar", "reached")
    for net in [n for n in engines.NETS if not a.net or n in a.net]:
        for batch, bar in engines.BARS.items():
            if a.batch and batch not in a.batch:
                continue
            speeds = engines.compare([*rivals, "tenon"], net, batch, a, files)[0]
            ratio = harness.ratios(speeds["tenon"], speeds[harness.fastest(counted, speeds)])
            row(ratio, bar, [net, str(batch), *[harness.spread(speeds[name]) for name in [*rivals, "tenon"]]])


def has_vnni(a):
    with open("/proc/cpuinfo") as f:
        return a.isa is None and "avx512_vnni" in f.read()


def int8_row(a, files):
    engines.make_int8(a.models, files, INT8_NET)
    table("engine, INT8", "batch", "Tenon f32, images/s", "Tenon INT8", "INT8 / f32", "bar", "reached")
    speeds = engines.compare(["tenon", "tenon.int8"], INT8_NET, INT8_BATCH, a, files)[0]
    row(harness.ratios(speeds["tenon.int8"], speeds["tenon"]), INT8_BARS[has_vnni(a)],
        [INT8_NET, str(INT8_BATCH), *[harness.spread(s) for s in speeds.values()]])


def engine_tables(a):
    rivals = engines.rivals()
    with tempfile.TemporaryDirectory() as files:
        a.models = a.models or files
        nets = [net for net in engines.NETS if not a.net or net in a.net]
        engines.make_files(a.models, files, nets, engines.BARS)
        if any(name in engines.LIMITED or not a.isa for name in rivals):
            engine_rows(a, rivals, files)
        if INT8_NET in nets:
            int8_row(a, files)


def start_up(a):
    """Milliseconds from exec to exit of a program that plans LeNet, trains two steps, and is told to end."""
    argv = steps.argv_of("tenon", ["lenet", "64", a.device, a.precision, "train"])
    times = []
    for _ in range(21):
        start = time.perf_counter()
        subprocess.run(argv, env=harness.environment(a.threads), stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, check=True)
        times.append(1000 * (time.perf_counter() - start))
    reached = statistics.median(times) <= START_UP_MS
    print(f"\nA program from start to end, planning LeNet and two steps of it in it: {harness.spread(times)} ms; "
          f"bar {START_UP_MS} ms: {'yes' if reached else '**no**'}.")


def main():
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("--quick", action="store_true", help="a few seconds a row, without torch.compile")
    args.add_argument("--only", choices=["training", "engines", "start-up"], help="one of the parts")
    args.add_argument("--net", nargs="+", help="rows of these alone")
    args.add_argument("--batch", type=int, nargs="+", help="rows of these alone")
    args.add_argument("--isa", choices=harness.ISAS, help="the most that the sides may use of the CPU; onnxruntime obeys nothing")
    args.add_argument("--eager", action="store_true", help="without torch.compile")
    args.add_argument("--models", help="where the ONNX files are, or are kept; default: made anew")
    args.add_argument("--rounds", type=int, help="default 5; --quick: 3")
    args.add_argument("--seconds", type=float, help="of one side in one round; default 3; --quick: 0.6")
    a = args.parse_args()
    a.rounds = a.rounds or (3 if a.quick else 5)
    a.seconds = a.seconds or (0.6 if a.quick else 3)
    a.threads, a.precision, a.opens = 2, "f32", 1
    a.device = f"cpu,threads={a.threads}"
    harness.limit_isa(a.isa)
    print(f"Measured on {harness.machine()}; {a.threads} threads, f32; {a.rounds} rounds, interleaved.")
    parts = {"training": training, "engines": engine_tables, "start-up": start_up}
    for name, part in parts.items():
        if a.only in (None, name):
            part(a)


main()
