#!/usr/bin/env python3
"""What docs/notebook.md shows runs, all of it in its order, on a run that tenon-train wrote, and finds what is there. By the
first Python, this one or the one on PATH, that has pandas and safetensors."""
import json
import os
import pathlib
import re
import subprocess
import sys

import trains
from programs import expect
import programs

PAGE = pathlib.Path(__file__).parent.parent.parent / "docs/notebook.md"

# Behind the snippets: what they should have found.
LOOK = """
import math
events = [json.loads(line) for line in open("runs/first/log.jsonl") if line.startswith("{") and line.endswith("\\n")]
want = [e for e in events if e["e"] == "step" and e["step"] < 9000]
assert list(steps.index) == [e["step"] for e in want] and len(want) > 2, steps
assert list(steps["loss"]) == [e["loss"] for e in want], "a digit is lost"
assert list(log[log["e"] == "step"]["loss"]) == list(steps["loss"]) and 9000 not in set(log["step"])
assert list(val_top1) == [e["val"]["top1"] for e in events if e["e"] == "epoch"] and len(val_top1) == 2
assert table.loc["first", "state"] == "done" and len(settings) == 1 and still == {"first": False}
assert net.startswith("tenon graph 1\\n") and weights["fc.weight"].ndim == 2 and set(largest) == set(weights)
assert any(name.startswith("optimizer.") for name in first) and moved["fc.weight"] > 0 and not math.isnan(moved["fc.weight"])
print("all found")
"""


def python_with_pandas():
    for python in (sys.executable, "python3"):
        done = subprocess.run([python, "-c", "import pandas, safetensors, numpy"], capture_output=True, check=False)
        if done.returncode == 0:
            return python
    return None


def check(folder, python):
    set_of = trains.make_set(folder)
    trains.train(*set_of, "--epochs", 2, "--log-every", 2, "--run", "first", "--workspace", folder)
    # A line that a resume takes back, one that is torn, and one that is not ended yet.
    log = folder / "runs/first/log.jsonl"
    last = json.loads(log.read_text().splitlines()[-1])["step"]
    with open(log, "a") as to:
        to.write(json.dumps({"e": "step", "t": 1, "step": 9000, "loss": 1, "epoch": 1}) + "\n")
        to.write(json.dumps({"e": "resume", "t": 1, "step": last}) + "\n")
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.M | re.S)
    expect(len(blocks) >= 6, f"{PAGE} has {len(blocks)} snippets")
    tear = 'with open("runs/first/log.jsonl", "a") as to:\n    to.write("torn\\n{\\"e\\":\\"step\\",\\"step\\":3")\n'
    at = next(i for i, b in enumerate(blocks) if "def read_log" in b)
    program = "\n".join([*blocks[:at], tear, *blocks[at:], LOOK])
    done = subprocess.run([python, "-W", "error", "-c", program], cwd=folder, capture_output=True, text=True, timeout=300,
                          env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}, check=False)
    expect(done.returncode == 0 and "all found" in done.stdout, f"docs/notebook.md: {done.stdout}{done.stderr}")


found = python_with_pandas()
if not found:
    print("skipped: no Python here has pandas and safetensors, for docs/notebook.md")
    sys.exit(programs.SKIPPED)
with programs.Folder() as work:
    check(work, found)
programs.end("notebook")
