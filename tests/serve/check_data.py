#!/usr/bin/env python3
"""Data sets over HTTP: made, checked, looked at as they are and as a network sees them, left out of and taken in again; what leads elsewhere,
what is broken and names of all kinds."""
import concurrent.futures
import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
import urllib.parse

from serves import SKIPPED, TOOLS, Server, Workspace, end, expect, wait_until

HOSTILE = "<img src=x onerror=alert(1)>"


def make_set(w):
    """Twelve pictures of three classes to train on; of those to measure on one is the first of them, by another name."""
    subprocess.run([TOOLS / "tenon-shapes", w / "shapes", "--train", "4", "--val", "2", "--min", "40", "--max", "64"], check=True, stdout=subprocess.DEVNULL)
    for side in "train", "val":
        os.rename(w / "shapes" / side / "ring", w / "shapes" / side / HOSTILE)
        os.rename(w / "shapes" / side / "star", w / "shapes" / side / "two\nlines")
    train = w / "shapes/train"
    (w / "shapes/val/heart/leak.jpg").write_bytes((train / "heart/0001.jpg").read_bytes())
    (train / "cross/twice.jpg").write_bytes((train / "cross/0002.jpg").read_bytes())
    (train / "cross" / os.fsdecode(b"\xff\nodd.jpg")).write_bytes((train / "cross/0003.jpg").read_bytes()[:900])


def post(s, path, body, status):
    got, said, _ = s.ask("POST", "/api/v1/datasets" + path, body=body)
    expect(got == status, f"POST {path} {body}: {got}, not {status}", said)
    return said


def makes(s, w):
    (w / "elsewhere").symlink_to(w.parent / (w.name + "-data"))
    (w / "escape").symlink_to(w.parent)
    expect(s.get("/browse?path=elsewhere/pictures")["folders"] == ["cat", "dog"], "a link into another root is followed")
    for bad in "escape", "elsewhere/..", "elsewhere/pictures/../../..", "elsewhere/out", "..":
        s.get("/browse?path=" + bad, status=404)
    expect(s.get("/datasets") == {"datasets": [], "count": 0, "jobs": []}, "none yet")
    good = {"name": "shapes", "data": {"root": 0, "path": "shapes"}, "size": 32}
    (w / "out").symlink_to("/usr")
    (w / "list.txt").write_text(f"{w}/shapes/train/heart/0001.jpg 0\n")  # one that is sent could name any file of the machine
    for change, field in (({"name": "../x"}, "name"), ({"name": None}, "name"), ({"data": {"root": 0, "path": "../../etc"}}, "data"), ({"data": {"root": 9, "path": ""}}, "data"),
                          ({"data": {"root": 0, "path": "out"}}, "data"), ({"data": {"root": 0, "path": "/etc"}}, "data"), ({"val": {"root": 0, "path": "nowhere"}}, "val"),
                          ({"split": 10}, "split"), ({"size": 1e9}, "size"), ({"data": {"root": 0, "path": "serve.token"}}, "data"),
                          ({"data": {"root": 0, "path": "list.txt"}}, "data"), ({"val": {"root": 0, "path": "list.txt"}}, "val")):
        said = post(s, "", {**good, **change}, 422)
        expect(said["error"]["field"] == field and said["error"]["text"], f"{change} is refused by its field", said)
    expect(s.ask("POST", "/api/v1/datasets", body="no JSON")[0] == 400 and not list((w / "datasets").glob("*")), "nothing is left of those")
    expect(post(s, "", good, 201) == {"id": "shapes"}, "made")
    post(s, "", good, 422)
    post(s, "", {"name": "shared-out", "data": {"root": 0, "path": "shapes/train"}, "split": 25}, 201)
    now = s.get("/datasets/shared-out")
    expect(now["now"]["val"]["pictures"] == 11 and now["now"]["set"]["pictures"] == 31 and now["split"] == 25 and now["checked"] is None, "shared out", now)
    expect(s.ask("DELETE", "/api/v1/datasets/shared-out")[0] == 200 and list(w.glob("trash/*shared-out*")), "to the trash")
    s.get("/datasets/shared-out", status=404)


def check(s, name):
    post(s, f"/{name}/check", {}, 202)
    expect(wait_until(lambda: not any(j["state"] == "running" for j in s.get("/datasets/" + name)["jobs"]), 60), "checked")
    return s.get("/datasets/" + name)


def checks(s, w):
    a = check(s, "shapes")
    kinds = [f["kind"] for f in a["findings"]]
    expect({"broken", "leak", "same"} <= set(kinds) and a["now"]["set"]["pictures"] == 42 and a["report"]["set"]["read"] == 41, "findings", kinds)
    one = s.get("/datasets")["datasets"][0]
    expect(one["findings"] == len(kinds) and one["pictures"] == 42 and one["classes"] == 10 and one["hist"][0] == 4, "in short", one)
    leak = next(f for f in a["findings"] if f["kind"] == "leak")
    expect([(p["side"], p["path"].split("/")[-1]) for p in leak["pictures"]] == [("set", "0001.jpg"), ("val", "leak.jpg")], "the leak's pictures", leak)
    post(s, "/shapes/exclude", {"finding": leak["number"], "checked": a["checked"] - 1}, 422)  # seen in another report
    left = post(s, "/shapes/exclude", {"finding": leak["number"], "checked": a["checked"]}, 200)
    expect(left == {"left_out": 1} and "train/heart/0001.jpg\tleak" in (w / "datasets/shapes/exclude.txt").read_text(), "left out", left)
    now = s.get("/datasets/shapes")
    expect(now["findings"][leak["number"]]["out"] == 1 and now["exclude"].endswith("/datasets/shapes/exclude.txt") and one["exclude"] is None, "as is told at once", now["exclude"])
    for undo in False, True:
        said = post(s, "/shapes/exclude", {"kind": "same", "undo": undo}, 200)
        expect(said == ({"taken_in": 1} if undo else {"left_out": 1}), "all of a kind", said)
    post(s, "/shapes/exclude", {"kind": "nice"}, 422)
    with open(w / "datasets/shapes/exclude.txt", "a") as f:
        f.write("train/cross/0000.jpg\tby hand\n# a remark\n")
    for model, want in (("../x", 422), ("nobody", 404)):
        post(s, "/shapes/check", {"model": model}, want)
    expect("leak" not in [f["kind"] for f in check(s, "shapes")["findings"]] and s.get("/datasets/shapes")["now"]["set"]["out"] == 2, "gone from the next check")
    out = s.get("/datasets/shapes/items?out=1")["items"]
    expect([i["path"].split("/")[-1] for i in out] == ["0000.jpg", "0001.jpg"], "those that are left out", out)
    one = next(i for i in out if i["path"].endswith("0001.jpg"))
    post(s, "/shapes/exclude", {"pictures": [{"side": "set", "item": one["item"] + 1, "path": one["path"]}], "undo": True}, 422)
    expect(post(s, "/shapes/exclude", {"pictures": [{k: one[k] for k in ("side", "item", "path")}] * 2, "undo": True}, 200) == {"taken_in": 1}, "taken in again, once")
    expect((w / "datasets/shapes/exclude.txt").read_text().split("\n")[1:3] == ["train/cross/0000.jpg\tby hand", "# a remark"], "what a user wrote stays")
    for body, want in (({"pictures": [{"side": "set", "item": 4200}]}, 404), ({"pictures": [{"side": "all", "item": 0}]}, 422), ({"finding": 99}, 404), ({"finding": "x"}, 200),
                       ({"pictures": [{"side": "val", "item": i} for i in range(21)]}, 422)):
        post(s, "/shapes/exclude", body, want)
    expect(s.get("/datasets/shapes")["now"]["val"]["out"] == 0, "not all of a side: nobody could train on that")


def looks(s, w):
    items = s.get("/datasets/shapes/items?side=set&class=heart&count=3&after=1")
    expect(items["count"] == 4 and len(items["items"]) == 3 and items["items"][0]["path"].endswith("heart/0001.jpg"), "items", items)
    expect(s.get("/datasets/shapes/items?find=twice")["count"] == 1 and s.get("/datasets/shapes/items?kind=broken")["count"] == 1 and
           s.get("/datasets/shapes/items?side=val")["count"] == 21, "found")
    named = s.get("/datasets/shapes/items?class=" + "%3Cimg%20src=x%20onerror=alert(1)%3E")["items"]
    expect(len(named) == 6 and named[0]["class"] == HOSTILE and s.get("/datasets/shapes/items?class=two%0Alines")["count"] == 6, "names of all kinds", named)
    for query, want in (("side=all", 422), ("kind=nice", 422), ("finding=99", 404), ("count=501", 422), ("count=-1", 422), ("after=x", 422)):
        s.get("/datasets/shapes/items?" + query, status=want)
    item = items["items"][0]["item"]

    def image(query="", number=item, want=200):
        status, said, a = s.ask("GET", f"/api/v1/datasets/shapes/items/{number}/image?{query}")
        expect(status == want, f"image {number} {query}: {status}", said if want != 200 else "")
        return said, a.getheader("Content-Type")
    whole, kind = image("pixels=40")
    expect(whole[:2] == b"\xff\xd8" and kind == "image/jpeg", "as it is", kind)
    seen = [image(f"view=seen&seed={i}") for i in (1, 2, 1)]
    expect(seen[0][1] == "image/bmp" and struct.unpack("<ii", seen[0][0][18:26]) == (32, 32) and seen[0] == seen[2] != seen[1], "as a network sees it, by the seed")
    expect(image("view=seen&seed=1&augment=none") == image("view=seen&seed=2&augment=none"), "without luck")
    broken = s.get("/datasets/shapes/items?kind=broken")["items"][0]
    for query, number, want in (("", 4200, 404), ("", "x", 404), ("pixels=1", item, 422), ("view=inside", item, 422), ("view=seen&size=99999", item, 422), ("", broken["item"], 422),
                                ("view=seen", broken["item"], 422)):
        image(query, number, want)
    expect(image("view=seen&seed=1") == seen[0], "the next one, after one that is broken")
    expect("\ufffd" not in json.dumps(broken) and broken["path"].endswith("odd.jpg"), "a name that is no UTF-8", broken)


def packs(s, w):
    for body, want, field in (({"name": "../x"}, 422, "name"), ({"name": "shapes"}, 422, "dataset"), ({"name": "packed", "size": 1}, 422, "size")):
        expect(post(s, "/shapes/pack", body, want)["error"]["field"] == field, f"{body} is refused")
    post(s, "/nothing/pack", {"name": "packed"}, 404)
    for side in "train", "val":  # classes.txt has a line a name
        os.rename(w / "shapes" / side / "two\nlines", w / "shapes" / side / "star")
    began = post(s, "/shapes/pack", {"name": "packed", "size": 16}, 202)
    expect(began["id"] == "packed" and wait_until(lambda: s.get("/datasets/packed")["problem"] is None, 30), "packed", s.get("/datasets/packed"))
    now = s.get("/datasets/packed")
    expect(now["packed"] == "shapes" and now["now"]["set"]["packed"] == 16 and now["now"]["set"]["pictures"] == 40 and now["now"]["val"]["pictures"] == 21, "a set of its own, without what is left out and what is broken", now["now"])
    expect(s.ask("GET", "/api/v1/datasets/packed/items/0/image?view=seen&size=16")[1][:2] == b"BM", "its pictures")


def put(s, path, data=b"x" * 5000, want=201, name="sent"):
    status, said, _ = s.ask("PUT", f"/api/v1/uploads/{name}?path={urllib.parse.quote(path)}", body=data)
    expect(status == want, f"PUT {name} {path}: {status}, not {want}", said)
    return said


def uploads(s, w):
    """Files that are sent: whole or not at all, in their folder, within the quota (40 kB of each, 100 kB of all)."""
    top = w / "uploads/sent"
    pictures = sorted((w / "shapes/train/heart").iterdir())
    expect(put(s, "cat/0.jpg", pictures[0].read_bytes()) == {"id": "sent", "path": "cat/0.jpg", "bytes": pictures[0].stat().st_size}, "sent")
    put(s, "two\nlines/<b>.jpg", pictures[1].read_bytes())
    expect((top / "cat/0.jpg").read_bytes() == pictures[0].read_bytes() and (top / "two\nlines/<b>.jpg").exists(), "they are there")
    post(s, "", {"name": "sent", "data": {"root": 0, "path": "uploads/sent"}}, 201)
    for bad in "../x", "a/../b", "/etc/x", "a//b", ".hidden", "a/.b", "", "a/", "x" * 256, "/".join("a" * 13), "y/" * 600 + "z":
        put(s, bad, want=422)
    s.ask("PUT", "/api/v1/uploads/..%2fx?path=a")
    (top / "out").symlink_to("/tmp")
    (top / "file.jpg").symlink_to("/tmp/tenon-serve-not-there")
    for bad in "out/x", "cat/0.jpg/x", "cat", "file.jpg":
        put(s, bad, want=422)
    put(s, "big.jpg", b"x" * 50000, want=413)
    expect(s.ask("PUT", "/api/v1/uploads/sent?path=a/b", body=b"x", token=False)[0] == 401, "by nobody else")

    def cut(name, length, data):
        c = socket.create_connection(("localhost", s.port), timeout=10)
        c.sendall(f"PUT /api/v1/uploads/sent?path={name} HTTP/1.1\r\nHost: localhost:{s.port}\r\nAuthorization: Bearer {s.token}\r\n{length}\r\n\r\n".encode() + data)
        return c
    coming = [cut("cat/0.jpg", "Transfer-Encoding: chunked", b"") for _ in range(2)]
    expect(wait_until(lambda: s.ask("PUT", "/api/v1/uploads/sent?path=cat/0.jpg", body=b"x" * 19000)[0] == 507, 5), "none finds in the end that others have taken its room")
    for c in coming:
        c.sendall(b"1\r\nx\r\n0\r\n\r\n")
        expect(b" 201 " in c.recv(100), "those that were on their way find theirs")
        c.close()
    cut("cut/1.jpg", "Content-Length: 30000", b"x" * 20000).close()
    cut("cut/2.jpg", "Transfer-Encoding: chunked", b"4e20\r\n" + b"x" * 20000 + b"\r\n").close()
    c = cut("cut/3.jpg", "Transfer-Encoding: chunked", (b"4e20\r\n" + b"x" * 20000 + b"\r\n") * 3 + b"0\r\n\r\n")
    try:
        expect(b" 201 " not in c.recv(100), "too large in pieces")
    except ConnectionResetError:
        pass
    c.close()

    def both():
        two = [cut("both.jpg", "Content-Length: 20000", letter * 10000) for letter in (b"a", b"b")]
        said = []
        for c, letter in zip(two, (b"a", b"b")):
            with contextlib.suppress(ConnectionError):
                c.sendall(letter * 10000)
                said.append(c.recv(1000))
            c.close()
        return sum(b" 201 " in one for one in said) == 2
    expect(wait_until(both, 10), "two at once, and what was cut off takes no room")
    expect((top / "both.jpg").read_bytes() in (b"a" * 20000, b"b" * 20000), "one of the two, whole")
    put(s, "cat/0.jpg", pictures[2].read_bytes())
    expect((top / "cat/0.jpg").read_bytes() == pictures[2].read_bytes(), "replaced")
    time.sleep(0.2)
    there = sorted(str(p.relative_to(top)) for p in top.rglob("*") if p.is_file())
    expect(there == ["both.jpg", "cat/0.jpg", "two\nlines/<b>.jpg"], "nothing is left of what was cut off or refused", there)
    sent = 0
    while sent < 10 and s.ask("PUT", f"/api/v1/uploads/sent?path=more/{sent}", body=b"z" * 19000)[0] == 201:
        sent += 1
    expect(sent == 3 and put(s, "more/9", b"z" * 39000, want=507)["error"]["text"], "the quota", sent)
    c = cut("more/8", "Transfer-Encoding: chunked", (b"4650\r\n" + b"x" * 18000 + b"\r\n") * 2 + b"0\r\n\r\n")
    expect(b" 507 " in c.recv(100) and not (top / "more/8").exists(), "also of what does not say how much it is")
    c.close()


def links(s, w):
    """A link in a folder of pictures that leads out of the roots is refused by whoever would read it, and said; one that stays below them is not."""
    (w / "linked/a").mkdir(parents=True)
    outside, inside = w / "linked/a/out.jpg", w / "linked/a/in.jpg"
    elsewhere = pathlib.Path(str(w) + "-elsewhere.jpg")
    elsewhere.write_bytes((w / "shapes/train/heart/0001.jpg").read_bytes())
    try:
        outside.symlink_to(elsewhere)
        inside.symlink_to(w / "shapes/train/heart/0001.jpg")
        made = {"name": "linked", "data": {"root": 0, "path": "linked"}}
        expect("outside of the folders" in post(s, "", made, 422)["error"]["text"], "a link that leads out")
        outside.unlink()
        post(s, "", made, 201)
        image = lambda: s.ask("GET", "/api/v1/datasets/linked/items/0/image")
        expect(s.get("/datasets/linked")["now"]["set"]["pictures"] == 1 and image()[0] == 200, "one that does not")
        inside.unlink()
        inside.symlink_to(elsewhere)
        expect(image()[0] == 422 and "outside of the folders" in image()[1]["error"]["text"], "nor one that has taken its place", image())
    finally:
        elsewhere.unlink()


def removes(s, w):
    """What was sent is told, and goes when it is asked for; not under the feet of a data set."""
    was = next(u for u in s.get("/uploads")["uploads"] if u["id"] == "sent")
    expect(was["files"] == 6 and was["dataset"] == "sent" and was["bytes"] == sum(p.stat().st_size for p in (w / "uploads/sent").rglob("*") if p.is_file() and not p.is_symlink()), "what there is", was)
    status, said, _ = s.ask("DELETE", "/api/v1/uploads/sent")
    expect(status == 409 and "data set sent" in said["error"]["text"] and (w / "uploads/sent").exists(), "it is somebody's", said)
    expect(s.ask("DELETE", "/api/v1/uploads/nothing")[0] == 404 and s.ask("DELETE", "/api/v1/datasets/sent")[0] == 200, "the data set goes")
    out = {name: (w / "uploads/sent" / name).readlink() for name in ("out", "file.jpg")}
    for name in out:
        (w / "uploads/sent" / name).unlink()
    post(s, "", {"name": "around", "data": {"root": 0, "path": "uploads"}}, 201)
    for name, to in out.items():
        (w / "uploads/sent" / name).symlink_to(to)
    status, said, _ = s.ask("DELETE", "/api/v1/uploads/sent")
    expect(status == 409 and "data set around" in said["error"]["text"] and (w / "uploads/sent").exists(), "a folder of a data set's, too", said)
    expect(s.ask("DELETE", "/api/v1/datasets/around")[0] == 200, "it goes")
    (w / "uploads/link").symlink_to(w / "shapes")
    (w / "uploads").rename(w / "moved")
    (w / "uploads").symlink_to(w / "moved")
    expect([s.ask("DELETE", "/api/v1/uploads/" + name)[0] for name in ("sent", "link")] == [404, 404] and (w / "moved/sent/cat/0.jpg").exists(), "what a link leads to was not sent")
    (w / "uploads").unlink()
    (w / "moved").rename(w / "uploads")
    expect(s.ask("DELETE", "/api/v1/uploads/link")[0] == 404 and (w / "shapes/train").exists(), "nor what one beside it leads to")
    (w / "uploads/link").unlink()
    status, said, _ = s.ask("DELETE", "/api/v1/uploads/sent")
    expect(status == 200 and said["files"] == 6 and not (w / "uploads/sent").exists() and s.get("/uploads") == {"used": 0, "quota": 100000, "uploads": []}, "and then its pictures", (said, s.get("/uploads")))
    expect(pathlib.Path("/tmp").exists(), "links are removed, not followed")


def forgets(s, w):
    """Of jobs of a kind about the same thing the newest ten stay."""
    for i in range(900, 912):
        folder = w / f"jobs/check-{i}"
        folder.mkdir()
        for name, text in (("job.json", json.dumps({"kind": "check", "of": "other" if i == 900 else "shapes", "began": 1, "facts": {}, "words": ["tenon-data"]})), ("status", "0"), ("result.json", "{}")):
            (folder / name).write_text(text)
    check(s, "shapes")
    there = sorted(int(p.name[6:]) for p in (w / "jobs").glob("check-9*"))
    expect(there == [900, *range(903, 913)], "older ones are gone, another one's are not", there)
    expect(s.ask("DELETE", "/api/v1/jobs/check-900")[0] == 200 and not (w / "jobs/check-900").exists() and s.get("/jobs/check-903")["bytes"] > 4, "one is removed")
    for name, link in ("notes", False), ("check-899", False), ("check-898", True):
        folder = w / "own" if link else w / "jobs" / name
        folder.mkdir()
        (folder / ("job.json" if link else "mine.txt")).write_text("{}")
        if link:
            (w / "jobs" / name).symlink_to(folder)
        expect(s.ask("DELETE", "/api/v1/jobs/" + name)[0] == 404 and len(list(folder.iterdir())) == 1, "what is no job stays", name)


def waits(s, w):
    """A set that takes long to open goes on being opened, and others are asked about meanwhile."""
    report = w / "datasets/shapes/report.json"
    report.rename(w / "kept.json")
    os.mkfifo(report)  # nobody can read on until somebody writes
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        slow = pool.submit(s.ask, "GET", "/api/v1/datasets/shapes")
        change = pool.submit(s.ask, "POST", "/api/v1/datasets/shapes/exclude", body={"kind": "nice"})
        expect(wait_until(lambda: s.ask("GET", "/api/v1/datasets/packed")[0] == 200, 30), "another one is not held up")
        status, said, _ = slow.result()
        expect(status == 202 and said == {"waits": True, "found": 0}, "it goes on", (status, said))
        time.sleep(0.5)
        end_ = os.open(report, os.O_WRONLY | os.O_NONBLOCK)
        os.rename(w / "kept.json", report)
        os.close(end_)
        expect(change.result()[0] == 422, "who changes it hears what came of it", change.result()[:2])
    expect(wait_until(lambda: s.ask("GET", "/api/v1/datasets/shapes")[0] == 200, 10), "and is open")


def whole_machine(w):
    """--data / is a root like any other."""
    with Server(w, "--data", "/") as s:
        said = s.get("/browse?root=1&path=" + urllib.parse.quote(str(w)[1:]))
        expect(said["roots"][1] == "/" and "shapes" in said["folders"] and said["all"], "below the root of all", said)
        some = s.get("/browse?path=jobs&find=check-30")
        expect(some["folders"] == sorted(p.name for p in (w / "jobs").glob("check-30*")) and s.get("/browse?path=jobs")["all"] is False, "found by name where there are too many to list")
        post(s, "", {"name": "anywhere", "data": {"path": str(pathlib.Path(str(w) + "-data/pictures"))}}, 422)  # no picture is in it, and that is why
        post(s, "", {"name": "anywhere", "data": {"root": 1, "path": f"{w}/shapes"[1:]}}, 201)


def survives(s, w):
    """The program that decodes may die: the next question has another one."""
    def children():
        mine = subprocess.run(["pgrep", "-P", str(s.process.pid), "-f", "tenon-data browse"], capture_output=True, text=True)
        return [int(p) for p in mine.stdout.split()]
    pids = children()
    expect(pids, "it stays up", pids)
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    expect(s.ask("GET", "/api/v1/datasets/shapes/items/0/image")[0] in (200, 500) and s.ask("GET", "/api/v1/datasets/shapes/items/0/image")[0] == 200, "it is started again")
    os.rename(w / "shapes", w / "moved")
    gone = s.get("/datasets/shapes")
    expect("No such file" in gone["problem"] and gone["now"]["set"] is None, "a folder that is gone is told", gone)
    s.get("/datasets/shapes/items", status=422)
    os.rename(w / "moved", w / "shapes")
    expect(s.get("/datasets/shapes")["problem"] is None, "and is there again")


def ends(s, w):
    """A set goes while it is checked: so does its check, which is no other set's of that name."""
    for c in "a", "b":
        (w / "many" / c).mkdir(parents=True)
        for i in range(3000):
            os.link(w / "shapes/train/heart/0001.jpg", w / "many" / c / f"{i}.jpg")
    many = {"name": "many", "data": {"root": 0, "path": "many"}}
    post(s, "", many, 201)
    job = post(s, "/many/check", {}, 202)["job"]
    limits = pathlib.Path("/proc", (w / "jobs" / job / "pid").read_text().strip(), "limits").read_text()
    data = next(line for line in limits.split("\n") if line.startswith("Max data size"))
    expect("unlimited" not in data or b"__asan_init" in (TOOLS / "tenon-data").read_bytes(), "it cannot fill the machine", data)
    expect(s.ask("DELETE", "/api/v1/datasets/many")[0] == 200, "removed meanwhile")
    post(s, "", many, 201)
    expect(wait_until(lambda: s.get("/jobs/" + job)["state"] != "running", 30) and s.get("/jobs/" + job)["state"] == "died", "ended with it", s.get("/jobs/" + job))
    expect(s.get("/datasets/many")["checked"] is None, "the new one is not checked")
    for i in range(3000, 6000):
        (w / "jobs" / f"check-{i}").mkdir()
        (w / "jobs" / f"check-{i}/job.json").touch()
    expect([j["id"] for j in s.get("/jobs?kind=check&count=500")] == [f"check-{5999 - i}" for i in range(500)], "of very many jobs the newest")


def used(s, w):
    run = next(r for r in s.get("/runs?count=500")["runs"] if r["data"])["name"]
    path = s.get("/runs/" + run)["config"]["data.path"]
    on = lambda data: run in [r["name"] for r in s.get("/runs?count=500&data=" + urllib.parse.quote(data))["runs"]]
    expect(on(path) and on(path + "/") and on(os.path.dirname(path)) and not on(path[:-1]) and not on(path + "/x"), "runs by where their pictures lie", path)


if not (TOOLS / "tenon-shapes").exists():
    print("skipped: no tenon-shapes in this build")
    sys.exit(SKIPPED)
def other_root(w):
    """Another root beside the workspace, with a link that leads out of it."""
    root = pathlib.Path(str(w) + "-data")
    for name in "cat", "dog":
        (root / "pictures" / name).mkdir(parents=True)
    (root / "out").symlink_to("/etc")
    return root


with Workspace() as w:
    root = other_root(w)
    try:
        with Server(w, "--data", root, "--max-upload", "0.04", "--quota", "0.1") as s:
            make_set(w)
            for part in makes, checks, looks, packs, uploads, links, removes, forgets, waits, survives, used, ends:
                part(s, w)
        whole_machine(w)
    finally:
        shutil.rmtree(root)
end("tenon-serve, data sets")
