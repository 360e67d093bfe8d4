#!/usr/bin/env python3
"""tenon-eval: its numbers are those of plain loops over the same logits, whatever the batch and the device, and alexnet's; each
picture counts once; classes are matched by name; what cannot be is refused; reports are whole, whatever names are in them.

Usage: check_eval.py FOLDER_OF_TOOLS FOLDER_OF_EXAMPLES
"""
import collections
import json
import math
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

try:
    import numpy as np
except ImportError:
    print("skipped: python3-numpy is not here")
    sys.exit(77)

from eval_lab import CLASSES, NAMES, SIDE, make_model, make_set, write_model, write_picture

TOOLS, EXAMPLES = (pathlib.Path(p).resolve() for p in sys.argv[1:3])
failures = []


def expect(true, what, shown=""):
    if not true:
        failures.append(f"{what}\n{shown}")


def run(program, *words, status=0, **more):
    done = subprocess.run([program, *map(os.fsencode, map(str, words))], capture_output=True, timeout=300, **more)
    done.out, done.err = (os.fsdecode(b) for b in (done.stdout, done.stderr))
    expect(done.returncode == status, f"{program.name} {words}: status {done.returncode}, not {status}", done.out + done.err)
    return done


def evaluate(*words, **more):
    return run(TOOLS / "tenon-eval", *words, **more)


def report(*words, **more):
    return json.loads(evaluate(*words, "--json", **more).out)


def refused(says, *words):
    done = evaluate(*words, status=2)
    expect(says in done.err and done.err.count("\n") == 1 and not done.out, f"{words}: does not say \"{says}\"", done.err)


# ---- what should come out -----------------------------------------------------------------------

def logits_of(pixels, weight, bias):
    x = pixels.astype(np.float64).transpose(2, 0, 1).ravel()
    return weight.astype(np.float64) @ ((x - 127.5) * 0.0078125) + bias.astype(np.float64)


def softmax(x):
    e = np.exp(x - x.max())
    return e / e.sum()


def count(shares, labels):
    """What a report should have, by the definitions."""
    matrix = np.zeros((CLASSES, CLASSES), int)
    right_5 = loss = 0
    for p, label in zip(shares, labels):
        order = sorted(range(CLASSES), key=lambda k: (-p[k], k))
        matrix[label][order[0]] += 1
        right_5 += label in order[:5]
        loss -= math.log(p[label])
    return matrix, right_5, loss / len(labels)


def same(got, matrix, right_5, loss, what):
    n = int(matrix.sum())
    expect(got["images"] == n and got["right"] == matrix.trace() and got["right_5"] == right_5, f"{what}: counts", got)
    expect(got["top1"] == matrix.trace() / n and got["top5"] == right_5 / n, f"{what}: shares", got)
    expect(abs(got["loss"] - loss) < 1e-5, f"{what}: the loss is {got['loss']}, not {loss}")
    cells = [[i, j, int(matrix[i][j])] for i in range(CLASSES) for j in range(CLASSES) if matrix[i][j]]
    expect(got["confusion"] == cells, f"{what}: the matrix", (got["confusion"], cells))
    for k, c in enumerate(got["classes"]):
        rows, said, right = int(matrix[k].sum()), int(matrix[:, k].sum()), int(matrix[k][k])
        expect((c["images"], c["said"], c["right"]) == (rows, said, right), f"{what}: class {k}", c)
        expect(c["recall"] == (right / rows if rows else None), f"{what}: recall of {k}", c)
        expect(c["precision"] == (right / said if said else None), f"{what}: precision of {k}", c)


# ---- what is checked ------------------------------------------------------------------------------

def numbers(folder):
    weight, bias = make_model(folder / "m")
    pictures = make_set(folder / "set")
    labels = [NAMES.index(p.parent.name) for p in pictures]
    want = count([softmax(logits_of(x, weight, bias)) for x in pictures.values()], labels)
    devices = ["cpu", "cpu,threads=1"]
    if (TOOLS.parent / "tenon_sim.so").exists() and "TENON_MODULES" in os.environ:
        devices += ["sim:0", "sim:0-1"]
    first = None
    for device in devices:
        for batch in (64, 1, 7) if device == "cpu" else (8,):
            got = report(folder / "m", folder / "set", "--device", device, "--batch", batch, "--threads", 1 + batch % 3,
                         "--precision", "f32")
            same(got, *want, f"{device}, batch {batch}")
            first = first or got
            expect(abs(got["loss"] - first["loss"]) < 1e-6, f"{device}, batch {batch}: another loss", got["loss"])
    expect([c["name"] for c in first["classes"]] == NAMES and not first["broken"] and first["precision"] == "f32", "names", first)
    text = evaluate(folder / "m", folder / "set").out
    matrix, right_5, loss = want
    for says in (f"top-1   {100 * matrix.trace() / matrix.sum():.2f} %  {matrix.trace()} of {matrix.sum()}",
                 f"top-5   {100 * right_5 / matrix.sum():.2f} %  {right_5} of "):
        expect(says in text, f"the text does not say {says}", text)
    rows = [line.split() for line in text.splitlines()]
    expect(any(r[:1] == ["loss"] and abs(float(r[1]) - loss) < 1e-5 for r in rows), f"the text's loss is not {loss}", text)
    for k, name in enumerate(NAMES):
        expect([name, *map(str, matrix[k])] in rows, f"the text's matrix has no row {k}", text)
    return want


def colours(folder):
    """A net of blue first, and one of grey."""
    pictures = make_set(folder / "set")
    labels = [NAMES.index(p.parent.name) for p in pictures]
    weight, bias = make_model(folder / "bgr", fit="order=bgr")
    want = count([softmax(logits_of(x[:, :, ::-1], weight, bias)) for x in pictures.values()], labels)
    same(report(folder / "bgr", folder / "set"), *want, "blue first")
    weight, bias = make_model(folder / "grey", channels=1)
    grey = [(x @ np.array([299, 587, 114]) + 500) // 1000 for x in (p.astype(int) for p in pictures.values())]
    want = count([softmax(logits_of(x[:, :, None], weight, bias)) for x in grey], labels)
    same(report(folder / "grey", folder / "set"), *want, "grey")


def ten_crops(folder):
    weight, bias = make_model(folder / "m", fit="resize=11")
    pictures = make_set(folder / "set", side=11)
    labels = [NAMES.index(p.parent.name) for p in pictures]
    shares, centres = [], []
    for x in pictures.values():
        crops = [side[y:y + SIDE, z:z + SIDE] for side in (x, x[:, ::-1]) for y, z in ((0, 0), (0, 3), (3, 0), (3, 3), (2, 2))]
        shares.append(np.mean([softmax(logits_of(c, weight, bias)) for c in crops], axis=0))
        centres.append(softmax(logits_of(x[2:10, 2:10], weight, bias)))
    same(report(folder / "m", folder / "set"), *count(centres, labels), "the centre")
    got = report(folder / "m", folder / "set", "--ten-crop", "--batch", 5)
    same(got, *count(shares, labels), "ten crops")
    expect(got["ten_crop"] and got["resize"] == 11, "what was measured", got)
    make_model(folder / "all")
    refused("its crops are all the same; say --resize", folder / "all", folder / "set", "--ten-crop")
    expect(report(folder / "all", folder / "set", "--ten-crop", "--resize", 11)["right"] == got["right"], "--resize")


def averages(folder, want):
    weight, bias = make_model(folder / "m")
    write_model(folder / "average", 0 * weight, 0 * bias, NAMES, average=(weight, bias))
    got = report(folder / "average", folder / "set")
    same(got, *want, "averages")
    trained = report(folder / "average", folder / "set", "--trained")
    expect(got["average"] and not trained["average"] and trained["right"] == want[0][0].sum(), "what was trained", trained)
    for words, says in (((), "are the averages of its"), (("--trained",), "is what was trained, not")):
        said = evaluate(folder / "average", folder / "set", *words).out
        expect(says in said, f"the report does not say \"{says}\"", said)
    expect("averages" not in evaluate(folder / "m", folder / "set").out, "averages that there are not")


def each_once(folder, want):
    """Broken pictures are named and in no number; one that is listed twice counts once."""
    whole = folder / "set"
    broken = folder / "broken"
    shutil.copytree(whole, broken)
    (broken / "cat" / "a\nb.ppm").write_bytes(b"P6\n8 8\n255\nshort")
    (broken / "ant" / "none.jpg").write_bytes(b"")
    got = report(folder / "m", broken, "--batch", 4)
    same(got, *want, "beside broken ones")
    expect(sorted(os.path.basename(b["file"]) for b in got["broken"]) == ["a\nb.ppm", "none.jpg"], "names", got["broken"])
    expect(all(b["reason"] for b in got["broken"]), "reasons", got["broken"])
    text = evaluate(folder / "m", broken).out
    expect("broken  2 pictures" in text and "a?b.ppm: " in text, "the text does not name them", text)
    twice = folder / "twice.txt"
    lines = [f"set/{p.parent.name}/{p.name} {p.parent.name}\n" for p in sorted(whole.glob("*/*.ppm"))]
    twice.write_text("".join(lines + lines[:9]))
    got = report(folder / "m", twice)
    same(got, *want, "a list")
    expect(got["doubled"] == 9, "doubled ones", got["doubled"])
    (folder / "bad.txt").write_text('"cat/a\\nb.ppm"\tbroken\nant/none.jpg\tempty\n')
    got = report(folder / "m", broken, "--exclude", folder / "bad.txt")
    same(got, *want, "with pictures excluded")
    expect(got["excluded"] == 2 and not got["broken"], "--exclude", got)
    (folder / "none" / "ant").mkdir(parents=True)
    (folder / "none" / "ant" / "x.ppm").write_bytes(b"P6")
    done = evaluate(folder / "m", folder / "none", status=1)
    expect("1 of 1 cannot be read, the first is" in done.err, "a set of which nothing can be read", done.err)


def classes(folder, want):
    """By name, in whatever order; by number only where one side has no names."""
    whole, model = folder / "set", folder / "m"
    weight, bias = make_model(folder / "other")
    order = [3, 0, 5, 1, 4, 2]
    write_model(folder / "other", weight[order], bias[order], [NAMES[k] for k in order])
    got = report(folder / "other", whole)
    expect(got["right"] == want[0].trace() and [c["images"] for c in got["classes"]] == [want[0][k].sum() for k in order],
           "classes in another order", got)
    some = folder / "some"
    shutil.copytree(whole / "dog", some / "dog")
    shutil.copytree(whole / "bee", some / "bee")
    got = report(model, some)
    expect(got["images"] == want[0][1].sum() + want[0][3].sum() and got["right"] == want[0][1][1] + want[0][3][3] and
           got["classes"][0]["recall"] is None, "a set that lacks classes", got)
    shutil.copytree(whole / "cat", some / "gnu")
    shutil.copytree(whole / "cat", some / "hen")
    refused("2 of the 4 classes of", model, some)
    refused("\"gnu\", \"hen\"; --known", model, some)
    known = report(model, some, "--known")
    expect(known["right"] == got["right"] and known["unknown"] == 2 * want[0][2].sum(), "--known", known)
    shutil.rmtree(some / "dog"), shutil.rmtree(some / "bee")
    refused("2 of the 2 classes", model, some, "--known")
    numbered = folder / "numbered.txt"
    numbered.write_text("".join(f"set/{p.parent.name}/{p.name} {NAMES.index(p.parent.name)}\n" for p in whole.glob("*/*.ppm")))
    got = report(model, numbered)
    expect(got["right"] == want[0].trace() and got["classes"][0]["name"] == "ant", "a list of numbers", got)
    expect("taken by number" in evaluate(model, numbered).out, "numbers are not told of")
    make_model(folder / "nameless", names=None)
    got = report(folder / "nameless", whole)
    expect(got["right"] == want[0].trace() and got["classes"][0]["name"] == "ant", "a model without names", got)
    refused("without saying their names, but", folder / "nameless", some)
    run(TOOLS / "tenon-data", "pack", whole, folder / "packed", "--size", SIDE)
    same(report(model, folder / "packed"), *want, "a packed set")


def refusals(folder):
    whole, model = folder / "set", folder / "m"
    refused("found an image, 00.ppm, directly in it; to measure a model each picture needs its label", model, whole / "ant")
    (folder / "bare.txt").write_text("set/ant/00.ppm\n")
    refused("found one word", model, folder / "bare.txt")
    refused("No such file", model, folder / "nowhere")
    refused("No such file", folder / "no-model", whole)
    refused("no run with a best checkpoint", whole, whole)
    refused("a model and a set of pictures", model)
    (folder / "text.net").write_text(f"tenon graph 1\ninput i u8 N 8 8 3\nx = image_input(i)\ny = dense(x) units={CLASSES}\noutput y\n")
    refused("without numbers", folder / "text.net", whole)
    weight, bias = make_model(folder / "odd", text="tenon graph 1\ninput i u8 N 8 8 3\nx = image_input(i)\ny = dense(x) units=6\n")
    refused("its net says no output", folder / "odd", whole)
    write_model(folder / "odd", weight, bias, NAMES[:3])
    refused("names 3 classes, but its net tells of 6", folder / "odd", whole)
    write_model(folder / "odd", weight, bias, NAMES, text="tenon graph 1\ninput i u8 N 8 8 3\nx = image_input(i)\n"
                "y = dense(x) units=6\nz = sigmoid(y)\noutput z\n")
    refused("sigmoid", folder / "odd", whole)
    write_model(folder / "odd", weight, bias, NAMES, text="tenon graph 1\ninput i u8 N 8 8 3\nx = image_input(i)\n"
                "y = dense(x) units=6\nq = dense(y) units=6\noutput q\n")
    refused("has no tensor q.weight", folder / "odd", whole)
    weight[2][5] = math.nan
    write_model(folder / "nan", weight, bias, NAMES)
    done = evaluate(folder / "nan", whole, "--json", status=1)
    got = json.loads(done.out)
    expect(got["loss"] is None and got["no_answer"] == got["images"] and got["right"] == 0, "NaN is taken for a number", got)
    expect("is no number" in done.err, "NaN is not told of", done.err)


def hostile(folder):
    """Names of classes are text in each report."""
    names = ["<img src=x onerror=alert(1)>", 'a "quoted" & one', "line\nbreak", "n\u00e4me", "x" * 200, "\x1b[31mred"]
    hostile = folder / "hostile"
    pictures = make_set(hostile, names=names)
    make_model(folder / "h", names=[n.replace("\n", " ") for n in sorted(names)], seed=4)
    got = report(folder / "h", hostile, "--svg", folder / "h.svg")
    expect(got["images"] == len(pictures), "hostile names", got)
    text = (folder / "h.svg").read_text("utf-8")
    xml.etree.ElementTree.fromstring(text)
    expect("<img" not in text and "&lt;img src=x" in text, "a name is markup", text[:2000])
    expect("\x1b" not in evaluate(folder / "h", hostile).out, "a name moves the terminal's cursor")
    os.rename(hostile / names[3], os.fsencode(hostile) + b"/\xff\xfe")
    make_model(folder / "h", names=None, seed=4)
    got = report(folder / "h", hostile, "--svg", folder / "h.svg", "--force")
    expect(got["images"] == len(pictures) and got["classes"][5]["name"] == "\uf7ff\uf7fe", "bytes as a name", got["classes"][5])
    xml.etree.ElementTree.fromstring((folder / "h.svg").read_text("utf-8"))


def files(folder):
    whole, model = folder / "set", folder / "m"
    stdout = evaluate(model, whole, "--json").out
    done = evaluate(model, whole, "--json", "--out", folder / "r.json", "--svg", folder / "r.svg")
    expect(not done.out and (folder / "r.json").read_text() == stdout, "--out has something else")
    root = xml.etree.ElementTree.fromstring((folder / "r.svg").read_text())
    cells = [e for e in root.iter("{http://www.w3.org/2000/svg}rect") if e.get("fill-opacity")]
    expect(len(cells) == len(json.loads(stdout)["confusion"]), f"the picture has {len(cells)} cells")
    refused("is there already", model, whole, "--out", folder / "r.json")
    evaluate(model, whole, "--json", "--out", folder / "r.json", "--svg", folder / "r.svg", "--force")
    evaluate(model, whole, "--json", "--pictures", folder / "p.jsonl")
    lines = [json.loads(line) for line in (folder / "p.jsonl").read_text().splitlines()]
    got = json.loads(stdout)
    cells = collections.Counter((p["label"], p["said"]) for p in lines)
    expect([[*c, n] for c, n in sorted(cells.items())] == got["confusion"] and len({p["file"] for p in lines}) == got["images"], "a line a picture, each in its cell", lines[:3])
    keys = [(p["label"], p["said"], -p["share"]) for p in lines]
    expect(keys == sorted(keys) and all(0 <= p["right"] <= p["share"] <= 1 for p in lines), "by cell, the surest first", lines[:3])
    wrong = sorted((p for p in lines if p["said"] != p["label"]), key=lambda p: -p["share"])[:24]
    expect(len(wrong) > 3 and [p["share"] for p in got["worst"]] == [p["share"] for p in wrong], "the worst", got["worst"])
    os.mkfifo(folder / "fifo")
    os.symlink("fifo", folder / "link")
    for name in ("fifo", "link"):
        refused("is no regular file", model, whole, "--out", folder / name, "--force")
        refused("is no regular file", model, whole, "--svg", folder / name)
    expect((folder / "fifo").is_fifo() and (folder / "link").is_symlink(), "a FIFO was replaced")
    refused("nowhere", model, whole, "--svg", folder / "nowhere" / "x.svg")
    (folder / "nan.svg").unlink(missing_ok=True)
    evaluate(model, folder / "none", "--svg", folder / "left.svg", status=1)
    expect(not (folder / "left.svg").exists(), "a failure leaves a picture")
    runs = folder / "work" / "runs" / "first"
    (runs / "checkpoints").mkdir(parents=True)
    shutil.copy(model, runs / "checkpoints" / "best.safetensors")
    by_folder, by_name = report(runs, whole), report("first", whole, "--workspace", folder / "work")
    expect(by_folder["right"] == by_name["right"] == json.loads(stdout)["right"], "a run's best checkpoint")


def many_classes(folder):
    """Of more classes than can be told apart in a picture it says how many are together, and the text has no matrix."""
    for classes, together in ((2, 1), (60, 1), (200, 1), (300, 2), (1000, 5)):
        rng = np.random.default_rng(classes)
        weight, bias = rng.normal(size=(classes, 3 * SIDE * SIDE)), rng.normal(size=classes)
        text = (f"tenon graph 1\ninput image u8 N {SIDE} {SIDE} 3\nx = image_input(image) scale=0.01,0.01,0.01\n"
                f"y = dense(x) units={classes}\noutput y\n")
        write_model(folder / "m", weight, bias, [f"class number {k}" for k in range(classes)], text=text)
        lines = []
        for i in range(40):
            write_picture(folder / f"{i}.ppm", rng.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8))
            lines.append(f"{i}.ppm {i * 7 % classes}\n")
        (folder / "list").write_text("".join(lines))
        got = report(folder / "m", folder / "list", "--svg", folder / "m.svg", "--force")
        expect(got["images"] == 40 and len(got["classes"]) == classes, f"{classes} classes", got)
        svg = (folder / "m.svg").read_text()
        xml.etree.ElementTree.fromstring(svg)
        cells = {(a // together, b // together) for a, b, _ in got["confusion"]}
        expect(svg.count("fill-opacity") == len(cells), f"{classes} classes: cells of the picture")
        expect((f"{together} neighbours to a cell" in svg) == (together > 1), f"{classes} classes: what the picture says")
        expect(("class number 1<" in svg) == (classes <= 60), f"{classes} classes: names in the picture")
        said = evaluate(folder / "m", folder / "list").out
        expect((f"The confusion matrix of {classes} classes is too wide" in said) == (classes > 20), f"{classes} classes: the text")


def like_alexnet(folder):
    """A small training's own validation, --evaluate of it, and this."""
    make_set(folder / "pictures" / "train", side=40, names=["one", "two", "three"])
    pictures = make_set(folder / "pictures" / "val", side=40, names=["one", "two", "three"], seed=3)
    model = folder / "slim.safetensors"
    run(EXAMPLES / "alexnet", folder / "pictures", "--net", "slim", "--size", 64, "--batch", 8, "--epochs", 1, "--save", model,
        "--device", "cpu,threads=1", "--smoothing", 0)
    said = run(EXAMPLES / "alexnet", folder / "pictures", "--evaluate", model, "--batch", 8, "--device", "cpu,threads=1").out
    got = report(model, folder / "pictures", "--device", "cpu,threads=1", "--batch", 8)
    line = f"loss {got['loss']:.4f} top-1 {100 * got['top1']:.2f} % top-5 {100 * got['top5']:.2f} %"
    expect(line in said and got["images"] == len(pictures), f"alexnet does not say \"{line}\"", said)
    expect(got["data"].endswith("/val"), "which part was measured", got["data"])


def main():
    with tempfile.TemporaryDirectory(prefix="tenon-eval-") as name:
        folder = pathlib.Path(name)
        want = numbers(folder)
        averages(folder, want)
        each_once(folder, want)
        classes(folder, want)
        refusals(folder)
        files(folder)
        hostile(folder)
        for check in (colours, ten_crops, many_classes, like_alexnet):
            own = folder / check.__name__
            own.mkdir()
            check(own)
    for f in failures:
        print(f)
    sys.exit(1 if failures else 0)


main()
