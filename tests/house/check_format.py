#!/usr/bin/env python3
"""Every C file is as clang-format leaves it. Usage: check_format.py [root]"""
import shutil
import subprocess

import tree

VERSION = 14  # Debian 12's; each one formats a little differently


def main():
    top = tree.root()
    if not shutil.which("clang-format"):
        tree.skip("format", "no clang-format here (apt install clang-format)")
    version = subprocess.run(["clang-format", "--version"], capture_output=True, text=True).stdout
    if f"version {VERSION}." not in version:
        tree.skip("format", f"clang-format {VERSION} is wanted, this is {version.strip()}")
    # Goldens are as their scripts write them.
    names = [n for n in tree.files(top, "", suffixes=tree.SOURCES) if not n.startswith("tests/golden/")]
    done = subprocess.run(["clang-format", "--dry-run", *names], cwd=top, capture_output=True, text=True)
    found = sorted({line.split(":", 1)[0] for line in done.stderr.splitlines()
                    if "clang-format-violations" in line})
    if done.returncode and not found:
        found = [done.stderr]
    tree.end("format", [f"clang-format -i {name}" for name in found], len(names))


main()
