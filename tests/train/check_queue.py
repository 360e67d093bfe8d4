#!/usr/bin/env python3
"""tenon-train --queue: one after the other in the order in which they came, where there is one slot; who is told to stop or is
killed while he waits is out of the queue, and the same numbers come of it."""
import json
import signal
import subprocess
import time

from trains import expect_same, lines, start, state, train, programs
import trains
from programs import Folder, expect


def await_state(run, *wanted):
    for _ in range(12000):
        if (run / "state.json").exists() and state(run)["state"] in wanted:
            return
        time.sleep(0.005)
    expect(False, f"{run.name} does not come to be {wanted}", str(state(run)) if (run / "state.json").exists() else "")


def one_after_the_other(folder, recipe):
    (folder / "slots").mkdir()
    (folder / "slots/cpu-0").touch()
    words = (*recipe, "--device", "cpu,threads=1", "--epochs", 4, "--workspace", folder)
    train(*words, "--run", "alone")
    long = start(*words[:-4], "--epochs", 10000, "--workspace", folder, "--queue", "--run", "long")
    await_state(folder / "runs/long", "running")
    waiting = []
    for name in ("a", "b", "c", "d"):
        waiting.append(start(*words, "--queue", "--run", name))
        await_state(folder / "runs" / name, "queued")
    waiting[1].send_signal(signal.SIGTERM)
    said, errors = waiting[1].communicate(timeout=60)
    expect(waiting[1].returncode == 143 and "waiting" in said, f"told to stop while it waits: {waiting[1].returncode}", said + errors)
    waiting[2].kill()
    waiting[2].communicate()
    long.send_signal(signal.SIGTERM)
    expect(long.wait(60) == 143, "the first is stopped")
    long.communicate()
    for p in (waiting[0], waiting[3]):
        said, errors = p.communicate(timeout=120)
        expect(p.returncode == 0, f"status {p.returncode}", said + errors)
    when = {name: [line["t"] for line in lines(folder / "runs" / name)] for name in ("long", "a", "d")}
    expect(max(when["long"]) <= min(when["a"]) and max(when["a"]) <= min(when["d"]), "never two at once, and in order", str(when))
    expect_same(folder / "runs/alone", folder / "runs/a", "what has waited")
    said = train("--resume", "long", "--workspace", folder, "--queue", "--nonsense", status=2)
    expect("--nonsense" in said.stderr, "wrong flags do not wait", said.stderr)


def what_was_stopped_waits_again(folder, recipe):
    p = start("--resume", "long", "--workspace", folder, "--queue")
    await_state(folder / "runs/long", "running")
    p.send_signal(signal.SIGINT)
    said, errors = p.communicate(timeout=60)
    expect(p.returncode == 130 and "resumed" in said, f"--resume --queue: {p.returncode}", said + errors)
    command = json.loads((folder / "runs/c/command.json").read_text())  # it was killed while it waited
    done = subprocess.run(command["command"], cwd=command["folder"], capture_output=True, text=True, timeout=120)
    expect(done.returncode == 0 and state(folder / "runs/c")["state"] == "done", f"started again: {done.returncode}", done.stdout + done.stderr)
    said = train(folder / "nowhere", "--net", "slim", "--workspace", folder, "--queue", status=2)
    expect("nowhere" in said.stderr and not list((folder / "queue").glob("0*")), "what cannot be does not wait", said.stderr)


with Folder() as folder:
    recipe = trains.make_set(folder)
    for check in (one_after_the_other, what_was_stopped_waits_again):
        programs.timed(check, folder, recipe)
programs.end("queue")
