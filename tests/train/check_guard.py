#!/usr/bin/env python3
"""tenon-train whose numbers are no good: what it says and keeps; and averages, and patience."""
import json
import struct

from trains import lines, state, train
import trains
import programs
from programs import Folder, expect


def header(path):
    data = path.read_bytes()
    return json.loads(data[8:8 + struct.unpack("<Q", data[:8])[0]])


def diverges(folder, recipe):
    """Pixels times 1e38: the very first output is infinite."""
    odd = folder / "odd.net"
    odd.write_text((folder / "tiny.net").read_text().replace("scale=0.01,0.01,0.01", "scale=1e38,1e38,1e38"))
    words = (recipe[0], "--net", odd, *recipe[3:], "--epochs", 9)
    for how, steps, did in (("stop", 1, ["stop"]), ("skip", 11, 10 * ["skip"] + ["stop"]), ("back", 1, 3 * ["back"] + ["stop"])):
        made = folder / how
        said = train(*words, "--on-divergence", how, "--run", made, status=1)
        expect(f"step {steps}: the loss is " in said.stderr and "first in the output of x (at " in said.stderr and
               "/train/" in said.stderr and "try a lower --rate" in said.stderr, f"--on-divergence {how}", said.stderr)
        told = [line for line in lines(made) if line["e"] == "diverged"]
        expect([line["did"] for line in told] == did and all(line["file"] in line["files"] for line in told), how, str(told))
        kept = json.loads((made / told[0]["kept"]).read_text())
        expect(len(kept["rows"]) == 4 and {"row", "item", "place", "label", "name"} <= kept["rows"][0].keys(), how, str(kept))
        images = (made / told[0]["kept"].replace("json", "images.npy")).read_bytes()
        expect(b"'shape': (4, 16, 16, 3" in images and len(images) == 256 + 4 * 16 * 16 * 3, "the batch", str(images[:128]))
        expect(state(made)["state"] == "failed" and "first in the output" in state(made)["reason"], how, str(state(made)))


def stuck(folder, recipe):
    """Of images that are all the same a net of three classes learns nothing: ln 3 for ever."""
    same = folder / "same.net"
    same.write_text((folder / "tiny.net").read_text().replace("scale=0.01,0.01,0.01", "scale=1e-30,1e-30,1e-30"))
    made = folder / "stuck"
    words = (recipe[0], "--net", same, *recipe[3:], "--epochs", 9, "--rate", 0, "--warmup", 0)
    said = train(*words, "--stuck", 4, "--run", made, status=1)
    told = [line for line in lines(made) if line["e"] == "diverged"]
    expect("the loss has stood still at ln(3)" in said.stderr and [line["what"] for line in told] == ["stuck"], "--stuck",
           said.stderr + str(told))
    said = train(*words, "--run", folder / "unjudged")
    expect(state(folder / "unjudged")["state"] == "done", "without --stuck it is not judged", said.stdout)
    for words, why in (((recipe[0], *recipe[1:], "--stuck", 1), "must be 2"), (("--net", same, "--synthetic", "--stuck", 4), "--synthetic")):
        expect(why in train(*words, status=2).stderr, f"--stuck: {why}")


def averages(folder, recipe):
    made = folder / "averaged"
    train(*recipe, "--ema", 0.9, "--epochs", 2, "--run", made)
    names = header(made / "checkpoints/best.safetensors")
    expect({"ema.fc.weight", "ema.b1.running_mean", "fc.weight"} <= names.keys(), "--ema", str(sorted(names)))
    plain = folder / "plain"
    train(*recipe, "--epochs", 2, "--run", plain)
    val = [[line["val"]["loss"] for line in lines(run) if line["e"] == "epoch"] for run in (made, plain)]
    loss = [[line["loss"] for line in lines(run) if line["e"] == "step"] for run in (made, plain)]
    said = programs.run("alexnet", recipe[0], "--evaluate", made / "checkpoints/best.safetensors", "--batch", 4)
    expect(f"loss {val[0][-1]:.4f} " in said.stdout, "alexnet --evaluate takes them, too", said.stdout + str(val[0]))
    expect(val[0] != val[1] and loss[0] == loss[1], "it is validated with averages, and trained as ever", str((val, loss)))


def patience(folder, recipe):
    made = folder / "patient"
    said = train(*recipe, "--rate", 0, "--patience", 2, "--epochs", 9, "--augment", "none", "--run", made)
    ends = [line for line in lines(made) if line["e"] == "end"]
    expect("no epoch was better for 2" in said.stdout and ends[0]["reason"] == "no better epoch in 2" and
           state(made)["state"] == "done" and state(made)["epoch"] < 9, "--patience", said.stdout)
    said = train("--resume", made)
    expect("no epoch was better for 2" in said.stdout and len(lines(made)) > 0, "resuming it", said.stdout)


with Folder() as folder:
    recipe = trains.make_set(folder)
    for check in (diverges, stuck, averages, patience):
        programs.timed(check, folder, recipe)
programs.end("tenon-train, guarded")
