#!/usr/bin/env python3
"""tenon-train of two ranks that was killed (-9), mpirun and all, and resumed is the run that was not; and what is at fault in rows
of the second rank alone has its file's name."""
import os
import shutil
import subprocess
import sys

from trains import await_step, expect_same, lines
import trains
import programs
from programs import Folder, expect

MPIRUN = shutil.which("mpirun")
# Fewer cores than ranks, as root in a container: mpirun wants to be told that this is meant.
ENVIRONMENT = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1",
                   OMPI_MCA_rmaps_base_oversubscribe="1", OMP_NUM_THREADS="1")


def start(*words):
    return subprocess.Popen([MPIRUN, "-np", "2", trains.TRAIN, *map(str, words)], env=ENVIRONMENT, stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def train(*words, status=0):
    p = start(*words)
    said = "".join(p.communicate(timeout=300))
    expect(p.returncode == status, f"{words}: status {p.returncode}, not {status}", said)
    return said


def goes_on(folder, recipe):
    words = (*recipe, "--epochs", 3, "--log-every", 2, "--save-steps", 3)
    train(*words, "--run", folder / "whole")
    p = start(*words, "--run", folder / "cut")
    await_step(p, folder / "cut", 8)
    p.kill()
    p.communicate()
    for _ in range(50):  # its ranks see it a moment later, and hold the lock until then
        p = start("--resume", folder / "cut")
        said = "".join(p.communicate(timeout=300))
        if p.returncode == 0 or "is alive" not in said:
            break
    expect(p.returncode == 0, "resumed", said)
    expect_same(folder / "whole", folder / "cut", "two ranks, killed")


def names_files(folder, recipe):
    """One picture is white, all others black: it alone becomes infinite."""
    net = folder / "odd.net"
    net.write_text(trains.NET.replace("mean=128,128,128", "mean=0,0,0").replace("scale=0.01,0.01,0.01", "scale=1e38,1e38,1e38"))
    for i in range(8):
        path = folder / f"dark/{'abc'[i % 3]}/{i}.ppm"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"P6\n16 16\n255\n" + bytes([255 * (i == 5)]) * 768)
    seen = set()
    words = (folder / "dark", "--net", net, "--batch", 4, "--threads", 1, "--augment", "none", "--device", "mpi:cpu,threads=1")
    train(*words, "--epochs", 6, "--on-divergence", "skip", "--run", folder / "dark_run")
    for told in [line for line in lines(folder / "dark_run") if line["e"] == "diverged"]:
        seen.add(told["rank"])
        expect(told["file"].endswith("/5.ppm") and told["file"] in told["files"] and told["row"] // 2 == told["rank"] and
               len(told["files"]) == 4, "the file", str(told))
    expect(seen == {0, 1}, "the rows of each rank were at fault in some epoch", str(seen))


if not MPIRUN or not os.path.exists(f"{os.environ.get('TENON_MODULES', '')}/tenon_mpi.so"):
    print("skipped: there is no mpirun, or no module for it")
    sys.exit(programs.SKIPPED)
with Folder() as folder:
    recipe = (*trains.make_set(folder), "--device", "mpi:cpu,threads=1")
    for check in (goes_on, names_files):
        programs.timed(check, folder, recipe)
programs.end("tenon-train, two ranks")
