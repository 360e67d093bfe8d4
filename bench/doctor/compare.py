"""tenon data check against CleanVision on the same files, and what the parts of a check take.

Prints Markdown: seconds and pictures a second of both, in turns; the share of hashing, comparing and the report; and a
million made-up pictures, of which the comparing counts.
"""
import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "common"))
import harness  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
SIDE = os.path.join(harness.BUILD, "bench", "tenon_doctor")
DATA = os.path.join(harness.BUILD, "tools", "tenon-data")


def numbers(command):
    """What a side prints: a name and a number a line."""
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return {line.split()[0]: float(line.split()[1]) for line in out.splitlines()}


def check(folder, page, threads):
    """All of it, as a user has it: from starting the program to the page on the disk."""
    began = time.monotonic()
    subprocess.run([DATA, "check", folder, "--html", page, "--force", "--threads", str(threads)], check=True,
                   stdout=subprocess.DEVNULL)
    return time.monotonic() - began


def compare(folder, work, a):
    page, spec = os.path.join(work, "page.html"), [folder, str(a.threads)]
    check(folder, page, a.threads)  # the files are in memory then
    ours, theirs, parts = [], [], []
    for _ in range(a.rounds):
        ours.append(check(folder, page, a.threads))
        parts.append({**numbers([SIDE, "decode", *spec]), **numbers([SIDE, "check", *spec])})
        if not a.no_rival:
            theirs.append(numbers([harness.PYTHON, os.path.join(HERE, "rival.py"), *spec]))
        ours.append(check(folder, page, a.threads))
    count = parts[0]["pictures"]
    mine = statistics.median(ours)
    decode = statistics.median(p["decode"] for p in parts)
    print(f"{folder}: {count:.0f} pictures, {a.threads} threads, page {os.path.getsize(page) / 1e6:.2f} MB\n")
    print("| | seconds | pictures a second |\n|---|---|---|")
    print(f"| tenon data check --html | {mine:.2f} | {count / mine:.0f} |")
    if theirs:
        rival = statistics.median(t["seconds"] for t in theirs)
        print(f"| CleanVision | {rival:.2f} | {theirs[0]['pictures'] / rival:.0f} |")
        print(f"\n{rival / mine:.1f} x (bar: 20 x)")
    print(f"\ndecoding alone {decode:.2f} s; hashing, comparing and the report {100 * (1 - decode / mine):.0f} % of all "
          "(bar: under 25 %)\n")


def million(work, a):
    folder = os.path.join(work, "made")
    os.makedirs(folder)
    subprocess.run([SIDE, "made", folder, str(a.count)], check=True)
    n = numbers([SIDE, "check", folder, str(a.threads)])
    print(f"{a.count} made-up pictures: comparing {n['rest']:.1f} s (bar for a million: 30 s), looking at them {n['look']:.1f} s, "
          f"{n['findings']:.0f} findings")


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("folders", nargs="*", help="sets; default: train of the shared data")
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--count", type=int, default=1000000, help="made-up pictures; 0: none")
    p.add_argument("--no-rival", action="store_true", help="CleanVision is not run")
    a = p.parse_args()
    shared = os.environ.get("TENON_DATA", os.path.join(HERE, "..", "..", "..", "shared", "data"))
    with tempfile.TemporaryDirectory() as work:
        for folder in a.folders or [os.path.join(shared, "train")]:
            compare(os.path.abspath(folder), work, a)
        if a.count:
            million(work, a)


main()
