"""Runs programs that do the same work side by side and compares how fast they are.

Each side is a child process that stays alive and does work when asked:
  child   "ready ABOUT"            once, when it is warm
  parent  "run UNITS"              do this much: training steps, or batches
  child   "done SECONDS IMAGES"    what the clock said, and how many images that was
  parent  "quit"
Sides are asked in turn, A B C, then C B A, so that a slow minute of the machine hits all of them, and
two sides are compared round by round: the ratio's median is over rounds, never a ratio of medians.
"""
import os
import platform
import statistics
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PYTHON = os.environ.get("BENCH_PYTHON", "/usr/bin/python3")
BUILD = os.environ.get("BENCH_BUILD", os.path.join(ROOT, "build", "bench"))
DATA = os.environ.get("TENON_DATA", os.path.join(os.path.dirname(ROOT), "shared", "data"))


# Debian's OpenBLAS whose threads are OpenMP's. The other one, of its own threads, fights with PyTorch's.
OPENBLAS = f"/usr/lib/{platform.machine()}-linux-gnu/openblas-openmp"


def environment(threads):
    """Both sides' environment: the stated number of threads, OpenBLAS free to choose its kernels, and of
    the OpenBLAS there are the one with which the rival is fastest."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("OPENBLAS_")}
    env["OMP_NUM_THREADS"] = str(threads)
    if os.path.isdir(OPENBLAS):
        env["LD_LIBRARY_PATH"] = ":".join(filter(None, [OPENBLAS, env.get("LD_LIBRARY_PATH")]))
    return env


# What each side obeys: Tenon and all that has oneDNN in it (PyTorch, OpenVINO) the first, PyTorch's own kernels and what torch.compile
# writes the second, MKL the third. Nothing limits onnxruntime's own kernels (MLAS).
ISAS = {"avx2": {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2", "MKL_ENABLE_INSTRUCTIONS": "AVX2"}}


def limit_isa(name):
    """No side that is started from here on uses more of the processor's instructions; None: as it is."""
    os.environ.update(ISAS[name] if name else {})


class Side:
    """One child process."""

    def __init__(self, name, argv, threads=2, batch=1):
        self.name, self.batch = name, batch
        self.child = subprocess.Popen(argv, env=environment(threads), text=True, bufsize=1,
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.about = self._answer("ready")

    def _answer(self, word):
        line = self.child.stdout.readline().rstrip("\n")
        if line.split(" ", 1)[0] != word:
            sys.exit(f"{self.name}: expected '{word}', got '{line}' (exit status {self.child.poll()})")
        return line[len(word) + 1:]

    def run(self, units):
        """Do some work. Images a second."""
        self.child.stdin.write(f"run {units}\n")
        seconds, images = self._answer("done").split()
        return int(images) / float(seconds)

    def peak_mib(self):
        """The most memory the process ever had resident."""
        with open(f"/proc/{self.child.pid}/status") as f:
            return next(int(line.split()[1]) for line in f if line.startswith("VmHWM")) / 1024

    def blas(self):
        """Which BLAS the process has loaded, such as "openblas-pthread/libblas.so.3", or "none"."""
        with open(f"/proc/{self.child.pid}/maps") as f:
            files = {line.split()[-1] for line in f if "/libblas.so" in line}
        return ", ".join("/".join(path.split("/")[-2:]) for path in sorted(files)) or "none"

    def close(self):
        self.child.stdin.write("quit\n")
        self.child.stdin.close()
        if self.child.wait() != 0:
            sys.exit(f"{self.name}: exit status {self.child.returncode}")


def first_look(sides, seconds):
    """Asks each for one step, which also warms it. {name: images a second}, {name: steps that are about so many seconds}."""
    looks = {side.name: [side.run(1) for _ in range(2)][-1] for side in sides}
    return looks, {side.name: max(1, round(seconds * looks[side.name] / side.batch)) for side in sides}


def interleave(sides, rounds, units):
    """Ask every side in turn, `rounds` times. Images a second: {name: [one a round]}.

    units: {name: how much work a round}.
    """
    speeds = {side.name: [] for side in sides}
    for turn in range(rounds):
        for side in sides if turn % 2 == 0 else reversed(sides):
            speeds[side.name].append(side.run(units[side.name]))
    return speeds


def spread(values, form="{:.1f}"):
    """Median and range, such as "23.1 (21.9-24.0)"."""
    low, mid, high = min(values), statistics.median(values), max(values)
    return f"{form} ({form}-{form})".format(mid, low, high)


def ratios(ours, theirs):
    """Round by round."""
    return [a / b for a, b in zip(ours, theirs)]


def fastest(names, speeds):
    """The rival's best variant."""
    return max(names, key=lambda name: statistics.median(speeds[name]))


def machine():
    """One line for a table's heading."""
    with open("/proc/cpuinfo") as f:
        model = next((line.split(":")[1].strip() for line in f if line.startswith("model name")), "?")
    limit = f" held to {os.environ['ONEDNN_MAX_CPU_ISA']}" if "ONEDNN_MAX_CPU_ISA" in os.environ else ""
    return f"{model}{limit}, {os.cpu_count()} cores, {platform.system()} {platform.release()}"
