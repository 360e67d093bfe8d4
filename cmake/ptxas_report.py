#!/usr/bin/env python3
"""What nvcc said of each kernel: registers, shared memory, spills. Usage: ptxas_report.py [--check] FILE.ptxas...

Prints the worst of each kernel over all architectures; with --check, fails if any spills.
"""
import re
import sys


def read(path, worst):
    """Adds a file's kernels: name -> (registers, shared bytes, spilled bytes, architecture of the worst)."""
    kernel = arch = None
    spilled = 0
    for line in open(path):
        if m := re.search(r"Compiling entry function '(\w+)' for '(\w+)'", line):
            kernel, arch = m[1], m[2]
        elif m := re.search(r"(\d+) bytes spill stores, (\d+) bytes spill loads", line):
            spilled = int(m[1]) + int(m[2])
        elif (m := re.search(r"Used (\d+) registers", line)) and kernel:
            shared = re.search(r"(\d+) bytes smem", line)
            new = (int(m[1]), int(shared[1]) if shared else 0, spilled, arch)
            old = worst.get(kernel, new)
            worst[kernel] = max(old, new, key=lambda k: (k[2], k[0]))


def main():
    check = sys.argv[1] == "--check"
    worst = {}
    for path in sys.argv[1 + check:]:
        read(path, worst)
    print(f"{'kernel':40} {'registers':>9} {'shared':>7} {'spilled':>7}  on")
    for name, (registers, shared, spilled, arch) in sorted(worst.items()):
        print(f"{name:40} {registers:9} {shared:7} {spilled:7}  {arch}")
    spilling = [name for name, k in worst.items() if k[2]]
    if check:
        print(f"spills: {len(worst)} kernels looked at, {len(spilling)} spill: {', '.join(spilling) or '-'}")
        sys.exit(1 if spilling or not worst else 0)


main()
