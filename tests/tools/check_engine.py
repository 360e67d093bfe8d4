#!/usr/bin/env python3
"""tenon-build and tenon-infer, from a model to what is on pictures. Usage: check_engine.py BUILD INFER MAKER WORK"""
import json
import os
import pathlib
import shutil
import struct
import subprocess
import sys
import zlib

build, infer, maker, work = sys.argv[1:]
work = pathlib.Path(work)
shutil.rmtree(work, ignore_errors=True)
work.mkdir(parents=True)


def run(*words, status=0, says="", stdin=None):
    """Its stdout; it ends with that status, and says so on stderr."""
    done = subprocess.run([str(w) for w in words], capture_output=True, text=True, timeout=120, cwd=work, input=stdin, check=False)
    if done.returncode != status or says not in done.stderr:
        sys.exit(f"{' '.join(map(str, words))}: status {done.returncode}, not {status} with \"{says}\":\n{done.stdout}{done.stderr}")
    return done.stdout


def expect(right, what):
    if not right:
        sys.exit(what)


def change(path, tensor):
    """Another number in a tensor of a file of safetensors."""
    data = bytearray(path.read_bytes())
    (size,) = struct.unpack("<Q", data[:8])
    at = 8 + size + json.loads(data[8:8 + size])[tensor]["data_offsets"][0] + 4
    data[at:at + 4] = struct.pack("<f", 900)
    path.with_name("changed.safetensors").write_bytes(data)


expected = run(maker, ".").splitlines()
pictures = [f"{i}.ppm" for i in range(3)]

# Built.
told = run(build, "flowers.safetensors", "-o", "a.plan", "--batch", "1,4")
expect("layers of" in told and "4 rows on cpu: made in" in told and "output sure: f32 N x 3" in told, told)
run(build, "flowers.safetensors", "-o", "a.plan", status=2, says="a.plan is there already")
run(build, "flowers.safetensors", status=2, says="where is the engine to be written")
run(build, "nothing.safetensors", "-o", "n.plan", status=2, says="nothing.safetensors")
run(build, "flowers.safetensors", "-o", "n.plan", "--no-pass", "nonsense", status=2, says="nonsense")
run(build, "flowers.safetensors", "-o", "n.plan", "--batch", "1;2", status=2, says="numbers of rows")
expect(not (work / "n.plan").exists(), "an engine is there whose rows are no numbers")
made = json.loads(run(build, "flowers.safetensors", "-o", "b.plan", "--json"))
expect(made["build"]["source"] == "flowers.safetensors" and made["inputs"][0]["shape"] == [-1, 12, 12, 3], made)
expect(made["layers"] < made["layers_before"] and made["contexts"][0]["rows"] == 1, made)
expect((work / "a.plan").read_bytes() == (work / "b.plan").read_bytes(), "the same model gives other bytes")
run(build, "flowers.safetensors", "-o", "b.plan", "--force", "--no-pass", "all")
expect((work / "a.plan").read_bytes() != (work / "b.plan").read_bytes(), "passes change nothing")
run(build, "a.plan", "-o", "again.plan")  # an engine is a model, too
told = json.loads(run(build, "flowers.safetensors", "-o", "t.plan", "--tune", "--batch", "1,4", "--json"))
expect(told["build"]["tuned"] and all(c["run_seconds"] > 0 < c["run_seconds_by_rules"] for c in told["contexts"]), told)
told = run(infer, "t.plan", "--report")
expect("kernels found on: cpu: " in told and ", rows 4\n" in told, told)
for rows, whose in ((4, "of the file, found on this machine"), (2, "by rules: the file has none for 2 rows")):
    told = json.loads(run(infer, "t.plan", "--bench", 0.01, "--rows", rows, "--json"))
    expect(told["kernels"] == whose, told)

# Judged, and in 8 bits.
for number, (folder, classes) in enumerate({"set": ("rose", "tulip", "tulip"), "others": ("rose", "tulip", "tulip"),
                                            "known": ("rose", "rose", "rose")}.items()):
    for p, c in zip(pictures, classes):
        (work / folder / c).mkdir(parents=True, exist_ok=True)
        data = bytearray((work / p).read_bytes())
        data[-1] ^= number
        (work / folder / c / p).write_bytes(data)
told = run(build, "flowers.safetensors", "-o", "c.plan", "--check", "known", "--max-drop", 0)
expect("3 pictures: top-1" in told and "0 lost, 0 won" in told, told)
expect("0 lost, 0 won" in run(infer, "c.plan", "--report"), "the engine does not say how good it is")
expect("1 comparison with" in told and "no number of pictures can tell" in told and "about" not in told, told)
run(build, "flowers.safetensors", "-o", "k.plan", "--check", "set", status=3, says="right on 1 of 3 pictures, no more than who guesses")
told = run(build, "flowers.safetensors", "-o", "i.plan", "--precision", "int8", "--json")
expect("accuracy" not in json.loads(told), told)
told = run(build, "flowers.safetensors", "-o", "j.plan", "--precision", "int8", "--calibrate", "others", "--check", "known",
           "--max-drop", 100, "--json")
expect(json.loads(told)["accuracy"]["images"] == 3 and json.loads(told)["accuracy"]["layers_int8"] > 0, told)
run(build, "flowers.safetensors", "-o", "k.plan", "--precision", "int8", "--calibrate", "set", "--check", "set", status=2,
    says="must not judge them")
(work / "linked").symlink_to("set")
for same in ("./set", "linked"):
    run(build, "flowers.safetensors", "-o", "k.plan", "--precision", "int8", "--calibrate", same, "--check", "set", status=2,
        says="must not judge them")
run(build, "flowers.safetensors", "-o", "k.plan", "--calibrate", "set", status=2, says="--precision int8")
(work / "flat").mkdir()
for p in (work / "others").rglob("*.ppm"):
    shutil.copy(p, work / "flat" / f"{p.parent.name}-{p.name}")
told = json.loads(run(build, "flowers.safetensors", "-o", "f.plan", "--precision", "int8", "--calibrate", "flat", "--json"))
expect(told["build"].get("calibrated", told.get("calibrated")) is True, f"pictures without labels are good enough to find scales with: {told}")
shutil.copytree(work / "set" / "rose", work / "strange" / "pansy")
run(build, "flowers.safetensors", "-o", "k.plan", "--check", "strange", status=2, says="its class 0 is \"pansy\"")
expect(not (work / "k.plan").exists(), "an engine is there that could not be built")

refused = json.loads(run(build, "flowers.safetensors", "-o", "k.plan", "--check", "set", "--json", status=3, says="no more than who guesses"))
expect(refused["engine"] is None and refused["accuracy"]["passed"] is False and not (work / "k.plan").exists(), refused)

# What 8 bits cannot tell: blue weighs most and is in no picture, and by its scale red and green weigh nothing.
red, green, blue = ([w] * 64 for w in (1, -1, 1000))
header, data = {"__metadata__": {"tenon.classes": "green\nred", "tenon.fit": "resize=8 order=rgb", "tenon.graph": """tenon graph 1
input image u8 N 8 8 3
x = image_input(image) scale=0.01,0.01,0.01
f = flatten(x)
y = dense(f) units=2
output y
"""}}, b""
for name, shape, numbers in (("y.weight", [2, 192], green + red + blue + red + green + blue), ("y.bias", [2], [0, 0])):
    header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(data), len(data) + 4 * len(numbers)]}
    data += struct.pack(f"<{len(numbers)}f", *numbers)
text = json.dumps(header).encode()
text += b" " * (-len(text) % 8)
(work / "hues.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)
for number in range(24):
    for part in "hues", "more":
        for hue, colour in ("green", (0, 100 + number, 0)), ("red", (100 + number, 0, 0)):
            (work / part / hue).mkdir(parents=True, exist_ok=True)
            (work / part / hue / f"{number}.ppm").write_bytes(b"P6\n8 8\n255\n" + bytes(colour) * 64)
words = (build, "hues.safetensors", "-o", "h.plan", "--precision", "int8", "--all-int8", "--calibrate", "more", "--check", "hues", "--json")
lost = json.loads(run(*words, status=3, says="loses more than --max-drop 1 points: nothing was written"))["accuracy"]
expect(lost["top_1_before"] == 48 and lost["top_1"] == lost["lost"] == 24 and lost["tells"] and lost["layers_left"] == 1, lost)
expect(not (work / "h.plan").exists(), "an engine is there that loses half")
expect(json.loads(run(*words, "--max-drop", 51))["accuracy"]["layers_int8"] == 1, "within 51 points it is built")

# Held against the model.
told = json.loads(run(build, "flowers.safetensors", "-o", "p.plan", "--parity", "set", "--json"))["parity"]
expect(told["pictures"] == told["labels_equal"] == 3 and told["worst"] < 1e-5 and told["same"] is True, told)
expect("3 labels equal" in run(build, "flowers.safetensors", "-o", "q.plan", "--precision", "int8", "--parity", "set"), "in 8 bits")
model = pathlib.Path(build).with_name("tenon-model")
told = json.loads(run(model, "convert", "flowers.safetensors", "p.onnx", "--parity", "set", "--json"))
expect(told["parity"]["labels_equal"] == 3 and told["parity"]["worst"] < 1e-5 and told["bytes"] == (work / told["file"]).stat().st_size, told)
run(model, "convert", "flowers.safetensors", "n.onnx", "--parity", "nowhere", status=2, says="nowhere")

# Named.
answers = json.loads(run(infer, "a.plan", *pictures, "--json"))
for line, answer in zip(expected, answers):
    best = answer["classes"][0]
    expect(line == f"./{answer['file']}: {best['name']}, {100 * best['share']:.2f} %", f"{line}: {answer}")
said = run(infer, "a.plan", *pictures)
expect(said == run(infer, "a.plan", *pictures, "--rows", 2), "two at a time are named otherwise")
expect(said == run(infer, "b.plan", *pictures, "--threads", 1), "without passes they are named otherwise")
(work / "list.txt").write_text("".join(f"{p}\n" for p in pictures))
expect(said == run(infer, "a.plan", "list.txt"), "a list is named otherwise")
expect(said == run(infer, "a.plan", "-", stdin="\n".join(pictures)), "stdin is named otherwise")
expect(run(infer, "a.plan", "set").count("set/") == 3, "a folder has three pictures")
(work / "broken.jpg").write_text("no picture")
expect(run(infer, "a.plan", "broken.jpg", *pictures, status=1, says="broken.jpg") == said, "a broken one stops the others")
told = json.loads(run(infer, "a.plan", pictures[0], "broken.jpg", pictures[1], "--rows", 2, "--json", status=1))
expect([list(t) for t in told] == [["file", "classes"], ["file", "error"], ["file", "classes"]] and told[1]["file"] == "broken.jpg" in told[1]["error"], f"it is in its place in JSON: {told}")
os.environ["TENON_WITHIN"] = str(work / "set")
expect(len(run(infer, "a.plan", "set", "list.txt", status=1, says="outside of the folders").split("%")) > 9, "a list leads out")
del os.environ["TENON_WITHIN"]
run(infer, "a.plan", status=2, says="pictures, a folder")
run(infer, "a.plan", "broken.jpg", *pictures, "--npy", "out.npy", status=1)
array = (work / "out.npy").read_bytes()
expect(b"(4, 3, )" in array and array[-48:-36] == 3 * struct.pack("<f", float("nan")), "no array of four pictures")

# Asked.
right = sum(a["classes"][0]["name"] == c for a, c in zip(answers, ("rose", "tulip", "tulip")))
measured = json.loads(run(infer, "a.plan", "--evaluate", "set", "--rows", 2, "--json"))
expect(measured["images"] == 3 and round(3 * measured["top_1"]) == right, measured)
expect("accuracy: not measured" in run(infer, "a.plan", "--report"), "no report")
timed = json.loads(run(infer, "a.plan", "--bench", 0.2, "--contexts", 2, "--threads", 1, "--rows", 2, "--json"))
expect(timed["runs"] > 1 and timed["least_seconds"] <= timed["median_seconds"] <= timed["p99_seconds"], timed)
expect("conv1" in run(infer, "a.plan", "--profile", "a.json", "--runs", 2), "no profile")

# Compared.
expect("at most" in run(infer, "a.plan", "--parity", "flowers.safetensors", *pictures, "--layers"), "not compared")
run(infer, "a.plan", "--parity", "flowers.safetensors")
change(work / "flowers.safetensors", "fc.bias")
off = run(infer, "a.plan", "0.ppm", "--parity", "changed.safetensors", "--layers", status=1)
expect(": too much" in off, off)
expect("the first that is off: fc\n" in off, off)

# Damaged.
whole = (work / "a.plan").read_bytes()
(work / "cut.plan").write_bytes(whole[:-100])
run(infer, "cut.plan", "0.ppm", status=2, says="cut.plan: ")
(work / "bent.plan").write_bytes(whole[:-9] + bytes([whole[-9] ^ 4]) + whole[-8:])
run(infer, "bent.plan", "0.ppm", status=2, says="bent.plan: is damaged")

# Of a model that is none, one is made.
expect(json.loads(run(infer, "flowers.safetensors", *pictures, "--json")) == answers, "a model is named otherwise than its engine")
(work / "runs/first/checkpoints").mkdir(parents=True)
shutil.copy(work / "flowers.safetensors", work / "runs/first/checkpoints/best.safetensors")
expect(run(infer, "first", *pictures) == said, "a run is named otherwise than its engine")
run(infer, "nothing", "0.ppm", status=2, says="no run with a best checkpoint")
run(infer, "flowers.safetensors", "0.ppm", "--parity", "a.plan", "--layers", status=2, says="is no engine")

run(model, "convert", "flowers.safetensors", "floats.onnx", "--float-input")
run(infer, "floats.onnx", "0.ppm", status=2, says="floats.onnx: no input of its net is a picture")

# It stays up: each line is answered before the next one comes.
with subprocess.Popen([infer, "a.plan", "-", "--json"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=work, text=True) as child:
    for name in ("broken.jpg", *pictures):
        child.stdin.write(name + "\n")
        child.stdin.flush()
        one = json.loads(child.stdout.readline())
        if name == "broken.jpg":
            expect(one["file"] == name and "broken.jpg" in one["error"] and "classes" not in one, one)
        else:
            expect(one["classes"] == answers[pictures.index(name)]["classes"] and 0 < one["seconds"] < 60, one)
    child.stdin.close()
    expect(child.wait() == 1, "a picture that could not be read is no failure")
# Each layer of a model, in figures and pictures.
def tensors(path):
    data = path.read_bytes()
    (size,) = struct.unpack("<Q", data[:8])
    for name, t in json.loads(data[8:8 + size]).items():
        if name != "__metadata__" and t["dtype"] == "F32":
            begin, end = (8 + size + at for at in t["data_offsets"])
            yield name, t["shape"], struct.unpack(f"<{(end - begin) // 4}f", data[begin:end])


def png(path):
    """Width, height, channels and rows of a PNG whose sums are right."""
    data, at, parts = path.read_bytes(), 8, {}
    expect(data[:8] == b"\x89PNG\r\n\x1a\n", f"{path}: no PNG")
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at:at + 8])
        expect(struct.unpack(">I", data[at + 8 + size:at + 12 + size])[0] == zlib.crc32(data[at + 4:at + 8 + size]), f"{path}: CRC of {kind}")
        parts[kind] = data[at + 8:at + 8 + size]
        at += 12 + size
    width, height, bits, colour = struct.unpack(">IIBB", parts[b"IHDR"][:10])
    channels, rows = {0: 1, 2: 3}[colour], zlib.decompress(parts[b"IDAT"])
    expect(bits == 8 and len(rows) == height * (1 + width * channels) and list(parts)[-1] == b"IEND", f"{path}: {len(rows)} bytes")
    return width, height, channels, [rows[y * (1 + width * channels) + 1:(y + 1) * (1 + width * channels)] for y in range(height)]


shown = json.loads(run(model, "layers", "flowers.safetensors", "1.ppm", "--out", "drawn", "--json"))
layers = {layer["name"]: layer for layer in shown["layers"]}
sure, shares = layers["sure"], [c["share"] for c in answers[1]["classes"]]
expect(sure["op"] == "softmax" and sure["shape"] == [1, 3] and abs(sure["made"]["largest"] - shares[0]) < 1e-6 and abs(sure["made"]["mean"] - 1 / 3) < 1e-6, sure)
expect([shown["layers"][i]["name"] for i in sure["reads"]] == ["fc"] and shown["layers"][0]["op"] == "input", "what a layer reads")
numbers = {name: (shape, x) for name, shape, x in tensors(work / "flowers.safetensors")}
weights = {t["name"]: t for layer in shown["layers"] for t in layer["weights"]}
expect({"conv1.weight", "fc.bias"} <= set(weights) and layers["fc"]["parameters"] == sum(len(numbers[n][1]) for n in ("fc.weight", "fc.bias")), sorted(weights))
for name, t in weights.items():
    shape, x = numbers[name]
    expect(t["shape"] == shape and t["count"] == len(x) == sum(t["histogram"]) and abs(t["mean"] - sum(x) / len(x)) < 1e-6 * max(map(abs, x)) and abs(t["largest"] / max(x) - 1) < 1e-6, t)
shape, x = numbers["conv1.weight"]
sheet = weights["conv1.weight"]["picture"]
width, height, channels, rows = png(work / "drawn" / sheet["file"])
expect(shape[1] == 3 and channels == 3 and sheet["tiles"] == shape[0] and width == shape[3] * sheet["columns"], sheet)
bgr = "order=bgr" in json.loads(run(model, "describe", "flowers.safetensors", "--json"))["facts"].get("tenon.fit", "")
plane, whole_filter = shape[2] * shape[3], shape[1] * shape[2] * shape[3]
for k in range(shape[0]):
    top, left = k // sheet["columns"] * shape[2], k % sheet["columns"] * shape[3]
    most = max(map(abs, x[k * whole_filter:(k + 1) * whole_filter]))
    for c in range(3):
        order = 2 - c if bgr else c
        drawn = [rows[top + y][(left + i) * 3 + order] for y in range(shape[2]) for i in range(shape[3])]
        want = [128 + 127 * v / most for v in x[k * whole_filter + c * plane:k * whole_filter + (c + 1) * plane]]
        expect(all(abs(a - b) <= 0.51 for a, b in zip(drawn, want)), f"filter {k}, channel {c}: {drawn} {want}")
for layer in shown["layers"][1:]:
    png(work / "drawn" / layer["made"]["picture"]["file"])
expect("made" not in json.loads(run(model, "layers", "flowers.safetensors", "--json"))["layers"][2], "of no picture there is nothing made")
expect("fc " in run(model, "layers", "flowers.safetensors", "0.ppm", "--out", "drawn") and json.loads((work / "drawn/layers.json").read_text())["image"] == "0.ppm", "as a table")
run(model, "layers", "flowers.safetensors", "broken.jpg", status=2, says="broken.jpg")
run(model, "layers", "broken.jpg", status=2, says="broken.jpg")
print("an engine is built, run, measured and compared")
