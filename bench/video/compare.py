"""tenon video against a script of PyAV, OpenCV and onnxruntime (rival.py): AlexNet on one file, and on four.

Both see the same clips, H.264 of 768 x 432, with the same weights, and the script has its best batch. Rounds are interleaved, each
side a process of its own; the time is from the first frame to the last answer. Prints rows of a Markdown table.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "common"))
import harness  # noqa: E402
import make  # noqa: E402

TOOLS = os.path.join(harness.BUILD, "tools")
BARS = {1: 1.5, 4: 2.0}  # by files


def rival(files, a, clips, batch):
    """Frames a second, and the best class of each."""
    done = subprocess.run([harness.PYTHON, os.path.join(make.HERE, "rival.py"), os.path.join(files, "alexnet.onnx"), str(a.threads), str(batch),
                           *clips], check=True, capture_output=True, text=True).stdout.splitlines()
    return float(done[0]), [int(c) for c in done[1].split()]


def tenon(files, a, clips):
    words = [f"{c},name={i}" for i, c in enumerate(clips)]
    done = subprocess.run([os.path.join(TOOLS, "tenon-video"), os.path.join(files, "alexnet.plan"), *words, "--top", "1", "--threads",
                           str(a.threads)], check=True, capture_output=True, text=True)
    table = [line.split() for line in done.stderr.splitlines()]
    heading = next(i for i in reversed(range(len(table))) if table[i][:1] == ["stream"])
    row = next(r for r in table[heading:] if r[0] == ("all" if len(clips) > 1 else "0"))
    best = sorted((a["stream"], a["frame"], a["top"][0]["class"]) for a in map(json.loads, done.stdout.splitlines()))
    return float(row[2]), [c for _, _, c in best]


def compare(files, a, clips):
    """One row. The batch is the rival's best of this very clip."""
    batch = max(a.batch, key=lambda rows: rival(files, a, clips[:1], rows)[0])
    speeds, same = {"script": [], "tenon": []}, 0
    for _ in range(a.rounds):
        speed, theirs = rival(files, a, clips, batch)
        speeds["script"].append(speed)
        speed, ours = tenon(files, a, clips)
        speeds["tenon"].append(speed)
        same = sum(x == y for x, y in zip(theirs, ours)) / len(theirs)
        if len(theirs) != len(ours):
            sys.exit(f"{len(theirs)} frames, and {len(ours)}")
    ratio = [t / s for t, s in zip(speeds["tenon"], speeds["script"])]
    bar, middle = BARS[len(clips)], statistics.median(ratio)
    print(f"| {len(clips)} | {batch} | {statistics.median(speeds['script']):.1f} | {statistics.median(speeds['tenon']):.1f} | "
          f"**{middle:.2f}** ({min(ratio):.2f}-{max(ratio):.2f}) | {bar}: {'yes' if middle >= bar else '**no**'} | {100 * same:.0f} % |", flush=True)


def main():
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("--rounds", type=int, default=5)
    args.add_argument("--seconds", type=float, default=10, help="of a clip")
    args.add_argument("--threads", type=int, default=2)
    args.add_argument("--batch", type=int, nargs="+", default=[8, 32], help="those of the script, of which the best is taken")
    a = args.parse_args()
    with tempfile.TemporaryDirectory() as files:
        make.model(os.path.join(files, "alexnet.onnx"))
        make.engine(TOOLS, os.path.join(files, "alexnet.onnx"), os.path.join(files, "alexnet.plan"))
        clips = [os.path.join(files, f"{i}.mp4") for i in range(4)]
        for i, path in enumerate(clips):
            make.clip(path, a.seconds, i)
        print(f"Measured on {harness.machine()}; AlexNet, f32, {a.threads} threads; clips of {a.seconds:g} s, 768 x 432, H.264; {a.rounds} rounds, "
              "interleaved.\n")
        print("| files | batch of the script | script, frames/s | tenon video, frames/s | ratio, round by round | bar | same class |")
        print("|" + "---|" * 7, flush=True)
        for count in BARS:
            compare(files, a, clips[:count])


if __name__ == "__main__":
    main()
