#!/usr/bin/env python3
"""What is done to runs over HTTP is what the tools do, to a training that is under way; and no server is needed by it."""
import concurrent.futures
import json
import os
import shutil
import subprocess

from serves import TOOLS, Server, Workspace, end, expect, wait_until
from tiny import NET, make_set

def lines(run):
    return [json.loads(line) for line in open(run / "log.jsonl")]


def train(w, name):
    return subprocess.Popen([TOOLS / "tenon-train", w / "set", "--net", w / "tiny.net", "--batch", "4", "--threads", "1", "--epochs", "100000",
                             "--device", "cpu,threads=1", "--run", w / "runs" / name], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def state(s, name):
    return s.get("/runs/" + name)["state"]


def orders(s, w, run):
    status, said, _ = s.ask("POST", "/api/v1/runs/live/orders", body={"order": "set", "set": {"rate_scale": 0.25, "momentum": 0.5}})
    expect(status == 202 and said["applied"] is True, "set", (status, said))
    told = [line for line in lines(run) if line["e"] == "order"]
    expect(told and told[-1]["set"] == {"rate_scale": 0.25, "momentum": 0.5}, "it is in the log", told)
    expect(any(m["kind"] == "order" and m["rate_scale"] == 0.25 for m in s.get("/runs/live/series")["marks"]), "and a mark")
    for body, want, field in (({"order": "fly"}, 422, "order"), ({}, 422, "order"), ({"order": "set"}, 422, "set"), ({"order": "set", "set": {"rate_scale": "x"}}, 422, "rate_scale"),
                              ({"order": "set", "set": {"nothing": 1}}, 409, None), ({"order": "set", "set": {"--help": 1}}, 422, "--help"), ("no JSON", 400, None)):
        status, said, _ = s.ask("POST", "/api/v1/runs/live/orders", body=body)
        expect(status == want and said["error"]["field"] == field and said["error"]["text"], str(body), (status, said))
    for name, want in (("died", 409), ("nobody", 404)):
        status, said, _ = s.ask("POST", f"/api/v1/runs/{name}/orders", body={"order": "stop"})
        expect(status == want, f"an order to {name}", (status, said))
    expect(s.ask("POST", "/api/v1/runs/live/orders", body={"order": "snapshot"})[0] == 202, "snapshot")
    expect(wait_until(lambda: any(c["step"] > 0 for c in s.get("/runs/live")["checkpoints"]), 20), "a checkpoint")


def begins(s, w):
    """A new run by its form: begun as tenon-train would, refused with the field that is wrong."""
    said = s.get("/browse?path=set")
    expect(said["folders"] == ["train", "val"] and said["roots"] == [os.path.realpath(w)], "/browse", said)
    for path in ("nowhere", "..", "../..", "/etc", "set/../../.."):
        s.get("/browse?path=" + path, status=404)
    (w / "out").symlink_to("/etc")
    s.get("/browse?path=out", status=404)
    nets = s.get("/nets")
    expect({"resnet18", "lenet"} <= {n["name"] for n in nets}, "/nets", nets)
    good = {"name": "made", "data": {"root": 0, "path": "set"}, "text": NET, "recipe": {"epochs": 2, "batch": 4}, "device": "cpu,threads=1"}
    for change, fields in (({"name": "Made"}, ["name"]), ({"name": "died"}, ["name"]), ({"data": {"path": "../x"}}, ["data"]), ({"data": {"path": "/etc"}}, ["data"]), ({"data": None}, ["data"]),
                           ({"text": "", "net": "nothing"}, ["net"]), ({"text": "tenon graph 1\nx = nothing()\n"}, ["text"]), ({"recipe": {"epochs": 0}}, ["epochs"]), ({"recipe": {"run": "x"}}, ["run"]),
                           ({"recipe": {"rate": "fast"}}, ["rate"]), ({"init": "../x"}, ["init"]), ({"init": "nobody.step-00000001"}, ["init"]), ({"data": {"root": 1e300, "path": "set"}}, ["data"]),
                           ({"data": {"root": 0, "path": "tiny.net"}}, ["data"]), ({"recipe": {"optim": "magic"}}, ["optim"]), ({"recipe": {"freeze": True, "nesterov": "yes"}, "queue": True}, ["freeze", "nesterov"]), ({"recipe": {"mean": "/etc/passwd"}}, ["mean"]), ({"recipe": {"input": "/etc/x"}, "device": "cuda,gpu=/etc/x"}, ["input", "device"]),
                           ({"name": "", "net": "x", "text": "", "data": {}, "recipe": {"lock-fd": 3, "val": "/etc", "rate": ""}}, ["name", "data", "net", "lock-fd", "val", "rate"])):
        status, said, _ = s.ask("POST", "/api/v1/runs", body={**good, **change})
        expect(status == 422 and said["error"] == said["errors"][0] and [e["field"] for e in said["errors"]] == fields, f"{change} is refused by its fields", (status, said))
    expect(not (w / "runs/made").exists(), "nothing is left of those")
    status, said, _ = s.ask("POST", "/api/v1/plan", body={"text": NET, "batch": 4})
    expect(status == 200 and said["parameters"] == 3 * 768 + 3 and said["largest_batch"] > 4, "/plan", (status, str(said)[:300]))
    for text, line, column in ((NET.replace("units=3", "units=x"), 6, True), ('name: "x"\nlayer { name: "a" type: "Nothing" }\n', 2, False), ('name: "x"\nlayer {\n', 3, True)):
        status, said, _ = s.ask("POST", "/api/v1/plan", body={"text": text})
        error = said["error"]
        expect(status == 422 and error["field"] == "text" and error["line"] == line and ("column" in error) == column and "nets/" not in error["text"], "the line of a text that is none", (status, said))
    for body, field in (({}, "net"), ({"net": "slim", "batch": "many"}, "batch"), ({"net": "slim", "device": "--help"}, None), ({"init": "nobody"}, "init")):
        status, said, _ = s.ask("POST", "/api/v1/plan", body=body)
        expect(status == 422 and said["error"]["field"] == field, f"/plan {body}", (status, said))
    status, said, _ = s.ask("POST", "/api/v1/rate", body={"recipe": {"epochs": 10, "rate": 0.5, "rate-policy": "step", "rate-period": 5, "warmup": 0, "epsilon": 1e-8}})
    expect(status == 200 and said["unit"] == "epochs" and said["x"][0] == 0 and said["x"][-1] == 10 and said["rate"][0] == 0.5 and abs(said["rate"][-1] - 0.05) < 1e-6, "/rate", (status, str(said)[:300]))
    status, said, _ = s.ask("POST", "/api/v1/rate", body={"recipe": {"rate-policy": "magic"}})
    expect(status == 422 and said["error"]["field"] == "rate-policy", "/rate refuses", said)
    expect(s.ask("POST", "/api/v1/rate", body='{"recipe":' + "[" * 40 + "]" * 40 + "}")[0] == 400, "what is nested deeper than anything here")
    with concurrent.futures.ThreadPoolExecutor(4) as several:
        both = list(several.map(lambda i: s.ask("POST", "/api/v1/runs", body={**good, "text": NET + f"# {i}\n"}), range(4)))
    made = [i for i, (status, _, _) in enumerate(both) if status == 201]
    expect(len(made) == 1 and all(status == 422 and said["error"]["field"] == "name" for i, (status, said, _) in enumerate(both) if i not in made), "of several of a name one is begun", both)
    expect((w / "nets/made.net").read_text() == NET + f"# {made[0]}\n", "and its net stays its own")
    status, said, _ = both[made[0]]
    expect(status == 201 and said == {"id": "made"} and wait_until(lambda: s.ask("GET", "/api/v1/runs/made")[0] == 200 and state(s, "made") == "done", 60), "a new run", (status, said))
    expect(s.get("/runs/made")["net"] == "made.net" and s.get("/runs/made")["config"]["net.name"] == str(w / "nets/made.net"), "a net of a file goes by the file's name", s.get("/runs/made")["net"])
    status, said, _ = s.ask("POST", "/api/v1/runs/made/clone")
    expect(status == 200 and said["name"] == "made-2" and said["data"]["path"] == str(w / "set") and said["init"] == "made" and said["recipe"]["epochs"] == 2 and
           "flatten" in said["text"] and said["net"] is None, "a clone's form", (status, said))
    status, again, _ = s.ask("POST", "/api/v1/runs", body={**said, "recipe": {**said["recipe"], "epochs": 1}})
    expect(status == 201 and again == {"id": "made-2"} and wait_until(lambda: state(s, "made-2") == "done", 60), "and it can be begun", (status, again))
    step = s.get("/runs/made")["checkpoints"][0]["step"]
    status, said, _ = s.ask("POST", "/api/v1/runs/made/clone", body={"step": step})
    expect(status == 200 and said["init"] == f"made.step-{step:08d}" and said["name"] == "made-3", "of a step", (status, said))
    for wrong in (-1, 0.5, "1", 12345):
        status, said, _ = s.ask("POST", "/api/v1/runs/made/clone", body={"step": wrong})
        expect(status == 422 and said["error"]["field"] == "step", f"of step {wrong}", (status, said))
    shutil.copytree(w / "runs/made", w / "runs/run-9223372036854775807")
    expect(wait_until(lambda: s.ask("POST", "/api/v1/runs/run-9223372036854775807/clone")[0] == 200, 5), "a name like a number")
    expect(s.ask("POST", "/api/v1/runs/run-9223372036854775807/clone")[1]["name"] == "run-9223372036854775807-2", "that is none")
    expect( s.ask("POST", "/api/v1/runs/nobody/clone")[0] == 404, "of none")
    status, said, _ = s.ask("POST", "/api/v1/plan", body={"init": f"made.step-{step:08d}", "batch": 2})
    expect(status == 200 and said["batch"] == 2, "what a model takes", (status, str(said)[:300]))
    expect((w / "runs/made.output").read_text().count("epoch") >= 1 and lines(w / "runs/made")[-1]["e"] == "end", "what it said is kept")


os.environ["A_SECRET"] = "of whoever starts the server"
with Workspace() as w:
    make_set(w)
    run = w / "runs/live"
    p = train(w, "live")
    expect(wait_until(lambda: (run / "log.jsonl").exists() and any(line["e"] == "step" for line in lines(run))), "it trains")
    with Server(w) as s:
        begins(s, w)
        expect(wait_until(lambda: state(s, "live") == "running", 10), "running")
        orders(s, w, run)
        status, said, _ = s.ask("DELETE", "/api/v1/runs/live")
        expect(status == 409 and run.exists(), "a run that lives is not removed", (status, said))
        expect(s.ask("POST", "/api/v1/runs/live/resume")[0] == 409, "nor resumed")
        s.kill()
        expect(p.poll() is None and state(s, "live") == "running", "the server was killed, and the run has not noticed")
        p.kill()
        p.communicate()
        expect(wait_until(lambda: state(s, "live") == "died", 10), "the run was killed: died")
        step = s.get("/runs/live")["step"]
        status, said, _ = s.ask("POST", "/api/v1/runs/live/resume")
        expect(status == 202 and wait_until(lambda: state(s, "live") == "running" and s.get("/runs/live")["step"] > 0, 30), "resumed", (status, said))
        expect((run / "output.log").exists() and any(line["e"] == "resume" for line in lines(run)) and step > 0, "what it says is kept")
        of = f"/proc/{json.loads((run / 'state.json').read_text())['pid']}"
        expect(b"A_SECRET" not in open(of + "/environ", "rb").read() and b"PATH=" in open(of + "/environ", "rb").read(), "it is given little of the environment")
        expect(not [f for f in os.listdir(of + "/fd") if os.readlink(f"{of}/fd/{f}").startswith("socket")], "and no connection")
        expect(all(p.stat().st_mode & 0o077 == 0 for p in (w / "nets/made.net", w / "runs/made/config.json", w / "runs/made.output")), "what is made is ours alone")
        expect(s.ask("POST", "/api/v1/runs/live/orders", body={"order": "stop"})[0] == 202 and wait_until(lambda: state(s, "live") == "stopped", 20), "stopped")
        status, said, _ = s.ask("DELETE", "/api/v1/runs/live")
        expect(status == 200 and wait_until(lambda: s.ask("GET", "/api/v1/runs/live")[0] == 404, 10) and list(w.glob("trash/*live*")), "to the trash", (status, said))
end("tenon-serve, acting")
