#!/usr/bin/env python3
"""Models of others through Tenon and through onnxruntime: the largest difference, by the largest number.

Usage: parity.py [--batch N] FILE.onnx...           files that are there
       parity.py --export FOLDER [NAME...]          first writes models of torchvision, scikit-learn and Keras there
Needs numpy, onnx, onnxruntime; to export, torch and torchvision, skl2onnx, tf2onnx (what is not there is passed over). TENON_LIBRARY
names the library. The weights are random: what is compared is arithmetic. Its status is 1 if a model fails or differs by 1e-4.
"""
import argparse
import importlib.util
import pathlib
import sys
import time
import warnings

import numpy as np
import onnxruntime

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "python"))
import tenon  # noqa: E402

SIZES = {"inception_v3": 299}
TORCH = ("alexnet", "vgg11", "resnet18", "resnet50", "squeezenet1_1", "mobilenet_v2", "mobilenet_v3_small", "googlenet", "densenet121",
         "shufflenet_v2_x0_5", "efficientnet_b0", "regnet_y_400mf", "mnasnet0_5", "convnext_tiny", "vit", "swin_t", "inception_v3")
# Legacy and dynamo exporters, at the opsets that each writes.
WAYS = (("legacy", 9), ("legacy", 13), ("legacy", 17), ("dynamo", 18), ("dynamo", 20))


def torch_model(name):
    import torch
    import torchvision
    torch.manual_seed(1)
    if name == "vit":
        model = torchvision.models.VisionTransformer(image_size=64, patch_size=16, num_layers=2, num_heads=4, hidden_dim=64,
                                                     mlp_dim=128, num_classes=10)
        torch.nn.init.normal_(model.heads.head.weight)  # which would be 0
        return model, 64
    more = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
    model = getattr(torchvision.models, name)(weights=None, **more)
    for m in model.modules():  # statistics that are not 0 and 1
        if isinstance(m, torch.nn.BatchNorm2d):
            m.running_mean.uniform_(-0.1, 0.1)
            m.running_var.uniform_(0.5, 1.5)
    return model, SIZES.get(name, 224)


def export_torch(folder, name):
    import torch
    model, size = torch_model(name)
    model.eval()
    x = torch.randn(2, 3, size, size)
    for way, opset in WAYS:
        path = folder / f"{name}-{way}{opset}.onnx"
        if path.exists():
            continue
        try:
            if way == "legacy":
                torch.onnx.export(model, x, str(path), opset_version=opset, dynamo=False, input_names=["x"], output_names=["y"],
                                  dynamic_axes={"x": {0: "batch"}, "y": {0: "batch"}})
            else:
                torch.onnx.export(model, (x,), str(path), opset_version=opset, dynamo=True, verbose=False,
                                  dynamic_shapes=({0: torch.export.Dim("batch")},))
        except Exception as e:  # an exporter's own limits are not ours
            print(f"{path.name}: the exporter fails: {type(e).__name__}: {str(e).splitlines()[0][:120]}")


def export_sklearn(folder):
    import sklearn.datasets
    import sklearn.neural_network
    import skl2onnx
    x, y = sklearn.datasets.load_iris(return_X_y=True)
    x = x.astype(np.float32)
    for kind, target in (("Classifier", y), ("Regressor", x[:, :2])):
        model = getattr(sklearn.neural_network, f"MLP{kind}")(hidden_layer_sizes=(16, 8), max_iter=40, random_state=1).fit(x, target)
        options = {id(model): {"zipmap": False}} if kind == "Classifier" else None
        made = skl2onnx.to_onnx(model, x[:1], options=options, target_opset=17)
        (folder / f"sklearn-mlp-{kind.lower()}.onnx").write_bytes(made.SerializeToString())


def export_keras(folder):
    import tensorflow as tf
    import tf2onnx
    k = tf.keras
    tf.random.set_seed(1)
    model = k.Sequential([k.layers.Input((32, 32, 3)), k.layers.Conv2D(8, 3, padding="same", activation="relu"),
                          k.layers.BatchNormalization(), k.layers.MaxPooling2D(), k.layers.DepthwiseConv2D(3, strides=2, padding="same"),
                          k.layers.GlobalAveragePooling2D(), k.layers.Dense(10, activation="softmax")])
    spec = (tf.TensorSpec((None, 32, 32, 3), tf.float32, name="x"),)
    for opset in (9, 13, 17):
        tf2onnx.convert.from_keras(model, spec, opset=opset, output_path=str(folder / f"keras-{opset}.onnx"))


def export(folder, names):
    folder.mkdir(parents=True, exist_ok=True)
    for package, what in (("skl2onnx", export_sklearn), ("tensorflow", export_keras)):
        if not names and importlib.util.find_spec(package):
            what(folder)
    for name in names or TORCH:
        if importlib.util.find_spec("torchvision"):
            export_torch(folder, name)
    return sorted(folder.glob("*.onnx"))


def inputs(session, batch):
    rng = np.random.default_rng(1)
    for i in session.get_inputs():
        shape = [d if isinstance(d, int) and d > 0 else batch if n == 0 else 224 for n, d in enumerate(i.shape)]
        yield i.name, shape, rng.standard_normal(shape).astype(np.float32)


def compare(path, batch, device):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    given = list(inputs(session, batch))
    said = ",".join(f"{name}={'x'.join(map(str, shape))}" for name, shape, _ in given)
    begin = time.perf_counter()
    model = tenon.Model(str(path), batch=0, input=said)
    opened = time.perf_counter() - begin
    plan = tenon.Plan(model.graph, device, model=model)
    for name, _, x in given:
        plan[name] = x
    plan.evaluate()
    worst = 0.0
    wanted = session.run(None, {name: x for name, _, x in given})
    for name, want in zip(model.graph.outputs, wanted):
        got = plan[name]
        if got.dtype == np.int32:  # classes
            if not np.array_equal(got.ravel(), want.ravel()):
                return f"WRONG: {name} is {got.ravel()[:8]}, not {want.ravel()[:8]}"
            continue
        if got.shape != want.shape:
            return f"WRONG: {got.shape}, not {want.shape}"
        worst = max(worst, float(np.max(np.abs(got - want)) / max(np.max(np.abs(want)), 1e-30)))
    return f"{'ok' if worst < 1e-4 else 'WRONG:'} {worst:.1e}, opened in {1e3 * opened:.0f} ms"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--export", type=pathlib.Path)
    parser.add_argument("names", nargs="*")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    files = export(args.export, args.names) if args.export else args.names
    device, bad = tenon.Device("cpu"), 0
    for path in files:
        try:
            said = compare(path, args.batch, device)
        except Exception as e:
            said = f"FAILED: {e}"
        bad += not said.startswith("ok")
        print(f"{pathlib.Path(path).name}: {said}", flush=True)
    sys.exit(bad > 0)


main()
