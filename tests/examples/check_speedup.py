#!/usr/bin/env python3
"""speedup: figures that agree with each other; what is not there has a reason and no figure; no simulation."""
import json
import os
import pathlib

import programs
from programs import Folder, expect, refused, run

SMALL = ("--net", "slim", "--batch", 2, "--size", 64, "--classes", 7, "--cpu", "cpu,threads=1", "--rounds", 3, "--steps",
         2, "--warm-up", 2)

said = run("speedup", "--help")
expect(said.stdout.startswith("Usage: speedup") and "--cpu-steps" in said.stdout, "--help", said.stdout)
expect(all(len(line) <= 110 for line in said.stdout.splitlines()), "--help is too wide", said.stdout)

found = json.loads(run("speedup", *SMALL, "--per-layer", "--json").stdout)
columns = found["columns"]
expect([c["title"] for c in columns] == ["CPU", "GPU no cuDNN f32", "GPU f32", "GPU tf32", "GPU bf16", "GPU f16"],
       "not the six columns", str(columns))
cpu = columns[0]
expect(not cpu["absent"] and cpu["times_cpu"] == 1 and cpu["steps_a_round"] == 1 and "oneDNN" in cpu["description"],
       "the CPU's column", str(cpu))
names = {layer["name"] for layer in cpu.get("layers", ())}
expect({"conv1", "fc8", "loss", "all parameters"} <= names, "layers are missing", str(names))
for c in columns:
    if c["absent"]:
        expect(set(c) == {"title", "device", "absent", "because"} and len(c["because"]) > 20,
               "an absent column has more or less than a reason", str(c))
        continue
    expect(0 < c["seconds_a_step_least"] <= c["seconds_a_step_median"] <= c["seconds_a_step_most"], "spread", str(c))
    expect(abs(c["images_per_second"] * c["seconds_a_step_median"] / found["batch"] - 1) < 1e-6, "images/s", str(c))
    expect(abs(c["times_cpu"] * c["seconds_a_step_median"] / cpu["seconds_a_step_median"] - 1) < 1e-6, "ratio", str(c))
    expect(c["doubt"] is None and abs(c["first_loss"] - cpu["first_loss"]) < 0.1, "another loss", str(c))
if columns[1]["absent"]:
    expect(cpu["times_gpu_without_cudnn"] is None, "a ratio to what is not there", str(cpu))

# A GPU that is certainly not there: columns of reasons, and status 0.
said = run("speedup", *SMALL, "--gpu", "cuda:1000", "--per-layer")
lines = said.stdout.splitlines()
row = [line for line in lines if line.startswith("ms a step, median")]
expect(len(row) == 1 and row[0].split()[-5:] == ["absent"] * 5, "the table", said.stdout)
row = [line for line in lines if line.startswith("conv5")]
expect(len(row) == 1 and row[0].split()[2:] == ["absent"] * 5, "the table of layers", said.stdout)
expect(any(line.startswith("GPU bf16: absent: ") for line in lines), "no reason", said.stdout)

for flag in ("--gpu", "--cpu"):
    for name in ("sim", "sim:0", "sim:0,graph=off", "sim,gpu=h100"):
        refused("speedup", flag, name, says="is a simulation of a GPU")
# Nor under another name.
simulation = pathlib.Path(os.environ.get("TENON_MODULES", "nowhere")) / "tenon_sim.so"
if simulation.exists():
    with Folder() as folder:
        (folder / "tenon_cuda.so").symlink_to(simulation)
        before, os.environ["TENON_MODULES"] = os.environ["TENON_MODULES"], str(folder)
        for c in json.loads(run("speedup", *SMALL, "--json").stdout)["columns"][1:]:
            expect(c["absent"] and "simulation" in c["because"] and "images_per_second" not in c, "figures of a simulation", str(c))
        os.environ["TENON_MODULES"] = before
refused("speedup", "--gpu", "cuda:0,cudnn=on", says="cudnn is what the columns differ in")
refused("speedup", "--net", "vgg", says="there is no network \"vgg\"; there are torchvision, caffe")
refused("speedup", "--net", "unet", says="classes are of pixels")
refused("speedup", "--rounds", 0, says="whole number from 1")
refused("speedup", "lenet", says="one word too many")

programs.end("speedup")
