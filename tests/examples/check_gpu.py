#!/usr/bin/env python3
"""alexnet on a folder of images, on a GPU: the simulated one, in every precision, with cuDNN and without.

In f32 a run says what the same run says on the CPU; in half precision it stays near. A checkpoint of one
device goes on on the other.
"""
import os
import re

import programs
from programs import Folder, expect, run

SMALL = ("--net", "slim", "--size", 64, "--batch", 4, "--threads", 1, "--log-every", 1, "--optim", "adam",
         "--rate", 0.001)
STEPS = 4


def losses(said):
    found = [float(loss) for loss in re.findall(r"step \d+/\d+ loss (\S+)", said.stdout)]
    expect(len(found) == STEPS, f"not {STEPS} steps", said.stdout + said.stderr)
    return found


def train(folder, *words):
    return losses(run("alexnet", folder / "set", *SMALL, "--max-steps", STEPS, *words))


def near(got, want, allowed):
    return len(got) == len(want) and all(abs(a - b) <= allowed for a, b in zip(got, want))


def main(folder):
    programs.make_images(folder / "set/train", 8)
    programs.make_images(folder / "set/val", 2)
    cpu = train(folder, "--device", "cpu", "--save", folder / "cpu")
    for device in ("sim:0", "sim:0,cudnn=off"):
        # The losses are told with 4 digits after the point.
        for precision, allowed in (("f32", 2e-4), ("tf32", 2e-4), ("bf16", 0.1), ("f16", 0.05)):
            got = train(folder, "--device", device, "--precision", precision)
            expect(near(got, cpu, allowed), f"{device} {precision}: losses {got}, on the CPU {cpu}")

    said = run("alexnet", folder / "set", *SMALL, "--max-steps", STEPS, "--device", "sim:0")
    expect(re.search(r"on sim:0: .*cuDNN 9", said.stdout), "the banner does not name the GPU", said.stdout)
    expect("; in tf32" in said.stdout, "nor what it computes in", said.stdout)

    # Half of it on one device, the rest on the other.
    run("alexnet", folder / "set", *SMALL, "--max-steps", 2, "--device", "sim:0", "--precision", "f32", "--save",
        folder / "half")
    said = run("alexnet", folder / "set", *SMALL, "--max-steps", STEPS, "--device", "cpu", "--precision", "f32",
               "--resume", folder / "half")
    rest = [float(loss) for loss in re.findall(r"step \d+/\d+ loss (\S+)", said.stdout)]
    expect(near(rest, cpu[2:], 1e-3), f"resumed on the CPU: losses {rest}, whole {cpu}", said.stdout)

    said = run("alexnet", folder / "set", *SMALL, "--device", "cuda:99", status=2)
    expect("cuda" in said.stderr, "a GPU that is not there", said.stderr)


programs.need(os.path.join(os.environ.get("TENON_MODULES", ""), "tenon_sim.so"))
with Folder() as folder:
    main(folder)
programs.end("gpu")
