"""The networks that are compared, for PyTorch: nets.c has them for Tenon."""
from torch import nn
import torchvision.models


def alexnet(classes, side=224):
    """torchvision's, at 224; at another size the dense layers take the feature map as it comes,
    without the adaptive pooling, which would change the net only on one side."""
    model = torchvision.models.alexnet(num_classes=classes)
    if side != 224:
        edge = (side + 4 - 11) // 4 + 1
        for _ in range(3):
            edge = (edge - 3) // 2 + 1
        model.avgpool = nn.Identity()
        model.classifier[1] = nn.Linear(256 * edge * edge, 4096)
    return model


def lenet(classes, side=28):
    edge = ((side - 4) // 2 - 4) // 2
    return nn.Sequential(nn.Conv2d(1, 20, 5), nn.MaxPool2d(2), nn.Conv2d(20, 50, 5), nn.MaxPool2d(2),
                         nn.Flatten(), nn.Linear(50 * edge * edge, 500), nn.ReLU(inplace=True),
                         nn.Linear(500, classes))


def resnet18(classes, side=224):
    return torchvision.models.resnet18(num_classes=classes)


# name: (side, channels, classes, build)
NETS = {"alexnet": (224, 3, 1000, alexnet), "lenet": (28, 1, 10, lenet),
        "resnet18": (224, 3, 1000, resnet18)}


def start_he(model):
    """As nets.c: weights normal with deviation sqrt(2 / fan_in), biases 0."""
    for layer in model.modules():
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            nn.init.kaiming_normal_(layer.weight, mode="fan_in", nonlinearity="relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
