#!/usr/bin/env python3
"""In the library numbers with a fraction become text, and text numbers, through base/number.h alone: the C library's own
functions write and want the decimal comma of the program's locale.

Usage: check_numbers.py [root]
"""
import re

import tree

READS = re.compile(r"\b(?:strto(?:d|f|ld)|atof)\s*\(|\w*scanf\s*\([^;]*?%[0-9]*l?[aefgAEFG]", re.S)
WRITES = re.compile(r'(?<![\w])(?:v?s?n?printf|fprintf)\s*\((?:[^;"]|"(?:\\.|[^"\\])*")*\)\s*[;,)+]')
FRACTION = re.compile(r"%[-+ #0]*[0-9*]*(?:\.[0-9*]*)?l?[aefgAEFG]")


def main():
    top = tree.root()
    names = [n for n in tree.files(top, "src", suffixes=(".c", ".h")) if n != "src/base/number.c"
             and not n.startswith("src/sim/")]
    found = []
    for name in names:
        text = re.sub(r"/\*.*?\*/", lambda m: "\n" * m[0].count("\n"), (top / name).read_text(), flags=re.S)
        for m in [*READS.finditer(text), *(m for m in WRITES.finditer(text) if FRACTION.search(m[0]))]:
            found.append(f"{name}:{text[:m.start()].count(chr(10)) + 1}: a number by the program's locale: "
                         "use base/number.h")
    tree.end("numbers", found, len(names))


main()
