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


def repeats(folder):
    """The recipe, the net and the data of a run that is there, from the beginning: the same run."""
    said = train("--repeat", folder / "cpu_whole", "--run", folder / "again", "--threads", 1)
    expect("resumed" not in said.stdout, "repeating is no resuming", said.stdout)
    expect_same(folder / "cpu_whole", folder / "again", "repeated")


with Folder() as folder:
    recipe = trains.make_set(folder)
    for case in CASES:
        if not case[1].startswith("sim") or SIM:
            programs.timed(goes_on, folder, recipe, case)
    programs.timed(repeats, folder)
    if not SIM:
        print("skipped: no simulated GPU was built")
programs.end("resuming")
