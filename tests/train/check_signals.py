#!/usr/bin/env python3
"""Told to stop a run saves and says how it goes on; a closed terminal, nobody who reads and a full disk end none."""
import re
import resource
import signal
import time

from trains import await_step, expect_same, lines, start, state, train, programs
import trains
from programs import Folder, expect

LONG = ("--epochs", 100000, "--log-every", 1)


def signals_stop(folder, recipe):
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1):
        run = folder / number.name
        p = start(*recipe, *LONG, "--run", run)
        await_step(p, run, 13)
        p.send_signal(number)
        said, errors = p.communicate(timeout=120)
        expect(p.returncode == 128 + number and "go on with --resume" in said, f"{number.name}: {p.returncode}", said + errors)
        told = state(run)
        expect(told["state"] == "stopped" and f"step-{told['step']:08}.safetensors" in trains.checkpoints(run),
               f"{number.name} saves where it stopped", str(told))


def what_was_stopped_goes_on(folder, recipe):
    """As one that was not, wherever it was stopped, several times."""
    words = (*recipe, "--epochs", 8, "--log-every", 4)
    train(*words, "--run", folder / "whole")
    part = folder / "part"
    p = start(*words, "--run", part)
    for _ in range(5):
        time.sleep(0.02)
        p.send_signal(signal.SIGTERM)
        said, errors = p.communicate(timeout=120)
        expect(p.returncode in (0, 143, -15), f"status {p.returncode}", said + errors)  # -15: it did not listen yet
        p = start("--resume", part) if (part / "config.json").exists() else start(*words, "--run", part)
    said, errors = p.communicate(timeout=120)
    expect(p.returncode == 0, "the last of them", said + errors)
    expect_same(folder / "whole", part, "stopped and gone on", without=("digest", "checkpoint"))  # each stop has its own


def hangup_saves(folder, recipe):
    run = folder / "hup"
    p = start(*recipe, *LONG, "--run", run)
    await_step(p, run, 5)
    p.send_signal(signal.SIGHUP)
    p.stdout.close()  # and SIGPIPE
    await_step(p, run, trains.step(run) + 40)
    for _ in range(6000):
        if trains.checkpoints(run) or p.poll() is not None:
            break
        time.sleep(0.005)
    expect(p.poll() is None and any(re.match("step-", c) for c in trains.checkpoints(run)), "SIGHUP saves and the run goes on")
    p.send_signal(signal.SIGTERM)
    p.wait(120)
    p.stderr.close()
    expect(state(run)["state"] == "stopped" and p.returncode == 143, f"then it is stopped: {p.returncode}")


def a_full_disk_is_no_end(folder, recipe):
    """Files of more than 3000 bytes cannot be written for a while."""
    run = folder / "full"
    p = start(*recipe, "--epochs", 100000, "--run", run)
    limit = resource.prlimit(p.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(p.pid, resource.RLIMIT_FSIZE, (3000, limit[1]))
    for _ in range(12000):
        time.sleep(0.005)
        if (run / "state.json").exists() and state(run)["trouble"]:
            break
    told = state(run)
    expect(p.poll() is None and told["trouble"] and told["state"] == "running" and not trains.checkpoints(run),
           "a full disk is told", str(told))
    resource.prlimit(p.pid, resource.RLIMIT_FSIZE, limit)
    for _ in range(12000):
        time.sleep(0.005)
        if trains.checkpoints(run):
            break
    p.send_signal(signal.SIGTERM)
    said, errors = p.communicate(timeout=120)
    expect(p.returncode == 143 and trains.checkpoints(run) and not state(run)["trouble"], "then there is room", said + errors)
    expect("; the run goes on, and tries again: " in errors and "File too large" in errors, "it is told", errors)
    expect(any(line["e"] == "warn" and "File too large" in line["text"] for line in lines(run)), "the log tells of it")

    run = folder / "still_full"
    p = start(*recipe, *LONG, "--run", run)
    await_step(p, run, 3)
    resource.prlimit(p.pid, resource.RLIMIT_FSIZE, (3000, limit[1]))
    p.send_signal(signal.SIGTERM)
    said, errors = p.communicate(timeout=120)
    expect(p.returncode == 1 and "File too large" in errors, f"the save that a stop asked for: {p.returncode}", said + errors)


def what_fails_says_so(folder, recipe):
    said = train(*recipe, "--rate", 1000, "--warmup", 0, "--epochs", 50, "--log-every", 1, "--run", folder / "nan", status=1)
    told = state(folder / "nan")
    expect("the loss is" in said.stderr and told["state"] == "failed" and "the loss is" in told["reason"], "a loss that is not finite",
           said.stderr + str(told))
    words = [w if w != 50 else 1 for w in recipe]
    said = train(*words, "--batch", 36, "--epochs", 3, "--run", folder / "bad", status=1)
    told = state(folder / "bad")
    expect("are bad" in said.stderr and told["state"] == "failed" and "are bad" in told["reason"], "too many bad files",
           said.stderr + str(told))


def one_writer(folder, recipe):
    run = folder / "alive"
    p = start(*recipe, *LONG, "--run", run)
    await_step(p, run, 2)
    said = train("--resume", run, status=2)
    expect("is alive" in said.stderr and len(said.stderr.splitlines()) == 1, "who holds the run is told", said.stderr)
    p.kill()
    p.communicate()


with Folder() as folder:
    recipe = trains.make_set(folder)
    for check in (signals_stop, what_was_stopped_goes_on, hangup_saves, a_full_disk_is_no_end, what_fails_says_so, one_writer):
        programs.timed(check, folder, recipe)
programs.end("signals")
