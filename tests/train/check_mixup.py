#!/usr/bin/env python3
"""Training with mixup and label smoothing: it goes on byte for byte, validates what is not mixed, and what it says of a
validation, class by class too, is what tenon-eval finds in the checkpoint."""
import json
import os
import signal

from trains import NET, await_step, expect_same, lines, start, train, programs
import trains
from programs import Folder, expect, refused, run

SIM = os.path.exists(os.path.join(os.environ.get("TENON_MODULES", ""), "tenon_sim.so"))
LOSS = ("l, right", "loss l", "input label")  # begin those lines of the net
MIXED = ("--mixup", 0.4, "--smoothing", 0.1, "--epochs", 3, "--log-every", 1)


def measure(model, data):
    return json.loads(run("../tools/tenon-eval", model, data, "--device", "cpu,threads=1", "--json").stdout)


def goes_on(folder, recipe, name, device, steps):
    words = (*recipe, *MIXED, "--device", device, "--save-steps", 4, "--max-steps", steps)
    train(*words, "--run", folder / f"{name}_whole")
    part = folder / f"{name}_part"
    p = start(*words, "--run", part, env={**os.environ, "OMP_NUM_THREADS": "1"})
    await_step(p, part, 10)
    p.kill()
    p.communicate()
    expect(p.returncode == -signal.SIGKILL, f"{name}: ended before it was killed")
    train("--resume", part, "--threads", 3)
    expect_same(folder / f"{name}_whole", part, name)


def validates(folder, recipe):
    """The run's last epoch, against its checkpoint."""
    words = (*recipe, "--epochs", 2, "--log-every", 1, "--device", "cpu,threads=1")
    train(*words, "--mixup", 0.4, "--run", folder / "mixed")
    train(*words, "--run", folder / "plain")
    losses = [[line["loss"] for line in lines(folder / r) if line["e"] == "step"] for r in ("mixed", "plain")]
    expect(losses[0][0] != losses[1][0], "mixup mixes nothing", losses)
    for name in ("mixed", "plain"):
        last = [line for line in lines(folder / name) if line["e"] == "epoch"][-1]
        model = max((folder / name / "checkpoints").glob("step-*"))
        found = measure(model, folder / "set/val")
        expect(last["per_class"] == [c["recall"] for c in found["classes"]], f"{name}: per_class", (last, found["classes"]))
        expect(last["val"]["top1"] == found["top1"] and last["val"]["images"] == found["images"], f"{name}: top-1", (last, found))
        expect(abs(last["val"]["loss"] - found["loss"]) < 1e-5, f"{name}: the loss of a validation", (last, found["loss"]))
        best = measure(folder / name, folder / "set")  # of a run, and the val of a set
        expect(best["top1"] == trains.state(folder / name)["best"]["value"], f"{name}: the best", (best, trains.state(folder / name)))
        said = run("alexnet", folder / "set", "--evaluate", model, "--device", "cpu,threads=1", "--batch", 5).stdout
        line = f"evaluated: loss {found['loss']:.4f} top-1 {100 * found['top1']:.2f} %"
        expect(line in said, f"alexnet does not say \"{line}\" of {name}", said)


def in_one_file(folder, recipe):
    """alexnet stops in the middle, and goes on."""
    words = (*recipe, *MIXED, "--device", "cpu,threads=1", "--save")
    run("alexnet", *words, folder / "whole", "--max-steps", 20)
    run("alexnet", *words, folder / "part", "--max-steps", 11)
    run("alexnet", *words, folder / "part", "--max-steps", 20, "--resume", folder / "part")
    expect((folder / "whole").read_bytes() == (folder / "part").read_bytes(), "alexnet goes on to another file")


def refusals(folder, recipe):
    own = folder / "own.net"
    own.write_text(NET)
    refused("alexnet", folder / "set", "--net", own, "--mixup", 0.2, says="has a loss of its own")
    refused("alexnet", "--synthetic", "--mixup", 0.2, says="not with --synthetic")
    refused("alexnet", *recipe, "--batch", 1, "--mixup", 0.2, says="--batch 1 has no two")


with Folder() as folder:
    recipe = trains.make_set(folder)
    (folder / "tiny.net").write_text("".join(line + "\n" for line in NET.splitlines() if not line.startswith(LOSS)))
    programs.timed(goes_on, folder, recipe, "cpu", "cpu,threads=1", 27)
    if SIM:
        programs.timed(goes_on, folder, recipe, "group", "sim:0-1,deterministic=on", 14)
    programs.timed(validates, folder, recipe)
    programs.timed(in_one_file, folder, recipe)
    programs.timed(refusals, folder, recipe)
programs.end("mixup")
