#!/usr/bin/env python3
"""What is read over HTTP is what the folders say, and follows them."""
import json
import os
import shutil
import threading
import time
import urllib.parse

from serves import Server, Workspace, end, expect, wait_until


def lists(s, w):
    state = s.get("/state")
    expect(state["states"] == {"queued": 0, "starting": 0, "running": 0, "stopping": 0, "done": 3, "stopped": 0, "failed": 1, "died": 1} and
           state["workspace"] == os.path.realpath(w), "/state", state)
    m = s.get("/machine")
    expect(m["cores"] >= 1 and m["memory"] > m["memory_free"] > 0 and m["disk"] > 0, "/machine", m)
    time.sleep(0.05)  # both times are whole milliseconds, and what a core did is counted in hundredths of a second
    now = [m["now"], s.get("/machine")["now"]]
    expect(now[0]["memory_bytes"] == m["memory"] and now[1]["t"] > now[0]["t"] and isinstance(now[1]["gpus"], list) and
           0 <= now[1]["cpu_busy"] <= 1, "/machine as the doctor has it", now)
    runs = s.get("/runs")
    expect(runs["count"] == 5 and [r["name"] for r in runs["runs"][:3]] == ["alexnet-1", "alexnet-2", "alexnet-3"], "/runs: the last first", runs)
    one = runs["runs"][0]
    expect(one["state"] == "done" and one["step"] == 600 and one["data"] == "flowers" and one["epochs"] == 6 and 10 < len(one["spark"]) <= 60 and
           0 < one["val_top1"] < 1 and one["took"] == 600, "a run of the list", one)
    expect([r["name"] for r in s.get("/runs?state=died")["runs"]] == ["died"], "by state")
    expect([r["name"] for r in s.get("/runs?find=ed")["runs"]] == ["died", "failed"] or
           sorted(r["name"] for r in s.get("/runs?find=ed")["runs"]) == ["died", "failed"], "by name")
    part = s.get("/runs?after=1&count=2")
    expect(part["count"] == 5 and len(part["runs"]) == 2, "by parts", part)
    for query, field in (("after=x", "after"), ("count=0", "count"), ("count=501", "count"), ("after=-1", "after")):
        said = s.get("/runs?" + query, status=422)
        expect(said["error"]["field"] == field, query, said)


def one_run(s, w):
    r = s.get("/runs/failed")
    expect(r["state"] == "failed" and r["reason"] == "loss is NaN in conv1" and r["config"]["recipe.rate"] == 0.01 and
           r["config"]["data.classes.0"] == "<i>rose" and r["says"]["last.rate"] == 0.01, "/runs/failed", r)
    expect(len(r["checkpoints"]) == 1 and r["checkpoints"][0]["step"] == 100, "checkpoints that are there", r["checkpoints"])
    r = s.get("/runs/alexnet-1")
    expect(r["orders"][0]["by"] == "anna <b>" and len(r["epoch_lines"]) == 6, "orders and epochs", r)
    (w / "runs/alexnet-1/checkpoints/step-00000300.safetensors").unlink()
    expect([c["step"] for c in s.get("/runs/alexnet-1")["checkpoints"]] == [100, 200, 400, 500, 600], "one that is gone")


def series(s, w):
    want = [json.loads(line) for line in open(w / "runs/alexnet-1/log.jsonl")]
    losses = [line["loss"] for line in want if line["e"] == "step"]
    got = s.get("/runs/alexnet-1/series?names=step.loss,epoch.val.loss,nothing.here,step&points=1000")
    c = got["series"]["step.loss"]
    expect(list(got["series"]) == ["step.loss", "epoch.val.loss"] and c["x"] == list(range(10, 610, 10)), "names and steps", got)
    expect(all(abs(a - b) < 1e-6 for a, b in zip(c["y"], losses)) and c["y"] == c["low"] == c["high"] == c["smooth"], "numbers", c["y"][:3])
    expect(got["marks"] == [{"step": 300, "kind": "order", "order": None, "rate_scale": 0.1}] and got["end"] == 600 and "step.wait" in got["names"], "marks", got["marks"])
    few = s.get("/runs/alexnet-1/series?names=step.loss&points=6&smooth=0.9")["series"]["step.loss"]
    total, weights = 0, 0
    for loss in losses:
        total, weights = 0.9 * total + 0.1 * loss, 0.9 * weights + 0.1
    expect(len(few["x"]) == 6 and abs(few["smooth"][-1] - total / weights) < 1e-5, "smoothed before it is thinned", few)
    expect(abs(few["low"][0] - min(losses[:10])) < 1e-6 and abs(few["high"][0] - max(losses[:10])) < 1e-6, "no peak is lost", few)
    part = s.get("/runs/alexnet-1/series?names=step.loss&from=100&to=200&smooth=0.9")["series"]["step.loss"]
    whole = s.get("/runs/alexnet-1/series?names=step.loss&points=1000&smooth=0.9")["series"]["step.loss"]
    at = whole["x"].index(100)
    expect(part["x"] == list(range(100, 210, 10)) and part["smooth"] == whole["smooth"][at:at + 11], "a part is smoothed as the whole is", part)
    s.get("/runs/alexnet-1/series?smooth=2", status=422)


def log(s, w):
    want = [json.loads(line) for line in open(w / "runs/alexnet-2/log.jsonl")]
    got = s.get("/runs/alexnet-2/log?lines=4")
    expect(got["count"] == len(want) and got["from"] == len(want) - 4 and [x["e"] for x in got["lines"]] == [x["e"] for x in want[-4:]], "the last lines", got)
    before = s.get(f"/runs/alexnet-2/log?lines=3&before={got['from']}")
    expect(before["from"] == got["from"] - 3 and [x["step"] for x in before["lines"]] == [x["step"] for x in want[-7:-4]], "those before", before)
    expect(s.get("/runs/alexnet-2/log?before=0")["lines"] == [], "none before the first")


def compared(s, w):
    same, other = s.get("/compare?a=alexnet-1&b=alexnet-3"), s.get("/compare?a=alexnet-1&b=alexnet-2")
    expect(same["same"] is True and other["same"] is False and other["first"]["step"] == 310 and other["first"]["field"] == "loss", "compare", other)
    expect(s.get("/compare?a=alexnet-1", status=422)["error"]["field"] == "b", "b is missing")
    s.get("/compare?a=alexnet-1&b=nobody", status=404)


def long_log(s, w):
    """A list does not wait for logs that are long, and nothing is read twice."""
    run = w / "runs/long"
    run.mkdir()
    (run / "lock").touch()
    (run / "config.json").write_text("{}")
    with open(run / "log.jsonl", "w") as to:
        for step in range(60000):
            to.write(json.dumps({"e": "step", "t": 1.7e9 + step, "step": step, "loss": 1 / (1 + step), "rate": 0.1, "images_s": 7}) + "\n")
    (run / "state.json").write_text(json.dumps({"v": 1, "state": "done", "step": 59999, "epoch": 1, "updated": 1.0}))

    def one():
        return next((r for r in s.get("/runs")["runs"] if r["name"] == "long"), {})
    expect(wait_until(lambda: one().get("took") == 59999, 20) and len(one()["spark"]) > 50 and one()["images_s"] == 7, "its summary comes by itself", one())

    size = (run / "log.jsonl").stat().st_size

    def bytes_read():
        return int(open(f"/proc/{s.process.pid}/io").read().split()[1])
    before = bytes_read()
    for _ in range(20):
        one()
    expect(bytes_read() - before < size // 4, "a list again costs no reading of logs", bytes_read() - before)
    with open(run / "log.jsonl", "a") as to:
        to.write(json.dumps({"e": "step", "t": 1.8e9, "step": 60000, "loss": 0.5, "rate": 0.1, "images_s": 9}) + "\n")
    (run / "state.json").write_text(json.dumps({"v": 1, "state": "done", "step": 60000, "epoch": 1, "updated": 2.0}))
    before = bytes_read()
    expect(wait_until(lambda: one()["images_s"] == 9), "what is new is shown", one())
    expect(bytes_read() - before < size // 4, "and is all that is read", bytes_read() - before)
    run.rename(w / "long")
    expect(wait_until(lambda: not one()), "gone")


def notes(s, w):
    text = "it was <b>good</b>\n猫 ©"
    expect(s.get("/runs/died/notes")["text"] == "", "no notes yet")
    status, said, _ = s.ask("PUT", "/api/v1/runs/died/notes", body=text.encode())
    expect(status == 200 and s.get("/runs/died/notes")["text"] == text and (w / "runs/died/notes.txt").read_text() == text, "notes", said)
    status, said, _ = s.ask("PUT", "/api/v1/runs/died/notes", body=b"x" * 70000)
    expect(status == 422, "too long", said)
    for bad in b"x" * 70000, b"a\0b":  # by an editor: a part of it is not shown, lest it be kept in place of all
        (w / "runs/died/notes.txt").write_bytes(bad)
        expect("notes.txt is not shown" in s.get("/runs/died/notes", status=422)["error"]["text"], "notes that are more than that")
    (w / "runs/died/notes.txt").unlink()


def unread(s, w):
    """What cannot be read is told, where it would stand and in the list."""
    log = w / "runs/died/log.jsonl"
    log.rename(w / "log.away")
    log.mkdir()
    said = s.get("/runs/died")
    expect("log.jsonl" in said["log_problem"] and said["epoch_lines"] == [], "a log that is none", said)
    for path in "log", "series?names=step.loss":
        expect("log.jsonl" in s.get("/runs/died/" + path, status=500)["error"]["text"], path)
    log.rmdir()
    (w / "log.away").rename(log)
    expect(s.get("/runs/died")["log_problem"] is None and s.get("/state")["unread"] == 0, "and is one again")
    if os.geteuid() == 0:
        return  # who may read everything
    (w / "runs/died").chmod(0)
    expect(wait_until(lambda: s.get("/state")["unread"] == 1, 5) and "died" in s.get("/state")["unread_why"], "a folder that may not be looked into", s.get("/state"))
    (w / "runs/died").chmod(0o700)
    expect(wait_until(lambda: s.get("/state")["unread"] == 0, 5), "it may")


def output(s, w):
    """The end of what a trainer said, when it was begun and when it was resumed, whatever bytes these are."""
    expect(s.get("/runs/died/output")["text"] == "", "nothing was kept")
    (w / "runs/died.output").write_bytes(b"x" * 40000 + b"\nfirst \xff\n")
    (w / "runs/died/output.log").write_text("second\n" * 3)
    said = s.get("/runs/died/output")["text"]
    expect(said.startswith("first ") and said.endswith("second\n" * 3) and "x" not in said, "both, from the begin of a line", said[:100])
    (w / "runs/died/output.log").unlink()
    (w / "runs/died/output.log").symlink_to("/etc/passwd")
    expect("root" not in s.get("/runs/died/output")["text"], "no link is followed")


def names(s, w):
    """What is no name of a run never touches the file system."""
    for name in ("nobody", "..", "%2e%2e", "a%2fb", "Alexnet-1", "alexnet-1%00", "-x", "a" * 65, "a" * 3000):
        status, said, _ = s.ask("GET", "/api/v1/runs/" + name)
        expect(status in (404, 400) or name == "alexnet-1%00", name, (status, said))
    (w / "runs/link").symlink_to(w / "runs/died")
    (w / "runs/nothing").mkdir()
    expect(s.get("/runs")["count"] == 5, "neither links nor other folders are runs")
    for method, path, want in (("POST", "/api/v1/state", 405), ("DELETE", "/api/v1/runs", 405), ("GET", "/api/v1/", 404), ("GET", "/api/v2/state", 404),
                               ("GET", "/nothing.js", 404), ("GET", "/../etc/passwd", 404), ("POST", "/", 405), ("GET", "/" + urllib.parse.quote("runs/../app.js"), 404)):
        status, said, _ = s.ask(method, path)
        expect(status == want, f"{method} {path}", (status, said))


def events(s, w):
    """A stream tells of what changes: a new run, its steps, that it is gone."""
    heard = []

    def listen():
        import http.client
        c = http.client.HTTPConnection("localhost", s.port, timeout=20)
        c.request("GET", "/api/v1/events", headers={"Authorization": "Bearer " + s.token})
        a = c.getresponse()
        expect(a.status == 200 and a.getheader("Content-Type") == "text/event-stream", "the stream", a.status)
        try:
            while line := a.fp.readline():
                if line.startswith(b"data: "):
                    heard.append(json.loads(line[6:]))
        except OSError:
            pass

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    expect(wait_until(lambda: thread.is_alive()), "it listens")
    run = w / "runs/new-one"
    run.mkdir()
    (run / "lock").touch()
    (run / "config.json").write_text("{}")
    (run / "state.json").write_text(json.dumps({"v": 1, "state": "done", "step": 7, "epoch": 1, "updated": 1.0}))
    expect(wait_until(lambda: any(h["id"] == "new-one" and h["state"] == "done" and h["step"] == 7 for h in heard), 10), "a new run", heard)
    (run / "state.json").write_text(json.dumps({"v": 1, "state": "failed", "step": 9, "epoch": 1, "updated": 2.0}))
    expect(wait_until(lambda: any(h["id"] == "new-one" and h["state"] == "failed" for h in heard), 10), "another state", heard)
    run.rename(w / "gone")
    expect(wait_until(lambda: any(h == {"id": "new-one", "state": None} for h in heard), 10), "gone", heard)
    s.get("/runs/new-one", status=404)


def another(s, w):
    """A run is moved away and one that was begun otherwise takes its name between two looks: nothing of the first is said of it."""
    before = s.get("/runs/alexnet-3")["config"]
    old = w / "alexnet-3.away"
    config = json.loads((w / "runs/alexnet-3/config.json").read_text())
    config["recipe"]["rate"] = 0.5
    shutil.copytree(w / "runs/alexnet-3", w / "other")
    (w / "other/config.json").write_text(json.dumps(config))
    (w / "other/log.jsonl").write_text('{"e":"start","t":1,"step":0}\n')
    os.rename(w / "runs/alexnet-3", old)
    os.rename(w / "other", w / "runs/alexnet-3")
    expect(before["recipe.rate"] != 0.5 and wait_until(lambda: s.get("/runs/alexnet-3")["config"]["recipe.rate"] == 0.5, 5), "its own config.json")
    expect(s.get("/runs/alexnet-3/log")["count"] == 1, "and its own log", s.get("/runs/alexnet-3/log"))


with Workspace() as w, Server(w) as s:
    for check in (lists, one_run, series, log, compared, long_log, notes, unread, output, names, events, another):
        check(s, w)
end("tenon-serve, read")
