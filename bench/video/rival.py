"""What one would write with PyAV, OpenCV and onnxruntime: rival.py MODEL.onnx THREADS BATCH CLIP... Prints frames a second."""
import sys
import time

import av
import cv2
import numpy as np
import onnxruntime

from make import MEAN, STD

mean, std = np.array(MEAN, np.float32), np.array(STD, np.float32)


def prepare(picture):
    """Short side 256, the middle 224 x 224, as training has it."""
    height, width = picture.shape[:2]
    scale = 256 / min(height, width)
    picture = cv2.resize(picture, (round(width * scale), round(height * scale)), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    y, x = round((picture.shape[0] - 224) / 2), round((picture.shape[1] - 224) / 2)  # as torchvision's CenterCrop
    return ((picture[y:y + 224, x:x + 224] - mean) / std).transpose(2, 0, 1)


def frames(path):
    with av.open(path) as clip:
        stream = clip.streams.video[0]
        stream.thread_type = "AUTO"
        for frame in clip.decode(stream):
            yield frame.to_ndarray(format="rgb24")


def main():
    model, threads, rows = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    session.run(None, {"x": np.zeros((rows, 3, 224, 224), np.float32)})
    cv2.setNumThreads(threads)
    begun, count, best = time.perf_counter(), 0, []
    for path in sys.argv[4:]:
        batch = []
        for picture in frames(path):
            batch.append(prepare(picture))
            count += 1
            if len(batch) == rows:
                best += session.run(None, {"x": np.stack(batch)})[0].argmax(1).tolist()
                batch = []
        if batch:
            best += session.run(None, {"x": np.stack(batch)})[0].argmax(1).tolist()
    print(count / (time.perf_counter() - begun))
    print(*best)


main()
