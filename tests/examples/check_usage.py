#!/usr/bin/env python3
"""Every program: --help, and one clear sentence with status 2 for what cannot be."""
import programs
from programs import Folder, expect, refused, run

for program, flag in (("alexnet", "--accumulate"), ("mnist", "--epochs"), ("classify", "--top")):
    said = run(program, "--help")
    expect(said.stdout.startswith("Usage: " + program) and flag in said.stdout and not said.stderr,
           f"{program} --help", said.stdout + said.stderr)
    expect(all(len(line) <= 110 for line in said.stdout.splitlines()), f"{program} --help is too wide",
           said.stdout)
    refused(program, "--nonsense", "x", says="no option --nonsense")
    refused(program, "-x", says="no option -x")
    refused(program, says="missing")

with Folder() as folder:
    programs.make_images(folder / "images", 3)
    (folder / "empty").mkdir()
    (folder / "junk.safetensors").write_bytes(b"junk")
    images = folder / "images"

    refused("alexnet", folder / "none", says="none")
    refused("alexnet", folder / "empty", says="empty")
    refused("alexnet", images, "again", says="one word too many")
    refused("alexnet", images, "--epoch", 3, says="did you mean --epochs?")
    refused("alexnet", images, "--epochs", says="wants a value")
    refused("alexnet", images, "--epochs", "x", says="whole number")
    refused("alexnet", images, "--epochs", "1.5", says="whole number")
    refused("alexnet", images, "--epochs", 0, says="from 1 to")
    refused("alexnet", images, "--momentum=1", says="number from 0 to 0.9999")
    refused("alexnet", images, "--synthetic", says="takes no folder")
    refused("alexnet", images, "--synthetic=1", says="takes no value")
    refused("alexnet", images, "--net", "vgg", says="; there are torchvision, caffe, 2012, slim")
    refused("alexnet", images, "--net", "", says="; there are torchvision, caffe, 2012, slim")
    refused("alexnet", images, "--rate-policy", "wild", says="--rate-policy")
    refused("alexnet", images, "--rate-policy", "multistep", "--rate-at", "1,x", "--batch", 2,
            says="--rate-at")
    for flag in "--split", "--clip", "--rate-period":
        refused("alexnet", images, flag, 0, says=f"{flag} wants a number above 0, up to ")
    refused("alexnet", images, "--split", 10, "--val", images, says="cannot both")
    refused("alexnet", images, "--val", folder / "none", says="none")
    refused("alexnet", images, "--device", "abacus", says="abacus")
    refused("alexnet", images, "--resume", folder / "none", says="No such file")
    refused("alexnet", images, "--resume", folder / "junk.safetensors", says="junk.safetensors")
    refused("alexnet", images, "--net", "slim", "--batch", 2, "--accumulate", 9, says="--accumulate")
    refused("mnist", folder / "none", says="has no train-images-idx3-ubyte")
    refused("classify", folder / "none", "a.jpg", says="No such file")
    refused("classify", folder / "junk.safetensors", "a.jpg", says="junk.safetensors")

programs.end("usage")
