"""PyTorch learns the recipe of compare.py. Prints a line an epoch: number, mean loss, val top-1 in per cent.

The files are decoded once and kept in memory; crops and flips are made anew in every epoch.
"""
import os
import sys

import torch
from torch import nn
from torch.utils.data import DataLoader
from torchvision import transforms as T
from torchvision.datasets import ImageFolder

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "common"))
from nets import NETS, start_he  # noqa: E402


class Decoded(ImageFolder):
    """An ImageFolder whose images stay decoded."""

    def __init__(self, folder, transform):
        super().__init__(folder, transform)
        self.samples = [(self.loader(path), label) for path, label in self.samples]
        self.loader = lambda image: image


def top_1(model, batches):
    model.eval()
    right = total = 0
    with torch.inference_mode():
        for x, labels in batches:
            right += (model(x).argmax(1) == labels).sum().item()
            total += len(labels)
    return 100 * right / total


def train_epoch(model, batches, optim, schedule):
    model.train()
    cross_entropy = nn.CrossEntropyLoss()
    losses = []
    for x, labels in batches:
        optim.zero_grad()
        loss = cross_entropy(model(x), labels)
        loss.backward()
        optim.step()
        schedule.step()
        losses.append(loss.item())
    return sum(losses) / len(losses)


def main():
    net, folder = sys.argv[1:3]
    side, batch, epochs, threads, seed = map(int, sys.argv[3:8])
    rate = float(sys.argv[8])
    torch.set_num_threads(threads)
    torch.manual_seed(seed)
    end = [T.ToTensor(), T.Normalize((0.5, 0.5, 0.5), (1, 1, 1))]
    train = Decoded(os.path.join(folder, "train"), T.Compose([
        T.RandomResizedCrop(side, scale=(0.25, 1)), T.RandomHorizontalFlip(), *end]))
    val = Decoded(os.path.join(folder, "val"), T.Compose([
        T.Resize(side * 8 // 7), T.CenterCrop(side), *end]))
    train_batches = DataLoader(train, batch, shuffle=True, drop_last=True)
    val_batches = DataLoader(val, batch)
    model = NETS[net][3](len(train.classes), side)
    start_he(model)
    optim = torch.optim.SGD(model.parameters(), lr=rate, momentum=0.9, weight_decay=5e-4)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optim, epochs * len(train_batches))
    for epoch in range(1, epochs + 1):
        loss = train_epoch(model, train_batches, optim, schedule)
        print(epoch, f"{loss:.4f} {top_1(model, val_batches):.2f}", flush=True)


main()
