#!/usr/bin/env python3
"""onnx/onnx's own tests, of Debian's libonnx-testdata: as many as ever give the numbers that stand there, and the rest is refused by
the name of what Tenon has not: no other number, no crash, no other error.   check_node_tests.py TENON_COUNT"""
import pathlib
import subprocess
import sys

DATA = pathlib.Path("/usr/share/libonnx-testdata/data")
# How many are right. More is better: then raise it.
LEAST = {"node": 704, "pytorch-converted": 69, "pytorch-operator": 30, "simple": 6}

if not DATA.exists():
    print("skipped: there are no tests of onnx/onnx here (libonnx-testdata)")
    sys.exit(77)
wrong = []
for folder, least in LEAST.items():
    done = subprocess.run([sys.argv[1], DATA / folder], capture_output=True, text=True, check=False)
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    tests = [line for line in lines if line[0] == "onnx-test"]
    right = sum(line[1] == "right" for line in tests)
    print(f"{folder}: {right} of {len(tests)} right, at least {least}")
    if done.returncode or not tests:
        wrong.append(f"{folder}: {done.returncode} {done.stderr}")
    if right < least:
        wrong.append(f"{folder}: {right} are right, not {least}")
    wrong += [" ".join(line) for line in tests if line[1] not in ("right", "refused")]
    wrong += [" ".join(line) for line in tests if line[1] == "refused" and not line[3]]
print("\n".join(wrong))
sys.exit(1 if wrong else 0)
