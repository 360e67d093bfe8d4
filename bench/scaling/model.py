"""Predicts, on paper, how training scales on N GPUs of one machine. Nothing is measured here.

From tenon-plan it takes each step's lower bound and the gradients that it writes; then it plays a step of
training: backward goes on, a bucket of gradients is summed up over the GPUs as soon as it is there and the one
before is done, the update of a bucket begins when its sum is there (src/run/share.c). An all-reduce of B bytes
takes START + 2 (N - 1) / N * B / BANDWIDTH. The second efficiency adds, on top, the time in which a GPU's memory moves
what the sums move, TRAFFIC times the bytes, as if it did nothing else then. What is left out: that sums take
multiprocessors, that GPUs do not end a step at the same moment, and loading pictures.

Usage: model.py TENON-PLAN [--gpu h100] [--gpus 8] [--batch 128]
"""
import argparse
import json
import subprocess

BUCKET = 8 << 20  # bytes, the default of tn_plan_opts.bucket_bytes
# Name, bytes a second of each GPU to the others, seconds until the first byte: docs/scaling.md says where from.
LINKS = (("NVLink", 370e9, 30e-6), ("PCIe 5.0", 40e9, 50e-6))
TRAFFIC = 5  # of a ring: what it sends is read, what it gets written, twice nearly; its own part read to be added
# Network, precision, seconds of one step as measured (docs/gpu.md), or None: then the lower bound itself, and twice it.
CASES = (("torchvision", "tf32", 4.37e-3), ("torchvision", "bf16", 2.42e-3), ("resnet50", "bf16", None))


def plan(tool, net, precision, a):
    words = [tool, net, "--gpu", a.gpu, "--batch", str(a.batch), "--precision", precision, "--json", "--no-search"]
    return json.loads(subprocess.run(words, check=True, capture_output=True, text=True).stdout)


def buckets(steps, stretch):
    """[(seconds at which its gradients are there, bytes)], and when backward ends; every step takes `stretch` times
    its bound."""
    now, held, found = 0, 0, []
    for s in steps:
        now += s["lower_bound_seconds"] * stretch
        held += 4 * s["gradients"]
        if held >= BUCKET:
            found.append((now, held))
            held = 0
    return found + ([(now, held)] if held else []), now


def step_time(d, stretch, gpus, link, bytes_each=4):
    """Seconds of a step on so many GPUs, and of its all-reduces together."""
    _, bandwidth, start = link
    work = [s for s in d["steps"] if s["pass"] != "update"]
    update = sum(s["lower_bound_seconds"] for s in d["steps"] if s["pass"] == "update") * stretch
    ready, now = buckets(work, stretch)
    free, total, sums = 0, sum(b for _, b in ready), 0
    for when, size in ready:
        took = 0 if gpus == 1 else start + 2 * (gpus - 1) / gpus * size * bytes_each / 4 / bandwidth
        free = max(free, when) + took
        sums += took
        now = max(now, free) + update * size / total
    return now, sums


def rows(d, a, stretch, name):
    one, _ = step_time(d, stretch, 1, LINKS[0])
    for link in LINKS:
        for precision, bytes_each in ("f32", 4), ("bf16", 2):
            time, sums = step_time(d, stretch, a.gpus, link, bytes_each)
            hidden = 1 - (time - one) / sums
            extra = TRAFFIC * bytes_each * d["parameters"] / d["peak_bytes_per_second"]
            print(f"| {name}: {1e3 * one:.2f} ms | {link[0]}, {precision} | {1e3 * sums:.2f} ms, {100 * hidden:.0f} % | "
                  f"{1e3 * time:.2f} ms, {a.gpus * a.batch / time:,.0f} | {a.gpus * one / time:.1f} x, "
                  f"{100 * one / time:.0f} % | {a.gpus * one / (time + extra):.1f} x, "
                  f"{100 * one / (time + extra):.0f} % |")


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("tool", help="the program tenon-plan")
    args.add_argument("--gpu", default="h100")
    args.add_argument("--gpus", type=int, default=8)
    args.add_argument("--batch", type=int, default=128, help="of one GPU")
    a = args.parse_args()
    print(f"| a step on one GPU, batch {a.batch} | link, gradients as | all-reduces, hidden | step on {a.gpus}, images/s "
          "| speed-up, efficiency | with their memory traffic |")
    print("|---|---|---|---|---|---|")
    for net, precision, measured in CASES:
        d = plan(a.tool, net, precision, a)
        bound = d["lower_bound_seconds"]
        name = {"torchvision": "AlexNet", "resnet50": "ResNet-50"}[net]
        if measured:
            rows(d, a, measured / bound, f"{name}, {precision}, measured")
        else:
            rows(d, a, 1, f"{name}, {precision}, its lower bound")
            rows(d, a, 2, f"{name}, {precision}, twice its lower bound")


main()
