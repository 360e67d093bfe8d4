#!/usr/bin/env python3
"""Every public header compiles alone, as C11 and as C++17, without a warning.

Usage: check_headers.py [root [cc [c++]]]
"""
import shutil
import subprocess
import sys

import tree

WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wundef", "-Werror"]


def complaints(top, command, name):
    """Included twice, so that a missing guard shows; with a declaration, which C wants and one of macros has not."""
    text = f"#include <{name[len('include/'):]}>\n" * 2 + "extern int nothing;\n"
    done = subprocess.run([*command, *WARNINGS, "-I", str(top / "include"), "-fsyntax-only", "-"],
                          input=text, capture_output=True, text=True)
    return [] if done.returncode == 0 else [f"{' '.join(command)}: {name}:\n{done.stderr}"]


def main():
    top = tree.root()
    cc = sys.argv[2] if len(sys.argv) > 2 else "cc"
    cxx = sys.argv[3] if len(sys.argv) > 3 else next(filter(shutil.which, ("c++", "g++", "clang++")), None)
    names = tree.files(top, "include", suffixes=(".h",))
    found = []
    for name in names:
        found += complaints(top, [cc, "-x", "c", "-std=c11", "-Wstrict-prototypes"], name)
        if cxx:
            found += complaints(top, [cxx, "-x", "c++", "-std=c++17"], name)
    if not cxx:
        print("headers: no C++ compiler here, so as C11 only")
    tree.end("headers", found, len(names))


main()
