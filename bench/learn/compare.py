"""Does Tenon learn as PyTorch does, or with Winograd's convolutions as without? The same recipe on both sides,
several seeds, top-1 on val.

The recipe: torchvision's AlexNet for small images (no adaptive pooling), weights normal with deviation
sqrt(2 / fan_in), biases 0; pixels from -0.5 to 0.5 (with such weights and pixels of deviation 1 the first steps
kill the net, on either side); random-resized crop of 25 % to 100 % of the image, flip; SGD with momentum 0.9
and weight decay 5e-4, the rate falling as a cosine from --rate to 0; evaluated on the middle 7/8 of the image.
Every epoch is written to --log as it ends. Prints a Markdown table and writes the curves as SVG.
"""
import argparse
import os
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "common"))
import harness  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
TENON = os.path.join(harness.BUILD, "bench", "tenon_learn")
# name: (program, what follows the recipe)
SIDES = {"PyTorch": ([harness.PYTHON, os.path.join(HERE, "torch_side.py")], []),
         "Tenon": ([TENON], ["default"]),
         "Tenon strict": ([TENON], ["strict"])}
COLOURS = {"PyTorch": "#d1495b", "Tenon": "#00798c", "Tenon strict": "#edae49"}
AGAINST = {"torch": "PyTorch", "strict": "Tenon strict"}


def learn(name, seed, a, log):
    """One run: [val top-1 after each epoch]."""
    program, rest = SIDES[name]
    argv = program + [a.net, a.folder]
    argv += [str(v) for v in (a.side, a.batch, a.epochs, a.threads, seed, a.rate)] + rest
    start, curve = time.monotonic(), []
    child = subprocess.Popen(argv, env=harness.environment(a.threads), text=True, stdout=subprocess.PIPE)
    for line in child.stdout:
        epoch, loss, top_1 = line.split()
        curve.append(float(top_1))
        print(f"{name:12} seed {seed} epoch {epoch:>3} loss {loss} top-1 {top_1} "
              f"at {time.monotonic() - start:.0f} s", file=log, flush=True)
    if child.wait() != 0 or len(curve) != a.epochs:
        sys.exit(f"{name}: exit status {child.returncode} after {len(curve)} epochs")
    return curve


def mean_curve(curves):
    return [statistics.mean(epoch) for epoch in zip(*curves)]


def table(results, a):
    epochs = sorted({1, a.epochs} | set(range(a.epochs // 5, a.epochs, max(1, a.epochs // 5))) - {0})
    print("| val top-1 %, mean over seeds, after epoch | " + " | ".join(map(str, epochs)) + " | last, each seed |")
    print("|---" * (len(epochs) + 2) + "|")
    for name, curves in results.items():
        mean = mean_curve(curves)
        cells = [f"{mean[e - 1]:.1f}" for e in epochs] + [", ".join(f"{c[-1]:.1f}" for c in curves)]
        print(f"| {name} | " + " | ".join(cells) + " |")
    rival = AGAINST[a.against]
    last = {name: mean_curve(curves)[-1] for name, curves in results.items()}
    print(f"\nAfter the last epoch Tenon minus {rival}: {last['Tenon'] - last[rival]:+.1f} points.")


def polyline(curve, colour, width, opacity):
    points = " ".join(f"{50 + 500 * i / max(1, len(curve) - 1):.1f},{260 - 2.4 * v:.1f}" for i, v in enumerate(curve))
    return (f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="{width}" '
            f'opacity="{opacity}"/>')


def svg(results, path):
    """Thin lines are seeds, thick ones their mean."""
    parts = ['<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 600 300" font-family="sans-serif" font-size="12">',
             '<rect width="600" height="300" fill="white"/>']
    for percent in range(0, 101, 20):
        y = 260 - 2.4 * percent
        parts += [f'<line x1="50" x2="550" y1="{y}" y2="{y}" stroke="#ddd"/>',
                  f'<text x="44" y="{y + 4}" text-anchor="end">{percent}</text>']
    parts.append('<text x="300" y="288" text-anchor="middle">epoch (first to last); val top-1 in per cent</text>')
    for i, (name, curves) in enumerate(results.items()):
        parts += [polyline(c, COLOURS[name], 1, 0.4) for c in curves]
        parts += [polyline(mean_curve(curves), COLOURS[name], 2.5, 1),
                  f'<text x="480" y="{220 + 16 * i}" fill="{COLOURS[name]}">{name}</text>']
    with open(path, "w") as f:
        f.write("\n".join(parts + ["</svg>\n"]))


def main():
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("--net", default="alexnet", help="alexnet or resnet18")
    args.add_argument("--against", default="torch", choices=AGAINST)
    args.add_argument("--folder", default=harness.DATA, help="holds train/ and val/ with a folder a class")
    args.add_argument("--side", type=int, default=64, help="pixels, square")
    args.add_argument("--batch", type=int, default=32)
    args.add_argument("--epochs", type=int, default=18)
    args.add_argument("--rate", type=float, default=0.005)
    args.add_argument("--seeds", type=int, default=3)
    args.add_argument("--threads", type=int, default=2)
    args.add_argument("--svg", help="where the curves go; default: beside this file")
    args.add_argument("--log", type=argparse.FileType("w"), default=sys.stderr)
    a = args.parse_args()
    results = {AGAINST[a.against]: [], "Tenon": []}
    for seed in range(1, a.seeds + 1):
        for name in results:
            results[name].append(learn(name, seed, a, a.log))
    print(f"{a.net} at {a.side} x {a.side}, batch {a.batch}, {a.epochs} epochs, rate {a.rate:g}, "
          f"{a.seeds} seeds a side.\n")
    table(results, a)
    name = "curves.svg" if a.against == "torch" else f"{a.net}-strict.svg"
    svg(results, a.svg or os.path.join(HERE, name))


main()
