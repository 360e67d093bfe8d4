#!/usr/bin/python3
"""Writes normalize.h, conv_transpose2d.h, xent.h and pair.h beside itself: what PyTorch gives in double, and gradients, of the
mean squared difference from a target where a layer is no loss. All cases of normalize have the same numbers, under other shapes.
"""
import os

import torch

HERE = os.path.dirname(os.path.abspath(__file__))
COUNT = 48
torch.manual_seed(11)


def numbers(tensor):
    return ", ".join(f"{v:.17g}" for v in tensor.flatten().tolist())


x = (torch.randn(COUNT) * 2 + 0.5).float()
target = torch.randn(COUNT).float()
weight = (torch.rand(COUNT) + 0.5).float()
bias = torch.randn(COUNT).float()

# kind (tn_norm_kind), dims, groups, shape
CASES = [
    (0, 1, 0, (2, 3, 8)),
    (0, 2, 0, (2, 3, 8)),
    (1, 0, 0, (2, 3, 2, 4)),
    (2, 0, 2, (2, 6, 2, 2)),
]


def run(kind, dims, groups, shape):
    a = x.double().view(shape).requires_grad_()
    w_shape = shape[len(shape) - dims:] if kind == 0 else shape[1:2]
    count = torch.Size(w_shape).numel()
    w = weight.double()[:count].view(w_shape).requires_grad_()
    b = bias.double()[:count].view(w_shape).requires_grad_()
    if kind == 0:
        y = torch.nn.functional.layer_norm(a, w_shape, w, b)
    elif kind == 1:
        y = torch.nn.functional.instance_norm(a, weight=w, bias=b)
    else:
        y = torch.nn.functional.group_norm(a, groups, w, b)
    torch.nn.functional.mse_loss(y, target.double().view(shape)).backward()
    return y.detach(), a.grad, w.grad, b.grad


with open(os.path.join(HERE, "normalize.h"), "w", encoding="ascii") as f:
    f.write("/* Written by make_nn.py. */\n/* clang-format off */\n#include <stdint.h>\n\n"
            f"enum {{ GOLDEN_NORMALIZE_COUNT = {COUNT} }};\n"
            "typedef struct golden_normalize {\n    int kind, dims, groups, ndim;\n    int64_t dim[4];\n"
            "    double y[GOLDEN_NORMALIZE_COUNT], dx[GOLDEN_NORMALIZE_COUNT];\n"
            "    double dweight[GOLDEN_NORMALIZE_COUNT], dbias[GOLDEN_NORMALIZE_COUNT];\n} golden_normalize;\n\n")
    for name, tensor in (("x", x), ("target", target), ("weight", weight), ("bias", bias)):
        f.write(f"static const float golden_normalize_{name}[] = {{{numbers(tensor)}}};\n")
    f.write("static const golden_normalize golden_normalize_cases[] = {\n")
    for case in CASES:
        kind, dims, groups, shape = case
        f.write(f"{{{kind}, {dims}, {groups}, {len(shape)}, {{{', '.join(map(str, shape))}}},\n")
        f.write(",\n".join(f"    {{{numbers(t)}}}" for t in run(*case)))
        f.write("},\n")
    f.write("};\n")


# ---- conv_transpose2d: 2 groups, everything uneven

torch.manual_seed(12)
x = torch.randn(2, 4, 3, 4).float()
weight = torch.randn(4, 3, 3, 2).float()
bias = torch.randn(6).float()
a, w, b = (t.double().requires_grad_() for t in (x, weight, bias))
y = torch.nn.functional.conv_transpose2d(a, w, b, stride=(2, 3), padding=(1, 0), output_padding=(1, 0), groups=2,
                                         dilation=(1, 2))
target = torch.randn(y.shape).float()
torch.nn.functional.mse_loss(y, target.double()).backward()
with open(os.path.join(HERE, "conv_transpose2d.h"), "w", encoding="ascii") as f:
    f.write("/* Written by make_nn.py. */\n/* clang-format off */\n")
    for kind, name, tensor in (("float", "x", x), ("float", "weight", weight), ("float", "bias", bias),
                               ("float", "target", target), ("double", "y", y.detach()), ("double", "dx", a.grad),
                               ("double", "dweight", w.grad), ("double", "dbias", b.grad)):
        f.write(f"static const {kind} golden_deconv_{name}[] = {{{numbers(tensor)}}};\n")

# ---- softmax_xent of pixels, with weights of classes and of rows (multiplied behind PyTorch's, whose divisor stays)

torch.manual_seed(13)
x = (torch.randn(2, 4, 2, 3) * 2).float()
labels = torch.tensor([[[0, 3, -1], [2, 1, 1]], [[-1, -1, 2], [3, 0, 0]]])
classes = torch.tensor([0.5, 2, 1.25, 1])
rows = (torch.rand(2, 2, 3) + 0.5).float()
with open(os.path.join(HERE, "xent.h"), "w", encoding="ascii") as f:
    f.write("/* Written by make_nn.py. */\n/* clang-format off */\n#include <stdbool.h>\n#include <stdint.h>\n\n"
            f"static const float golden_xent_logits[] = {{{numbers(x)}}};\n"
            f"static const int32_t golden_xent_pixels[] = {{{', '.join(map(str, labels.flatten().tolist()))}}};\n"
            f"static const float golden_xent_classes[] = {{{numbers(classes)}}};\n"
            f"static const float golden_xent_rows[] = {{{numbers(rows)}}};\n"
            "typedef struct golden_xent {\n    bool classes, rows;\n    double smoothing, loss, dx[48];\n} golden_xent;\n"
            "static const golden_xent golden_xent_cases[] = {\n")
    for use_classes in (False, True):
        for use_rows in (False, True):
            for smoothing in (0.0, 0.1):
                a = x.double().requires_grad_()
                w = classes.double() if use_classes else None
                each = torch.nn.functional.cross_entropy(a, labels, weight=w, ignore_index=-1, reduction="none",
                                                         label_smoothing=smoothing)
                there = labels >= 0
                divisor = w[labels[there]].sum() if use_classes else there.sum()
                loss = (each * (rows.double() if use_rows else 1)).sum() / divisor
                if not use_rows:  # PyTorch's own mean
                    mean = torch.nn.functional.cross_entropy(a, labels, weight=w, ignore_index=-1,
                                                             label_smoothing=smoothing)
                    assert torch.allclose(loss, mean)
                loss.backward()
                f.write(f"{{{'true' if use_classes else 'false'}, {'true' if use_rows else 'false'}, {smoothing}, "
                        f"{loss.item():.17g}, {{{numbers(a.grad)}}}}},\n")
    f.write("};\n")

# ---- losses of two tensors

torch.manual_seed(14)
x = (torch.randn(3, 5) * 2).float()
target = torch.rand(3, 5).float()
with open(os.path.join(HERE, "pair.h"), "w", encoding="ascii") as f:
    f.write("/* Written by make_nn.py. */\n/* clang-format off */\n"
            f"static const float golden_pair_x[] = {{{numbers(x)}}};\n"
            f"static const float golden_pair_target[] = {{{numbers(target)}}};\n"
            "typedef struct golden_pair {\n    double loss, dx[15], dtarget[15];\n} golden_pair;\n")
    F = torch.nn.functional
    for name, loss in (("l1", F.l1_loss), ("huber", lambda a, t: F.huber_loss(a, t, delta=0.75)),
                       ("binary_xent", F.binary_cross_entropy_with_logits),
                       ("binary_xent_weighted", lambda a, t: F.binary_cross_entropy_with_logits(
                           a, t, pos_weight=torch.tensor(2.5, dtype=torch.float64)))):
        a, t = x.double().requires_grad_(), target.double().requires_grad_()
        y = loss(a, t)
        y.backward()
        f.write(f"static const golden_pair golden_{name} = {{{y.item():.17g},\n    {{{numbers(a.grad)}}},\n"
                f"    {{{numbers(t.grad)}}}}};\n")
