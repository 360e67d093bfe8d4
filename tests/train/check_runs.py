#!/usr/bin/env python3
"""tenon-run on runs of tenon-train: one that was killed and resumed is the same as one that was not, one of another seed differs from
the first step on, in tensors that are named; what lives is seen to live, and is not removed."""
import json
import time

import trains
from trains import start, train
import programs
from programs import expect


def tenon_run(*words, status=0):
    return programs.run("../tools/tenon-run", *words, status=status)


def compare(a, b, status):
    return json.loads(tenon_run("compare", a, b, "--json", status=status).stdout)


def check(folder):
    recipe = (*trains.make_set(folder), "--epochs", 6, "--log-every", 2, "--save-steps", 5)
    whole, killed, other, tiny = (folder / name for name in ("whole", "killed", "other", "tiny"))
    train(*recipe, "--run", whole)
    train(*recipe, "--run", other, "--seed", 7)
    train(*recipe[:-6], "--max-steps", 1, "--run", tiny)

    child = start(*recipe, "--run", killed)
    while len(trains.lines(killed)) < 12 and child.poll() is None:
        time.sleep(0.01)
    child.kill()
    child.wait()
    listed = {r["name"]: r for r in json.loads(tenon_run("list", folder, "--json").stdout)}
    expect(set(listed) == {"whole", "killed", "other", "tiny"} and listed["whole"]["state"] == "done", "list", str(listed))
    expect(listed["killed"]["state"] in ("died", "done"), "killed", str(listed["killed"]))
    train("--resume", killed)

    found = compare(whole, killed, 0)
    expect(found["same"] and found["settings"] == [] and found["checkpoints"] > 0, "killed and resumed", str(found))
    found = compare(whole, other, 3)
    expect(found["first"]["step"] == 1 and found["first"]["field"] == "loss", "another seed", str(found))
    expect([s["name"] for s in found["settings"]] == ["recipe.seed"], "its setting", str(found["settings"]))
    expect("c1.weight" in [t["name"] for t in found["tensors"]], "its tensors", str(found["tensors"]))
    expect(compare(whole, tiny, 3)["first"], "a shorter one")

    page = folder / "page.html"
    tenon_run("show", whole, "--html", page)
    expect(page.read_text().count("<path") >= 6, "the page has curves")
    tenon_run("plot", whole, killed, other, "--out", folder / "curves.svg")
    expect("loss" in (folder / "curves.svg").read_text(), "curves")

    child = start(*recipe[:-6], "--epochs", 100000, "--run", folder / "alive")
    while len(trains.lines(folder / "alive")) < 2 and child.poll() is None:
        time.sleep(0.01)
    said = tenon_run("rm", folder / "alive", "--delete", status=2)
    expect("is alive (" in said.stderr, "rm of one that lives", said.stderr)
    child.kill()
    child.wait()
    said = tenon_run("wait", folder / "alive", status=1)
    expect("alive died: step" in said.stdout, "wait for one that was killed", said.stdout)
    tenon_run("rm", folder / "alive", "--delete")
    expect(not (folder / "alive").exists(), "it is removed")


with programs.Folder() as work:
    check(work)
programs.end("tenon-run on runs")
