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



def autocast(device, precision):
    """What torch calls mixed precision; of f32 and tf32, nothing."""
    kinds = {"bf16": torch.bfloat16, "f16": torch.float16}
    return torch.autocast(device, kinds.get(precision, torch.bfloat16), enabled=precision in kinds)


def training_step(model, x, labels, precision):
    """The step, and how to learn its loss; nothing of the host's is in the first, so that it can be captured."""
    model.train()
    on_gpu = x.is_cuda
    optim = torch.optim.SGD(model.parameters(), lr=0.001, momentum=0.9, weight_decay=5e-4,
                            **({"fused": True} if on_gpu else {}))
    scaler = torch.amp.GradScaler("cuda") if on_gpu and precision == "f16" else None
    cross_entropy = nn.CrossEntropyLoss()

    def step():
        optim.zero_grad(set_to_none=True)
        with autocast(x.device.type, precision):
            loss = cross_entropy(model(x), labels)
        if scaler:
            scaler.scale(loss).backward()
            scaler.step(optim)
            scaler.update()
        else:
            loss.backward()
            optim.step()
        return loss
    return step, torch.Tensor.item


def inference(model, x, precision):
    model.eval()

    def step():
        with torch.inference_mode(), autocast(x.device.type, precision):
            return model(x)
    return step, torch.Tensor.cpu if x.is_cuda else lambda y: y


class Bytes(nn.Module):
    """What Tenon's image_input does: bytes, N x H x W x C, to normalised floats, N x C x H x W."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, x):
        return self.model(x.permute(0, 3, 1, 2).float().sub_(128).mul_(1 / 64))


def fed(step, x, host):
    """The step, after its images have come from pinned memory of the host."""
    def with_copy():
        x.copy_(host, non_blocking=True)
        return step()
    return with_copy


def captured(step):
    """The step as one CUDA graph, as PyTorch's own documentation has it."""
    beside = torch.cuda.Stream()
    beside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(beside):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(beside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        result = step()

    def replay():
        graph.replay()
        return result
    return replay


def start_torch(a):
    torch.manual_seed(1)
    if a.device.startswith("cpu"):
        torch.set_num_threads(int(a.device.partition("threads=")[2]))
        return f"{torch.get_num_threads()} threads"
    tf32 = a.precision == "tf32"
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = tf32
    torch.backends.cudnn.benchmark = True  # the fastest of cuDNN's engines by trial
    return f"{torch.cuda.get_device_name()}, cuDNN {torch.backends.cudnn.version()}"


def main():
    args = argparse.ArgumentParser()
    args.add_argument("net", choices=NETS)
    args.add_argument("batch", type=int)
    args.add_argument("device", help="as Tenon names it")
    args.add_argument("precision")
    args.add_argument("mode", choices=["train", "infer"])
    args.add_argument("layout", choices=[*LAYOUTS, "graph", "compile_nchw", "compile"])
    a = args.parse_args()
    where = start_torch(a)
    device = a.device.partition(",")[0]
    compiled = a.layout.startswith("compile")
    layout = LAYOUTS.get(a.layout.removeprefix("compile_"), torch.channels_last)
    side, channels, classes, build = NETS[a.net]
    model = build(classes)
    start_he(model)
    model = model.to(device, memory_format=layout)
    host = None
    if device == "cpu":
        x = torch.randn(a.batch, channels, side, side).contiguous(memory_format=layout)
    else:
        host = torch.randint(256, (a.batch, side, side, channels), dtype=torch.uint8).pin_memory()
        x, model = host.to(device), Bytes(model)
    if compiled:
        model = torch.compile(model)
    labels = torch.randint(classes, (a.batch, side, side) if a.net == "unet" else (a.batch,)).to(device)
    if a.mode == "train":
        step, look = training_step(model, x, labels, a.precision)
    else:
        step, look = inference(model, x, a.precision)
    if a.layout == "graph":
        step = captured(step)
    if host is not None:
        step = fed(step, x, host)
    look(step())
    trained = sum(p.numel() for p in model.parameters()) if a.mode == "train" else 0
    serve(f"PyTorch {torch.__version__}, {a.layout}, {where}, {trained} trained parameters",
          clocked(lambda: look(step()), a.batch))


main()
