#!/usr/bin/env python3
"""Ranks, for real: processes that mpirun starts, on this host and on two.

Usage: check_ranks.py mpirun ranks_program alexnet WHAT, where WHAT is same, alexnet, gpus, faults or hosts.
"""
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

MPIRUN, PROGRAM, ALEXNET, WHAT = sys.argv[1:5]
SKIPPED = 77  # ctest's SKIP_RETURN_CODE
HERE = pathlib.Path(__file__).resolve().parent
# Fewer cores than ranks, as root in a container: mpirun wants to be told that this is meant.
ENVIRONMENT = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1",
                   OMPI_MCA_rmaps_base_oversubscribe="1", OMP_NUM_THREADS="1")
failures = []


def expect(true, what, shown=""):
    if not true:
        failures.append(f"{what}\n{shown}")


def skip(why):
    print(f"skipped: {why}")
    sys.exit(SKIPPED)


def start(ranks, *words, before=()):
    return subprocess.Popen([*before, MPIRUN, "-np", str(ranks), *map(str, words)], env=ENVIRONMENT, text=True,
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def end(process):
    """mpirun, asked to end, ends its ranks; whoever is left is killed."""
    ranks = children(process).values()
    process.terminate()
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
    for pid in ranks:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def finish(process, status=0, limit=300):
    """What it said; its exit status must be zero, or must not be."""
    try:
        said, _ = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        end(process)
        said, _ = process.communicate()
        expect(False, f"{process.args}: has not ended within {limit} s", said)
        return said
    expect((process.returncode == 0) == (status == 0), f"{process.args}: status {process.returncode}", said)
    return said


def run(ranks, *words, status=0, limit=300):
    return finish(start(ranks, *words), status, limit)


# ---- the same as one process -------------------------------------------------------------------

def same():
    for ranks in 2, 4:
        run(ranks, PROGRAM, "same")


def make_images(folder, counts):
    rng = random.Random(1)
    for name, colour in {"red": (200, 60, 60), "green": (60, 200, 60), "blue": (60, 60, 200)}.items():
        for i in range(counts):
            path = folder / name / f"{i:03}.ppm"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"P6\n48 40\n255\n" + bytes(
                max(0, min(255, c + rng.randrange(-90, 91))) for _ in range(48 * 40) for c in colour))


def scores(said):
    """Of each epoch: train loss, val loss and val top-1."""
    found = re.findall(r"train loss (\S+) .*?; val loss (\S+) top-1 (\S+) %", said)
    return [tuple(map(float, f)) for f in found]


def alexnet():
    with tempfile.TemporaryDirectory(prefix="tenon-ranks-") as name:
        folder = pathlib.Path(name)
        make_images(folder / "train", 13)
        make_images(folder / "val", 7)  # 21: no multiple of the batch, nor of the ranks
        # Where one is left out the rows behind it move up, of ranks each rank's own: dropout would tell them apart.
        bad = folder / "val/green/bad.ppm"
        bad.write_bytes(b"P6 nothing")
        flags = (folder, "--net", "slim", "--size", 64, "--batch", 8, "--epochs", 3, "--augment", "full", "--optim",
                 "adam", "--rate", 1e-3, "--log-every", 1, "--threads", 1, "--save")
        one = subprocess.run([ALEXNET, *map(str, flags), folder / "one"], capture_output=True, text=True,
                             env=ENVIRONMENT, check=True).stdout
        for ranks in 2, 4:
            said = run(ranks, ALEXNET, *flags, folder / "ranks", "--device", "mpi:cpu")
            expect(f"rank 0 of {ranks} by " in said, "the banner does not say it", said)
            expect(said.count(" on rank 0 of ") == 1 and said.count("epoch 3/3:") == 1, "not only rank 0 prints", said)
            expect(said.count(f"bad file, left out: {bad}: ") == 1, "a bad file is not told of once", said)
            a, b = scores(one), scores(said)
            # Losses are printed with four digits, shares of 21 pictures with two.
            expect(len(a) == len(b) == 3 and all(abs(x - y) <= 2e-3 * max(1, x) for p, q in zip(a, b)
                                                 for x, y in zip(p, q)), f"{ranks} ranks: {a} and {b}", said)
            said = run(ranks, ALEXNET, folder / "val", "--evaluate", folder / "one", "--batch", 8, "--threads", 1,
                       "--device", "mpi:cpu")
            alone = subprocess.run([ALEXNET, folder / "val", "--evaluate", folder / "one", "--batch", "8"],
                                   capture_output=True, text=True, env=ENVIRONMENT, check=True).stdout
            counts = [re.search(r"top-1 (\S+) % top-5 (\S+) % of (\d+) images", s) for s in (said, alone)]
            expect(all(counts) and counts[0].groups() == counts[1].groups() and counts[0][3] == "21",
                   "validation does not count the same", said + alone)
        # A signal to one rank stops all after the same step, and the run goes on from there alone.
        process = start(2, ALEXNET, *flags[:-1], "--epochs", 1000, "--save", folder / "stopped", "--device", "mpi:cpu")
        time.sleep(2)
        os.kill(children(process)[1], signal.SIGINT)
        said = finish(process, status=1, limit=60)
        expect("stopped at step" in said and (folder / "stopped").exists(), "a signal does not stop the run", said)


def gpus():
    """A rank that has two simulated GPUs: what NCCL's members know each other by goes the way over the ranks."""
    folders = os.environ.get("TENON_MODULES", "").split(":")
    if not any(os.path.exists(os.path.join(f, "tenon_sim.so")) for f in folders):
        skip("this build has no simulated GPUs")
    flags = ("--synthetic", "--net", "slim", "--size", 64, "--classes", 10, "--batch", 4, "--max-steps", 2, "--device")
    losses = []
    for device in "sim:0-1,deterministic=on", "mpi:sim:0-1,deterministic=on":
        said = run(1, ALEXNET, *flags, device)
        losses += re.findall(r"train loss (\S+)", said)
    expect(" by nccl, " in said and len(losses) == 2 and losses[0] == losses[1], f"losses {losses}", said)


# ---- what breaks -------------------------------------------------------------------------------

def children(process):
    """The ranks' processes, by rank."""
    found = {}
    for entry in pathlib.Path("/proc").iterdir():
        try:
            parent = int(re.search(r"\) \S (\d+)", (entry / "stat").read_text())[1])
            rank = re.search(rb"OMPI_COMM_WORLD_RANK=(\d+)", (entry / "environ").read_bytes())
        except (OSError, TypeError):
            continue
        if parent == process.pid and rank:
            found[int(rank[1])] = int(entry.name)
    return found


def has_ended(pid):
    """Within a second; nobody may have asked for its exit status yet."""
    for _ in range(20):
        try:
            if re.search(r"\) Z ", pathlib.Path(f"/proc/{pid}/stat").read_text()):
                return True
        except OSError:
            return True
        time.sleep(0.05)
    return False


def faults():
    """How each ends, with what, and that nothing is left behind after so many seconds."""
    for test, limit, says in (
            ("label", 15, r"rank 0 ends: rank 1 has failed: rank 1, cpu.*\(rows 4 to 7 of a batch\): softmax_xent.*"
                          r"label 77 in row 3.*; all 2 devices ended after update 3"),
            ("kill", 10, r"rank 1 .*signal 9"),
            ("stop", 10, r"rank 0 ends: rank 0, cpu.*: rank 1 of 2 did not come within 2 s"),
            ("end", 10, r"rank 1 ends: the disk is full"),
            ("late", 20, r"rank 0: what was not received is as it was(.|\n)*"
                         r"rank 0 ends: rank 1 of 2 did not come within 2 s, then .*did not come")):
        process = start(2, PROGRAM, test)
        begun = time.monotonic()
        time.sleep(0.5)
        ranks = children(process)
        said = finish(process, status=1, limit=60)
        took = time.monotonic() - begun
        print(f"{test}: {took:.1f} s")
        expect(took < limit, f"{test}: it took {took:.1f} s, not {limit}", said)
        expect(re.search(says, said), f"{test}: does not say {says}", said)
        for rank, pid in ranks.items():
            expect(has_ended(pid), f"{test}: rank {rank} is still there")
    # What does not end is ended by this check itself, with all that mpirun has started.
    process = start(2, "sleep", 600)
    ranks, before = {}, len(failures)
    for _ in range(100):
        ranks = children(process)
        if len(ranks) == 2:
            break
        time.sleep(0.1)
    finish(process, limit=1)
    expect(len(ranks) == 2 and "has not ended within 1 s" in "".join(failures[before:]), "two that sleep")
    del failures[before:before + 1]
    for pid in (process.pid, *ranks.values()):
        expect(has_ended(pid), f"{pid} sleeps on")
    said = subprocess.run([PROGRAM, "kill"], capture_output=True, text=True, env=ENVIRONMENT)
    expect(said.returncode == 1 and "was not started by mpirun" in said.stderr, "without mpirun", said.stderr)


# ---- two hosts ---------------------------------------------------------------------------------

def need_namespaces():
    if os.geteuid() != 0:
        skip("two network namespaces need root")
    for program in "ip", "unshare":
        if not shutil.which(program):
            skip(f"there is no {program} (iproute2, util-linux)")


def hosts():
    """Two network namespaces, each with a host's name, and a cable between them."""
    need_namespaces()
    near, far = (f"tenon-{os.getpid()}-{side}" for side in "ab")
    veth = [f"tn{os.getpid()}{side}" for side in "ab"]
    net = "10.77.31"

    def ip(*words):
        return subprocess.run(["ip", *words], capture_output=True, text=True)

    try:
        made = [ip("netns", "add", near), ip("netns", "add", far),
                ip("link", "add", veth[0], "netns", near, "type", "veth", "peer", veth[1], "netns", far)]
        for number, (name, cable) in enumerate(zip((near, far), veth), 1):
            made += [ip("-n", name, "addr", "add", f"{net}.{number}/24", "dev", cable),
                     ip("-n", name, "link", "set", cable, "up"), ip("-n", name, "link", "set", "lo", "up")]
        if any(m.returncode for m in made):
            skip("network namespaces cannot be made here: " + " ".join(m.stderr.strip() for m in made))
        ENVIRONMENT.update(TENON_FAR=far, OMPI_MCA_plm_rsh_agent=str(HERE / "agent.sh"), OMPI_MCA_btl="tcp,self",
                           OMPI_MCA_btl_tcp_if_include=f"{net}.0/24", OMPI_MCA_oob_tcp_if_include=f"{net}.0/24")
        before = ("ip", "netns", "exec", near, "unshare", "--uts", "sh", "-c", f'hostname {near}; exec "$@"', "sh")
        words = ("--host", f"{net}.1:1,{net}.2:1", "-x", "TENON_MODULES", PROGRAM)
        finish(start(2, *words, "same", before=before))
        said = finish(start(2, *words, "stop", before=before), status=1, limit=60)
        expect("rank 1 of 2 did not come within 2 s" in said, "a rank that stalls on the other host", said)
        said = finish(start(2, *words, "kill", before=before), status=1, limit=60)
        expect(re.search(r"rank 1 .*signal 9", said), "a rank that is killed on the other host", said)
    finally:
        ip("netns", "del", near)
        ip("netns", "del", far)


if not os.path.exists(MPIRUN):
    skip("there is no mpirun, or this build has no MPI (libopenmpi-dev)")
if "Open MPI" not in subprocess.run([MPIRUN, "--version"], capture_output=True, text=True).stdout:
    skip(f"{MPIRUN} is not Open MPI's, whose options this check uses")
{"same": same, "alexnet": alexnet, "gpus": gpus, "faults": faults, "hosts": hosts}[WHAT]()
for failure in failures:
    print(failure)
print(f"ranks, {WHAT}: {len(failures)} failures")
sys.exit(1 if failures else 0)
