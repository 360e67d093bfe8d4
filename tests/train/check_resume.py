#!/usr/bin/env python3
"""A run that was killed and goes on is the run that was not: byte for byte in its checkpoints, and in each line of its log
but for clocks."""
import os
import signal

from trains import await_step, expect_same, start, train, programs
import trains
from programs import Folder, expect

SIM = os.path.exists(os.path.join(os.environ.get("TENON_MODULES", ""), "tenon_sim.so"))

# Name, device, steps, where it is killed, flags.
CASES = [
    ("cpu", "cpu,threads=1", 200, 87, ("--save-steps", 9)),
    ("adam", "cpu,threads=1", 60, 31, ("--save-steps", 7, "--optim", "adam", "--rate", 1e-3, "--clip", 1)),
    ("accumulate", "cpu,threads=1", 40, 17, ("--save-steps", 5, "--accumulate", 3)),
    ("group", "cpu:0-1", 40, 17, ("--save-steps", 5,)),
    ("epochs", "cpu,threads=1", 60, 31, ("--optim", "adamw", "--rate", 1e-3)),
    ("sim", "sim:0,deterministic=on", 16, 7, ("--save-steps", 5,)),
    ("f16", "sim:0,deterministic=on", 16, 7, ("--save-steps", 3, "--precision", "f16", "--accumulate", 2)),
    ("sim_group", "sim:0-1,deterministic=on", 12, 7, ("--save-steps", 3, "--precision", "f16")),
]


def goes_on(folder, recipe, case):
    name, device, steps, cut, flags = case
    words = (*recipe, "--device", device, "--threads", 2, "--epochs", 30, "--max-steps", steps, "--log-every", 3, *flags)
    whole, part = folder / f"{name}_whole", folder / f"{name}_part"
    train(*words, "--run", whole)
    p = start(*words, "--run", part)
    await_step(p, part, cut)
    p.kill()
    p.communicate()
    expect(p.returncode == -signal.SIGKILL, f"{name}: ended before it was killed at step {cut}")
    said = train("--resume", part, "--threads", 3)
    expect(" steps are done" in said.stdout, f"{name}: that it goes on is not told", said.stdout)
    expect_same(whole, part, name)


ORDERS = {"a": {"order": "set", "set": {"rate_scale": 0.5, "momentum": 0.8}, "at_step": 11},
          "b": {"order": "evaluate", "at_step": 20},
          "c": {"order": "set", "set": {"rate_scale": 2, "epochs": 6}, "at_step": 45}}


def orders_too(folder, recipe):
    """Orders before and after it was killed; and repeated, recipe, orders and all."""
    words = (*recipe, "--device", "cpu,threads=1", "--epochs", 20, "--log-every", 3, "--save-steps", 7)
    whole, part = folder / "ordered", folder / "ordered_part"
    trains.give(whole, ORDERS)
    train(*words, "--run", whole)
    expect([line["step"] for line in trains.lines(whole) if line["e"] == "order"] == [11, 20, 45] and
           all(line["applied"] for line in trains.lines(whole) if line["e"] == "order") and trains.state(whole)["epoch"] == 6,
           "orders are obeyed at their steps", str(trains.lines(whole)[-3:]))
    trains.give(part, ORDERS)
    p = start(*words, "--run", part)
    await_step(p, part, 27)
    p.kill()
    p.communicate()
    train("--resume", part, "--threads", 3)
    expect_same(whole, part, "with orders")
    said = train("--repeat", whole, "--run", folder / "again", "--threads", 1)
    expect("resumed" not in said.stdout, "repeating is no resuming", said.stdout)
    expect_same(whole, folder / "again", "repeated")


with Folder() as folder:
    recipe = trains.make_set(folder)
    for case in CASES:
        if not case[1].startswith("sim") or SIM:
            programs.timed(goes_on, folder, recipe, case)
    programs.timed(orders_too, folder, recipe)
    if not SIM:
        print("skipped: no simulated GPU was built")
programs.end("resuming")
