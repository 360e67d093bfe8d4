#!/usr/bin/env python3
"""Every operation has all its parts. Usage: check_layers.py [root]

For src/layers/<stem>.c: kernels src/backends/cpu/<stem>.c, src/backends/cpu/reference/<stem>.c and
src/backends/cuda/<stem>.c (unless the op is
a view or computed by functions of the program, and has none), a test tests/layers/test_<stem>.c, and in a header of
include/tenon each builder that it defines. And no
kernel without an operation; those of reference/ have its rank. Files that begin with _ are helpers; kernels may come in several files,
<stem>_<which>.c.
"""
import re

import tree


def stems(top, folder, prefix=""):
    return {n.rsplit("/", 1)[1][len(prefix):-2] for n in tree.files(top, folder, suffixes=(".c",))
            if n.startswith(f"{folder}/{prefix}") and n.count("/") == folder.count("/") + 1}


def main():
    top = tree.root()
    header = "".join((top / name).read_text() for name in tree.files(top, "include", suffixes=(".h",))
                     if not name.endswith(("/graph.h", "/sys/op.h")))
    declared = set(re.findall(r"TN_API\s+tn_(?:value|loss|top|nll_loss)\s+(tn_\w+)\(", header))
    ops = {s for s in stems(top, "src/layers") if not s.startswith("_")}
    kernels = {backend: {s for s in stems(top, f"src/backends/{backend}")
                         if not s.startswith(("_", "backend_"))} for backend in ("cpu", "cpu/reference", "cuda")}
    tests = stems(top, "tests/layers", "test_")
    found, defined = [], set()
    for op in sorted(ops):
        text = (top / f"src/layers/{op}.c").read_text()
        if f"const tn_op tn_op_{op} = " not in text:
            found.append(f"src/layers/{op}.c: does not define tn_op_{op}")
        for backend, own in kernels.items():
            own_kernels = ".view = true" not in text and ".host = true" not in text
            if own_kernels and not any(k == op or k.startswith(op + "_") for k in own):
                found.append(f"src/backends/{backend}/{op}.c is missing")
        if op not in tests:
            found.append(f"tests/layers/test_{op}.c is missing")
        builders = set(re.findall(r"^tn_(?:value|loss|top|nll_loss) (tn_\w+)\(", text, re.M))
        found += [f"include/tenon: {b}() of src/layers/{op}.c is missing"
                  for b in sorted(builders - declared)]
        if not builders:
            found.append(f"src/layers/{op}.c: defines no builder")
        defined |= builders
    found += [f"include/tenon: {b}() is declared, and no file of src/layers defines it"
              for b in sorted(declared - defined)]
    found += [f"src/backends/{backend}/{k}.c: serves no operation of src/layers"
              for backend, own in kernels.items() for k in sorted(own)
              if not any(k == op or k.startswith(op + "_") for op in ops)]
    reference = "src/backends/cpu/reference"
    found += [f"{reference}/{k}.c: without .rank = TN_REFERENCE_RANK it comes before other kernels where there is no oneDNN"
              for k in sorted(kernels["cpu/reference"])
              if not re.search(r"\.rank = TN_REFERENCE_RANK|^TN_REFERENCE_MAP\(", (top / reference / f"{k}.c").read_text(), re.M)]
    tree.end("layers", found, len(ops))


main()
