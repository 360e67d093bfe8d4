#!/usr/bin/env python3
"""Any net, by a text or a model: alexnet trains and measures it, classify uses it; a run begins with another's numbers, and
both know what was taken; what is frozen stays; files of before nets were in them are used with --net."""
import json
import re
import struct

import programs
from programs import Folder, expect, refused, run

SMALL = ("--batch", 4, "--threads", 1, "--log-every", 1)
LEARNS = ("--optim", "adam", "--rate", 0.001, "--augment", "none")
NET = """tenon graph 1
input picture u8 N 20 24 3   # neither square, nor of ours
input class i32 N
x = image_input(picture) mean=128,128,128 scale=0.01,0.01,0.01
conv1 = conv2d(x) filters=12 kernel=5 stride=2 no_bias
bn1 = batchnorm(conv1)
r = relu(bn1)
p = pool2d(r) kind=mean global
"last layer" = dense(p) units=%s
prob = softmax("last layer")
output %s
"""
LOSS = 'l, right, among_5 = softmax_xent("last layer", class)\nloss l\n'


def read(path):
    """Metadata, and the bytes of each tensor."""
    data = path.read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + length])
    meta = header.pop("__metadata__")
    return meta, {name: data[8 + length:][slice(*t["data_offsets"])] for name, t in header.items()}


def write_without(path, to, *keys):
    """A copy whose metadata lack these: as it was before nets were in files."""
    data = path.read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + length])
    for key in keys:
        del header["__metadata__"][key]
    text = json.dumps(header).encode()
    to.write_bytes(struct.pack("<Q", len(text)) + text + data[8 + length:])


def top_1(said):
    found = re.findall(r"(?:evaluated:|val) loss \S+ top-1 (\S+) %", said.stdout)
    return float(found[-1]) if found else -1


def a_net_of_a_text(folder):
    """With and without a loss of its own, its output logits or a softmax of them; classes as the folder has them."""
    red = folder / "set/val" / 'a "red" one' / "001.ppm"
    for number, text in enumerate((NET % (9, '"last layer"'), NET % (3, "prob") + LOSS)):
        net, model = folder / f"net{number}.net", folder / f"net{number}"
        net.write_text(text)
        said = run("alexnet", folder / "set", "--net", net, *SMALL, *LEARNS, "--rate", 0.02, "--epochs", 20, "--save", model)
        expect(top_1(said) > 90 and f"{net}, 20 x 24" in said.stdout, "a net of a text does not learn", said.stdout[-800:])
        said = run("alexnet", folder / "set", "--evaluate", model)
        expect(top_1(said) > 90, "--evaluate of any net", said.stdout)
        said = run("classify", "--top", 1, model, red)
        share = re.search(r"(\S+) %  a \"red\" one", said.stdout)
        expect(share and float(share[1]) > 50, "classify by any net", said.stdout)
        said = run("alexnet", folder / "set", "--net", net, *SMALL, *LEARNS, "--rate", 0.02, "--epochs", 20, "--resume", model)
        expect("nothing is left to do" in said.stdout and "note: " not in said.stdout, "any net goes on", said.stdout)
    refused("alexnet", folder / "set", "--net", folder / "net1.net", "--smoothing", 0.1, says="has a loss of its own")
    refused("alexnet", folder / "set", "--net", folder / "net1.net", "--size", 64, says="--size says 64, but")
    refused("alexnet", folder / "set", "--net", "vgg", says="there is no network \"vgg\"; there are torchvision, caffe")
    refused("alexnet", folder / "set", "--net", folder / "none.net", says="none.net: No such file")
    refused("alexnet", folder / "set", "--net", folder / "net0.net", "--resume", folder / "net1", says="is another net")
    refused("alexnet", folder / "set", "--init", folder / "net0.net", says="net0.net has no number that this net can begin with")
    refused("classify", folder / "net0.net", red, says="is the text of a net, without numbers")
    bad = folder / "bad.net"
    bad.write_text((NET % (3, "prob")).replace("kernel=5", "kernel=25"))
    refused("alexnet", folder / "set", "--net", bad, says=f"{bad}:5:9: conv2d conv1: a window of 25")
    bad.write_text(NET % (3, "r"))
    refused("alexnet", folder / "set", "--net", bad, says="not images x classes")


def begins_with_another(folder):
    """Three classes learned, then two others: all but the last layer is taken; frozen, it stays bit by bit."""
    flags = ("--net", "slim", "--size", 64, *SMALL, *LEARNS)
    base = folder / "base"
    run("alexnet", folder / "set", *flags, "--epochs", 6, "--save", base)
    for net in ((), ("--net", "slim", "--size", 64)):
        said = run("alexnet", folder / "two", *net, *SMALL, *LEARNS, "--init", base, "--freeze", "conv*,fc6", "--epochs", 2,
                   "--save", folder / "tuned")
        expect(f"init     {base}: 14 of 16 tensors taken; new: none; new, of another shape: fc8.weight, fc8.bias; left: none"
               in said.stdout, "what --init gave is not told", said.stdout)
        meta, tuned = read(folder / "tuned")
        _, before = read(base)
        same = {name for name in before if not name.startswith("optimizer.") and tuned.get(name) == before[name]}
        expect(same == {n for n in before if n.startswith(("conv", "fc6"))}, f"frozen is {sorted(same)}")
        expect("fc8 = dense(" in meta["tenon.graph"] and "units=2 " in meta["tenon.graph"] and
               meta["tenon.classes"] == "black\nwhite", "the new net", meta["tenon.graph"])
        expect(not any(n.startswith(("optimizer.conv", "optimizer.fc6")) for n in tuned), "what is frozen has a momentum")
    said = run("alexnet", folder / "two", "--evaluate", folder / "tuned")
    expect("of 12 images" in said.stdout, "what was tuned is measured", said.stdout)
    # The same classes: nothing may differ. And a model of which nothing fits.
    said = run("alexnet", folder / "set", "--net", "slim", "--size", 96, *SMALL, "--init", base, status=1)
    expect("fc6.weight is 512 x 32 in" in said.stderr and str(base) in said.stderr, "another shape", said.stderr)
    said = run("alexnet", folder / "two", "--net", "slim", "--size", 96, *SMALL, "--init", base, status=1)
    expect("fc6.weight is 512 x 32 in" in said.stderr, "another shape, with other classes", said.stderr)
    said = run("alexnet", folder / "set", "--net", "resnet18", "--size", 64, *SMALL, "--init", base, status=1)
    expect("none of the 16 tensors of" in said.stderr or "is one of its" in said.stderr or "conv1.weight is" in said.stderr,
           "nothing fits", said.stderr)
    said = run("alexnet", folder / "set", *flags, "--freeze", "cnov*", status=1)
    expect("no parameter is called as \"cnov*\"" in said.stderr, "a pattern of nothing", said.stderr)
    refused("alexnet", folder / "set", "--init", base, "--resume", base, says="goes with neither --resume nor")


def weights_alone(folder):
    flags = ("--net", "slim", "--size", 64, *SMALL, *LEARNS, "--max-steps", 3)
    whole, small = folder / "whole", folder / "small"
    run("alexnet", folder / "set", *flags, "--save", whole)
    run("alexnet", folder / "set", *flags, "--save", small, "--weights-only")
    expect(2 * small.stat().st_size < whole.stat().st_size, "--weights-only is no smaller")
    a, b = (run("alexnet", folder / "set", "--evaluate", x) for x in (whole, small))
    expect(top_1(a) == top_1(b) >= 0, "the weights are the same", a.stdout + b.stdout)
    said = run("alexnet", folder / "set", *flags, "--resume", small, status=2)
    expect("no run can go on from it" in said.stderr, "weights alone are resumed", said.stderr)
    refused("alexnet", folder / "set", "--weights-only", says="--weights-only is about --save")


def files_of_before(folder):
    """They hold no net: what that means is said, and with --net they are used."""
    flags = ("--net", "slim", "--size", 64, *SMALL, *LEARNS)
    new, old = folder / "new", folder / "old"
    run("alexnet", folder / "set", *flags, "--epochs", 6, "--save", new)
    write_without(new, old, "tenon.graph", "tenon.fit", "tenon.classes")
    image = folder / "set/val/green/000.ppm"
    for words in (("classify", old, image), ("alexnet", folder / "set", "--evaluate", old)):
        refused(*words, says="but no net (tenon.graph); it was saved by Tenon")
    a = run("alexnet", folder / "set", "--evaluate", new)
    b = run("alexnet", folder / "set", "--evaluate", old, "--net", "slim", "--size", 64)
    expect(top_1(a) == top_1(b) >= 0 and "holds no net: it is taken for slim" in b.stdout, "an old file", a.stdout + b.stdout)
    said = run("alexnet", folder / "set", *flags, "--epochs", 7, "--resume", old)
    expect("resumed" in said.stdout, "an old file goes on", said.stdout)
    said = run("alexnet", folder / "two", *flags, "--epochs", 1, "--init", old)
    expect("14 of 16 tensors taken" in said.stdout, "an old file as a beginning", said.stdout)


with Folder() as folder:
    programs.make_images(folder / "set/train", 12)
    programs.make_images(folder / "set/val", 3)
    rng = programs.random.Random(2)
    for name, colour in ("black", (40, 40, 40)), ("white", (210, 210, 210)):
        for i in range(6):
            programs.write_image(folder / "two" / name / f"{i}.ppm", *colour, rng)
    for check in (a_net_of_a_text, begins_with_another, weights_alone, files_of_before):
        programs.timed(check, folder)
programs.end("fine-tuning")
