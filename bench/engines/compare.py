"""Engines: a trained net run by Tenon, onnxruntime and OpenVINO, side by side: speed, opening, peak memory.

All three open the same ONNX file, which export.py makes with torchvision (Tenon its engine of that); what they make of the
same pictures has to agree. Prints rows of a Markdown table; the bar is what Tenon has to reach against the better rival.
"""
import argparse
import os
import statistics
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "common"))
import engines  # noqa: E402
import harness  # noqa: E402

MEMORY_BAR = 0.6


def row(net, batch, a, rivals, files):
    names = [*rivals, "tenon"]
    speeds, opened, peak, before = engines.compare(names, net, batch, a, files)
    cells = [net, str(batch), str(a.threads)]
    cells += [harness.spread(speeds[name]) for name in names]
    if rivals:
        ratio = harness.ratios(speeds["tenon"], speeds[harness.fastest(rivals, speeds)])
        bar = engines.BARS.get(batch)
        cells += [f"**{statistics.median(ratio):.2f}** ({min(ratio):.2f}-{max(ratio):.2f})",
                  f"{bar}: {'yes' if statistics.median(ratio) >= bar else '**no**'}" if bar else ""]
    cells += [" / ".join(f"{opened[name]:.0f}" for name in names),
              " / ".join(f"{peak[name]:.0f} ({before[name]:.0f})" for name in names)]
    if rivals:
        share = peak["tenon"] / min(peak[name] for name in rivals)
        cells.append(f"{share:.2f}{'' if share <= MEMORY_BAR else ' **no**'}")
    print("| " + " | ".join(cells) + " |", flush=True)


def main():
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("--net", nargs="+", default=engines.NETS, choices=engines.NETS, metavar="NET",
                      help=", ".join(engines.NETS))
    args.add_argument("--batch", type=int, nargs="+", default=[1, 32])
    args.add_argument("--threads", type=int, nargs="+", default=[2, 1])
    args.add_argument("--isa", choices=harness.ISAS, help="the most that the sides may use of the CPU; onnxruntime obeys nothing")
    args.add_argument("--rounds", type=int, default=5)
    args.add_argument("--seconds", type=float, default=1.5, help="of one side in one round")
    args.add_argument("--opens", type=int, default=3, help="how often each is opened, one after the other")
    args.add_argument("--models", help="where the ONNX files are, or are kept; default: made anew")
    a = args.parse_args()
    harness.limit_isa(a.isa)
    rivals = engines.rivals()
    with tempfile.TemporaryDirectory() as files:
        a.models = a.models or files
        engines.make_files(a.models, files, a.net, a.batch)
        print(f"Measured on {harness.machine()}; f32; {a.rounds} rounds, interleaved. Opening: from the call that opens the file "
              "to the first result. Peak memory: of the process, in brackets what it had before it opened the file.\n")
        names = " / ".join([*rivals, "tenon"])
        columns = ["net", "batch", "threads", *[f"{name} img/s" for name in [*rivals, "tenon"]]]
        columns += ["Tenon / better rival, round by round", "bar"] if rivals else []
        columns += [f"opening ms, {names}", f"peak MiB, {names}"]
        columns += [f"Tenon / smaller peak; bar {MEMORY_BAR}"] if rivals else []
        print("| " + " | ".join(columns) + " |")
        print("|" + "---|" * len(columns), flush=True)
        for net in a.net:
            for threads in a.threads:
                for batch in a.batch:
                    row(net, batch, argparse.Namespace(**{**vars(a), "threads": threads}), rivals, files)


main()
