#!/usr/bin/env python3
"""A run of two ranks that was killed or stopped, and resumed, is the run that was not: one folder, which rank 0 writes.

Usage: check_run_ranks.py mpirun program, where program is test_run_exact, which trains in a folder when it is told to.
"""
import os
import subprocess
import sys
import tempfile

MPIRUN, PROGRAM = sys.argv[1:3]
KIND = "7"  # "ranks" in test_run_exact.c
DONE, KILL, TERM = "0", "1", "2"
# Fewer cores than ranks, as root in a container: mpirun wants to be told that this is meant.
ENVIRONMENT = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1",
                   OMPI_MCA_rmaps_base_oversubscribe="1", OMP_NUM_THREADS="1")


def life(folder, until, end, right=True):
    done = subprocess.run([MPIRUN, "-np", "2", PROGRAM, "life", folder, KIND, str(until), end], env=ENVIRONMENT,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300)
    said = done.stdout + done.stderr
    assert (done.returncode == 0) == right, f"until {until}: status {done.returncode}\n{said}"
    return said


def same(whole, cut, how):
    subprocess.run([PROGRAM, "same", whole, cut, how], check=True)


def main():
    if not MPIRUN or MPIRUN.endswith("NOTFOUND") or not os.path.exists(f"{os.environ['TENON_MODULES']}/tenon_mpi.so"):
        print("skipped: there is no mpirun")
        sys.exit(77)
    with tempfile.TemporaryDirectory() as top:
        whole, killed, stopped = f"{top}/whole", f"{top}/killed", f"{top}/stopped"
        life(whole, 33, DONE)
        for at in 9, 24:
            life(killed, at, KILL, right=False)
        life(killed, 33, DONE)
        same(whole, killed, "whole")
        life(stopped, 17, TERM)
        life(stopped, 33, DONE)
        same(whole, stopped, "stopped")
        # What rank 0 alone can find is what all of them say.
        os.rename(f"{stopped}/config.json", f"{stopped}/gone")
        said = life(stopped, 40, DONE, right=False)
        assert said.count("holds a run already") == 2, said
    print("two ranks: killed, stopped and refused as one")


main()
