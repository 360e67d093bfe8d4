"""What the checks of this folder share: the files of the tree, and how a check ends."""
import os
import pathlib
import subprocess
import sys

SOURCES = (".c", ".h", ".cu", ".cpp")
TEXTS = SOURCES + (".py", ".sh", ".cmake", ".in", ".txt", ".md", ".json", ".supp", ".yml", ".ci/run")
SKIPPED = 77  # ctest's SKIP_RETURN_CODE


def root():
    """The tree to check: the first argument, else the one this file is in."""
    if len(sys.argv) > 1:
        return pathlib.Path(sys.argv[1]).resolve()
    return pathlib.Path(__file__).resolve().parents[2]


def files(top, *folders, suffixes=TEXTS):
    """Files under the folders ("": all), tracked or about to be; no build output."""
    try:
        listed = subprocess.run(
            ["git", "-C", str(top), "ls-files", "-z", "-c", "-o", "--exclude-standard"],
            check=True, capture_output=True, text=True).stdout.split("\0")
        names = [n for n in listed if n and (top / n).is_file()]
    except (OSError, subprocess.CalledProcessError):
        names = []
    if not names:  # a copy without its history, or in a folder that git ignores
        for folder, inside, found in os.walk(top):
            inside[:] = [d for d in inside if d not in (".git", "build", "__pycache__")]
            names += [(pathlib.Path(folder) / f).relative_to(top).as_posix() for f in found]
    wanted = tuple(f + "/" if f else "" for f in folders)
    return sorted({n for n in names if n.endswith(suffixes) and n.startswith(wanted)})


def end(check, complaints, seen):
    """Prints what was found and ends the program; to have seen nothing is a failure too."""
    if not seen:
        complaints = complaints + ["found nothing to look at"]
    for line in complaints:
        print(line)
    print(f"{check}: {seen} looked at, {len(complaints)} complaints")
    sys.exit(1 if complaints else 0)


def skip(check, why):
    print(f"{check}: skipped: {why}")
    sys.exit(SKIPPED)
