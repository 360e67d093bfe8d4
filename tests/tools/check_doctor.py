#!/usr/bin/env python3
"""tenon-doctor on machines that are not there: GPUs and libraries by a stand-in, copies of /proc and /sys, fewer cores.
Usage: check_doctor.py DOCTOR FAKE_LIBRARY WORK"""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys

doctor, fake, work = sys.argv[1:]
work = pathlib.Path(work)
shutil.rmtree(work, ignore_errors=True)
libraries, none = work / "libraries", work / "none"
for folder in (libraries, none):
    folder.mkdir(parents=True)
CLEAN = {k: v for k, v in os.environ.items() if not k.startswith(("OMP_", "CUDA_", "NCCL_", "OPENBLAS_", "LD_"))}


def start(*words, env=None, status=0, fakes=libraries, under=()):
    done = subprocess.run([*under, doctor, *map(str, words)], capture_output=True, text=True, timeout=60, check=False,
                          env=CLEAN | {"TENON_CUDA_LIBS": str(fakes)} | (env or {}))
    if done.returncode != status:
        sys.exit(f"{words} {env}: status {done.returncode}, not {status}:\n{done.stdout}{done.stderr}")
    return done.stdout


def expect(right, what, *more):
    if not right:
        sys.exit(f"{what}: {more}")


def look(*words, **how):
    """The report, and its findings by name."""
    report = json.loads(start("--quick", "--json", *words, **how))
    return report, {f["id"]: f for f in report["findings"]}


alone, found = look(fakes=none)
has_cuda = bool(alone["build"]["cuda"])
cuda = int((alone["build"]["cuda"] or "13.0").split(".")[0])
(libraries / "libnvidia-ml.so.1").symlink_to(fake)
for file in (f"libcublasLt.so.{cuda}", "libcudnn.so.9", "libnccl.so.2"):
    (libraries / file).symlink_to(fake)
    (none / file).symlink_to(fake)  # real ones take long to open
FITS = {"FAKE_CUDA": str(1000 * cuda), "FAKE_CUBLASLT": str(10000 * cuda + 100), "FAKE_CUDNN_CUDA": str(1000 * cuda)}

# Nothing there: no finding about GPUs, and what would be needed.
if not alone["driver"]["boards"] and not alone["gpus"]:
    expect(not any(i.startswith(("gpu", "driver", "cu", "nccl")) for i in found), "findings about GPUs without one", found)
    text = start("--quick", fakes=none)
    expect("To compute on one: a GPU of NVIDIA's of compute capability 7.5" in text and "Measured" not in text, text)
expect(alone["host"]["cores_allowed"] >= 1 and alone["host"]["threads"] >= 1 and alone["host"]["memory_bytes"] > 1e8
       and alone["disk"]["free_bytes"] > 0 and alone["measured"] is None, "the machine", alone)

# Two GPUs that are well.
report, found = look(env=FITS)
expect(report["driver"]["state"] == "ready" and report["driver"]["cuda"] == cuda, "the driver", report["driver"])
expect([g["compute_capability"] for g in report["gpus"]] == ["9.0", "9.0"] and report["gpus"][1]["memory_used_bytes"] == 2e9
       and report["gpus"][0]["busy"] == 0.37 and report["gpus"][0]["watts"] == 312.5 and report["gpus"][0]["links"] == "- NV4"
       and report["gpus"][0]["memory_errors"] is None, "GPUs", report["gpus"])
wrong = {i for i in found if i.startswith(("gpu", "driver", "cu", "nccl"))}
expect(not wrong if has_cuda else "no-cuda-in-build" in found, "findings on a machine that is well", found)
if has_cuda:
    states = {n: l["state"] for n, l in report["libraries"].items() if n in ("driver", "cuBLAS", "cuDNN")}
    expect(set(states.values()) == {"fits"}, "libraries", states)
text = start("--quick", env=FITS)
expect("NVIDIA H100 80GB HBM3" in text and "1200 of 1980 MHz" in text and "- NV4" in text, text)

# Each thing that can be wrong with them.
for env, name, level, says, remedy in [
        ({"FAKE_REASONS": "0x40"}, "gpu-slowed", "slow", "slowed down by heat: 1200 MHz of 1980, 61 C", "fans"),
        ({"FAKE_REASONS": "0x84"}, "gpu-slowed", "slow", "its power supply", "power plugs"),
        ({"FAKE_INIT": "18"}, "driver-mismatch", "broken", "different versions", "Start the machine again"),
        ({"FAKE_INIT": "9"}, "driver-silent", "broken", "Driver Not Loaded", ""),
        ({"FAKE_GPUS": "0"}, "driver-without-gpus", "broken", "finds no GPU", ""),
        ({"FAKE_SM": "61"}, "gpu-too-old", "broken", "compute capability 6.1", "T4"),
        ({"CUDA_VISIBLE_DEVICES": ""}, "gpus-hidden", "broken", "hides all GPUs", "unset"),
        ({"CUDA_LAUNCH_BLOCKING": "1"}, "blocking", "slow", "waited for", "unset"),
        ({"LD_LIBRARY_PATH": "/usr/local/cuda/lib64/stubs"}, "stubs", "broken", "no driver", "Take it out"),
        ({"FAKE_CUDA": "11040"}, "driver-too-old", "broken", "470.57.02, serves CUDA 11.4", "Update the driver"),
        ({"FAKE_CUDNN": "90700"}, "cudnn-other", "slow", "cuDNN is 9.7.0", f"cudnn9-cuda-{cuda}"),
        ({"FAKE_CUDNN_CUDA": str(1000 * (cuda - 1))}, "cudnn-other", "slow", f"for CUDA {cuda - 1}", "TENON_CUDA_LIBS"),
        ({"FAKE_CUBLASLT": str(10000 * (cuda - 1))}, "cublas-other", "broken", f"cuBLAS is {cuda - 1}.0.0", "beside it"),
        ({"FAKE_NCCL": "21803"}, "nccl-other", "slow", "2.18.3", "2.19")]:
    needs_cuda = name.startswith(("driver-too", "cudnn", "cublas", "nccl"))
    if needs_cuda and (not has_cuda or name == "nccl-other" and not alone["build"]["nccl"]):
        continue
    _, found = look(env=FITS | env)
    f = found.get(name)
    expect(f and f["level"] == level and says in f["text"] and remedy in f["remedy"], f"{env} is not {name}", found)
start("--quick", "--strict", env=FITS | {"FAKE_SM": "61"}, status=3)

# Boards that nobody answers for, other walls, another processor: by copies of what the system tells.
root = work / "root"
board = root / "sys/bus/pci/devices/0000:01:00.0"
board.mkdir(parents=True)
(board / "vendor").write_text("0x10de\n")
(board / "class").write_text("0x030200\n")
(root / "proc").mkdir()
(root / "etc").mkdir()
(root / "dev").mkdir()
(root / "etc/os-release").write_text('NAME="Other"\nPRETTY_NAME="Other Linux 9"\n')
(root / "proc/cpuinfo").write_text("processor : 0\nmodel name\t: Old Thing\ncpu MHz\t: 1000.5\nflags\t\t: fpu sse sse2 hypervisor\n")
(root / "proc/meminfo").write_text("MemTotal:  1000000 kB\nMemAvailable:  900000 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n")
report, found = look("--sysroot", root, fakes=none)
expect("driver-missing" in found and "1 GPU of NVIDIA's, and no driver" in found["driver-missing"]["text"], "no driver", found)
expect("no-avx2" in found and "memory-short" in found and report["host"]["processor"] == "Old Thing"
       and report["host"]["system"] == "Other Linux 9" and report["host"]["mhz"] == 1000.5
       and report["host"]["memory_bytes"] == 1024e6 and report["host"]["shm_bytes"] is None, "another machine", report["host"])
(board / "driver").symlink_to("../../../bus/pci/drivers/nouveau")
expect("nouveau" in look("--sysroot", root, fakes=none)[1], "nouveau is not seen")
(root / ".dockerenv").write_text("")
found = look("--sysroot", root, fakes=none)[1]
expect("--gpus all" in found["container-without-gpus"]["remedy"], "a container without GPUs", found)
(board / "class").write_text("0x040300\n")
expect(look("--sysroot", root, fakes=none)[0]["driver"]["boards"] == 0, "what only sounds is taken for a GPU")

# Fewer threads.
if alone["host"]["cores_allowed"] > 1 and not os.environ.get("OMP_NUM_THREADS"):
    f = look(env={"OMP_NUM_THREADS": "1"}, fakes=none)[1]["threads-few"]
    expect("takes 1 thread" in f["text"] and "OMP_NUM_THREADS=1" in f["text"] and "unset" in f["remedy"], "one thread", f)
    if shutil.which("taskset"):
        report, found = look(fakes=none, under=("taskset", "-c", str(min(os.sched_getaffinity(0)))))
        expect(report["host"]["cores_allowed"] == 1 and "cores-bound" in found and "threads-few" not in found, "bound", found)
    free = look(env={"OMP_PROC_BIND": "true"}, fakes=none)[0]["host"]
    expect(free["cores_allowed"] == alone["host"]["cores_allowed"], "OpenMP binds the program's own thread alone", free)
text = start("--quick", env={"OMP_NUM_THREADS": "2", "MKL_NUM_THREADS": "1"}, fakes=none)
expect("MKL_NUM_THREADS=1" in text and "Tenon uses no BLAS" in text, text)

# Measured: all of it, and what could not be.
report = json.loads(start("--seconds", "0.2", "--json", work, fakes=none))
m = report["measured"]
expect(m["cpu_flops_per_second"] > 1e6 and m["cpu_bytes_per_second"] > 1e6, "not measured", report)
expect(report["disk"]["kind"] == "tmpfs" or m["disk_bytes_per_second"] > 1e5, "the disk is not measured", report)
expect(not report["build"]["libjpeg_turbo"] or m["loader_images_per_second"] > 1, "the loader is not measured", report)
expect([p.name for p in work.iterdir() if "doctor" in p.name] == [], "a file is left behind")
text = start("--seconds", "0.001", work / "nowhere", fakes=none)
expect("There is no folder" in text and "GFLOP/s" in text and "disk, read                       not measured: no file" in text, text)

# Watched.
p = subprocess.Popen([doctor, "--watch", "0.05", "--json"], stdout=subprocess.PIPE, text=True,
                     env=CLEAN | FITS | {"TENON_CUDA_LIBS": str(libraries)})
lines = [json.loads(p.stdout.readline()) for _ in range(3)]
p.send_signal(signal.SIGTERM)
p.wait(10)
expect(lines[2]["t"] > lines[0]["t"] and lines[0]["cpu_busy"] is None and 0 <= lines[2]["cpu_busy"] <= 1
       and lines[2]["gpus"][1]["memory_used_bytes"] == 2e9 and lines[2]["memory_available_bytes"] > 0, "watched", lines)
done = subprocess.run([doctor, "--watch", "0", "--json"], input="\n\n", capture_output=True, text=True, timeout=30, check=True,
                      env=CLEAN | FITS | {"TENON_CUDA_LIBS": str(libraries)})
expect([len(json.loads(line)["gpus"]) for line in done.stdout.splitlines()] == [2, 2], "asked", done.stdout)
print("the doctor finds what is wrong")
