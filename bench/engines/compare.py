"""Engines: a trained net run by Tenon, onnxruntime and OpenVINO, side by side: speed, opening, peak memory.

All three open the same ONNX file, which export.py makes with torchvision (Tenon its engine of that); what they make of the
same pictures has to agree. Prints rows of a Markdown table; the bar is what Tenon has to reach against the better rival.
"""
import argparse
import importlib.util
import os
import statistics
import subprocess
import sys
import tempfile

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "common"))
import harness  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
ENGINES = os.path.join(harness.BUILD, "bench", "tenon_engines")
NETS = ["alexnet", "vgg11", "resnet18", "resnet50", "mobilenet_v1", "mobilenet_v2", "squeezenet", "googlenet"]
RIVALS = ["onnxruntime", "openvino"]
BARS = {1: 1.3, 32: 1.5}  # by batch
MEMORY_BAR = 0.6
AGREE = 1e-4  # of the largest


def argv_of(name, a, net, files):
    """The command of a side."""
    program = [ENGINES, "run", os.path.join(files, f"{net}.plan")] if name == "tenon" else \
        [harness.PYTHON, os.path.join(HERE, "rival.py"), name, os.path.join(a.models, f"{net}.onnx")]
    return lambda rows, threads: [*program, str(rows), str(threads), os.path.join(files, f"x{rows}.raw"),
                                  os.path.join(files, f"{name}.raw")]


def opening(name, argv, a, threads):
    """Milliseconds from the call that opens the file to the first result, each in a process of its own."""
    times = []
    for _ in range(a.opens):
        side = harness.Side(name, argv, threads)
        times.append(float(side.about.split()[0]))
        side.close()
    return statistics.median(times)


def check_agreement(names, net, files):
    results = {name: np.fromfile(os.path.join(files, f"{name}.raw"), np.float32) for name in names}
    first = results[names[0]]
    for name in names[1:]:
        off = np.abs(results[name] - first).max() / np.abs(first).max()
        if not off <= AGREE:
            sys.exit(f"{net}: {names[0]} and {name} are {off:.2g} of the largest output apart")


def compare(net, batch, threads, a, rivals, files):
    """One row."""
    names = [*rivals, "tenon"]
    argv = {name: argv_of(name, a, net, files)(batch, threads) for name in names}
    opened = {name: opening(name, argv[name], a, threads) for name in names}
    sides = [harness.Side(name, argv[name], threads) for name in names]
    for side in sides:
        print(f"  {side.about.split(' ', 2)[2]}", file=sys.stderr)
    check_agreement(names, net, files)
    units = {s.name: max(1, round(a.seconds * s.run(1) / batch)) for s in sides}
    speeds = harness.interleave(sides, a.rounds, units)
    peak = {side.name: side.peak_mib() for side in sides}
    before = {side.name: float(side.about.split()[1]) for side in sides}
    for side in sides:
        side.close()
    cells = [net, str(batch), str(threads)]
    cells += [harness.spread(speeds[name]) for name in names]
    if rivals:
        best = harness.fastest(rivals, speeds)
        ratio = harness.ratios(speeds["tenon"], speeds[best])
        bar = BARS.get(batch)
        cells += [f"**{statistics.median(ratio):.2f}** ({min(ratio):.2f}-{max(ratio):.2f})",
                  f"{bar}: {'yes' if statistics.median(ratio) >= bar else '**no**'}" if bar else ""]
    cells += [" / ".join(f"{opened[name]:.0f}" for name in names),
              " / ".join(f"{peak[name]:.0f} ({before[name]:.0f})" for name in names)]
    if rivals:
        share = peak["tenon"] / min(peak[name] for name in rivals)
        cells.append(f"{share:.2f}{'' if share <= MEMORY_BAR else ' **no**'}")
    print("| " + " | ".join(cells) + " |", flush=True)


def make_files(a, files):
    subprocess.run([harness.PYTHON, os.path.join(HERE, "export.py"), a.models, *a.net], check=True, stdout=sys.stderr)
    for net in a.net:
        print(f"{net}:", file=sys.stderr, flush=True)
        subprocess.run([ENGINES, "build", os.path.join(a.models, f"{net}.onnx"), os.path.join(files, f"{net}.plan")],
                       check=True)
    for batch in a.batch:
        pictures = np.random.default_rng(batch).standard_normal((batch, 3, 224, 224), np.float32)
        pictures.tofile(os.path.join(files, f"x{batch}.raw"))


def main():
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("--net", nargs="+", default=NETS, choices=NETS, metavar="NET", help=", ".join(NETS))
    args.add_argument("--batch", type=int, nargs="+", default=[1, 32])
    args.add_argument("--threads", type=int, nargs="+", default=[2, 1])
    args.add_argument("--rounds", type=int, default=5)
    args.add_argument("--seconds", type=float, default=1.5, help="of one side in one round")
    args.add_argument("--opens", type=int, default=3, help="how often each is opened, one after the other")
    args.add_argument("--models", help="where the ONNX files are, or are kept; default: made anew")
    a = args.parse_args()
    rivals = [name for name in RIVALS if importlib.util.find_spec(name)]
    for name in set(RIVALS) - set(rivals):
        print(f"without {name}, which {harness.PYTHON} has not", file=sys.stderr)
    with tempfile.TemporaryDirectory() as files:
        a.models = a.models or files
        make_files(a, files)
        print(f"Measured on {harness.machine()}; f32; {a.rounds} rounds, interleaved. Opening: from the call that opens the file "
              "to the first result. Peak memory: of the process, in brackets what it had before it opened the file.\n")
        names = " / ".join([*rivals, "tenon"])
        columns = ["net", "batch", "threads", *[f"{name} img/s" for name in [*rivals, "tenon"]]]
        columns += ["Tenon / better rival, round by round", "bar"] if rivals else []
        columns += [f"opening ms, {names}", f"peak MiB, {names}"]
        columns += [f"Tenon / smaller peak; bar {MEMORY_BAR}"] if rivals else []
        print("| " + " | ".join(columns) + " |")
        print("|" + "---|" * len(columns), flush=True)
        for net in a.net:
            for threads in a.threads:
                for batch in a.batch:
                    compare(net, batch, threads, a, rivals, files)


main()
