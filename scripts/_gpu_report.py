#!/usr/bin/env python3
"""usage: _gpu_report.py FOLDER CARD DEVICE   the end of check-gpu.sh: a table of what its logs say, in FOLDER/table.md and on the
terminal, and the row of docs/gpu.md that tells what was verified on this card, written anew by each call."""
import datetime
import os
import re
import subprocess
import sys

FOLDER, CARD, DEVICE = sys.argv[1:4]
GUIDE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "docs", "gpu.md")
BEFORE = "| the numbers of every layer, loss and optimizer"  # the row that what was seen on GPUs stands in front of


def read(name):
    try:
        with open(os.path.join(FOLDER, name), errors="replace") as f:
            return f.read()
    except FileNotFoundError:
        return ""


def states():
    """What became of each step, the last that is known of it, in the order of the first."""
    found = {}
    for line in read("report.txt").splitlines():
        match = re.match(r"(ok|FAILED|not yet|no time|skipped) +(\S+)", line)
        if match:
            found[match[2]] = match[1]
    return found


def milliseconds(text):
    """A step's, from what bench/tenon_step says of its last lap."""
    batch = re.search(r"batches of (\d+)", text)
    laps = re.findall(r"^done ([0-9.]+) (\d+)", text, re.M)
    return 1e3 * float(laps[-1][0]) * int(batch[1]) / int(laps[-1][1]) if batch and laps else None


def told(name):
    """The figure or count of a log, in a few words."""
    text = read(name + ".log")
    passed = re.search(r"(\d+)% tests passed, (\d+) tests? failed out of (\d+)", text)
    if passed:
        return f"{int(passed[3]) - int(passed[2])} of {passed[3]} programs passed"
    row = [line for line in text.splitlines() if re.match(r"\| \S+ (train|infer)", line)]
    if row:
        return row[-1].strip("| ").replace(" | ", "; ")
    ms = milliseconds(text)
    return f"{ms:.2f} ms a step" if ms else ""


def table(found):
    lines = [f"{CARD}, {DEVICE}, {read('source').split(' ')[0]}", "", "| step | | |", "|---|---|---|"]
    return "\n".join(lines + [f"| {name} | {state} | {told(name)} |" for name, state in found.items()]) + "\n"


def versions():
    machine = read("machine.log")
    driver = re.search(r"Driver Version: (\S+)", machine)
    cuda = re.search(r"release ([0-9.]+)", machine)
    torch = re.search(r"^torch (\S+)", machine, re.M)
    words = [f"{what} {found[1]}" for what, found in (("driver", driver), ("CUDA", cuda), ("PyTorch", torch)) if found]
    return "; ".join([CARD] + words)


def write_row(found):
    """One row a card; a card that nothing was run on has none."""
    tests = [n for n, s in found.items() if n.startswith("tests_") and s == "ok"]
    checks = [n for n, s in found.items() if "check_" in n and s == "ok"]
    failed = [n for n, s in found.items() if s == "FAILED"]
    if not tests or CARD.startswith("no card"):
        return
    labels = " ".join(t.removeprefix("tests_") for t in tests)
    begin = f"| **on a {CARD}:**"
    what = f"{begin} the programs of the labels `{labels}`" + (f"; {', '.join(checks)} without an error" if checks else "")
    how = f"{versions()}; on {datetime.date.today()}, `check-gpu.sh` of {read('source').split(' ')[0]}" + \
        (f"; failed: {', '.join(failed)}" if failed else "")
    with open(GUIDE) as f:
        lines = [line for line in f.read().splitlines() if not line.startswith(begin)]
    at = next(i for i, line in enumerate(lines) if line.startswith(BEFORE))
    lines.insert(at, f"{what} | {how} |")
    with open(GUIDE, "w") as f:
        f.write("\n".join(lines) + "\n")


def forecast():
    """Beside what is forecast, what was measured: Tenon's median of each comparison in bf16."""
    measured = []
    for name in sorted(os.listdir(FOLDER)):
        found = re.match(r"tuned_(\w+)_(\d+)\.log", name)
        ms = milliseconds(read(name)) if found else None
        if ms:
            measured.append(f"{found[1]}:{found[2]}={ms:.3f}")
    if not measured:
        return ""
    done = subprocess.run([sys.executable, "bench/forecast/forecast.py", "--device", DEVICE, "--measured", *measured], capture_output=True,
                          text=True, env=dict(os.environ, BENCH_BUILD=os.environ.get("GPU_BUILD", "build/gpu")))
    return "\n" + (done.stdout or done.stderr)


found = states()
text = table(found) + forecast()
with open(os.path.join(FOLDER, "table.md"), "w") as f:
    f.write(text)
print(text, end="")
write_row(found)
