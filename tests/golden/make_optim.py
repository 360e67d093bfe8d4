#!/usr/bin/python3
"""Writes optim.txt: parameters after some of 200 steps of PyTorch's optimizers, in float64.

    python3 make_optim.py > optim.txt

Three parameter groups with multipliers of their own. Gradients and the rate of each step are
formulas, the same in tests/optim/test_optim.c; numbers that C keeps in float are rounded to float.
"""
import numpy as np
import torch

STEPS, SHOWN = 200, (1, 2, 3, 20, 200)
GROUPS = ((5, 1, 1), (37, 2, 0), (3, 0.1, 4))  # elements, times the rate, times the decay
COUNT = sum(g[0] for g in GROUPS)


def f32(x):
    return float(np.float32(x))


def gradient(step):
    i = np.arange(COUNT)
    return ((step * 7919 + i * 104729) % 2001 - 1000).astype(np.float32) / np.float32(1000)


def rate(step):
    return np.float32(0.05) / np.float32(1 + step // 10)


CASES = {
    "sgd": (torch.optim.SGD, {}, 0),
    "sgd_decay": (torch.optim.SGD, {}, 0.01),
    "sgd_momentum": (torch.optim.SGD, {"momentum": f32(0.9)}, 0.01),
    "sgd_nesterov": (torch.optim.SGD, {"momentum": f32(0.9), "nesterov": True}, 0.01),
    "adam": (torch.optim.Adam, {"betas": (f32(0.9), f32(0.999)), "eps": f32(1e-8)}, 0),
    "adam_decay": (torch.optim.Adam, {"betas": (f32(0.8), f32(0.99)), "eps": f32(1e-3)}, 0.1),
    "adamw": (torch.optim.AdamW, {"betas": (f32(0.9), f32(0.999)), "eps": f32(1e-8)}, 0.1),
}

for name, (kind, opts, decay) in CASES.items():
    start = torch.from_numpy(((np.arange(COUNT) * 37) % 21 - 10).astype(np.float32) / 10).double()
    params = [torch.nn.Parameter(p.clone()) for p in start.split([g[0] for g in GROUPS])]
    optim = kind([{"params": [p], "weight_decay": f32(np.float32(decay) * np.float32(g[2]))}
                  for p, g in zip(params, GROUPS)], lr=1, **opts)
    for step in range(1, STEPS + 1):
        grads = torch.from_numpy(gradient(step)).double() * 0.5  # the call's `scale`
        for p, d, group, g in zip(params, grads.split([g[0] for g in GROUPS]),
                                  optim.param_groups, GROUPS):
            p.grad = d
            group["lr"] = float(rate(step) * np.float32(g[1]))
        optim.step()
        if step in SHOWN:
            w = torch.cat([p.detach() for p in params]).numpy()
            print(name, step, *(f"{x:.9g}" for x in w))
