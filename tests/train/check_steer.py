#!/usr/bin/env python3
"""A run that trains is steered by tenon-run: it obeys, or says why not; what is not alive is told at once."""
import json
import time

import trains
from trains import await_step, lines, start, state, programs
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
    checkpoints = [line["step"] for line in lines(one) if line["e"] == "checkpoint"]
    deadline = time.time() + 60
    while not any(line["e"] == "evaluate" for line in lines(one)) and time.time() < deadline:
        time.sleep(0.01)
    expect(any(line["e"] == "evaluate" for line in lines(one)), "evaluate")
    expect(any(at <= step <= at + 9 for step in checkpoints), "snapshot", f"{at} {checkpoints}")
    run("stop", "one", *words)
    errors = p.communicate(timeout=120)[1]
    said = (folder / "output").read_text()
    expect(p.returncode == 130 and "stopped at step" in said, f"stop: {p.returncode}", errors)
    expect(state(one)["state"] == "stopped", "stop", str(state(one)))
    for order in ("stop", "snapshot", "evaluate"):
        said = run(order, "one", status=2, *words)
        expect("the run is not alive: stopped" in said.stderr, order, said.stderr)


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
    programs.timed(mistakes, folder)
programs.end("steer")
