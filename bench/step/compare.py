"""A step of training, or inference, of Tenon against PyTorch: speed and peak memory, side by side.

PyTorch runs in both of its memory formats, and on a GPU also as a CUDA graph (of channels_last), each in a
process of its own, and its best one counts. Prints rows of a Markdown table.
"""
import argparse
import os
import statistics
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "common"))
import harness  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))


def rivals_of(a):
    return ["nchw", "channels_last"] + (["graph"] if a.device.startswith("cuda") else [])


def compare(net, batch, mode, a):
    """One row."""
    rivals = rivals_of(a)
    spec = [net, str(batch), a.device, a.precision, mode]
    sides = [harness.Side(layout, [harness.PYTHON, os.path.join(HERE, "torch_side.py"), *spec, layout],
                          a.threads) for layout in rivals]
    sides.append(harness.Side("tenon", [os.path.join(harness.BUILD, "bench", "tenon_step"), *spec],
                              a.threads))
    for side in sides:
        print(f"  {side.about}; BLAS: {side.blas()}", file=sys.stderr)
    # A round is long enough for the clock and short enough to interleave: about a.seconds each.
    units = {s.name: max(1, round(a.seconds * s.run(1) / batch)) for s in sides}
    speeds = harness.interleave(sides, a.rounds, units)
    best = harness.fastest(rivals, speeds)
    peak = {side.name: side.peak_mib() for side in sides}
    for side in sides:
        side.close()
    ratio = harness.ratios(speeds["tenon"], speeds[best])
    cells = [f"{net} {mode}", str(batch), *[harness.spread(speeds[r]) for r in rivals],
             harness.spread(speeds["tenon"]),
             f"**{statistics.median(ratio):.2f}** ({min(ratio):.2f}-{max(ratio):.2f})",
             f"{peak[best]:.0f}", f"{peak['tenon']:.0f}"]
    print("| " + " | ".join(cells) + " |", flush=True)


def main():
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("--net", default="alexnet", help="alexnet, lenet or resnet18")
    args.add_argument("--mode", default="train", choices=["train", "infer"])
    args.add_argument("--batch", type=int, nargs="+", default=[32, 64, 128])
    args.add_argument("--threads", type=int, default=2, help="of the CPU")
    args.add_argument("--device", default="cpu", help="cpu, or cuda:0")
    args.add_argument("--precision", default="f32", choices=["f32", "tf32", "bf16", "f16"])
    args.add_argument("--rounds", type=int, default=7)
    args.add_argument("--seconds", type=float, default=4, help="of one side in one round")
    a = args.parse_args()
    if a.device == "cpu":
        a.device = f"cpu,threads={a.threads}"
    print(f"Measured on {harness.machine()}; {a.device}, {a.precision}; {a.rounds} rounds, interleaved.\n")
    rivals = "".join(f" PyTorch {r} img/s |" for r in rivals_of(a))
    print(f"| step | batch |{rivals} Tenon img/s | Tenon / better PyTorch, round by round "
          "| PyTorch peak MiB | Tenon peak MiB |")
    print("|" + "---|" * (6 + len(rivals_of(a))), flush=True)
    for batch in a.batch:
        compare(a.net, batch, a.mode, a)


main()
