#!/usr/bin/env python3
"""Every public header compiles alone, as C11 and as C++17, without a warning, and so does what README.md shows of C++;
every function that returns a status is TN_CHECKED, every one that takes a pointer stands in test_null*.c (but for printf's
texts, where compilers refuse NULL); every header says what threads may do.

Usage: check_headers.py [root [cc [c++]]]
"""
import re
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


def unsaid(top, name):
    """What the text of a header lacks."""
    text = (top / name).read_text()
    found = [f"{name}: {f} returns a status and is not TN_CHECKED"
             for f in re.findall(r"^TN_API tn_status (tn_\w+)", text, re.M) if f != "tn_fail"]  # returns what it was given
    tested = "".join(p.read_text() for p in sorted((top / "tests/api").glob("test_null*.c")))
    code = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    found += [f"{name}: {f} takes a pointer and is not in tests/api/test_null*.c"
              for f, takes in re.findall(r"^TN_API\s[^;(]*?(tn_\w+)\(([^;]*?)\);", code, re.M)
              if "*" in takes and "TN_PRINTF" not in takes and f"{f}(NULL" not in tested]
    if "\n * Threads: " not in text[:text.index(" */")]:
        found.append(f"{name}: its first comment does not say what threads may do")
    return found


def readme(top, cxx):
    """The blocks of C++ in README.md."""
    blocks = re.findall(r"^```cpp\n(.*?)^```$", (top / "README.md").read_text(), re.M | re.S)
    found = [] if blocks else ["README.md: shows no C++"]
    for text in blocks:
        done = subprocess.run([cxx, "-x", "c++", "-std=c++17", *WARNINGS, "-I", str(top / "include"), "-fsyntax-only",
                               "-"], input=text, capture_output=True, text=True)
        found += [] if done.returncode == 0 else [f"README.md:\n{done.stderr}"]
    return found


def main():
    top = tree.root()
    cc = sys.argv[2] if len(sys.argv) > 2 else "cc"
    cxx = sys.argv[3] if len(sys.argv) > 3 else next(filter(shutil.which, ("c++", "g++", "clang++")), None)
    names = tree.files(top, "include", suffixes=(".h",))
    found = readme(top, cxx) if cxx else []
    for name in names:
        found += unsaid(top, name)
        found += complaints(top, [cc, "-x", "c", "-std=c11", "-Wstrict-prototypes"], name)
        if cxx:
            found += complaints(top, [cxx, "-x", "c++", "-std=c++17"], name)
    if not cxx:
        print("headers: no C++ compiler here, so as C11 only")
    tree.end("headers", found, len(names))


main()
