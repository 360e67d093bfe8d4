#!/usr/bin/env python3
"""No circle among the folders of src: of includes, of calls, or of both. Usage: check_circles.py root objects

A folder depends on another if one of its files includes a header of it, or uses a function or a table that is
defined there. `objects` lists what each library is linked from, a line "library object" each; what they define and
use is asked of nm. Tables that the build writes (cmake/TenonTable.cmake) are left out: that one may be filled
from any folder is what they are for. Of what is in a circle the fewest dependencies are named that close it.
"""
import collections
import pathlib
import re
import subprocess
import sys

import tree

INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.M)
OBJECT = re.compile(r"\.dir/(?:\./)?(src/.+)\.o$")


def folder(name):
    return name.rsplit("/", 1)[0]


def included(top):
    """(file, "includes", header) for each include of one folder's file by another's."""
    for name in tree.files(top, "src", suffixes=tree.SOURCES):
        for target in INCLUDE.findall((top / name).read_text()):
            yield name, "includes", "src/" + target


def names_of(objects):
    """What these objects define, by file, and what each uses."""
    defined, used = {}, collections.defaultdict(set)
    for source, path in objects:
        out = subprocess.run(["nm", "-g", path], check=True, capture_output=True, text=True).stdout
        for line in out.splitlines():
            kind, symbol = line.split()[-2:]
            if kind == "U":
                used[source].add(symbol)
            else:
                defined[symbol] = source
    return defined, used


def called(listed):
    """(file, function, file that defines it), each library by itself."""
    libraries = collections.defaultdict(list)
    for line in listed.read_text().split("\n"):
        library, _, path = line.partition(" ")
        source = OBJECT.search(path)
        if source:
            libraries[library].append((source[1], path))
    for objects in libraries.values():
        defined, used = names_of(objects)
        for source, symbols in used.items():
            for symbol in symbols & defined.keys():
                yield source, symbol, defined[symbol]


def circles(follows):
    """Sets of folders that can be reached from each other (Tarjan 1972)."""
    number, low, stack, found = {}, {}, [], []

    def visit(v):
        number[v] = low[v] = len(number)
        stack.append(v)
        for w in sorted(follows[v]):
            if w not in number:
                visit(w)
            if w in stack:
                low[v] = min(low[v], low[w])
        if low[v] == number[v]:
            at = stack.index(v)
            if len(stack) - at > 1:
                found.append(set(stack[at:]))
            del stack[at:]

    for v in sorted(follows):
        if v not in number:
            visit(v)
    return found


def main():
    top = tree.root()
    edges = collections.defaultdict(list)  # (folder, folder): what makes it one
    for source, what, target in [*included(top), *called(pathlib.Path(sys.argv[2]))]:
        if folder(source) != folder(target):
            edges[folder(source), folder(target)].append((source, what, target))
    follows = collections.defaultdict(set)
    for a, b in edges:
        follows[a].add(b)
    found = []
    for circle in circles({v: follows[v] for v in set(follows) | set().union(*follows.values())}):
        found.append("a circle: " + ", ".join(sorted(circle)))
        inside = sorted((len(why), sorted(why)) for (a, b), why in edges.items()
                        if a in circle and b in circle)
        for _, why in inside[:8]:
            source, what, target = why[0]
            found.append(f"    {source} {what if what == 'includes' else 'uses ' + what + ' of'} {target}")
    tree.end("circles", found, len(edges))


main()
