#!/usr/bin/env python3
"""What the libraries give out. Usage: check_symbols.py root libtenon.so libtenon.a

The shared library exports what the public headers declare, no more and no less. In the static one
every global name begins with tn_, so that a program may have its own copy of anything we use.
"""
import re
import subprocess
import sys

import tree


def symbols(*arguments):
    """Names of defined global symbols."""
    out = subprocess.run(["nm", *arguments], check=True, capture_output=True, text=True).stdout
    return {m[1] for m in re.finditer(r"^[0-9a-f]+ [A-Z] (\S+)$", out, re.M)}


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
    tree.end("symbols", found, len(exported))


main()
