#!/usr/bin/env python3
"""--profile of tenon-train and tenon-infer: spans nest, every layer is there in both passes, times add up; on the CPU, on two as one
and on the simulated GPU. Usage: check_profile.py TRAIN INFER BUILD SHAPES WORK"""
import json
import os
import pathlib
import shutil
import subprocess
import sys

train, infer, build, shapes, work = sys.argv[1:]
work = pathlib.Path(work).resolve()
shutil.rmtree(work, ignore_errors=True)
work.mkdir(parents=True)
LAYERS = {"conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7", "fc8", "pool2d1", "pool2d3", "loss"}
STEPS = 3


def run(*words, status=0):
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True, timeout=120, check=False, cwd=work)
    if done.returncode != status:
        sys.exit(f"{words}: status {done.returncode}, not {status}:\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def expect(right, what, *more):
    if not right:
        sys.exit(f"{what}: {more}")


class Trace:
    def __init__(self, path):
        events = json.loads((work / path).read_text())["traceEvents"]
        names = {e["tid"]: e["args"]["name"] for e in events if e["name"] == "thread_name"}
        self.tracks = {n: [] for n in names.values()}
        for e in events:
            if e["ph"] == "X":
                self.tracks[names[e["tid"]]].append(e)
        for name, spans in self.tracks.items():
            self.check_nesting(name, spans)

    @staticmethod
    def check_nesting(name, spans):
        """Each span lies within the one around it, or behind it. Times are told to a thousandth of a microsecond."""
        around = []
        for e in sorted(spans, key=lambda e: (e["ts"], -e["dur"])):
            expect(e["ts"] >= -0.001 and e["dur"] >= 0, "a time before the beginning", name, e)
            while around and around[-1] <= e["ts"] + 0.002:
                around.pop()
            expect(not around or e["ts"] + e["dur"] <= around[-1] + 0.002, "spans cross", name, e)
            around.append(e["ts"] + e["dur"])

    def kind(self, track, *kinds):
        return [e for e in self.tracks.get(track, ()) if e["cat"] in kinds]


def check_device(t, device, runs, passes=("forward", "backward")):
    """Every layer once a run and pass; what is in a pass takes no longer than it."""
    for p in passes:
        seen = {e["name"] for e in t.kind(device, p)}
        expect(LAYERS - {"loss"} <= seen, "layers are missing", device, p, LAYERS - seen)
        whole = [e for e in t.kind(device, "pass") if e["name"] == p]
        expect(len(whole) == runs, "passes", device, p, len(whole))
        for w in whole:
            inside = [e for e in t.tracks[device] if e["cat"] != "pass" and w["ts"] - 0.002 <= e["ts"]
                      and e["ts"] + e["dur"] <= w["ts"] + w["dur"] + 0.002]
            expect(len({e["name"] for e in inside}) >= len(LAYERS) - 1, "a pass without its layers", device, inside)
            expect(sum(e["dur"] for e in inside) <= w["dur"] * 1.001 + 0.1, "layers take longer than their pass", device, w)
    conv = [e for e in t.kind(device, "forward") if e["name"] == "conv2"]
    expect(conv[0]["args"]["flops"] > 1e5 and conv[0]["args"]["bytes"] > 1e3 and "conv2d" in conv[0]["args"]["does"], "conv2", conv[0])


run(shapes, "set", "--train", 6, "--val", 1)
SMALL = ("set", "--net", "slim", "--size", 64, "--batch", 4, "--epochs", 1, "--max-steps", 12, "--threads", 2)
devices = [("cpu", ["cpu"]), ("cpu:0-1", ["cpu:0", "cpu:1"])]
if (pathlib.Path(os.environ.get("TENON_MODULES", "nowhere")) / "tenon_sim.so").exists():
    devices.append(("sim:0", ["sim:0"]))
for number, (device, parts) in enumerate(devices):
    file = f"{number}.json"
    said = run(train, *SMALL, "--run", f"./run{number}", "--device", device, "--profile", file, "--profile-steps", STEPS)
    t = Trace(file)
    expect(f"profile of {STEPS} steps" in said and "conv5" in said and "all of them:" in said, "no table", said)
    expect(("% of arithmetic" in said or "% of memory" in said) == (device == "cpu"), "the share of what is reached", said)
    steps = t.kind("program", "step")
    expect(len(steps) == STEPS, "steps", t.tracks.keys(), steps)
    calls = {e["name"] for e in t.tracks["program"]}
    expect({"set", "run", "update", "wait for batch"} <= calls, "what the program asked for", calls)
    expect(sum(e["dur"] for e in t.kind("program", "call", "wait") if e["ts"] + e["dur"] <= steps[-1]["ts"] + steps[-1]["dur"])
           <= sum(s["dur"] for s in steps) + 1, "calls take longer than steps", device)
    for p in parts:
        check_device(t, p, STEPS)
        expect(len([e for e in t.kind(p, "update")]) == STEPS, "updates", p)
        expect({e["name"] for e in t.kind(f"{p} copies", "copy")} >= {"image", "label"}, "copies", t.tracks.keys())
        expect(len(parts) == 1 or len(t.kind(f"{p} sums", "sum")) >= STEPS, "sums", t.tracks.keys())
    if number == 0:
        said = run(train, *SMALL[:-4], "--max-steps", 5, "--threads", 2, "--run", "./short", "--profile", "short.json")
        expect("before there was anything to take" in said and not (work / "short.json").exists(), "a profile of no step", said)
        expect(any(n.startswith("loader") for n in t.tracks), "loader threads", t.tracks.keys())
        expect("0.json" in run(train, *SMALL, "--run", "./again", "--profile", file, status=2), "a profile is written over")

run(build, next((work / "run0" / "checkpoints").glob("step*.safetensors")), "-o", "a.plan")
said = run(infer, "a.plan", "--profile", "infer.json", "--runs", 4, "--rows", 2)
expect("profile of 4 steps" in said and "conv5" in said, said)
t = Trace("infer.json")
expect(len(t.kind("program", "call")) >= 12 and len([e for e in t.kind("cpu", "pass") if e["name"] == "forward"]) == 4, "runs", t.tracks.keys())
expect({"conv1", "conv5", "fc8"} <= {e["name"] for e in t.kind("cpu", "forward")}, "layers of an engine", t.kind("cpu", "forward"))
print(f"profiles of {len(devices)} devices are whole")
