#!/usr/bin/env python3
"""Length, blanks, and marks of unfinished work in every text of the tree. Usage: check_files.py [root]"""
import re

import tree

LONGEST = 400  # lines that a reader can hold in mind; goldens and documents are exempt
ONE_FILE = {"python/tenon.py": 560}  # whoever uses it copies one file
UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b")


def main():
    top = tree.root()
    names = tree.files(top, "")
    found = []
    for name in names:
        try:
            text = (top / name).read_bytes().decode()
        except UnicodeDecodeError as e:
            found.append(f"{name}: not UTF-8: {e}")
            continue
        lines = text.split("\n")
        golden = name.startswith("tests/golden/")
        if lines[-1] != "":
            found.append(f"{name}: the last line does not end")
        if len(lines) > 1 and lines[-2] == "":
            found.append(f"{name}: empty lines at the end")
        longest = ONE_FILE.get(name, LONGEST)
        if len(lines) - 1 > longest and not golden and not name.endswith(".md"):
            found.append(f"{name}: {len(lines) - 1} lines, more than {longest}")
        for number, line in enumerate(lines, 1):
            where = f"{name}:{number}"
            if "\t" in line and not golden and not name.endswith("Makefile"):
                found.append(f"{where}: a tab")
            if "\r" in line:
                found.append(f"{where}: a carriage return")
            if line != line.rstrip(" "):
                found.append(f"{where}: blanks at the end")
            if UNFINISHED.search(line):
                found.append(f"{where}: unfinished: {line.strip()}")
    tree.end("files", found, len(names))


main()
