"""onnxruntime's or OpenVINO's side, driven by compare.py: rival.py ENGINE MODEL ROWS THREADS INPUT OUTPUT."""
import argparse
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "common"))
from serve import clocked, serve  # noqa: E402  (takes stdout before others can print to it)

import numpy as np  # noqa: E402


def peak_mib():
    with open("/proc/self/status") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmHWM")) / 1024


def onnxruntime(a):
    """All its optimisations, for so many rows and no others."""
    import onnxruntime as ort
    options = ort.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = a.threads, 1
    options.add_free_dimension_override_by_name("N", a.rows)

    def open_model():
        session = ort.InferenceSession(a.model, options, providers=["CPUExecutionProvider"])
        return lambda x: session.run(None, {"x": x})[0]
    return f"onnxruntime {ort.__version__}", open_model


def openvino(a):
    """In f32, as it is fastest for one request at a time; for so many rows and no others."""
    import openvino as ov
    core = ov.Core()
    config = {"INFERENCE_NUM_THREADS": a.threads, "NUM_STREAMS": 1, "PERFORMANCE_HINT": "LATENCY",
              "INFERENCE_PRECISION_HINT": "f32"}

    def open_model():
        model = core.read_model(a.model)
        model.reshape([a.rows, 3, 224, 224])
        request = core.compile_model(model, "CPU", config).create_infer_request()

        def run(x):
            request.infer([x], share_inputs=True)
            return request.get_output_tensor(0).data
        return run
    return f"OpenVINO {ov.__version__.partition('-')[0]}", open_model


def main():
    args = argparse.ArgumentParser()
    args.add_argument("engine", choices=["onnxruntime", "openvino"])
    args.add_argument("model")
    args.add_argument("rows", type=int)
    args.add_argument("threads", type=int)
    args.add_argument("input")
    args.add_argument("output")
    a = args.parse_args()
    x = np.fromfile(a.input, np.float32).reshape(a.rows, 3, 224, 224)
    about, open_model = {"onnxruntime": onnxruntime, "openvino": openvino}[a.engine](a)
    before = peak_mib()
    start = time.perf_counter()
    run = open_model()
    y = run(x)
    opened = time.perf_counter() - start
    np.asarray(y, np.float32).tofile(a.output)
    for _ in range(2):
        run(x)
    serve(f"{1000 * opened:.1f} {before:.0f} {about}", clocked(lambda: run(x), a.rows))


main()
