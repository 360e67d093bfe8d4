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


def mobilenet_v1():
    """Howard et al. 2017, arXiv:1704.04861, table 1."""
    def block(c, k, stride, groups):
        kernel = 1 if groups == 1 and stride == 1 and c != 3 else 3
        return [nn.Conv2d(c, k, kernel, stride, kernel // 2, groups=groups, bias=False), nn.BatchNorm2d(k), nn.ReLU()]

    layers, c = block(3, 32, 2, 1), 32
    for k, stride in [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)] + 5 * [(512, 1)] + [(1024, 2), (1024, 1)]:
        layers += block(c, c, stride, c) + block(c, k, 1, 1)
        c = k
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(c, 1000))


NETS = {
    "alexnet": torchvision.models.alexnet,
    "vgg11": torchvision.models.vgg11,
    "resnet18": torchvision.models.resnet18,
    "resnet50": torchvision.models.resnet50,
    "mobilenet_v1": mobilenet_v1,
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
