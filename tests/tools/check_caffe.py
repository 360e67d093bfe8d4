#!/usr/bin/env python3
"""The programs take Caffe's files: a solver's recipe is trained by, flags of one's own hold in its place, and what a file leaves open
is said by the same flags everywhere.   check_caffe.py FOLDER_OF_TOOLS FOLDER_OF_EXAMPLES WORK"""
import gzip
import json
import math
import os
import pathlib
import shutil
import struct
import subprocess
import sys

tools, examples, work = (pathlib.Path(a) for a in sys.argv[1:4])
data = pathlib.Path(os.environ["TENON_TEST_DATA"])
shutil.rmtree(work, ignore_errors=True)
work.mkdir(parents=True)

NET = """
layer { name: "d" type: "Data" top: "data" top: "label" include { phase: TRAIN }
  transform_param { mean_value: 100 mean_value: 110 mean_value: 120 scale: 0.02 resize_param { prob: 1 } }
  data_param { batch_size: 10 } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
  convolution_param { num_output: 8 kernel_size: 5 stride: 4 weight_filler { type: "msra" } } }
layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
layer { name: "fc" type: "InnerProduct" bottom: "conv" top: "fc"
  inner_product_param { num_output: 10 weight_filler { type: "xavier" } } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "fc" bottom: "label" top: "loss" }
"""
DEPLOY = """
input: "data" input_dim: 1 input_dim: 3 input_dim: 32 input_dim: 32
""" + NET[NET.index('layer { name: "conv"'):NET.index('layer { name: "loss"')] + """
layer { name: "global" type: "Reshape" bottom: "fc" top: "wide" reshape_param { shape { dim: 0 dim: 10 dim: 1 dim: 1 } } }
layer { name: "prob" type: "Softmax" bottom: "wide" top: "prob" }
"""
SOLVER = """
net: "net.prototxt"
base_lr: 0.01 momentum: 0.9 weight_decay: 0.001 lr_policy: "multistep" gamma: 0.5 stepvalue: 3 stepvalue: 5
max_iter: 7 snapshot: 4 test_iter: 10 test_interval: 2 iter_size: 2 random_seed: 5 type: "Nesterov"
"""
(work / "net.prototxt").write_text(NET)
(work / "deploy.prototxt").write_text(DEPLOY)
(work / "solver.prototxt").write_text(SOLVER)


def run(program, *words, status=0):
    done = subprocess.run([program, *map(str, words)], cwd=work, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == status, f"{program} {words}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def recipe(name):
    return json.loads((work / name / "config.json").read_text())["recipe"]


train = tools / "tenon-train"
run(tools / "tenon-shapes", "shapes", "--train", 5, "--val", 2)
base = ["shapes", "--device", "cpu,threads=1", "--size", 32]
said = run(train, *base, "--solver", "solver.prototxt", "--run", "./a")
assert "passed over of the solver: test_iter, test_interval" in said, said
assert said.count("resize_param is passed over") == 1, said
r = recipe("a")
want = {"rate": 0.01, "momentum": 0.9, "decay": 0.001, "rate-policy": "multistep", "rate-gamma": 0.5, "rate-at": "3,5",
        "steps": 7, "accumulate": 2, "seed": 5, "nesterov": True, "batch": 10, "optim": "sgd", "warmup": 0}
assert {k: r[k] for k in want} == want, r
steps = [json.loads(line) for line in (work / "a" / "log.jsonl").read_text().splitlines()]
assert max(s.get("step", 0) for s in steps) == 7
kept = sorted(p.name for p in (work / "a" / "checkpoints").iterdir())
assert "step-00000004.safetensors" in kept and "step-00000007.safetensors" in kept, kept

# What is said on the command line holds; a run that was cut short goes on to the same numbers.
run(train, *base, "--solver=solver.prototxt", "--run", "./b", "--rate", 0.003, "--batch", 5, "--net", "net.prototxt")
assert recipe("b")["rate"] == 0.003 and recipe("b")["batch"] == 5 and recipe("b")["steps"] == 7
run(train, *base, "--solver", "solver.prototxt", "--run", "./c", "--save-steps", 1)
for checkpoint in (work / "c" / "checkpoints").iterdir():
    if checkpoint.name > "step-00000005.safetensors" and checkpoint.name != "best.safetensors":
        checkpoint.unlink()
run(train, "--resume", "./c")
last = [(work / name / "checkpoints" / "step-00000007.safetensors").read_bytes() for name in "ac"]
assert last[0][-4096:] == last[1][-4096:], "a run that went on came to other numbers"

# What cannot be.
(work / "adagrad.prototxt").write_text(SOLVER.replace("Nesterov", "AdaGrad"))
assert "its type is AdaGrad" in run(train, *base, "--solver", "adagrad.prototxt", status=2)
(work / "open.prototxt").write_text(SOLVER.replace("max_iter: 7", ""))
assert "--steps does" in run(train, *base, "--solver", "open.prototxt", status=2)
assert "is no solver of Caffe's" in run(train, *base, "--solver", "deploy.prototxt", status=2)
assert "only its database knows" in run(train, "shapes", "--net", "net.prototxt", status=2)

# A deploy net is planned, trained and used by what flags say of its pictures.
plan = tools / "tenon-plan"
text = run(plan, "deploy.prototxt", "--device", "cpu", "--text", "--scale", "0.02", "--mean", "100,110,120", "--order", "bgr")
assert "mean=100,110,120" in text and "input data u8 N 32 32 3" in text, text
assert "input data u8 N 48 48 3" in run(plan, "net.prototxt", "--device", "cpu", "--text", "--size", 48)
assert "--scale or --mean say" in run(train, "shapes", "--net", "deploy.prototxt", "--device", "cpu", status=2)
run(train, "shapes", "--net", "deploy.prototxt", "--scale", "0.02", "--order", "bgr", "--steps", 3, "--batch", 10, "--device",
    "cpu,threads=1", "--run", "./d")
assert "softmax(" in (work / "d" / "config.json").read_text()
assert "--scale wants a number" in run(plan, "deploy.prototxt", "--device", "cpu", "--scale", "x", status=2)
for words in (("--scale", "1,2"), ("--scale", 1, "--mean", "1,2,3,4")):
    assert "pictures have 3 channels" in run(plan, "deploy.prototxt", "--device", "cpu", *words, status=2), words

# Numbers and momentum of Caffe's, which has the rate and lr_mult in it: training goes on behind their steps.
def field(number, payload):
    def varint(n):
        return bytes([n]) if n < 128 else bytes([n & 127 | 128]) + varint(n >> 7)
    return varint(number << 3 | 2) + varint(len(payload)) + payload if isinstance(payload, bytes) else varint(number << 3) + varint(payload)


def blob(value, *dims):
    return field(7, b"".join(field(1, d) for d in dims)) + field(5, struct.pack("<f", value) * math.prod(dims))


SHAPES = {"conv": [(8, 3, 5, 5), (8,)], "fc": [(10, 392), (10,)]}
(work / "tuned.prototxt").write_text(NET.replace('bottom: "data" top: "conv"', 'bottom: "data" top: "conv" param { lr_mult: 2 }'))
(work / "tuned_solver.prototxt").write_text(SOLVER.replace("net.prototxt", "tuned.prototxt"))
(work / "w.caffemodel").write_bytes(b"".join(
    field(100, field(1, name.encode()) + b"".join(field(7, blob(0, *s)) for s in shapes)) for name, shapes in SHAPES.items()))
history = b"".join(field(3, blob(0.04, *s)) for shapes in SHAPES.values() for s in shapes)
(work / "w.solverstate").write_bytes(field(1, 3) + field(2, b"w.caffemodel") + history)
(work / "adam.solverstate").write_bytes(field(1, 3) + history + history)
tuned = [*base, "--solver", "tuned_solver.prototxt", "--init", "w.caffemodel"]
said = run(train, *tuned, "--init-state", "w.solverstate", "--run", "./e", "--save-steps", 1, "--log-every", 1, "--keep", 9)
assert "momentum of 4 parameters is from w.solverstate, behind step 3" in said, said
rates = [line["rate"] for line in map(json.loads, (work / "e" / "log.jsonl").read_text().splitlines()) if "rate" in line]
assert [round(rate, 6) for rate in rates] == [0.005, 0.005, 0.0025, 0.0025], rates
file = (work / "e" / "checkpoints" / "step-00000001.safetensors").read_bytes()
head = 8 + int.from_bytes(file[:8], "little")
begin, end = json.loads(file[8:head])["optimizer.conv.weight.momentum"]["data_offsets"]
momentum = struct.unpack(f"<{(end - begin) // 4}f", file[head + begin:head + end])
assert all(abs(m - 0.9 * 0.04 / (0.01 * 2)) < 1e-6 for m in momentum), momentum[:4]
run(train, "--resume", "./e")
assert "one for each" in run(train, *tuned, "--init-state", "adam.solverstate", status=2)
assert "is of the numbers of --init" in run(train, *base, "--net", "tuned.prototxt", "--init-state", "w.solverstate", status=2)

# tenon model: what is in a file, its text, and one file of it all.
model = tools / "tenon-model"
done = subprocess.run([model, "describe", "net.prototxt", "--size", "32", "--json"], cwd=work, capture_output=True, text=True, check=True)
said = json.loads(done.stdout)
assert said["inputs"] == [{"name": "data", "type": "u8", "shape": "N x 32 x 32 x 3"}, {"name": "label", "type": "i32", "shape": "N"}], said
assert said["operations"]["conv2d"] == 1 and said["loss"] == "loss" and said["lacking"] == 4 and not said["refused"], said
assert said["facts"]["tenon.recipe"] == "batch=10" and said["flops"] > 2 * 8 * 75 * 49, said
text = run(model, "describe", "solver.prototxt", "--size", 32)
assert "outputs    fc: f32 N x 10" in text and "nesterov" in text and "the file lacks 4 tensors" in text, text
(work / "python.prototxt").write_text(NET.replace('"ReLU"', '"Python"').replace('"InnerProduct"', '"Own"'))
text = run(model, "describe", "python.prototxt", "--size", 32, status=1)
assert "2 of 5 layers cannot be imported:\n  Python" in text and "\n  Own" in text, text
run(model, "text", "deploy.prototxt", "--scale", 1, "-o", "deploy.net")
assert run(model, "text", "deploy.net") == (work / "deploy.net").read_text()
assert "is there" in run(model, "text", "deploy.prototxt", "-o", "deploy.net", status=2)
best = work / "a" / "checkpoints" / "best.safetensors"
(work / "names").write_text("".join(f"shape {i}\n" for i in range(10)))
run(model, "convert", best, "one.safetensors", "--classes", "names", "--resize", 40)
text = run(model, "describe", "one.safetensors")
assert "resize=40 order=bgr" in text and '10, from "shape 0"' in text and "lacks" not in text, text
(work / "names").write_text("one\n")
assert "names 1 classes" in run(model, "convert", best, "two.safetensors", "--classes", "names", status=2)
assert "is less than what the net takes" in run(model, "convert", best, "two.safetensors", "--resize", 8, status=2)
assert "ends neither in" in run(model, "convert", best, "two.pt", status=2)
assert "--float-input is of .onnx" in run(model, "convert", best, "two.safetensors", "--float-input", status=2)
run(model, "convert", best, "one.onnx")
text = run(model, "describe", "one.onnx")
assert "data: u8 N x 32 x 32 x 3" in text and "lacks" not in text, text
run(model, "convert", best, "floats.onnx", "--float-input")
assert "f32 N x 3 x 32 x 32" in run(model, "describe", "floats.onnx")
assert not (work / "two.safetensors").exists()

# LeNet sees a picture of a seven, by its deploy net and by its numbers alone.
lenet = data / "models" / "lenet_caffe"
if lenet.exists():
    with gzip.open(data / "mnist" / "t10k-images-idx3-ubyte.gz") as f:
        seven = f.read(16 + 784)[16:]
    (work / "seven.bmp").write_bytes(
        b"BM" + (54 + 28 * 84).to_bytes(4, "little") + bytes(4) + (54).to_bytes(4, "little") + (40).to_bytes(4, "little") +
        (28).to_bytes(4, "little") + (28).to_bytes(4, "little") + (1).to_bytes(2, "little") + (24).to_bytes(2, "little") +
        bytes(24) + b"".join(bytes([p]) * 3 for row in range(27, -1, -1) for p in seven[28 * row:28 * row + 28]))
    numbers = lenet / "lenet_iter_10000.caffemodel"
    for words in ([lenet / "deploy.prototxt", "--weights", numbers, "--scale", 1 / 256], [numbers, "--input", "*=1x28x28"]):
        said = run(examples / "classify", *words, "seven.bmp", "--top", 1)
        assert "class 7" in said, said
    run(model, "convert", lenet / "deploy.prototxt", "lenet.safetensors", "--weights", numbers, "--scale", 1 / 256)
    assert "class 7" in run(examples / "classify", "lenet.safetensors", "seven.bmp", "--top", 1)
else:
    print("LeNet is not here: not seen")
print("good")
