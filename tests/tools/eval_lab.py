"""What check_eval.py measures: a model of one dense layer and pictures, both made up."""
import json
import struct

import numpy as np

SIDE, CLASSES = 8, 6
NAMES = ["ant", "bee", "cat", "dog", "eel", "fox"]


def write_model(path, weight, bias, names, fit=None, side=SIDE, text=None, channels=3, average=None):
    text = text or (f"tenon graph 1\ninput image u8 N {side} {side} {channels}\nx = image_input(image) mean="
                    f"{','.join(['127.5'] * channels)} scale={','.join(['0.0078125'] * channels)}\nf = flatten(x)\ny = dense(f) units={CLASSES}\noutput y\n")
    meta = {"tenon.graph": text}
    if names:
        meta["tenon.classes"] = "\n".join(names)
    if fit:
        meta["tenon.fit"] = fit
    tensors = {"y.weight": weight.astype("<f4"), "y.bias": bias.astype("<f4")}
    if average:
        meta["tenon.optimizer"] = "sgd"
        tensors |= {"ema.y.weight": average[0].astype("<f4"), "ema.y.bias": average[1].astype("<f4")}
    header, data = {"__metadata__": meta}, b""
    for name, array in tensors.items():
        header[name] = {"dtype": "F32", "shape": array.shape, "data_offsets": [len(data), len(data) + array.nbytes]}
        data += array.tobytes()
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def make_model(path, names=NAMES, seed=1, channels=3, **more):
    rng = np.random.default_rng(seed)
    weight = (rng.normal(size=(CLASSES, channels * SIDE * SIDE)) * 0.1).astype(np.float32)
    bias = rng.normal(size=CLASSES).astype(np.float32)
    write_model(path, weight, bias, names, channels=channels, **more)
    return weight, bias


def write_picture(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"P6\n%d %d\n255\n" % (pixels.shape[1], pixels.shape[0]) + pixels.tobytes())


def make_set(folder, side=SIDE, names=NAMES, seed=2):
    """Pictures by path, in the order of the set; a class has one more than the one before."""
    rng = np.random.default_rng(seed)
    pictures = {}
    for k, name in enumerate(sorted(names)):
        for i in range(7 + k):
            path = folder / name / f"{i:02}.ppm"
            pictures[path] = rng.integers(0, 256, (side, side, 3), dtype=np.uint8)
            write_picture(path, pictures[path])
    return pictures
