#!/usr/bin/python3
"""Writes ema.txt: parameters and running statistics of a small net, and their exponential moving averages by PyTorch.

    python3 make_ema.py > ema.txt

Lines `w STEP numbers` and `a STEP numbers`: dense 6 -> 16, batchnorm, dense 16 -> 4, in the order of the plan of
tests/run/lab_guarded.c, weights as fc1.weight (16 x 6), fc1.bias, norm.weight, norm.bias, norm.running_mean,
norm.running_var, fc2.weight (4 x 16), fc2.bias. Averages: torch.optim.swa_utils.AveragedModel with
get_ema_multi_avg_fn(0.9) and use_buffers.
"""
import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

STEPS, DECAY = 6, 0.9


def numbers(net):
    fc1, norm, fc2 = net
    parts = (fc1.weight, fc1.bias, norm.weight, norm.bias, norm.running_mean, norm.running_var, fc2.weight, fc2.bias)
    return " ".join(f"{x:.9g}" for p in parts for x in p.detach().flatten().tolist())


torch.manual_seed(1)
net = torch.nn.Sequential(torch.nn.Linear(6, 16), torch.nn.BatchNorm1d(16), torch.nn.Linear(16, 4))
average = AveragedModel(net, multi_avg_fn=get_ema_multi_avg_fn(DECAY), use_buffers=True)
optim = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
for step in range(1, STEPS + 1):
    optim.zero_grad()
    loss = torch.nn.functional.cross_entropy(net(torch.randn(8, 6)), torch.randint(0, 4, (8,)))
    loss.backward()
    optim.step()
    average.update_parameters(net)
    print("w", step, numbers(net))
    print("a", step, numbers(average.module))
