#!/usr/bin/env python3
"""Models over HTTP: which there are; what is said of a picture, measured, drawn and exported is what the tools say in a shell; what cannot be is told,
and a program that is killed, too."""
import json
import os
import shutil
import struct
import subprocess
import time

from models_made import NAMES, SIDE, make, picture, tool
from serves import TOOLS, Server, Workspace, end, expect, wait_until

def lists(s, w):
    got = s.get("/models")
    ids = {m["id"]: m for m in got["models"]}
    expect({"tiny", "kept.safetensors", "broken.onnx", "alexnet-1"} <= set(ids) and "out.plan" not in ids and got["others"] == 2, "/models", got)
    expect(ids["tiny"]["run"] == "tiny" and ids["tiny"]["net"] == "tiny.net" and ids["tiny"]["best"] is not None and ids["kept.safetensors"]["run"] is None, "of a run, of a file", ids)
    expect([m["id"] for m in s.get("/models?find=kept")["models"]] == ["kept.safetensors"] and len(s.get("/models?count=2&after=1")["models"]) == 2, "found, by parts")
    s.get("/models?count=0", status=422)
    one = s.get("/models/tiny")
    expect(one["about"]["classes"] == 3 and one["about"]["parameters"] == 4 * 27 + 4 + 4 * 36 + 4 + 3 * 4 * SIDE * SIDE + 3 and one["problem"] is None and one["exports"] == [], "one", one)
    broken = s.get("/models/broken.onnx")
    expect(broken["about"] is None and broken["problem"], "one that cannot be read", broken)
    step = sorted((w / "runs/tiny/checkpoints").glob("step-*"))[-1].stem
    expect(s.get(f"/models/tiny.{step}")["step"] == int(step[5:]), "another checkpoint", step)
    expect("died.step-00000200" in ids, "of a run without a best one the last", ids)
    for name in ("nobody", "out.plan", "tiny.step-", "tiny.step-00009999", "died.best", "..", "tiny%2f..", "Not-A-Name.safetensors", "serve.token"):
        status, said, _ = s.ask("GET", "/api/v1/models/" + name)
        expect(status == 404, name, (status, said))
    status, data, _ = s.ask("GET", "/api/v1/models/kept.safetensors/file")
    expect(status == 200 and data == (w / "models/kept.safetensors").read_bytes(), "as it is")


def classified(s, w):
    path = w / "set/val/blue/1.ppm"
    want = json.loads(tool(TOOLS / "tenon-infer", w / "runs/tiny", path, "--json"))[0]["classes"]
    for how in ({"body": path.read_bytes()}, {"body": {"root": 0, "path": "set/val/blue/1.ppm"}, "headers": {"Content-Type": "application/json"}}):
        status, said, _ = s.ask("POST", "/api/v1/models/tiny/classify", **how)
        expect(status == 200 and said["classes"] == want and said["seconds"] > 0, "as tenon infer says it", (status, said, want))
    expect({c["name"] for c in want} == {n.replace("\n", " ") for n in NAMES}, "names are as they are", want)
    for body, headers, status in ((b"no picture", {}, 422), (b"", {}, 422), ({"root": 0, "path": "../x"}, {"Content-Type": "application/json"}, 422), (b"{", {"Content-Type": "application/json"}, 400)):
        got, said, _ = s.ask("POST", "/api/v1/models/tiny/classify", body=body, headers=headers)
        expect(got == status and said["error"]["text"] and "/proc" not in said["error"]["text"], str(body), (got, said))
    got, said, _ = s.ask("POST", "/api/v1/models/broken.onnx/classify", body=picture(1))
    expect(got == 422 and "broken.onnx" in said["error"]["text"], "no model", (got, said))
    large = b"P6\n1200 1000\n255\n" + bytes(3600000)
    expect(s.ask("POST", "/api/v1/models/tiny/classify", body=large)[0] == 200, "a picture of 3.6 MB")
    shutil.copy(w / "models/kept.safetensors", w / "models/other.safetensors")
    one = s.ask("POST", "/api/v1/models/other.safetensors/classify", body=picture(7))[1]["classes"]
    data = bytearray((w / "models/other.safetensors").read_bytes())
    (size,) = struct.unpack("<Q", data[:8])
    at = 8 + size + json.loads(data[8:8 + size])["fc.bias"]["data_offsets"][0]
    data[at:at + 12] = struct.pack("<3f", 0, 0, 50)
    (w / "models/aside").write_bytes(data)
    (w / "models/aside").rename(w / "models/other.safetensors")
    expect(s.ask("POST", "/api/v1/models/other.safetensors/classify", body=picture(7))[1]["classes"] != one, "a file that is another is opened anew")


def sent(s, w):
    data = (w / "models/kept.safetensors").read_bytes()
    for name, body, want in (("sent.safetensors", data, 201), ("sent.safetensors", data, 409), ("sent.exe", data, 422), ("empty.onnx", b"", 422), ("Sent.onnx", data, 404)):
        status, said, _ = s.ask("PUT", "/api/v1/models/" + name, body=body)
        expect(status == want, name, (status, said))
    expect((w / "models/sent.safetensors").read_bytes() == data and s.ask("POST", "/api/v1/models/sent.safetensors/classify", body=picture(3))[0] == 200, "it can be asked")
    for _ in range(2):
        (w / "models/sent.safetensors").write_bytes(data)
        expect(s.ask("DELETE", "/api/v1/models/sent.safetensors")[0] == 200 and not (w / "models/sent.safetensors").exists(), "to the trash")
    expect(len(list((w / "trash").glob("sent.safetensors*"))) == 2 and s.ask("DELETE", "/api/v1/models/tiny")[0] == 409, "nothing is lost there; a run's stays")


def prepared(s, w):
    """A net of floats is told how pixels become them: then it says of a picture what the model that it was exported of says."""
    tool(TOOLS / "tenon-model", "convert", w / "runs/tiny", w / "models/floats.onnx", "--float-input")
    got, said, _ = s.ask("POST", "/api/v1/models/floats.onnx/classify", body=picture(5))
    expect(got == 422 and "--scale or --mean" in said["error"]["text"], "it takes no picture", (got, said))
    for body, field in (({"mean": "x"}, "mean"), ({"scale": "/etc/passwd"}, "scale"), ({"scale": "-1"}, "scale"), ({"order": "rgb", "resize": "--help"}, "resize"), ({"scale": "1", "name": "../x"}, "name"),
                        ({"scale": "1", "classes": "one\ntwo"}, None)):
        got, said, _ = s.ask("POST", "/api/v1/models/floats.onnx/prepare", body=body)
        expect(got == 422 and (field is None or said["error"]["field"] == field), str(body), (got, said))
    got, said, _ = s.ask("POST", "/api/v1/models/floats.onnx/prepare", body={"mean": "128", "scale": "0.01", "resize": str(SIDE), "classes": "a\n<b>\nc"})
    expect(got == 201 and said["id"] == "floats-pictures.safetensors" and not list((w / "models").glob(".*")), "made", (got, said))
    one = s.ask("POST", f"/api/v1/models/{said['id']}/classify", body=picture(5))[1]["classes"]
    want = s.ask("POST", "/api/v1/models/tiny/classify", body=picture(5))[1]["classes"]
    expect([c["class"] for c in one] == [c["class"] for c in want] and all(abs(a["share"] - b["share"]) < 1e-4 for a, b in zip(one, want)) and {c["name"] for c in one} == {"a", "<b>", "c"}, "the same numbers", (one, want))


def begin(s, path, status=202, **how):
    got, said, _ = s.ask("POST", "/api/v1" + path, **how)
    expect(got == status, path, (got, said))
    return said.get("id")


def wait(s, id):
    expect(wait_until(lambda: s.get("/jobs/" + id)["state"] != "running", 90), f"{id} ends")
    return s.get("/jobs/" + id)


def measured(s, w):
    id = begin(s, "/models/tiny/evaluations", body={})
    job = wait(s, id)
    want = json.loads(tool(TOOLS / "tenon-eval", w / "runs/tiny", w / "set/val", "--json"))
    expect(job["state"] == "done" and job["result"] == want and job["of"] == "tiny", "as tenon eval says it", job)
    expect(s.get(f"/models/tiny/evaluations/{id}")["result"] == want and s.get("/models/tiny")["evaluations"][0]["id"] == id, "by its model")
    seen = 0
    for label, said, count in want["confusion"]:
        got = s.get(f"/models/tiny/evaluations/{id}/pictures?label={label}&said={said}")
        expect(got["count"] == count == len(got["pictures"]) and all(NAMES[label] in p["file"] or "\n" in NAMES[label] for p in got["pictures"]), "a cell's pictures", got)
        for p in got["pictures"]:
            seen += 1
            status, image, a = s.ask("GET", f"/api/v1/models/tiny/evaluations/{id}/image?at={p['at']}")
            expect(status == 200 and image[:2] == b"\xff\xd8" and a.getheader("Content-Type") == "image/jpeg", p["file"], (status, image[:200]))
    expect(seen == want["images"] == 9, "each picture once", seen)
    for query, status in (("image?at=1", 404), ("image?at=999999", 404), ("image?at=x", 422), ("pictures?label=x", 422), ("pictures?label=7&said=7", 200)):
        s.get(f"/models/tiny/evaluations/{id}/{query}", status=status)
    s.get(f"/models/kept.safetensors/evaluations/{id}", status=404)
    list_ = w / f"jobs/{id}/pictures.jsonl"
    list_.write_text(json.dumps({"label": 0, "said": 0, "file": "/etc/hostname"}) + "\n")
    s.get(f"/models/tiny/evaluations/{id}/image?at=0", status=403)
    for body, status in (({"data": {"root": 0, "path": "../.."}}, 422), ({"data": {"dataset": "nobody"}}, 404), ({"data": {"root": 0, "path": "nowhere"}}, 422)):
        begin(s, "/models/tiny/evaluations", body=body, status=status)
    begin(s, "/models/kept.safetensors/evaluations", body={}, status=422)
    job = wait(s, begin(s, "/models/kept.safetensors/evaluations", body={"data": {"root": 0, "path": "runs"}}))
    expect(job["state"] == "failed" and "tenon-eval" not in job["error"] and len(job["error"]) > 10, "it says why", job)
    job = wait(s, begin(s, "/models/tiny/classifications", body={"data": {"root": 0, "path": "set/val/blue"}}))
    expect(job["result"] == json.loads(tool(TOOLS / "tenon-infer", w / "runs/tiny", os.path.realpath(w / "set/val/blue"), "--json")), "many pictures", job)


def drawn(s, w):
    path = w / "set/val/blue/0.ppm"
    job = wait(s, begin(s, "/models/tiny/layers", body=path.read_bytes()))
    layers = {layer["name"]: layer for layer in job["result"]["layers"]}
    expect(list(layers) == ["image", "x", "conv1", "r1", "conv2", "r2", "f", "fc"] and layers["r1"]["made"]["zeros"] > 0 and layers["fc"]["shape"] == [1, 3], "layers", list(layers))
    for sheet in (layers["conv1"]["weights"][1]["picture"], layers["r1"]["made"]["picture"]):
        status, data, a = s.ask("GET", f"/api/v1/jobs/{job['id']}/files/{sheet['file']}")
        expect(status == 200 and data[:4] == b"\x89PNG" and a.getheader("Content-Type") == "image/png", "a sheet", (status, data[:100]))
    for _ in range(4):
        wait(s, begin(s, "/models/tiny/layers", body=b""))
    expect(len(s.get("/jobs?kind=layers&of=tiny")) == 3, "older ones are gone")
    job = wait(s, begin(s, "/models/tiny/layers", body=b"no picture"))
    expect(job["state"] == "failed" and "no image" in job["error"], "no picture", job)


def exported(s, w):
    job = wait(s, begin(s, "/models/tiny/exports", body={"format": "onnx"}))
    expect(job["state"] == "done" and job["result"]["parity"]["labels_equal"] == 9 and job["result"]["parity"]["same"], "onnx", job)
    status, data, _ = s.ask("GET", f"/api/v1/jobs/{job['id']}/files/tiny.onnx")
    (w / "models/tiny.onnx").write_bytes(data)
    want = s.ask("POST", "/api/v1/models/tiny/classify", body=picture(5))[1]["classes"]
    got = s.ask("POST", "/api/v1/models/tiny.onnx/classify", body=picture(5))[1]["classes"]
    expect([c["name"] for c in got] == [c["name"] for c in want] and all(abs(a["share"] - b["share"]) < 1e-5 for a, b in zip(got, want)), "what was exported says the same", (got, want))
    # A gate that is not met is told, with its numbers: so few pictures say nothing, or the model guesses.
    job = wait(s, begin(s, "/models/tiny/exports", body={"format": "engine", "precision": "int8", "max_drop": 100}))
    expect(job["state"] == "done", "engine", job)
    gate = job["result"]["accuracy"]
    expect(gate["images"] == 9 and gate["passed"] == (job["result"]["engine"] is not None), "engine", job)
    status, _, _ = s.ask("GET", f"/api/v1/jobs/{job['id']}/files/tiny.plan")
    expect(status == (200 if gate["passed"] else 404), "its file", status)
    job = wait(s, begin(s, "/models/kept.safetensors/exports", body={"format": "engine"}))
    status, data, _ = s.ask("GET", f"/api/v1/jobs/{job['id']}/files/kept.plan")
    (w / "models/kept.plan").write_bytes(data)
    expect(status == 200 and s.ask("POST", "/api/v1/models/kept.plan/classify", body=picture(5))[1]["classes"] == want, "an engine", status)
    for body, field in (({"format": "exe"}, "format"), ({"format": "engine", "precision": "f8"}, "precision"), ({"format": "engine", "max_drop": -1}, "max_drop"), ({"format": "onnx", "data": {"path": "x"}}, "data")):
        got, said, _ = s.ask("POST", "/api/v1/models/tiny/exports", body=body)
        expect(got == 422 and said["error"]["field"] == field, str(body), (got, said))
    status, said, _ = s.ask("DELETE", f"/api/v1/jobs/{job['id']}")
    expect(status == 200 and not (w / "jobs" / job["id"]).exists(), "removed", said)
    for path in ("jobs/nobody", "jobs/export-1/files/nothing", "jobs/export-1/files/..", "jobs/export-1/files/%2e%2e%2fx"):
        s.get("/" + path, status=404)


def begun(s, w):
    """A run that begins with a model's file."""
    status, said, _ = s.ask("POST", "/api/v1/plan", body={"init": "kept.safetensors", "batch": 2})
    expect(status == 200 and said["parameters"] > 3000, "what it would take", (status, str(said)[:300]))
    body = {"name": "fine", "data": {"root": 0, "path": "set"}, "init": "kept.safetensors", "recipe": {"epochs": 1, "batch": 6, "rate": 1e-6, "size": SIDE}, "device": "cpu,threads=1"}
    status, said, _ = s.ask("POST", "/api/v1/runs", body=body)
    expect(status == 201 and wait_until(lambda: s.get("/runs/fine")["state"] == "done", 60), "begun", (status, said))
    a, b = (s.ask("POST", f"/api/v1/models/{id}/classify", body=picture(5))[1]["classes"] for id in ("fine", "tiny"))
    expect([c["name"] for c in a] == [c["name"] for c in b] and all(abs(x["share"] - y["share"]) < 1e-2 for x, y in zip(a, b)), "with its numbers", (a, b))


def killed(s, w):
    """A job outlives the server; one that is killed is told of as such; so is a program that answers questions."""
    (w / "many.txt").write_text(f"{w / 'set/val/blue/0.ppm'}\n" * 3000)
    body = {"data": {"root": 0, "path": "many.txt"}}
    id = begin(s, "/models/kept.safetensors/classifications", body=body)
    s.process.kill()
    s.process.wait()
    s.process = subprocess.Popen(s.words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    s.port = int(s.process.stdout.readline().split(":")[2].split("/")[0])
    job = wait(s, id)
    expect(job["state"] == "done" and len(job["result"]) == 3000, "a job that the server did not see the end of", str(job)[:300])
    id = begin(s, "/models/kept.safetensors/classifications", body=body)
    os.kill(int((w / "jobs" / id / "pid").read_text()), 9)
    job = wait(s, id)
    expect(job["state"] == "died" and job["error"], "killed", job)
    id = begin(s, "/models/kept.safetensors/classifications", body=body)
    expect(s.ask("DELETE", f"/api/v1/jobs/{id}")[0] == 200 and wait(s, id)["state"] == "died", "ended")
    want = s.ask("POST", "/api/v1/models/tiny/classify", body=picture(5))[1]["classes"]
    for child in subprocess.run(["pgrep", "-P", str(s.process.pid), "-f", "runs/tiny"], capture_output=True, text=True, check=False).stdout.split():
        os.kill(int(child), 9)
    time.sleep(0.1)
    got = [s.ask("POST", "/api/v1/models/tiny/classify", body=picture(5)) for _ in range(2)]
    expect(got[1][0] == 200 and got[1][1]["classes"] == want and got[0][0] in (200, 422), "it is started again", [g[:2] for g in got])


with Workspace() as w:
    make(w)
    (w / "runs/alexnet-1/checkpoints/best.safetensors").write_bytes(b"\2\0\0\0\0\0\0\0{}")
    with Server(w) as s:
        for check in (lists, classified, sent, prepared, measured, drawn, exported, begun, killed):
            check(s, w)
end("tenon-serve, models")
