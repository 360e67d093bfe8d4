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
CUDA = OP + ("optim/optim.h", "backends/backend.h", "backends/surface.h", "backends/broadcast.h", "backends/collective.h", "backends/options.h",
             "backends/cuda/kernels/")
ALLOWED = {
    "src/base": BASE,
    "src/tensor": BASE + ("tensor/",),
    "src/graph": BASE + ("tensor/", "graph/"),
    "src/plan": BASE + ("tensor/", "graph/", "plan/", "backends/backend.h"),
    "src/run": BASE + ("plan/", "run/"),
    "src/eval": BASE + ("eval/",),
    "src/tune": BASE + ("plan/plan_io.h",),
    "src/profile": BASE + ("profile/",),
    "src/runs": BASE + ("runs/",),
    "src/group": BASE + ("group/", "plan/plan.h", "run/run.h", "devices/devices.h", "backends/collective.h"),
    "src/group/mpi": BASE + ("group/mpi/", "backends/ranks.h", "backends/collective.h"),
    "src/layers": OP + ("layers/",),
    "src/optim": OP + ("optim/", "backends/backend.h"),
    "src/data": BASE + ("data/", "backends/surface.h"),
    "src/io": BASE + ("io/", "plan/plan_io.h"),
    "src/model": BASE + ("tensor/half.h", "model/", "graph/op.h", "graph/graph.h", "graph/text.h", "graph/numbers.h", "io/",
                         "plan/plan_io.h"),
    "src/quantise": BASE + ("quantise/", "graph/graph.h", "graph/text.h", "model/import.h", "model/passes/rewrite.h"),
    "src/infer": BASE + ("infer/", "io/mapped.h", "model/model.h", "graph/graph.h"),
    "src/infer": BASE + ("infer/", "io/mapped.h", "model/model.h", "graph/graph.h", "plan/plan_io.h"),
    "src/model/passes": BASE + ("graph/", "model/"),
    "src/import": BASE + ("model/import.h", "caffe/import.h"),
    "src/onnx": BASE + ("tensor/", "onnx/", "io/proto.h", "io/mapped.h", "model/import.h"),
    "src/import": BASE + ("model/import.h", "caffe/import.h", "onnx/table.h"),
    "src/export": BASE + ("model/export.h", "onnx/export.h"),
    "src/onnx": BASE + ("tensor/", "graph/op.h", "graph/graph.h", "onnx/", "io/proto.h", "io/beneath.h", "io/mapped.h", "model/import.h",
                        "model/export.h"),
    "src/caffe": BASE + ("caffe/", "io/proto.h", "io/mapped.h", "model/import.h"),
    "src/devices": BASE + ("devices/", "backends/backend.h", "backends/surface.h"),
    "src/backends": OP + ("optim/optim.h", "backends/backend.h", "backends/adjoint.h", "backends/broadcast.h",
                          "backends/collective.h", "backends/options.h", "backends/ranks.h"),
    "src/backends/cuda": CUDA + ("backends/cuda/",),
    "src/backends/cuda/device": CUDA + ("backends/cuda/device/", "backends/cuda/libraries/"),
    **{f"src/backends/cuda/{family}": CUDA + ("backends/cuda/device/", f"backends/cuda/{family}/")
       for family in ("cudnn", "elementwise", "index", "linear", "move", "nccl", "optim", "pair", "reorder", "softmax")},
    "src/backends/cuda/cublaslt": CUDA + ("backends/cuda/device/", "backends/cuda/cublaslt/", "backends/cuda/linear/"),
    "src/backends/cuda/adjoint": CUDA + ("backends/adjoint.h", "backends/cuda/device/", "backends/cuda/adjoint/",
                                         "backends/cuda/linear/"),
    "src/backends/cuda/kernels": ("backends/cuda/kernels/", "sim/device.h"),
    "src/sim": ("sim/", "backends/cuda/kernels/gpu.h", "backends/cuda/libraries/libraries.h"),
    "src/backends/cuda/libraries": BASE + ("backends/cuda/libraries/",),
    "src/backends/cpu": OP + ("optim/optim.h", "backends/backend.h", "backends/adjoint.h", "backends/broadcast.h",
                              "backends/options.h", "backends/cpu/"),
}
# Of programs: folder or file -> what its includes, found beside it, may lie in.
PROGRAMS = {
    "nets": ("nets/",),
    "examples": ("examples/", "tools/common/", "tools/train/", "nets/"),
    "tools": ("tools/",),
    "tools/common": ("tools/common/",),
    "tools/build": ("tools/common/", "tools/train/", "tools/build/"),
    "tools/infer": ("tools/common/", "tools/train/", "tools/infer/"),
    "tools/doctor": ("tools/common/", "tools/doctor/"),
    "tools/speed": ("tools/common/", "tools/speed/", "tools/doctor/doctor.h", "nets/"),
    "tools/eval": ("tools/common/", "tools/train/", "tools/eval/"),
    "tools/data": ("tools/common/", "tools/train/", "tools/data/"),
    "tools/run": ("tools/common/", "tools/run/"),
    "tools/train": ("tools/common/", "tools/train/", "nets/"),
    "tools/serve": ("tools/common/", "tools/serve/", "nets/"),
    "tools/video": ("tools/common/", "tools/train/", "tools/video/"),
    "tools/plan": ("tools/common/", "tools/train/", "tools/plan/"),
}
# Each library that Tenon is built on is seen by one folder alone, NVIDIA's also by what opens or simulates it.
SERVED = ("src/backends/cuda/libraries/", "src/sim/")
THIRD = {
    "oneapi/dnnl": "src/backends/cpu/onednn/",
    "dnnl": "src/backends/cpu/onednn/",
    "omp.h": "src/backends/cpu/onednn/",
    "cJSON": ("src/io/", "src/runs/", "tools/common/json_read.c"),
    "cjson": ("src/io/", "src/runs/", "tools/common/json_read.c"),
    "xxhash": "src/base/",
    "microhttpd.h": ("tools/serve/web/http.c", "tools/serve/web/streams."),
    "libav": "tools/video/",
    "libsw": "tools/video/",
    "jpeglib.h": "src/data/",
    "cuda": ("src/backends/cuda/", "src/sim/"),
    "cudnn": ("src/backends/cuda/cudnn/", *SERVED),
    "cublas": ("src/backends/cuda/cublaslt/", *SERVED),
    "nccl": ("src/backends/cuda/nccl/", *SERVED),
    "nvtx3": "src/backends/cuda/device/",
    "mpi": "src/group/mpi/",
    "stb_image.h": "src/data/",
    "png.h": "src/data/",
    "gif_lib.h": "src/data/",
    "webp/": "src/data/",
}
INCLUDE = re.compile(r'\s*#\s*include\s*(["<])([^">]+)[">]')


# Doors that only these of the files around them go through, by what those are called.
DOORS = {
    "backends/cuda/cudnn/": re.compile(r"src/backends/cuda/(cudnn/.*|\w+_cudnn\.c|conv2d_blocks\.c|backend_cuda\.c)"),
    "backends/cuda/cublaslt/": re.compile(r"src/backends/cuda/(cublaslt/.*|(dense|conv2d_native|matmul|backend_cuda)\.c)"),
    "backends/cuda/nccl/": re.compile(r"src/backends/cuda/(nccl/.*|backend_cuda\.c)"),
}


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
    for door, through in DOORS.items():
        if target.startswith(door) and not through.fullmatch(name):
            return f'no door of its: "{target}" is included by {through.pattern} alone'
    folder = max(folders, key=len)
    if folder in PROGRAMS:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(name), target))
    if not target.startswith({**ALLOWED, **PROGRAMS}[folder]):
        return f'may not include "{target}"'
    return None


def main():
    top = tree.root()
    names = tree.files(top, "src", "nets", "examples", "tools", suffixes=tree.SOURCES)
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
