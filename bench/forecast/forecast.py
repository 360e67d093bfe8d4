"""A forecast of a step's milliseconds on a GPU, from what tenon-plan says of each of its steps:

    max(FLOPs / (compute x peak), bytes / (memory x peak)) + launches x 2.5 us

with two constants: which part of the card's peak rates convolutions and dense layers reach, and memory. By default what was fitted
to two steps that were measured (AlexNet of 128 in 2.42 ms, ResNet-18 of 64 in 4.69 ms; bf16, H100 SXM; 2026-11-27). With
--measured both are fitted anew to the steps named there, and each forecast stands beside its measurement. No forecast is a
measurement: the table says which is which.
"""
import argparse
import json
import os
import re
import subprocess
import sys

BUILD = os.environ.get("BENCH_BUILD", "build/bench")
LAUNCH = 2.5e-6
COMPUTE, MEMORY = 0.44, 0.72
STEPS = [("torchvision", 128), ("resnet18", 64), ("resnet18", 256), ("resnet50", 256), ("googlenet", 128)]
NAMES = {"alexnet": "torchvision"}


def plan(net, batch, a):
    argv = [os.path.join(BUILD, "tools", "tenon-plan"), NAMES.get(net, net), "--batch", str(batch), "--precision",
            a.precision, "--no-search", "--json", *(["--device", a.device] if a.device else ["--gpu", a.gpu])]
    done = subprocess.run(argv, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{net}: {done.stderr.strip()}")
    return json.loads(done.stdout)


def launches(step):
    """Kernels of a step: of a batchnorm statistics, what merges them, and the pass; of two at once the statistics of each, but
    common sums; of a convolution backward both gradients, a sum over rows in two and what widens dw."""
    forward = step["pass"] == "forward"
    if step["op"] == "batchnorm" and (step.get("fused") or "").startswith("batchnorm"):
        return 5 if forward else 4
    if step["op"] == "batchnorm":
        return 3
    if step["op"] in ("conv2d", "dense"):
        return 1 if forward else 4
    return 3 if step["op"] == "softmax_xent" else 1


def forecast(p, compute, memory):
    """Seconds."""
    total = 0
    for s in p["steps"]:
        moved = s["read_bytes"] + s["written_bytes"]
        total += max(s["flops"] / (compute * p["peak_flops_per_second"]),
                     moved / (memory * p["peak_bytes_per_second"])) + LAUNCH * launches(s)
    return total


def fit(measured, plans):
    """Both constants, in steps of a hundredth, by the least sum of squared relative errors."""
    def error(compute, memory):
        return sum((forecast(plans[k], compute, memory) / ms * 1e3 - 1) ** 2 for k, ms in measured.items())
    return min(((c / 100, m / 100) for c in range(20, 100) for m in range(40, 100)), key=lambda k: error(*k))


def read_measured(texts):
    """NET:BATCH=MS of the command line."""
    measured = {}
    for text in texts:
        found = re.fullmatch(r"(\w+):(\d+)=([0-9.]+)", text)
        if not found:
            sys.exit(f"--measured {text}: it is NET:BATCH=MS, as resnet50:256=45.1")
        measured[NAMES.get(found[1], found[1]), int(found[2])] = float(found[3])
    return measured


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--gpu", default="h100", help="as tenon-plan names it (default h100)")
    args.add_argument("--device", help="one that is there, in place of that: cuda:0")
    args.add_argument("--precision", default="bf16")
    args.add_argument("--measured", nargs="*", default=[], metavar="NET:BATCH=MS")
    a = args.parse_args()
    measured = read_measured(a.measured)
    plans = {k: plan(*k, a) for k in sorted(set(STEPS) | set(measured))}
    compute, memory = fit(measured, plans) if len(measured) > 1 else (COMPUTE, MEMORY)
    print(f"{a.device or a.gpu}, {a.precision}: {compute:.2f} of the peak FLOPs and {memory:.2f} of the peak bandwidth"
          f"{' (fitted to what was measured)' if len(measured) > 1 else ''}\n")
    print("| step | GB moved | TFLOP | steps | bound, ms | forecast, ms | images/s | measured, ms |")
    print("|---|---|---|---|---|---|---|---|")
    for (net, batch), p in plans.items():
        moved = sum(s["read_bytes"] + s["written_bytes"] for s in p["steps"]) / 1e9
        ms = forecast(p, compute, memory) * 1e3
        bound = p["lower_bound_seconds"] * 1e3
        seen = measured.get((net, batch))
        print(f"| {net} of {batch} | {moved:.1f} | {p['flops'] / 1e12:.2f} | {len(p['steps'])} | {bound:.2f} | {ms:.2f} | "
              f"{batch / ms * 1e3:.0f} | {seen or '-'} |")


main()
