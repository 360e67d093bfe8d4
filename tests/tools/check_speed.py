#!/usr/bin/env python3
"""tenon-speed: figures that agree with each other; what is not there has a reason and no figure; no simulation; what is unfair.
Usage: check_speed.py SPEED WORK"""
import csv
import json
import os
import pathlib
import shutil
import subprocess
import sys
import xml.dom.minidom

speed, work = sys.argv[1:]
work = pathlib.Path(work)
shutil.rmtree(work, ignore_errors=True)
work.mkdir(parents=True)


def run(*words, status=0, env=None):
    done = subprocess.run([speed, *map(str, words)], capture_output=True, text=True, timeout=120, check=False, cwd=work,
                          env=os.environ | (env or {}))
    if done.returncode != status:
        sys.exit(f"{words}: status {done.returncode}, not {status}:\n{done.stdout}{done.stderr}")
    return done


def expect(right, what, shown=""):
    if not right:
        sys.exit(f"{what}\n{shown}")


def refused(*words, says):
    done = run(*words, status=2)
    expect(len(done.stderr.splitlines()) == 1 and says in done.stderr, f"{words}: does not say \"{says}\"", done.stderr)


SMALL = ("--net", "slim", "--batch", 2, "--size", 64, "--classes", 7, "--cpu", "cpu,threads=1", "--rounds", 3, "--steps",
         2, "--warm-up", 2)

said = run("--help")
expect(said.stdout.startswith("Usage: tenon-speed") and "--cpu-steps" in said.stdout, "--help", said.stdout)
expect(all(len(line) <= 110 for line in said.stdout.splitlines()), "--help is too wide", said.stdout)

found = json.loads(run(*SMALL, "--per-layer", "--json", "--csv", "a.csv", "--svg", "a.svg").stdout)
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
said = run(*SMALL, "--gpu", "cuda:1000", "--per-layer")
lines = said.stdout.splitlines()
row = [line for line in lines if line.startswith("ms a step, median")]
expect(len(row) == 1 and row[0].split()[-5:] == ["absent"] * 5, "the table", said.stdout)
row = [line for line in lines if line.startswith("conv5")]
expect(len(row) == 1 and row[0].split()[2:] == ["absent"] * 5, "the table of layers", said.stdout)
expect(any(line.startswith("GPU bf16: absent: ") for line in lines), "no reason", said.stdout)

for flag in ("--gpu", "--cpu"):
    for name in ("sim", "sim:0", "sim:0,graph=off", "sim,gpu=h100"):
        refused(flag, name, says="is a simulation of a GPU")
# Nor under another name.
simulation = pathlib.Path(os.environ.get("TENON_MODULES", "nowhere")) / "tenon_sim.so"
if simulation.exists():
    (work / "tenon_cuda.so").symlink_to(simulation)
    for c in json.loads(run(*SMALL, "--json", env={"TENON_MODULES": str(work.resolve())}).stdout)["columns"][1:]:
        expect(c["absent"] and "simulation" in c["because"] and "images_per_second" not in c, "figures of a simulation", str(c))
refused("--gpu", "cuda:0,cudnn=on", says="cudnn is what the columns differ in")
refused("--net", "vgg", says="there is no network \"vgg\"; there are torchvision, caffe")
refused("--net", "unet", says="classes are of pixels")
refused("--rounds", 0, says="whole number from 1")
refused("lenet", says="one word too many")

# As files, which are not written over.
rows = list(csv.DictReader((work / "a.csv").open(newline="")))
expect([r["title"] for r in rows] == [c["title"] for c in columns], "the CSV", rows)
expect(abs(float(rows[0]["images a second"]) / cpu["images_per_second"] - 1) < 1e-6, "the CSV's figures", rows)
expect(all(bool(r["because absent"]) == c["absent"] and (r["seconds a step"] == "") == c["absent"] for r, c in zip(rows, columns)),
       "what is absent in the CSV", rows)
texts = [t.firstChild.data for t in xml.dom.minidom.parse(str(work / "a.svg")).getElementsByTagName("text") if t.firstChild]
expect(all(any(c["title"] == t for t in texts) for c in columns), "the picture", texts)
refused(*SMALL, "--csv", "a.csv", says="a.csv")

# Unfair: one thread where there are more, and a build for finding errors.
unfair = {f["id"]: f for f in found["unfair"]}
if len(os.sched_getaffinity(0)) > 1 and not os.environ.get("OMP_NUM_THREADS"):
    expect("has 1 thread of" in unfair.get("threads-few", {"text": ""})["text"], "one thread is fair", unfair)
isa = run(*SMALL, "--gpu", "cuda:1000", env={"ONEDNN_MAX_CPU_ISA": "SSE41"}).stdout
expect("This comparison is not fair:" in isa and "ONEDNN_MAX_CPU_ISA=SSE41" in isa, "another instruction set is fair", isa)
print("tenon-speed measures and says what is unfair")
