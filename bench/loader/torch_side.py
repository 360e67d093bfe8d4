"""torchvision's DataLoader over a list file, driven by compare.py.

Random-resized crop of 224 and flip, two worker processes. "f32" is what a training script has: ToTensor
and Normalize. "u8" stops at bytes, which is what Tenon's loader gives: it normalises on the device.
"""
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "common"))
from serve import serve  # noqa: E402  (takes stdout before torch can print to it)

import PIL  # noqa: E402
import torch  # noqa: E402
import torchvision  # noqa: E402
from torch.utils.data import DataLoader, Dataset, RandomSampler  # noqa: E402
from torchvision import transforms as T  # noqa: E402
from torchvision.datasets.folder import default_loader  # noqa: E402

WARM = 8  # batches left out of the clock: more than the workers have ready ahead
TO = {"f32": [T.ToTensor(), T.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))],
      "u8": [T.PILToTensor()]}


class ListFile(Dataset):
    def __init__(self, path, transform):
        with open(path) as f:
            self.items = [line.rstrip("\n").rsplit(" ", 1) for line in f]
        self.transform = transform

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        path, label = self.items[i]
        return self.transform(default_loader(path)), int(label)


def main():
    list_file, batch, workers, kind = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    data = ListFile(list_file, T.Compose([T.RandomResizedCrop(224), T.RandomHorizontalFlip(), *TO[kind]]))

    def work(units):
        # As many batches follow the clock as came before it: the workers never run out of work.
        order = RandomSampler(data, num_samples=batch * (WARM + units + WARM))
        batches = iter(DataLoader(data, batch, sampler=order, num_workers=workers))
        for _ in range(WARM):
            next(batches)
        start = time.perf_counter()
        for _ in range(units):
            next(batches)
        return time.perf_counter() - start, units * batch

    serve(f"torchvision {torchvision.__version__}, Pillow {PIL.__version__}, torch {torch.__version__}, "
          f"{kind}, {workers} workers", work)


main()
