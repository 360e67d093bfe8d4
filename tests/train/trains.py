"""What the checks of this folder share: a tiny net on tiny images, runs and their folders, and when two are the same."""
import json
import os
import pathlib
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "examples"))
import programs
from programs import expect

TRAIN = programs.PROGRAMS.parent / "tools/tenon-train"

# Every kind of state: what a layer learns by itself, what is drawn at random, what the optimizer keeps.
NET = """tenon graph 1
input image u8 N 16 16 3
input label i32 N
x = image_input(image) mean=128,128,128 scale=0.01,0.01,0.01
c1 = conv2d(x) filters=8 kernel=3 stride=2
b1 = batchnorm(c1)
r1 = relu(b1)
f = flatten(r1)
d = dropout(f) rate=0.3
fc = dense(d) units=3
l, right, among = softmax_xent(fc, label)
output fc
loss l
"""


def make_set(folder, train=12, val=4):
    """Three classes; a file of the training set cannot be read, of another a part is damaged."""
    programs.make_images(folder / "set/train", train)
    programs.make_images(folder / "set/val", val)
    (folder / "set/train/blue/bad.ppm").write_bytes(b"P6 nothing")
    cut = (folder / "set/train/green/000.ppm").read_bytes()
    (folder / "set/train/green/cut.ppm").write_bytes(cut[:len(cut) // 2])
    (folder / "tiny.net").write_text(NET)
    return (folder / "set", "--net", folder / "tiny.net", "--batch", 4, "--threads", 1, "--max-bad", 50, "--augment", "full")


def give(run, orders):
    """Orders to a run that has not begun: name and order."""
    (run / "control").mkdir(parents=True)
    for name, order in orders.items():
        (run / f"control/{name}.json").write_text(json.dumps({"v": 1, **order}))


def start(*words, **more):
    more = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **more}
    return subprocess.Popen([TRAIN, *map(str, words)], **more)


def train(*words, status=0, **more):
    return programs.run("../tools/tenon-train", *words, status=status, **more)


def lines(run):
    """Of its log; one that is torn is none."""
    found = []
    try:
        data = (run / "log.jsonl").read_bytes()
    except FileNotFoundError:
        return found
    for line in data.split(b"\n"):
        try:
            found.append(json.loads(line))
        except ValueError:
            pass
    return found


def state(run):
    return json.loads((run / "state.json").read_text())


def step(run):
    return max([line["step"] for line in lines(run)], default=-1)


def await_step(p, run, least):
    """Until the log tells of that step."""
    while step(run) < least:
        if p.poll() is not None:
            expect(False, f"ended before step {least} with status {p.returncode}", "".join(p.communicate()))
            return
        time.sleep(0.0005)


def story(run, without=()):
    """What happened, as if it had never stopped, without what may differ between two runs that are the same."""
    kept = []
    for line in lines(run):
        if line["e"] == "resume":
            kept = [k for k in kept if k["step"] <= line["step"] and k["e"] != "end"]
        elif line["e"] not in ("start", "warn", *without):
            kept.append({k: v for k, v in line.items() if k not in ("t", "images_s", "wait", "seconds", "by", "host", "bytes", "xxh3")})
    return kept


def checkpoints(run):
    return {p.name: p for p in sorted((run / "checkpoints").glob("*.safetensors"))}


def expect_same(a, b, what, without=()):
    """Two runs: the same story, and each checkpoint that both have the same bytes; the last one is among them."""
    x, y = story(a, without), story(b, without)
    for i, (one, other) in enumerate(zip(x, y)):
        if one != other:
            expect(False, f"{what}: line {i} of the logs", f"{one}\n{other}")
            break
    expect(len(x) == len(y), f"{what}: {len(x)} lines and {len(y)}", f"{x[len(y):]}\n{y[len(x):]}")
    ours, theirs = checkpoints(a), checkpoints(b)
    last = max(n for n in ours if n.startswith("step"))
    expect(last in theirs, f"{what}: no {last}", f"{list(theirs)}")
    for name in ours.keys() & theirs.keys():
        expect(ours[name].read_bytes() == theirs[name].read_bytes(), f"{what}: {name} differs")
