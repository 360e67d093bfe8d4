"""A step of training, or inference, of Tenon against PyTorch: speed and peak memory, side by side.

PyTorch runs in both of its memory formats, and on a GPU also as a CUDA graph (of channels_last), with --compile also by
torch.compile in both, each in a process of its own, and its best one counts. Prints rows of a Markdown table.
"""
import argparse
import os
import statistics
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "common"))
import harness  # noqa: E402
import steps  # noqa: E402


def row(batch, rivals, a):
    speeds, best, peak = steps.compare(a.net, batch, a.mode, rivals, a)
    ratio = harness.ratios(speeds["tenon"], speeds[best])
    cells = [f"{a.net} {a.mode}", str(batch), *[harness.spread(speeds[r]) if r in speeds else "-" for r in [*rivals, "tenon"]],
             f"**{statistics.median(ratio):.2f}** ({min(ratio):.2f}-{max(ratio):.2f})",
             f"{peak[best]:.0f}", f"{peak['tenon']:.0f}"]
    print("| " + " | ".join(cells) + " |", flush=True)


def main():
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("--net", default="alexnet", help="those of ../common/nets.c")
    args.add_argument("--mode", default="train", choices=["train", "infer"])
    args.add_argument("--batch", type=int, nargs="+", default=[32, 64, 128])
    args.add_argument("--compile", action="store_true", help="torch.compile, too")
    args.add_argument("--threads", type=int, default=2, help="of the CPU")
    args.add_argument("--isa", choices=harness.ISAS, help="the most that the sides may use of the CPU")
    args.add_argument("--device", default="cpu", help="cpu, or cuda:0")
    args.add_argument("--precision", default="f32", choices=["f32", "tf32", "bf16", "f16"])
    args.add_argument("--rounds", type=int, default=7)
    args.add_argument("--seconds", type=float, default=4, help="of one side in one round")
    a = args.parse_args()
    harness.limit_isa(a.isa)
    if a.device == "cpu":
        a.device = f"cpu,threads={a.threads}"
    rivals = steps.EAGER + (["graph"] if a.device.startswith("cuda") else []) + (steps.COMPILED if a.compile else [])
    print(f"Measured on {harness.machine()}; {a.device}, {a.precision}; {a.rounds} rounds, interleaved.\n")
    print("| step | batch |" + "".join(f" PyTorch {r} img/s |" for r in rivals) +
          " Tenon img/s | Tenon / better PyTorch, round by round | PyTorch peak MiB | Tenon peak MiB |")
    print("|" + "---|" * (6 + len(rivals)), flush=True)
    for batch in a.batch:
        row(batch, rivals, a)


main()
