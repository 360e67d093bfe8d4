"""Ranks against threads: a step of training by one process with N threads and by N ranks with one each.

Both have the same total batch and the same N cores, and are asked in turn (see harness.py); what the ranks add
is the exchange of all gradients, what they save is waiting in each parallel loop. Prints rows of a Markdown
table. Needs Open MPI, no PyTorch. The bar: ranks have at least 0.9 x the throughput.
"""
import argparse
import os
import statistics
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "common"))
import harness  # noqa: E402

BAR = 0.9


def compare(net, batch, a):
    """One row; whether the bar is reached."""
    program = os.path.join(harness.BUILD, "bench", "tenon_step")
    mpirun = [a.mpirun, "-np", str(a.ranks), "--bind-to", "core" if a.ranks <= os.cpu_count() else "none"]
    sides = [harness.Side("threads", [program, net, str(batch), f"cpu,threads={a.ranks}", "f32", "train"], a.ranks),
             harness.Side("ranks", [*mpirun, program, net, str(batch), "mpi:cpu,threads=1", "f32", "train"], 1)]
    for side in sides:
        print(f"  {side.about}", file=sys.stderr)
    units = {s.name: max(1, round(a.seconds * s.run(1) / batch)) for s in sides}
    speeds = harness.interleave(sides, a.rounds, units)
    for side in sides:
        side.close()
    ratio = harness.ratios(speeds["ranks"], speeds["threads"])
    cells = [net, str(batch), harness.spread(speeds["threads"]), harness.spread(speeds["ranks"]),
             f"**{statistics.median(ratio):.2f}** ({min(ratio):.2f}-{max(ratio):.2f})"]
    print("| " + " | ".join(cells) + " |", flush=True)
    return statistics.median(ratio) >= BAR


def main():
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("--net", nargs="+", default=["alexnet"], help="alexnet, lenet or resnet18")
    args.add_argument("--batch", type=int, nargs="+", default=[64, 128], help="in all")
    args.add_argument("--ranks", type=int, default=2)
    args.add_argument("--rounds", type=int, default=7)
    args.add_argument("--seconds", type=float, default=4, help="of one side in one round")
    args.add_argument("--mpirun", default="mpirun")
    a = args.parse_args()
    # In a container one is root, which Open MPI wants to be told is meant.
    os.environ.update(OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
    print(f"Measured on {harness.machine()}; f32, a step of training; {a.rounds} rounds, interleaved.\n")
    print(f"| net | batch in all | one process, {a.ranks} threads: img/s | {a.ranks} ranks, a thread each: img/s "
          "| ranks / threads, round by round |")
    print("|---|---|---|---|---|", flush=True)
    reached = [compare(net, batch, a) for net in a.net for batch in a.batch]
    if not all(reached):
        sys.exit(f"the bar is {BAR}: not reached")


main()
