"""What the comparisons of this folder run on: AlexNet (torchvision's shape, weights of chance) as ONNX and as an engine, and clips."""
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
MEAN, STD = (123.7, 116.3, 103.5), (58.4, 57.1, 57.4)


def model(path):
    import numpy as np
    import onnx
    from onnx import TensorProto, helper, numpy_helper
    random = np.random.default_rng(1)
    nodes, numbers, at = [], [], "x"

    def weights(name, *shape):
        w = (random.standard_normal(shape) * (2 / np.prod(shape[1:])) ** 0.5).astype(np.float32)
        numbers.extend([numpy_helper.from_array(w, f"{name}.weight"), numpy_helper.from_array(np.zeros(shape[0], np.float32), f"{name}.bias")])
        return [f"{name}.weight", f"{name}.bias"]

    def add(op, inputs, name, **attributes):
        nodes.append(helper.make_node(op, inputs, [name], name=name, **attributes))
        return name
    convs = [(64, 3, 11, 4, 2, True), (192, 64, 5, 1, 2, True), (384, 192, 3, 1, 1, False), (256, 384, 3, 1, 1, False), (256, 256, 3, 1, 1, True)]
    for i, (k, c, f, stride, pad, pool) in enumerate(convs, 1):
        at = add("Conv", [at, *weights(f"conv{i}", k, c, f, f)], f"conv{i}", strides=[stride] * 2, pads=[pad] * 4)
        at = add("Relu", [at], f"relu{i}")
        if pool:
            at = add("MaxPool", [at], f"pool{i}", kernel_shape=[3, 3], strides=[2, 2])
    at = add("Flatten", [at], "flat")
    for i, (k, c) in enumerate([(4096, 9216), (4096, 4096), (1000, 4096)], 6):
        at = add("Gemm", [at, *weights(f"fc{i}", k, c)], f"fc{i}", transB=1)
        if i < 8:
            at = add("Relu", [at], f"relu{i}")
    add("Softmax", [at], "y")
    graph = helper.make_graph(nodes, "alexnet", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 224, 224])],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 1000])], numbers)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    made.metadata_props.add(key="tenon.fit", value="resize=256")
    onnx.save(made, path)


def engine(tools, onnx_path, path):
    subprocess.run([os.path.join(tools, "tenon-build"), onnx_path, "-o", path, "--force", "--mean", ",".join(map(str, MEAN)), "--scale",
                    ",".join(f"{1 / s:.9g}" for s in STD)], check=True, stdout=subprocess.DEVNULL)


def clip(path, seconds, number=0, size="768x432"):
    """H.264 as cameras send it; another one for each number."""
    subprocess.run(["ffmpeg", "-loglevel", "error", "-y", "-f", "lavfi", "-i",
                    f"testsrc2=size={size}:rate=25,hue=h={40 * number},noise=alls=12:allf=t", "-t", str(seconds), "-c:v", "libx264", "-preset",
                    "veryfast", "-pix_fmt", "yuv420p", "-g", "25", path], check=True, stdin=subprocess.DEVNULL)


if __name__ == "__main__":
    model(sys.argv[1])
