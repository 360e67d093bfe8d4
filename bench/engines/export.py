"""Writes nets of torchvision, and MobileNetV1, as ONNX, with random weights: export.py FOLDER [NET...].

The same file then goes to every engine. Batch "N", 3 x 224 x 224, f32, opset 17, 1000 classes; batchnorm is in it, as it is in
what other programs save. A file that is there is left.
"""
import os
import sys
import warnings

import torch
import torchvision
from torch import nn

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "common"))
from nets import mobilenet_v1  # noqa: E402

NETS = {
    "alexnet": torchvision.models.alexnet,
    "vgg11": torchvision.models.vgg11,
    "resnet18": torchvision.models.resnet18,
    "resnet50": torchvision.models.resnet50,
    "mobilenet_v1": lambda: mobilenet_v1(1000),
    "mobilenet_v2": torchvision.models.mobilenet_v2,
    "squeezenet": torchvision.models.squeezenet1_1,
    "googlenet": lambda: torchvision.models.googlenet(aux_logits=False, init_weights=False),
}


def make(name):
    """In evaluation, with statistics that are not those it starts with."""
    torch.manual_seed(1)
    model = NETS[name]()
    for m in model.modules():
        if isinstance(m, nn.BatchNorm2d):
            m.running_mean.uniform_(-0.1, 0.1)
            m.running_var.uniform_(0.5, 1.5)
    return model.eval()


def main():
    folder, names = sys.argv[1], sys.argv[2:] or list(NETS)
    for name in names:
        path = os.path.join(folder, f"{name}.onnx")
        if os.path.exists(path):
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the exporter is the old one, which alone leaves batchnorm as it is
            torch.onnx.export(make(name), (torch.zeros(1, 3, 224, 224),), path + ".part", dynamo=False, opset_version=17,
                              training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False,
                              input_names=["x"], output_names=["y"], dynamic_axes={"x": {0: "N"}, "y": {0: "N"}})
        os.rename(path + ".part", path)


main()
