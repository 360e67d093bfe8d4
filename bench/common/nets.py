"""The networks that are compared, for PyTorch: nets.c has them for Tenon."""
import torch
from torch import nn
from torch.nn import functional as F
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


def resnet50(classes, side=224):
    return torchvision.models.resnet50(num_classes=classes)


def vgg11(classes, side=224):
    return torchvision.models.vgg11(num_classes=classes)


def mobilenet_v2(classes, side=224):
    return torchvision.models.mobilenet_v2(num_classes=classes)


def densenet121(classes, side=224):
    return torchvision.models.densenet121(num_classes=classes)


def squeezenet(classes, side=224):
    return torchvision.models.squeezenet1_1(num_classes=classes)


def conv_bn(channels, filters, kernel, stride=1, groups=1):
    return [nn.Conv2d(channels, filters, kernel, stride, kernel // 2, groups=groups, bias=False), nn.BatchNorm2d(filters)]


def mobilenet_v1(classes, side=224):
    """Howard et al. 2017, arXiv:1704.04861, table 1."""
    layers, c = [*conv_bn(3, 32, 3, 2), nn.ReLU(inplace=True)], 32
    for k, stride in [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)] + 5 * [(512, 1)] + [(1024, 2), (1024, 1)]:
        layers += [*conv_bn(c, c, 3, stride, c), nn.ReLU(inplace=True), *conv_bn(c, k, 1), nn.ReLU(inplace=True)]
        c = k
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(c, classes))


class Residual(nn.Module):
    """Two convolutions of 3 x 3 and what goes around them."""

    def __init__(self, channels, filters, stride):
        super().__init__()
        self.way = nn.Sequential(*conv_bn(channels, filters, 3, stride), nn.ReLU(inplace=True), *conv_bn(filters, filters, 3))
        self.around = nn.Sequential(*conv_bn(channels, filters, 1, stride)) if stride > 1 else nn.Identity()

    def forward(self, x):
        return F.relu(self.way(x) + self.around(x), inplace=True)


def resnet20(classes, side=32):
    """He et al. 2015, arXiv:1512.03385, section 4.2, with 1 x 1 convolutions where the paper has their shortcut A."""
    layers, c = [*conv_bn(3, 16, 3), nn.ReLU(inplace=True)], 16
    for k in (16, 32, 64):
        for _ in range(3):
            layers.append(Residual(c, k, k // c))
            c = k
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(c, classes))


def relu_conv(channels, filters, kernel, stride=1):
    return nn.Sequential(nn.Conv2d(channels, filters, kernel, stride, kernel // 2), nn.ReLU(inplace=True))


class Inception(nn.Module):
    def __init__(self, channels, one, before3, three, before5, five, pooled):
        super().__init__()
        self.ways = nn.ModuleList([
            relu_conv(channels, one, 1),
            nn.Sequential(relu_conv(channels, before3, 1), relu_conv(before3, three, 3)),
            nn.Sequential(relu_conv(channels, before5, 1), relu_conv(before5, five, 5)),
            nn.Sequential(nn.MaxPool2d(3, 1, 1), relu_conv(channels, pooled, 1))])

    def forward(self, x):
        return torch.cat([way(x) for way in self.ways], 1)


def googlenet(classes, side=224):
    """As nets/googlenet.c: the paper's, with LRN and biases, without auxiliary classifiers."""
    blocks = [(64, 96, 128, 16, 32, 32), (128, 128, 192, 32, 96, 64), None, (192, 96, 208, 16, 48, 64),
              (160, 112, 224, 24, 64, 64), (128, 128, 256, 24, 64, 64), (112, 144, 288, 32, 64, 64),
              (256, 160, 320, 32, 128, 128), None, (256, 160, 320, 32, 128, 128), (384, 192, 384, 48, 128, 128)]
    halving, channels = nn.MaxPool2d(3, 2, ceil_mode=True), 192
    layers = [relu_conv(3, 64, 7, 2), halving, nn.LocalResponseNorm(5), relu_conv(64, 64, 1), relu_conv(64, 192, 3),
              nn.LocalResponseNorm(5), halving]
    for b in blocks:
        layers.append(Inception(channels, *b) if b else halving)
        channels = b[0] + b[2] + b[4] + b[5] if b else channels
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.4), nn.Linear(channels, classes))


class Attention(nn.Module):
    def __init__(self, features, heads):
        super().__init__()
        self.heads = heads
        self.qkv, self.proj = nn.Linear(features, 3 * features), nn.Linear(features, features)

    def forward(self, x):
        n, tokens, features = x.shape
        q, k, v = self.qkv(x).reshape(n, tokens, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        if hasattr(F, "scaled_dot_product_attention"):  # since PyTorch 2.0, and faster
            x = F.scaled_dot_product_attention(q, k, v)
        else:
            x = (q * q.shape[-1] ** -0.5 @ k.transpose(-2, -1)).softmax(-1) @ v
        return self.proj(x.transpose(1, 2).reshape(n, tokens, features))


class Block(nn.Module):
    def __init__(self, features, heads):
        super().__init__()
        self.norm1, self.attn = nn.LayerNorm(features, eps=1e-6), Attention(features, heads)
        self.norm2 = nn.LayerNorm(features, eps=1e-6)
        self.mlp = nn.Sequential(nn.Linear(features, 4 * features), nn.GELU(), nn.Linear(4 * features, features))

    def forward(self, x):
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class ViT(nn.Module):
    """As timm's vit_tiny_patch16_224."""

    def __init__(self, classes, side, patch=16, features=192, blocks=12, heads=3):
        super().__init__()
        self.patch_embed = nn.Conv2d(3, features, patch, patch)
        self.cls_token = nn.Parameter(0.02 * torch.randn(1, 1, features))
        self.pos_embed = nn.Parameter(0.02 * torch.randn(1, 1 + (side // patch) ** 2, features))
        self.blocks = nn.Sequential(*[Block(features, heads) for _ in range(blocks)])
        self.norm, self.head = nn.LayerNorm(features, eps=1e-6), nn.Linear(features, classes)

    def forward(self, x):
        x = self.patch_embed(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls_token.expand(len(x), -1, -1), x], 1) + self.pos_embed
        return self.head(self.norm(self.blocks(x))[:, 0])


def vit_tiny(classes, side=224):
    return ViT(classes, side)


def twice(channels, filters):
    return nn.Sequential(nn.Conv2d(channels, filters, 3, padding=1), nn.ReLU(inplace=True),
                         nn.Conv2d(filters, filters, 3, padding=1), nn.ReLU(inplace=True))


class UNet(nn.Module):
    """As nets/unet.c, which says what of the paper's it is."""

    def __init__(self, classes, levels=3, width=16):
        super().__init__()
        widths = [width << i for i in range(levels + 1)]
        self.down = nn.ModuleList(twice(c, w) for c, w in zip([3] + widths, widths[:-1]))
        self.bottom = twice(widths[-2], widths[-1])
        self.up = nn.ModuleList(nn.ConvTranspose2d(2 * w, w, 2, 2) for w in widths[:-1])
        self.joined = nn.ModuleList(twice(2 * w, w) for w in widths[:-1])
        self.last = nn.Conv2d(width, classes, 1)

    def forward(self, x):
        beside = []
        for down in self.down:
            beside.append(down(x))
            x = F.max_pool2d(beside[-1], 2)
        x = self.bottom(x)
        for over, up, joined in reversed(list(zip(beside, self.up, self.joined))):
            x = joined(torch.cat([over, up(x)], 1))
        return self.last(x)


def unet(classes, side=128):
    return UNet(classes)


# name: (side, channels, classes, build); U-Net's classes are a pixel's
NETS = {"alexnet": (224, 3, 1000, alexnet), "lenet": (28, 1, 10, lenet), "vgg11": (224, 3, 1000, vgg11),
        "resnet18": (224, 3, 1000, resnet18), "resnet50": (224, 3, 1000, resnet50), "resnet20": (32, 3, 10, resnet20),
        "mobilenet_v1": (224, 3, 1000, mobilenet_v1), "mobilenet_v2": (224, 3, 1000, mobilenet_v2),
        "densenet121": (224, 3, 1000, densenet121), "squeezenet": (224, 3, 1000, squeezenet),
        "googlenet": (224, 3, 1000, googlenet), "vit_tiny": (224, 3, 1000, vit_tiny), "unet": (128, 3, 21, unet)}


def start_he(model):
    """As nets.c: weights normal with deviation sqrt(2 / fan_in), biases 0."""
    for layer in model.modules():
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            nn.init.kaiming_normal_(layer.weight, mode="fan_in", nonlinearity="relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
