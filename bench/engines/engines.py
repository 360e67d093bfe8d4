"""A trained net run by Tenon, onnxruntime and OpenVINO: what compare.py and ../bars ask of the sides."""
import importlib.util
import os
import statistics
import subprocess
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "common"))
import harness  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
ENGINES = os.path.join(harness.BUILD, "bench", "tenon_engines")
NETS = ["alexnet", "vgg11", "resnet18", "resnet50", "mobilenet_v1", "mobilenet_v2", "squeezenet", "googlenet"]
RIVALS = ["onnxruntime", "openvino"]
LIMITED = ["openvino"]  # these obey harness.limit_isa()
BARS = {1: 1.3, 32: 1.5}  # by batch
AGREE = 1e-4  # of the largest


def rivals():
    there = [name for name in RIVALS if importlib.util.find_spec(name)]
    for name in set(RIVALS) - set(there):
        print(f"without {name}, which {harness.PYTHON} has not", file=sys.stderr)
    return there


def make_files(models, files, nets, batches):
    """ONNX files in `models`, if they are not there; engines and pictures in `files`."""
    subprocess.run([harness.PYTHON, os.path.join(HERE, "export.py"), models, *nets], check=True, stdout=sys.stderr)
    for net in nets:
        print(f"{net}:", file=sys.stderr, flush=True)
        subprocess.run([ENGINES, "build", os.path.join(models, f"{net}.onnx"), os.path.join(files, f"{net}.plan")], check=True)
    for batch in batches:
        pictures = np.random.default_rng(batch).standard_normal((batch, 3, 224, 224), np.float32)
        pictures.tofile(os.path.join(files, f"x{batch}.raw"))


def make_int8(models, files, net):
    """NET.int8.plan: scales are of the 32 pictures."""
    subprocess.run([ENGINES, "quantise", os.path.join(models, f"{net}.onnx"), os.path.join(files, f"{net}.int8.plan"),
                    os.path.join(files, "x32.raw")], check=True)


def argv_of(name, net, batch, a, files):
    """The command of a side: a rival, or what follows the net's name in that of Tenon's engine."""
    rival = name in RIVALS
    program = [harness.PYTHON, os.path.join(HERE, "rival.py"), name, os.path.join(a.models, f"{net}.onnx")] if rival else \
        [ENGINES, "run", os.path.join(files, f"{net}{name.removeprefix('tenon')}.plan")]
    return [*program, str(batch), str(a.threads), os.path.join(files, f"x{batch}.raw"), os.path.join(files, f"{name}.raw")]


def check_agreement(names, net, files):
    results = {name: np.fromfile(os.path.join(files, f"{name}.raw"), np.float32) for name in names}
    first = results[names[0]]
    for name in names[1:]:
        off = np.abs(results[name] - first).max() / np.abs(first).max()
        if not off <= AGREE:
            sys.exit(f"{net}: {names[0]} and {name} are {off:.2g} of the largest output apart")


def compare(names, net, batch, a, files):
    """(images a second: {name: [one a round]}, ms to open, peak MiB, that before opening: {name} each)."""
    argv = {name: argv_of(name, net, batch, a, files) for name in names}
    opened = {name: [] for name in names}
    for name in names:
        for _ in range(a.opens - 1):  # each in a process of its own
            side = harness.Side(name, argv[name], a.threads)
            opened[name].append(float(side.about.split()[0]))
            side.close()
    sides = [harness.Side(name, argv[name], a.threads, batch) for name in names]
    for side in sides:
        print(f"  {side.about.split(' ', 2)[2]}", file=sys.stderr)
        opened[side.name].append(float(side.about.split()[0]))
    check_agreement([name for name in names if name != "tenon.int8"], net, files)
    _, units = harness.first_look(sides, a.seconds)
    speeds = harness.interleave(sides, a.rounds, units)
    peak = {side.name: side.peak_mib() for side in sides}
    before = {side.name: float(side.about.split()[1]) for side in sides}
    for side in sides:
        side.close()
    return speeds, {name: statistics.median(times) for name, times in opened.items()}, peak, before
