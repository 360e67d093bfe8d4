#!/usr/bin/env python3
"""alexnet learns, resumes bit for bit, evaluates; classify names what it learned."""
import json
import re
import shutil
import signal
import struct
import subprocess

import programs
from programs import Folder, expect, run

# One thread: many would only get into each other's way.
SMALL = ("--net", "slim", "--size", 64, "--batch", 4, "--threads", 1, "--log-every", 1)


def val_top_1(said):
    found = re.findall(r"val loss \S+ top-1 (\S+) %", said.stdout)
    expect(found, "no validation is told of", said.stdout)
    return float(found[-1]) if found else 0


def learns(folder):
    said = run("alexnet", folder / "set", *SMALL, "--epochs", 12, "--optim", "adam", "--rate", 0.001, "--save",
               folder / "model")
    expect(val_top_1(said) > 90, "three colours are not told apart", said.stdout)
    expect(re.search(r"(compute|loader)-bound: training waited \S+ % of the time", said.stdout),
           "what held the run up is not told", said.stdout)
    expect(re.search(r"memory +\d+ MiB: parameters \d+", said.stdout), "no memory plan", said.stdout)

    said = run("alexnet", folder / "set", "--evaluate", folder / "model", "--batch", 7)
    expect(re.search(r"evaluated: loss \S+ top-1 (9|100)\S* %.* of 9 images", said.stdout),
           "--evaluate", said.stdout)

    red = folder / "set/val" / 'a "red" one' / "001.ppm"
    said = run("classify", folder / "model", red, folder / "set/val/green/002.ppm")
    tops = re.findall(r"^(\S.*)\n +(\S+) %  (.*)$", said.stdout, re.M)
    expect([t[2] for t in tops] == ['a "red" one', "green"], "classify names other colours", said.stdout)
    (folder / "bad.ppm").write_bytes(b"no image")
    said = run("classify", "--top", 1, folder / "model", folder / "bad.ppm", red, status=1)
    expect("bad.ppm" in said.stderr and 'a "red" one' in said.stdout, "one bad image", said.stderr)
    expect(said.stdout.count(" %  ") == 1, "--top 1 tells of one class", said.stdout)
    expect(metadata(folder / "model")["tenon.fit"] == "resize=73 order=rgb", "--size 64 without --resize")


def metadata(path):
    """Of a safetensors file: 8 bytes that say how long the JSON behind them is."""
    data = path.read_bytes()
    return json.loads(data[8:8 + struct.unpack("<Q", data[:8])[0]])["__metadata__"]


def resumes(folder):
    """Two epochs at once, and in five pieces cut in the middle of epochs: the same bytes."""
    recipe = (folder / "set", *SMALL, "--epochs", 2, "--augment", "full", "--optim", "adam", "--rate", 1e-3)
    whole, part = folder / "whole", folder / "part"
    run("alexnet", *recipe, "--save", whole)
    run("alexnet", *recipe, "--save", part, "--max-steps", 2)
    expect(whole.read_bytes() != part.read_bytes(), "--max-steps did not stop the run")
    best = []
    for stop in (7, 11, 13):  # epochs of 9 steps: the third piece validates nothing
        run("alexnet", *recipe, "--save", part, "--resume", part, "--max-steps", stop)
        best.append(float(metadata(part)["run.best"].split()[0]))
    expect(best[0] == 0 and best[1] > 0 and best[1] == best[2], f"the best top-1 so far is lost: {best}")
    said = run("alexnet", *recipe, "--save", part, "--resume", part)
    expect("resumed" in said.stdout and "note: " not in said.stdout, "resuming", said.stdout)
    expect(whole.read_bytes() == part.read_bytes(), "a resumed run is not the same run", said.stdout)

    said = run("alexnet", *recipe, "--resume", part)
    expect("nothing is left to do" in said.stdout, "resuming a run that is over", said.stdout)

    again = folder / "again"
    run("alexnet", *recipe, "--save", again, "--device", "cpu,threads=1", "--threads", 3)
    expect(whole.read_bytes() == again.read_bytes(), "the loader's threads change the numbers")
    said = run("alexnet", *recipe, "--resume", whole, "--clip", 1)
    expect("made with other flags" in said.stdout, "other flags are not told of", said.stdout)
    said = run("alexnet", *recipe, "--resume", whole, "--net", "caffe", status=2)
    expect("--net says caffe" in said.stderr, "another network", said.stderr)


def keeps_a_run(folder):
    """The same command begins a run in a folder, goes on with it, and has nothing left to do."""
    words = (folder / "set", *SMALL, "--epochs", 2, "--run", folder / "run", "--optim", "adam", "--rate", 1e-3)
    p = subprocess.Popen([programs.PROGRAMS / "alexnet", *map(str, words)], stdout=subprocess.PIPE, text=True)
    for line in p.stdout:
        if line.startswith("epoch 1 step"):
            break
    p.send_signal(signal.SIGINT)
    rest = p.stdout.read()
    p.wait(60)
    expect(p.returncode in (0, 130) and (p.returncode == 0 or f"go on with --run {folder / 'run'}" in rest), "Ctrl-C", rest)
    said = run("alexnet", *words)
    expect(f"resumed {folder / 'run'}: " in said.stdout, "it goes on", said.stdout)
    said = run("alexnet", *words)
    expect("nothing is left to do" in said.stdout, "it is over", said.stdout)
    state = json.loads((folder / "run/state.json").read_text())
    expect(state["state"] == "done" and state["step"] == 18, "state.json", str(state))
    said = run("alexnet", *words, "--clip", 1, status=2)
    expect("recipe" not in said.stderr and "clip" in said.stderr, "another recipe is another run", said.stderr)
    programs.refused("alexnet", *words, "--save", "x", says="it goes with none of --save, --resume, --evaluate")


def losses(said):
    return [float(x) for x in re.findall(r"loss (\d+\.\d+)", said.stdout)]


def several_devices(folder):
    """Halves of each batch on two devices: the same training, and either goes on from the other's checkpoint."""
    recipe = (folder / "set", *SMALL[:-4], "--log-every", 1, "--max-steps", 6)
    one = run("alexnet", *recipe, "--device", "cpu,threads=1", "--save", folder / "one_device")
    two = run("alexnet", *recipe, "--device", "cpu:0-1", "--threads", 2, "--save", folder / "two_devices")
    expect(losses(one) and len(losses(one)) == len(losses(two)) and
           all(abs(a - b) < 2e-3 for a, b in zip(losses(one), losses(two))),
           "two devices learn otherwise", one.stdout + two.stdout)
    expect(re.search(r"2 devices: cpu:0: .*, 1 thread, .*; cpu:1: .*, 1 thread", two.stdout) and
           "shares   the same on each of 2 devices, 2 rows of 4; gradients summed up" in two.stdout,
           "how two devices share is not told", two.stdout)
    said = run("alexnet", *recipe[:-1], 8, "--device", "cpu:0-1", "--threads", 2, "--resume", folder / "one_device")
    expect("resumed" in said.stdout and "note: " not in said.stdout, "two go on from one", said.stdout)
    said = run("alexnet", *recipe, "--device", "cpu:0-3", "--threads", 3, status=2)
    expect("threads=3 is not enough for 4 replicas" in said.stderr, "too few threads", said.stderr)


def accumulates(folder):
    """4 images x 2 are the same step as 8, but for rounding and dropout: only that it runs is seen here,
    and that an epoch's last batches, too few for a step, are left out."""
    said = run("alexnet", folder / "set", *SMALL, "--epochs", 2, "--accumulate", 4)
    expect("step 4/4" in said.stdout, "steps of four batches", said.stdout)


def tells_of_bad_files(folder):
    bad = folder / "set/train/blue/bad.ppm"
    bad.write_bytes(b"P6 nothing")
    said = run("alexnet", folder / "set", *SMALL, "--epochs", 1)
    expect(f"bad file, left out: {bad}: " in said.stdout, "a bad file is not named", said.stdout)
    said = run("alexnet", folder / "set", *SMALL, "--epochs", 1, "--bad", "stop", status=1)
    expect(str(bad) in said.stderr, "--bad stop does not name it", said.stderr)
    others = [bad.with_name(f"bad{i}.ppm") for i in range(3)]
    for other in others:
        other.write_bytes(b"nor this")
    said = run("alexnet", folder / "set", *SMALL[:4], "--batch", 64, "--epochs", 1, status=1)
    for file in [bad] + others:  # also those of the batch that ends the run
        expect(f"bad file, left out: {file}: " in said.stdout, f"{file} is not named", said.stdout)
        file.unlink()


def finds_the_parts_of_a_set(folder):
    whole = folder / "parts"
    flags = (*SMALL, "--max-steps", 1)
    for train, val in ("train", "test"), ("Training", "validation"), ("train", "val"):
        for part, count in (train, 3), (val, 2), ("other", 1):
            programs.make_images(whole / part, count)
        said = run("alexnet", whole, *flags).stdout
        expect(f"data     9 images, 3 classes: {whole / train}\n" in said, f"{train} is not trained on", said)
        expect(f"val      6 images, 3 classes: {whole / val}\n" in said, f"{val} is not validated on", said)
        said = run("alexnet", whole, "--val", whole / "other", *flags).stdout
        expect(f"3 classes: {whole / train}\n" in said and "val      3 images" in said, "--val beside parts", said)
        programs.refused("alexnet", whole, "--split", 10, *flags, says="is shared out already, into ")
        shutil.rmtree(whole)
    programs.make_images(whole / "train", 1)
    programs.refused("alexnet", whole, *flags, says="found train, which is a part of a set")


def says_what_would_help(folder):
    """A packed set is not told to be packed."""
    packed = folder / "packed"
    run("../tools/tenon-data", "pack", folder / "set/train", packed, "--size", 64)
    said = run("alexnet", packed, *SMALL, "--epochs", 1).stdout
    expect("-bound: " in said and "data pack" not in said, "a packed set", said)


def fails_plainly(folder):
    said = run("alexnet", folder / "set", *SMALL, "--rate", 1000, "--warmup", 0, status=1)
    expect("the loss is" in said.stderr and "--rate" in said.stderr, "a loss that is not finite", said.stderr)


def stops_on_interrupt(folder):
    saved = folder / "stopped"
    p = subprocess.Popen([programs.PROGRAMS / "alexnet", folder / "set", *map(str, SMALL), "--epochs",
                          "10000", "--save", saved], stdout=subprocess.PIPE, text=True)
    for line in p.stdout:
        if line.startswith("epoch 2 step"):
            break
    p.send_signal(signal.SIGINT)
    rest = p.stdout.read()
    p.wait(60)
    expect(p.returncode == 130, f"Ctrl-C ends with status {p.returncode}", rest)
    expect("go on with --resume" in rest and saved.exists(), "Ctrl-C saves", rest)


def measures(folder):
    said = run("alexnet", "--synthetic", "--net", "slim", "--batch", 4, "--max-steps", 3, "--log-every", 1)
    expect("step 3/3" in said.stdout and "images/s" in said.stdout, "--synthetic", said.stdout)
    said = run("alexnet", "--synthetic", "--describe", "--batch", 2)
    expect("conv1" in said.stdout and "fc8" in said.stdout, "--describe", said.stdout)
    said = run("alexnet", folder / "set", *SMALL, "--overfit", "--max-steps", 150, "--optim", "adam",
               "--rate", 0.001)
    losses = re.findall(r"step \d+/150 loss (\S+)", said.stdout)
    expect(losses and float(losses[-1]) < 0.2, "--overfit does not bring the loss down", said.stdout[-2000:])


with Folder() as folder:
    programs.make_images(folder / "set/train", 12)
    programs.make_images(folder / "set/val", 3)
    (folder / "one").mkdir()
    (folder / "set/train/blue").rename(folder / "one/blue")
    programs.shutil.copytree(folder / "one/blue", folder / "set/train/blue")
    for check in (learns, resumes, keeps_a_run, several_devices, accumulates, tells_of_bad_files, finds_the_parts_of_a_set,
                  says_what_would_help, fails_plainly, stops_on_interrupt, measures):
        programs.timed(check, folder)
programs.end("alexnet")
