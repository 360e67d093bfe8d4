#!/usr/bin/env python3
"""Killed at random moments, again and again until it has come to its end, a run is the one that was not killed: each goes on,
none with a wrong state. TENON_KILLS says how many kills there are to be; a few without it."""
import os
import random
import signal
import time

from trains import expect_same, start, train, programs
import trains
from programs import Folder, expect

KILLS = int(os.environ.get("TENON_KILLS", 6))
# Obeyed before and after it is killed.
ORDERS = {"a": {"order": "set", "set": {"rate_scale": 0.5}, "at_step": 13},
          "b": {"order": "set", "set": {"momentum": 0.7, "rate_scale": 2}, "at_step": 50},
          "c": {"order": "evaluate", "at_step": 30}}
SEED = int(os.environ.get("TENON_KILLS_SEED", random.randrange(1 << 30)))


def main(folder):
    rng = random.Random(SEED)
    recipe = (*trains.make_set(folder), "--epochs", 9, "--log-every", 3, "--save-steps", 2, "--device", "cpu,threads=1")
    trains.give(folder / "whole", ORDERS)
    begun = time.monotonic()
    train(*recipe, "--run", folder / "whole")
    long = time.monotonic() - begun
    kills = runs = anew = 0
    while kills < KILLS and not programs.failures:
        run = folder / f"run{runs}"
        runs += 1
        trains.give(run, ORDERS)
        p = start(*recipe, "--run", run)
        while True:
            time.sleep(rng.random() * long * rng.choice((0.2, 1)))
            p.kill()
            said, errors = p.communicate()
            if p.returncode == 0:
                break
            expect(p.returncode == -signal.SIGKILL, f"status {p.returncode} after {kills} kills", said + errors)
            if programs.failures:
                return
            kills += 1
            if (run / "config.json").exists():
                p = start("--resume", run)
            else:  # it had not begun: the same command begins it
                anew += 1
                p = start(*recipe, "--run", run)
        expect_same(folder / "whole", run, f"run {runs}, {kills} kills, seed {SEED}")
        programs.shutil.rmtree(run)
    print(f"{kills} kills, {runs} runs, {anew} of the kills before config.json; seed {SEED}")


with Folder() as folder:
    main(folder)
programs.end("kills")
