#!/usr/bin/env python3
"""What the libraries give out. Usage: check_symbols.py root libtenon.so libtenon.a

The shared library exports what the public headers declare, no more and no less. In the static one
every global name begins with tn_, so that a program may have its own copy of anything we use. While the first number of the
version is 0 programs are linked with a name that has the second one too: libtenon.so.0.1.
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


def check_name(shared):
    numbers = pathlib.Path(shared).resolve().name.split(".so.")[1].split(".")
    wanted = "libtenon.so." + ".".join(numbers[:2] if numbers[0] == "0" else numbers[:1])
    said = subprocess.run(["readelf", "-d", shared], check=True, capture_output=True, text=True).stdout
    return [] if f"[{wanted}]" in said else [f"{shared}: its name for programs is not {wanted}"]


def main():
    top = tree.root()
    shared, static = sys.argv[2:4]
    declared = set()
    for name in tree.files(top, "include", suffixes=(".h",)):
        text = re.sub(r"/\*.*?\*/", "", (top / name).read_text(), flags=re.S)
        declared |= set(re.findall(r"TN_API\s[^;(]*?(tn_\w+)\(", text))
    exported = symbols("-D", "--defined-only", shared)
    found = [f"exported, but in no public header: {s}" for s in sorted(exported - declared)]
    found += [f"in a public header, but not exported: {s}" for s in sorted(declared - exported)]
    found += [f"global in the static library: {s}"
              for s in sorted(symbols("-g", "--defined-only", static)) if not s.startswith("tn_")]
    found += check_name(shared)
    tree.end("symbols", found, len(exported))


main()
