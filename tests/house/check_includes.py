#!/usr/bin/env python3
"""Fails if a file includes what its folder may not see. Usage: check_includes.py [root]

base <- tensor <- graph/op.h <- layers, optim. Backends see the two interfaces and themselves; nobody
but the plan's passes and optim sees backend.h. Examples and tools see <tenon/...> only, and of each other what PROGRAMS
says.
"""
import posixpath
import re

import tree

# Folder -> what "..." includes may begin with; the longest folder that fits decides. C's headers and
# <tenon/...> are open to all.
BASE = ("base/",)
OP = BASE + ("tensor/", "graph/op.h")
ALLOWED = {
    "src/base": BASE,
    "src/tensor": BASE + ("tensor/",),
    "src/graph": BASE + ("tensor/", "graph/"),
    "src/plan": BASE + ("tensor/", "graph/", "plan/", "backends/backend.h"),
    "src/run": BASE + ("plan/", "run/"),
    "src/group": BASE + ("group/", "plan/plan.h", "run/run.h", "devices/devices.h", "backends/collective.h"),
    "src/group/mpi": BASE + ("group/mpi/", "backends/ranks.h", "backends/collective.h"),
    "src/layers": OP + ("layers/",),
    "src/optim": OP + ("optim/", "backends/backend.h"),
    "src/data": BASE + ("data/",),
    "src/io": BASE + ("io/", "plan/plan_io.h"),
    "src/devices": BASE + ("devices/", "backends/backend.h"),
    "src/backends": OP + ("optim/optim.h", "backends/backend.h", "backends/collective.h", "backends/ranks.h"),
    "src/backends/cuda": OP + ("optim/optim.h", "backends/backend.h", "backends/collective.h", "backends/cuda/"),
    "src/backends/cuda/kernels": ("backends/cuda/kernels/", "sim/device.h"),
    "src/sim": ("sim/", "backends/cuda/kernels/gpu.h", "backends/cuda/libraries/libraries.h"),
    "src/backends/cuda/libraries": BASE + ("backends/cuda/libraries/",),
    "src/backends/cpu": OP + ("optim/optim.h", "backends/backend.h", "backends/cpu/"),
}
# Of programs: folder or file -> what its includes, found beside it, may lie in.
PROGRAMS = {
    "examples": ("examples/", "tools/common/"),
    "tools": ("tools/",),
    "tools/common": ("tools/common/",),
    "tools/plan": ("tools/", "examples/common/"),
}
# Each library that Tenon is built on is seen by one folder alone, and by what simulates it.
NVIDIA = ("src/backends/cuda/", "src/sim/")
THIRD = {
    "oneapi/dnnl": "src/backends/cpu/",
    "dnnl": "src/backends/cpu/",
    "omp.h": "src/backends/cpu/",
    "cJSON": "src/io/",
    "cjson": "src/io/",
    "jpeglib.h": "src/data/",
    "cuda": NVIDIA,
    "cudnn": NVIDIA,
    "cublas": NVIDIA,
    "nccl": NVIDIA,
    "mpi": "src/group/mpi/",
    "stb_image.h": "src/data/",
    "png.h": "src/data/",
    "gif_lib.h": "src/data/",
    "webp/": "src/data/",
}
INCLUDE = re.compile(r'\s*#\s*include\s*(["<])([^">]+)[">]')


def complaint(name, kind, target):
    """Why this file may not include that, or None."""
    folders = [f for f in (*ALLOWED, *PROGRAMS) if name.startswith(f + "/")]
    if not folders:
        return "its folder has no rule; add one to check_includes.py"
    if kind == "<":
        for third, where in THIRD.items():
            if target.startswith(third) and not name.startswith(where):
                return f"only {where} may include <{target}>"
        return None
    folder = max(folders, key=len)
    if folder in PROGRAMS:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(name), target))
    if not target.startswith({**ALLOWED, **PROGRAMS}[folder]):
        return f'may not include "{target}"'
    return None


def main():
    top = tree.root()
    names = tree.files(top, "src", "examples", "tools", suffixes=tree.SOURCES)
    found = []
    for name in names:
        for number, line in enumerate((top / name).read_text().splitlines(), 1):
            m = INCLUDE.match(line)
            why = complaint(name, m[1], m[2]) if m else None
            if why:
                found.append(f"{name}:{number}: {why}")
    for name in tree.files(top, "include", suffixes=(".h",)):
        for number, line in enumerate((top / name).read_text().splitlines(), 1):
            m = INCLUDE.match(line)
            if m and (m[1] == '"' or "/" in m[2] and not m[2].startswith("tenon/")):
                found.append(f"{name}:{number}: public headers see C's headers and <tenon/...> only")
    tree.end("includes", found, len(names))


main()
