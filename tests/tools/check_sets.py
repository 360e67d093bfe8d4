#!/usr/bin/env python3
"""tenon data show, split and thumbs, on drawn shapes and on names of all kinds. Usage: check_sets.py TENON_DATA TENON_SHAPES WORK_FOLDER"""
import base64
import html.parser
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

data, shapes, work = sys.argv[1:]
work = pathlib.Path(work)
shutil.rmtree(work, ignore_errors=True)
work.mkdir(parents=True)
os.chdir(work)
failures = []
HOSTILE = [b"two\nlines.jpg", b"tab\t\x1b[2J.jpg", b'"quoted".jpg', b"<img src=x onerror=alert(1)>.jpg", b"\xff\xfe.jpg", b" .jpg",
           b"back\\slash.jpg", b"x" * 251 + b".jpg"]


def expect(holds, what, said=""):
    if not holds:
        failures.append(f"{what}: {said}")


def run(*words, status=0, says=None):
    done = subprocess.run([data, *map(str, words)], capture_output=True, timeout=120, check=False)
    said = (done.stdout + done.stderr).decode(errors="replace")
    expect(done.returncode == status, f"{words}: status {done.returncode}, not {status}", said)
    if says:
        expect(re.search(says, said), f"{words} does not say {says!r}", said)
    if status == 2:
        expect(not done.stdout and done.stderr.count(b"\n") == 1, f"{words}: not one line", said)
    return done.stdout.decode(errors="replace")


def lines(path):
    with open(path, encoding="utf-8", errors="surrogateescape", newline="\n") as f:
        return f.read().splitlines()


def shows():
    expect("set: 120 images of 10 classes" in run("show", "set"), "show")
    told = json.loads(run("show", "set", "--json", "--files", 2))
    expect(told["images"] == 120 and told["missing"] == 0 and told["left_out"] == 0, "show --json", told)
    heart = told["classes"][4]
    sizes = sum(p.stat().st_size for p in pathlib.Path("set/heart").iterdir())
    expect(heart == {"number": 4, "name": "heart", "images": 12, "bytes": sizes,
                     "first": ["set/heart/0000.jpg", "set/heart/0001.jpg"]}, "a class", heart)
    pathlib.Path("exclude.txt").write_text("heart/0000.jpg\tblurred\n")
    told = json.loads(run("show", "set", "--json", "--exclude", "exclude.txt"))
    expect(told["left_out"] == 1 and told["classes"][4]["first"] == ["set/heart/0001.jpg"] and
           told["notices"] == ["left out 1 of 120 images, which exclude.txt names"], "left out", told)
    run("pack", "set", "packed", "--size", 16, "--quiet")
    told = json.loads(run("show", "packed", "--json"))
    expect(told["side"] == 16 and told["bytes"] == 120 * 16 * 16 * 3, "packed", told)
    pathlib.Path("list.txt").write_text("set/heart/0000.jpg a\nnone.jpg b\n")
    expect(json.loads(run("show", "list.txt", "--json"))["missing"] == 1, "a file that is not there")
    run("show", "list.txt", says="1 files of the set are not there")
    run("show", "nowhere", status=2, says="nowhere: No such file")


def splits():
    run("split", "set", "--out", "parts", "--percent", 25, "--seed", 3, says="parts/val.txt: 30 images of 10 classes")
    train, val = lines("parts/train.txt"), lines("parts/val.txt")
    expect(len(train) == 90 and len(val) == 30 and not set(train) & set(val), "parts", (len(train), len(val)))
    for name in os.listdir("set"):
        expect(sum(f"\t\"{name}\"" in line for line in val) == 3, f"a quarter of {name}")
    run("split", "set", "--out", "parts", status=2, says="parts/train.txt is there already; --force")
    run("split", "set", "-o", "again", "--percent", 25, "--seed", 3, "--quiet")
    expect(lines("again/val.txt") == val, "the same seed, another val")
    run("split", "set", "-o", "again", "--percent", 25, "--seed", 4, "--quiet", "--force")
    expect(lines("again/val.txt") != val, "another seed, the same val")
    told = json.loads(run("show", "parts/val.txt", "--classes", "parts/train.txt", "--json"))
    expect([c["images"] for c in told["classes"]] == [3] * 10, "a list opens", told)
    run("split", "packed", "-o", "x", status=2, says="packed is packed: its images are no files")
    run("split", "set", "-o", "list.txt/x", status=2, says="list.txt/x: the folder cannot be made")
    os.makedirs("dangling")
    os.symlink("nowhere/val.txt", "dangling/val.txt")
    run("split", "set", "-o", "dangling", status=1, says="dangling/val.txt")
    expect(os.listdir("dangling") == ["val.txt"], "half of a split", os.listdir("dangling"))
    run("split", "set", "--percent", 0, status=2, says="--percent wants a number above 0")


def keeps_alike_together():
    """Twins of half of the pictures: without --alike some are parted, with it none is."""
    shutil.copytree("set", "twins")
    for path in list(pathlib.Path("twins").glob("*/*[02468].jpg")):
        shutil.copy(path, path.with_name("twin_" + path.name))
    for flag, parted in ((), True), (("--alike",), False):
        run("split", "twins", "-o", "pairs", "--percent", 30, "--force", *flag)
        val = {line.split("\t")[0] for line in lines("pairs/val.txt")}
        apart = [p for p in pathlib.Path("twins").glob("*/twin_*") if
                 (str(p.resolve()) in val) != (str(p.resolve()).replace("twin_", "") in val)]
        expect(bool(apart) == parted, f"split {flag}", apart)


def takes_reports():
    """What check has written down does as well as looking again; but only of this set."""
    report = json.loads(run("check", "twins", "--json", "--quiet"))
    pathlib.Path("report.json").write_text(json.dumps(report))
    run("split", "twins", "-o", "looked", "--percent", 30, "--alike", "--quiet")
    run("split", "twins", "-o", "read", "--percent", 30, "--report", "report.json", says="groups of pictures that are alike")
    expect(lines("read/val.txt") == lines("looked/val.txt"), "a report's parts are others")
    first = next(f for f in report["findings"] if f["kind"] == "same")["pictures"][0]["path"]
    pathlib.Path("exclude.txt").write_text(first.removeprefix("twins/") + "\n")
    run("split", "twins", "-o", "fewer", "--exclude", "exclude.txt", "--report", "report.json",
        says="report.json: 1 of its pictures are not in the set")
    shutil.copytree("twins/heart", "leaks/heart")
    leaked = json.loads(run("check", "twins", "--val", "leaks", "--json", "--quiet"))
    expect(any(f["kind"] == "leak" for f in leaked["findings"]), "a leak", [f["kind"] for f in leaked["findings"]])
    pathlib.Path("leaked.json").write_text(json.dumps(leaked))
    run("split", "twins", "-o", "leaked", "--percent", 30, "--report", "leaked.json", "--quiet")
    val = {line.split("\t")[0] for line in lines("leaked/val.txt")}
    apart = [p for p in pathlib.Path("twins/heart").glob("twin_*") if
             (str(p.resolve()) in val) != (str(p.resolve()).replace("twin_", "") in val)]
    expect(not apart, "pictures of a leak are parted", apart)
    run("split", "set", "-o", "x", "--report", "report.json", status=2, says="report.json: none of its [0-9]+ pictures is in the set")
    for text in "", "{}", "[1]", '{"findings": [{"kind": "same", "pictures": [3]}]}', "\0":
        pathlib.Path("bad.json").write_text(text)
        run("split", "twins", "-o", "x", "--report", "bad.json", status=2, says="bad.json: is no (report|text)")
    run("split", "twins", "-o", "x", "--report", "nowhere.json", status=2, says="nowhere.json: No such file")


class Page(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.text, self.pictures = [], "", []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        expect(not any(name.startswith("on") for name, _ in attrs), "an element that listens", attrs)
        if tag == "img":
            src = dict(attrs)["src"]
            expect(src.startswith("data:image/jpeg;base64,"), "a picture from elsewhere", src[:50])
            self.pictures.append(base64.b64decode(src.split(",", 1)[1]))

    def handle_data(self, data):
        self.text += data


def page(path):
    p = Page()
    p.feed(pathlib.Path(path).read_text(encoding="utf-8"))
    return p


def writes_jpeg():
    done = subprocess.run([data, "thumbs", "set", "--out", "probe.html", "--each", "1", "--force"], capture_output=True, text=True, check=False)
    if "lacks libjpeg-turbo" not in done.stderr:
        return True
    expect(done.returncode == 1 and not os.path.exists("probe.html"), "no page without libjpeg-turbo", done.stderr)
    print("skipped: small pictures, which this build cannot write")
    return False


def makes_thumbs():
    if not writes_jpeg():
        return
    run("thumbs", "set", "--out", "set.html", "--each", 3, says="set.html: 30 pictures; 0 could not be read")
    p = page("set.html")
    expect(len(p.pictures) == 30 and all(b[:3] == b"\xff\xd8\xff" for b in p.pictures), "pictures on a page", len(p.pictures))
    expect("heart" in p.text and "3 of 12" in p.text and "0004.jpg" in p.text, "words on a page", p.text[:500])
    run("thumbs", "set", "-o", "set.html", status=2, says="set.html is there already")
    run("thumbs", "set", "-o", "small", "--each", 100, "--side", 16, says="small: 120 pictures")
    expect(len(os.listdir("small")) == 120 and "009-000119.jpg" in os.listdir("small"), "a folder", sorted(os.listdir("small"))[:3])
    run("thumbs", "packed", "-o", "packed.html", says="120 pictures")
    run("thumbs", "set", status=2, says="--out is missing")
    shutil.copytree("set/heart", "bad/heart")
    pathlib.Path("bad/heart/0003.jpg").write_bytes(b"no picture")
    run("thumbs", "bad", "-o", "bad.html", says="11 pictures; 1 could not be read")
    expect("cannot be read" in page("bad.html").text, "a bad picture is on the page")


def answers():
    """One program for many pictures: each name gets its answer before the next is asked for."""
    if not writes_jpeg():
        return
    with subprocess.Popen([data, "thumbs", "-", "--side", "32"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        for name, picture in ((b"set/heart/0001.jpg", True), (b"none\n.jpg", False), (b"exclude.txt", False), (b"", False),
                              (b"set/star/0002.jpg", True)):
            child.stdin.write(name + b"\0")
            child.stdin.flush()
            words = child.stdout.readline().split()
            expect((words[0] == b"ok") == picture, f"the answer to {name}", words)
            if picture:
                jpeg = child.stdout.read(int(words[3]))
                expect(jpeg[:3] == b"\xff\xd8\xff" and jpeg[-2:] == b"\xff\xd9" and 32 in (int(words[1]), int(words[2])),
                       f"the picture of {name}", words)
        child.stdin.close()
        expect(child.stdout.read() == b"" and child.wait() == 0, "the end", child.returncode)


def survives_names():
    hostile = b"<b>&amp;'"
    for of in hostile, b"two words", b"7":
        os.makedirs(b"hostile/" + of)
        for i, name in enumerate(HOSTILE):
            shutil.copy(f"set/star/{i:04d}.jpg", b"hostile/" + of + b"/" + name)
    count = 3 * len(HOSTILE)
    said = run("show", "hostile", "--files", 9)
    expect(len(said.splitlines()) == 3 + count and "\x1b" not in said, "names in a table", said)
    told = json.loads(run("show", "hostile", "--json", "--files", 9))
    expect(told["images"] == count and told["classes"][1]["name"] == hostile.decode(), "names in JSON", told)
    expect(any("\n" in p and "two" in p for p in told["classes"][0]["first"]), "a line break in JSON", told["classes"][0])
    run("split", "hostile", "-o", "hostile-parts", "--percent", 50, "--quiet")
    both = [json.loads(run("show", f"hostile-parts/{p}.txt", "--json", "--files", 9)) for p in ("train", "val")]
    expect(sum(b["images"] for b in both) == count and not any(b["missing"] for b in both), "names in lists", both)
    expect([c["name"] for c in both[0]["classes"]] == [c["name"] for c in told["classes"]], "classes of lists", both[0])
    done = subprocess.run([data, "check", "hostile", "--json", "--quiet"], capture_output=True, check=False)
    pathlib.Path("hostile.json").write_bytes(done.stdout)
    said = run("split", "hostile", "-o", "hostile-parts", "--percent", 50, "--report", "hostile.json", "--force")
    expect(f"{len(HOSTILE)} groups of pictures" in said and "are not in the set" not in said, "names in a report", said)
    if not writes_jpeg():
        return
    run("thumbs", "hostile", "-o", "hostile.html", says=f"{count} pictures")
    p = page("hostile.html")
    expect(len(p.pictures) == count == p.tags.count("img") and "b" not in p.tags and "script" not in p.tags, "names on a page",
           p.tags)
    expect(hostile.decode() in p.text and "<img src=x onerror=alert(1)>.jpg" in p.text, "names on a page are text", p.text)


def browses():
    """Questions in a shell: one that is answered, one that is refused; the rest is asked over HTTP (tests/serve/check_data.py)."""
    os.makedirs("work")
    here = os.path.realpath("set")
    expect(json.loads(run("browse", "work", json.dumps({"do": "make", "dataset": "shapes", "path": here}))) == {"id": "shapes"}, "made")
    told = json.loads(run("check", here, "--out", "work/datasets/shapes/report.json", "--json", "--progress", says=r"\d+ of 120 images, \d+ a second, \d+ s left\n"))
    expect(told["pictures"] == 120 and told["out"].endswith("report.json"), "how much it is", told)
    run("check", here, "--out", "work/datasets/shapes/report.json", status=2, says="is there already")
    expect(json.loads(pathlib.Path("work/datasets/shapes/report.json").read_text())["set"]["pictures"] == 120, "the report")
    told = json.loads(run("browse", "work", '{"do": "about", "dataset": "shapes"}'))
    expect(told["now"]["set"]["pictures"] == 120 and told["report"]["set"]["read"] == 120, "about", told)
    for question in "", "[]", '{"do": "fly"}', '{"do": "about"}', '{"do": "about", "dataset": "../x"}', '{"do": "about", "dataset": "none"}', "{" * 5000:
        expect(json.loads(run("browse", "work", question, status=1))["error"]["text"], question[:50])
    asked = subprocess.run([data, "browse", "work", "-"], input=b'{"do": "list"}\n\n{"do": "image", "dataset": "shapes", "item": 1}\n', capture_output=True, timeout=60, check=True).stdout
    heads = []
    while asked:
        head, _, rest = asked.partition(b"\n")
        heads.append(head.split()[0])
        asked = rest[int(head.split()[1]):]
    expect(heads == [b"json", b"error", b"jpeg"], "one after the other", heads)


subprocess.run([shapes, "made", "--train", "12", "--val", "0"], check=True, stdout=subprocess.DEVNULL)
os.rename("made/train", "set")
for check in shows, splits, keeps_alike_together, takes_reports, makes_thumbs, answers, browses, survives_names:
    check()
for f in failures:
    print(f)
print(f"{len(failures)} failures")
sys.exit(1 if failures else 0)
