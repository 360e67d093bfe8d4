#!/usr/bin/env python3
"""Writes run folders as docs/runs.md has them, for the tests of what reads them. Usage: runs_by_hand.py WORKSPACE

alexnet-1   done, with an order and a resume         alexnet-2   the same until step 300, then another rate
alexnet-3   as alexnet-1, on another machine          died        says to run, and nobody holds its lock
"""
import json
import math
import pathlib
import random
import sys

STEPS, EPOCH = 600, 100


def line(to, kind, step, **fields):
    to.write(json.dumps({"e": kind, "t": 1700000000.125 + step, "step": step, **fields}, separators=(",", ":")) + "\n")


def numbers(step, seed, cut):
    """A loss that falls, noisy, and less so behind a cut of the rate; as %.9g has it."""
    noise = random.Random(seed * 100003 + step).gauss(0, 1)
    loss = 0.3 + 2 * math.exp(-step / 120)
    if cut and step > cut:
        loss = 0.12 + (loss - 0.12) * (0.35 + 0.65 * math.exp(-(step - cut) / 30))
        noise *= 0.4
    loss *= math.exp(0.12 * noise)
    return float(f"{loss:.9g}"), float(f"{1 - loss / 2.6:.17g}")


def write_log(to, seed, other_from, speed, cut, last):
    line(to, "start", 0, v=1, device=f"cpu, {speed} threads", images=EPOCH * 32, classes=3)
    rate = 0.01
    for step in range(10, last + 1, 10):
        s = seed + 1 if step > other_from else seed
        loss, top1 = numbers(step, s, cut)
        line(to, "step", step, epoch=(step - 1) // EPOCH + 1, batch=(step - 1) % EPOCH + 1, loss=loss, top1=top1, rate=rate,
             images_s=1200.5 * speed + step, wait=0.01 * speed)
        if step == cut:
            line(to, "order", step, id="5200", by="anna <b>", set={"rate_scale": 0.1}, applied=True)
            rate = 0.001
        if step % EPOCH == 0:
            line(to, "epoch", step, epoch=step // EPOCH, train={"loss": loss, "top1": top1, "images": EPOCH * 32},
                 val={"loss": loss * 1.2, "top1": top1 * 0.9}, per_class=[0.5, top1, 1], best=True, seconds=60 / speed)
            line(to, "digest", step, params=f"{hash((s, step)) & (1 << 64) - 1:032x}", optim=f"{step:032x}")
            line(to, "checkpoint", step, file=f"checkpoints/step-{step:08d}.safetensors", bytes=8, seconds=1 / speed)


def run(folder, state, seed=1, other_from=10 ** 9, speed=1, cut=300, last=STEPS, config=None, **says):
    folder.mkdir(parents=True)
    (folder / "lock").touch()
    (folder / "config.json").write_text(json.dumps(
        {"net": "tenon graph 1\ninput x f32 N 4\n", "recipe": {"rate": 0.01, "epochs": 6}, "seed": 1,
         "data": {"path": "flowers", "classes": ["<i>rose", *(f"class {i}" for i in range(1, 1000))]}, "threads": speed, **(config or {})}))
    with open(folder / "log.jsonl", "w") as to:
        write_log(to, seed, other_from, speed, cut, last)
        if state == "done":
            line(to, "end", last, state="done", reason=None, seconds=3.5)
    loss, top1 = numbers(last, seed, cut)
    (folder / "state.json").write_text(json.dumps(
        {"v": 1, "state": state, "reason": None, "pid": 1, "host": "box", "boot": "another", "step": last, "epoch": last // EPOCH,
         "steps": STEPS, "eta": None, "last": {"loss": loss, "top1": top1, "rate": 0.01},
         "best": {"value": top1, "epoch": last // EPOCH, "step": last}, "device": "cpu", "trouble": None,
         "updated": 1700000000.5 + last, **says}))
    (folder / "checkpoints").mkdir()
    for step in range(EPOCH, last + 1, EPOCH):
        (folder / f"checkpoints/step-{step:08d}.safetensors").write_bytes(b"\2\0\0\0\0\0\0\0{}")


def main():
    runs = pathlib.Path(sys.argv[1]) / "runs"
    run(runs / "alexnet-1", "done")
    run(runs / "alexnet-2", "done", other_from=300, config={"recipe": {"rate": 0.02, "epochs": 6}})
    run(runs / "alexnet-3", "done", speed=4)
    run(runs / "died", "running", last=250, cut=None)
    run(runs / "failed", "failed", last=120, cut=None, reason="loss is NaN in conv1")


main()
