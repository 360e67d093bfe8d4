#!/usr/bin/env python3
"""A run that trains is steered by tenon-run: it obeys, or says why not; what is not alive is told at once; it is repeated
with its orders, and what has died is started again."""
import json
import subprocess
import time

import trains
from trains import await_step, expect_same, lines, start, state, train, programs
from programs import Folder, expect

LONG = ("--epochs", 100000, "--log-every", 1)


def run(*words, status=0):
    return programs.run("../tools/tenon-run", *words, status=status)


def orders(one):
    return [line for line in lines(one) if line["e"] == "order"]


def it_obeys(folder, recipe):
    one = folder / "runs/one"
    (folder / "runs").mkdir()
    output = open(folder / "output", "w")  # a pipe that nobody reads would hold it up
    p = start(*recipe, *LONG, "--run", one, stdout=output)
    await_step(p, one, 2)
    words = ("--workspace", folder)
    said = run("set", "one", "rate_scale=0.5", "momentum=0.25", "log_every=2", *words)
    expect("one: obeyed at step " in said.stdout, "set", said.stdout)
    told = orders(one)[-1]
    expect(told["set"] == {"rate_scale": 0.5, "momentum": 0.25, "log_every": 2} and told["applied"], "what is set is told", str(told))
    later = state(one)["step"] + 100000000
    said = run("set", "one", "keep=5", "--at-step", later, "--json", *words)
    answer = json.loads(said.stdout)
    expect(answer["waits"] and (one / f"control/{answer['id']}.json").exists(), "an order may wait", said.stdout)
    said = run("set", "one", "momentum=0.5", "--at-step", 1, status=1, *words)
    expect("refused at step" in said.stdout and "step 1 is over" in said.stdout, "a step that is over", said.stdout)
    run("snapshot", "one", *words)
    at = orders(one)[-1]["step"]
    run("evaluate", one)
    done = set()
    deadline = time.time() + 60
    while len(done) < 2 and time.time() < deadline:
        checkpoints = [line["step"] for line in lines(one) if line["e"] == "checkpoint"]
        done = {line["e"] for line in lines(one) if line["e"] == "evaluate"} | {"snapshot" for step in checkpoints if at <= step <= at + 9}
        time.sleep(0.01)
    expect(done == {"evaluate", "snapshot"}, "evaluate, snapshot", f"{at} {checkpoints} {done}")
    run("stop", "one", *words)
    errors = p.communicate(timeout=120)[1]
    said = (folder / "output").read_text()
    expect(p.returncode == 130 and "stopped at step" in said, f"stop: {p.returncode}", errors)
    expect(state(one)["state"] == "stopped", "stop", str(state(one)))
    for order in ("stop", "snapshot", "evaluate"):
        said = run(order, "one", status=2, *words)
        expect("the run is not alive: stopped" in said.stderr, order, said.stderr)


def await_state(one, *wanted):
    for _ in range(6000):
        if (one / "state.json").exists() and state(one)["state"] in wanted:
            return
        time.sleep(0.01)
    expect(False, f"{one.name} does not come to be {wanted}", str(state(one)))


def it_is_repeated(folder, recipe):
    whole = folder / "runs/whole"
    (whole / "control").mkdir(parents=True)
    (whole / "control/a.json").write_text(
        '{"v":1,"order":"set","set":{"rate_scale":0.25,"momentum":0.5,"epochs":5},"at_step":11}')
    train(*recipe, "--epochs", 9, "--log-every", 3, "--device", "cpu,threads=1", "--run", whole)
    expect(state(whole)["epoch"] == 5, "epochs were ordered", str(state(whole)))
    run("repeat", "whole", "--run", "again", "--workspace", folder)
    expect_same(whole, folder / "runs/again", "repeated")
    run("compare", "whole", "again", "--workspace", folder)


def it_is_queued_again(folder, recipe):
    (folder / "slots").mkdir()
    (folder / "slots/cpu-0").touch()
    words = (*recipe, "--device", "cpu,threads=1", "--workspace", folder)
    quiet = {"stdout": subprocess.DEVNULL}
    holder = start(*words, *LONG, "--save-steps", 5, "--queue", "--run", "holder", **quiet)
    await_step(holder, folder / "runs/holder", 12)
    waits = start(*words, "--epochs", 2, "--queue", "--run", "waits", **quiet)
    await_state(folder / "runs/waits", "queued")
    for p in (waits, holder):
        p.kill()
        p.communicate()
    said = run("requeue", "--workspace", folder)  # what died while it waited
    expect("waits: started as process" in said.stdout and "holder" not in said.stdout, "requeue", said.stdout + said.stderr)
    await_state(folder / "runs/waits", "done")
    said = run("requeue", "waits", "--workspace", folder, status=2)
    expect("waits is done" in said.stderr, "what is done", said.stderr)
    run("requeue", "holder", "--workspace", folder)  # what died while it trained
    for _ in range(6000):
        if any(line["e"] == "resume" for line in lines(folder / "runs/holder")):
            break
        time.sleep(0.01)
    said = run("requeue", "holder", "--workspace", folder, status=2)
    expect("holder is alive" in said.stderr, "what is alive", said.stderr)
    run("stop", "holder", "--workspace", folder)
    await_state(folder / "runs/holder", "stopped")
    expect(sum(line["e"] == "resume" for line in lines(folder / "runs/holder")) == 1, "it goes on where it was")
    expect("resumed" in (folder / "runs/holder/output.log").read_text(), "what it says is kept")
    command = folder / "runs/holder/command.json"
    (folder / "runs/holder/config.json").unlink()
    command.write_text('{"v":1,"folder":"/","command":["/bin/rm","-r","x"]}')
    said = run("requeue", "holder", "--workspace", folder, status=2)
    expect("was started by /bin/rm" in said.stderr, "no other program is started", said.stderr)


def mistakes(folder):
    for words, says in (
            (("set", "one"), "rate_scale=0.1"),
            (("set", "one", "rate_scale"), "is no setting: name=number"),
            (("set", "one", "=1"), "is no setting"),
            (("set", "one", "keep=many"), "keep: \"many\" is no number"),
            (("set", "one", "keep="), "is no number"),
            (("set", "one", "batch=3"), "\"batch\" cannot be set while a run trains"),
            (("set", "one", "keep=1", "keep=2"), "keep is there twice"),
            (("set", "one", "momentum=1"), "momentum is 1, not a number from 0 to"),
            (("stop", "nowhere"), "nowhere"),
            (("stop",), "the name of a run"),
            (("requeue", "nowhere"), "nowhere")):
        said = run(*words, "--workspace", folder, status=2)
        expect(says in said.stderr and len(said.stderr.splitlines()) == 1, " ".join(words), said.stderr)


with Folder() as folder:
    recipe = trains.make_set(folder)
    programs.timed(it_obeys, folder, recipe)
    programs.timed(it_is_repeated, folder, recipe)
    programs.timed(it_is_queued_again, folder, recipe)
    programs.timed(mistakes, folder)
programs.end("steer")
