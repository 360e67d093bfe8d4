#!/usr/bin/env python3
"""What the libraries give out. Usage: check_symbols.py root libtenon.so libtenon.a [libtenon-infer.so]

The shared library exports what the public headers declare, no more and no less. In the static one
every global name begins with tn_, so that a program may have its own copy of anything we use. While the first number of the
version is 0 programs are linked with a name that has the second one too: libtenon.so.0.2.
"""
import pathlib
import re
import subprocess
import sys

import tree


def symbols(*arguments):
    """Names of defined global symbols."""
    out = subprocess.run(["nm", *arguments], check=True, capture_output=True, text=True).stdout
    return {m[1] for m in re.finditer(r"^[0-9a-f]+ [A-Z] (\S+)$", out, re.M)}


INFER = ("infer.h", "tensor.h", "status.h")


def check_name(shared):
    name, numbers = pathlib.Path(shared).resolve().name.split(".so.")
    numbers = numbers.split(".")
    wanted = name + ".so." + ".".join(numbers[:2] if numbers[0] == "0" else numbers[:1])
    said = subprocess.run(["readelf", "-d", shared], check=True, capture_output=True, text=True).stdout
    return [] if f"[{wanted}]" in said else [f"{shared}: its name for programs is not {wanted}"]


def check_exports(shared, declared):
    exported = symbols("-D", "--defined-only", shared)
    found = [f"{shared}: exported, but in no public header of its: {s}" for s in sorted(exported - declared)]
    return found + [f"{shared}: in a public header, but not exported: {s}" for s in sorted(declared - exported)]


def main():
    top = tree.root()
    shared, static = sys.argv[2:4]
    declared, of_infer = set(), set()
    for name in tree.files(top, "include", suffixes=(".h",)):
        text = re.sub(r"/\*.*?\*/", "", (top / name).read_text(), flags=re.S)
        names = set(re.findall(r"TN_API\s[^;(]*?(tn_\w+)\(", text))
        declared |= names
        of_infer |= names if pathlib.Path(name).name in INFER else set()
    found = check_exports(shared, declared)
    for infer in sys.argv[4:]:
        found += check_exports(infer, of_infer) + check_name(infer)
    found += [f"global in the static library: {s}"
              for s in sorted(symbols("-g", "--defined-only", static)) if not s.startswith("tn_")]
    found += check_name(shared)
    tree.end("symbols", found, len(declared))


main()
