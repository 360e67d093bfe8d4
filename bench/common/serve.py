"""A child's half of the protocol in harness.py."""
import os
import sys
import time

# Libraries may print to stdout; the protocol keeps it to itself and they get stderr.
_out = os.fdopen(os.dup(1), "w", buffering=1)
os.dup2(2, 1)


def serve(about, work):
    """work(units) does the work and gives (seconds, images)."""
    print("ready", about, file=_out)
    for line in sys.stdin:
        words = line.split()
        if words[0] == "quit":
            break
        seconds, images = work(int(words[1]))
        print("done", f"{seconds:.9f}", images, file=_out)


def clocked(step, images):
    """work() for steps of a fixed number of images."""
    def work(units):
        start = time.perf_counter()
        for _ in range(units):
            step()
        return time.perf_counter() - start, units * images
    return work
