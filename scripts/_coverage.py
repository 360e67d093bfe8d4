"""Lines that were never executed, of all that gcov knows in a build: a line a stretch, "PATH:FIRST-LAST: its first line". Left
out is what only reports an error.   _coverage.py BUILD [FOLDER...], FOLDER: sources under these alone (src, tools)"""
import collections
import json
import os
import pathlib
import re
import subprocess
import sys

ERROR = re.compile(r"tn_fail\(|tn_no_memory\(|_fail\(|\bfail_\w+\(|goto (fail|done|out|end)|\b(status|error) = |return (false|-1|NULL|status|1);")
ROOT = pathlib.Path(__file__).resolve().parent.parent
build, folders = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2:] or ["src", "tools"]


def counts():
    """Of each file, how often each of its lines ran, whatever object it was compiled into."""
    found = collections.defaultdict(lambda: collections.defaultdict(int))
    notes = [p.with_suffix("") for p in build.rglob("*.gcno")]
    for i in range(0, len(notes), 50):
        told = subprocess.run(["gcov", "--json-format", "--stdout", *map(str, notes[i:i + 50])], capture_output=True,
                              cwd=build, check=True).stdout
        for line in told.splitlines():
            about = json.loads(line)
            for file in about["files"]:
                path = (pathlib.Path(about["current_working_directory"]) / file["file"]).resolve()
                if path.is_relative_to(ROOT) and path.relative_to(ROOT).parts[0] in folders:
                    for ran in file["lines"]:
                        found[path][ran["line_number"]] += ran["count"]
    return found


def stretches(lines):
    """Runs of lines that have code and never ran."""
    stretch = []
    for number in sorted(lines):
        if lines[number] == 0:
            stretch.append(number)
        elif stretch:
            yield stretch
            stretch = []
    if stretch:
        yield stretch


total = never = 0
for path, lines in sorted(counts().items()):
    text = path.read_text(errors="replace").splitlines()
    total += len(lines)
    for stretch in stretches(lines):
        if ERROR.search("\n".join(text[stretch[0] - 1:stretch[-1]])):
            continue
        never += len(stretch)
        print(f"{os.path.relpath(path, ROOT)}:{stretch[0]}-{stretch[-1]}: {text[stretch[0] - 1].strip()}")
print(f"{never} of {total} lines with code never ran and report no error")
