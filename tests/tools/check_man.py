#!/usr/bin/env python3
"""Every program writes a manual page that has each option of its --help and of each of its commands, is headed by the line that
`tenon` lists it with, and that man and mandoc, where they are here, find nothing wrong with.
Usage: check_man.py WORK_FOLDER TENON PROGRAM..."""
import pathlib
import re
import shutil
import subprocess
import sys

work, tenon, *programs = sys.argv[1:]
work = pathlib.Path(work)
shutil.rmtree(work, ignore_errors=True)
work.mkdir(parents=True)
complaints = []
# What no page can be without: a date would make two builds of the same sources differ, and lines are as long as they are.
PASSED_OVER = re.compile(r"missing date|input text line longer than 80 bytes")


def said(*words):
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        complaints.append(f"{' '.join(map(str, words))}: status {done.returncode}: {done.stdout[-500:]}{done.stderr[-500:]}")
    return done.stdout


def check(program, page, name):
    text = page.replace("\\-", "-")
    if not page.startswith('.\\" ') or f".TH {name.upper()} 1 " not in text:
        complaints.append(f"{name}: no page: {page[:200]}")
    helps = {name: said(program, "--help")}
    if "COMMAND" in helps[name]:
        for command in re.findall(r"^  ([a-z]+) ", helps[name], re.M):
            helps[f"{name} {command}"] = said(program, command, "--help")
            if f".SH {name} {command}".upper() not in text:
                complaints.append(f"{name}: no section for {command}")
    for of, usage in helps.items():
        for option in re.findall(r"^  (--[a-z0-9-]+)", usage, re.M):
            if f"\\fB{option}\\fR" not in text and f"\\fB{option}" not in text:
                complaints.append(f"{of}: {option} is not in the page")
    head = re.search(r"^\.SH NAME\n(\S+) - (.*)", text, re.M)
    if not head or head[1] != name or not 10 < len(head[2]) <= 80 or "part of Tenon" in head[2]:
        complaints.append(f"{name}: headed {head and head[0]!r}: give its args .what, a line of up to 80 letters")
    return head[2] if head else ""


def lint(page, name):
    path = work / f"{name}.1"
    path.write_text(page)
    for checker in (["man", "--warnings", "-E", "UTF-8", "-l", path], ["mandoc", "-T", "lint", path]):
        if not shutil.which(checker[0]):
            print(f"not checked by {checker[0]}, which is not here")
            continue
        done = subprocess.run(checker, capture_output=True, text=True, timeout=60, check=False)
        for line in (done.stderr + (done.stdout if checker[0] == "mandoc" else "")).splitlines():
            if not PASSED_OVER.search(line):
                complaints.append(f"{name}: {line}")


listed = dict(re.findall(r"^  ([a-z0-9-]+) +(.*)$", said(tenon), re.M))
for program in programs:
    name = pathlib.Path(program).name
    page = said(program, "--man")
    what = check(program, page, name)
    lint(page, name)
    short = name.removeprefix("tenon-")
    if short != name and listed.get(short) != what:
        complaints.append(f"{name}: \"tenon\" lists {listed.get(short)!r}, its page is headed {what!r}")
for c in complaints:
    print(c)
print(f"{len(programs)} programs, {len(complaints)} complaints")
sys.exit(1 if complaints or not programs else 0)
