"""PyTorch's training step or inference on synthetic data, driven by compare.py."""
import argparse
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "common"))
from serve import clocked, serve  # noqa: E402  (takes stdout before torch can print to it)

import torch  # noqa: E402
from torch import nn  # noqa: E402

from nets import NETS, start_he  # noqa: E402

LAYOUTS = {"nchw": torch.contiguous_format, "channels_last": torch.channels_last}


def training_step(model, x, labels):
    model.train()
    optim = torch.optim.SGD(model.parameters(), lr=0.001, momentum=0.9, weight_decay=5e-4)
    cross_entropy = nn.CrossEntropyLoss()

    def step():
        optim.zero_grad(set_to_none=True)
        loss = cross_entropy(model(x), labels)
        loss.backward()
        optim.step()
        return loss.item()
    return step


def inference(model, x):
    model.eval()

    def step():
        with torch.inference_mode():
            return model(x)
    return step


def main():
    args = argparse.ArgumentParser()
    args.add_argument("net", choices=NETS)
    args.add_argument("batch", type=int)
    args.add_argument("threads", type=int)
    args.add_argument("mode", choices=["train", "infer"])
    args.add_argument("layout", choices=LAYOUTS)
    a = args.parse_args()
    torch.set_num_threads(a.threads)
    torch.manual_seed(1)
    side, channels, classes, build = NETS[a.net]
    model = build(classes)
    start_he(model)
    model = model.to(memory_format=LAYOUTS[a.layout])
    x = torch.randn(a.batch, channels, side, side).contiguous(memory_format=LAYOUTS[a.layout])
    labels = torch.randint(classes, (a.batch,))
    step = training_step(model, x, labels) if a.mode == "train" else inference(model, x)
    for _ in range(2):
        step()
    about = f"PyTorch {torch.__version__}, {a.layout}, {torch.get_num_threads()} threads"
    serve(about, clocked(step, a.batch))


main()
