#!/usr/bin/env python3
"""python/tenon.py: its structs are the headers', a net learns, is saved and comes back, and errors are Tenon's sentences.

Usage: check_tenon.py LAYOUT_PROGRAM FOLDER_OF_TENON.PY   ($TENON_LIBRARY: the library)
"""
import pathlib
import subprocess
import sys
import tempfile

try:
    import numpy as np
except ImportError:
    print("skipped: python3-numpy is not here")
    sys.exit(77)

layout, folder = sys.argv[1:3]
sys.path.insert(0, folder)
import tenon  # noqa: E402

failures = []


def expect(true, what):
    if not true:
        failures.append(what)


def refused(what, call, *says):
    try:
        call()
    except tenon.Error as e:
        for word in says:
            expect(word in str(e), f"{what}: \"{word}\" is not in: {e}")
    else:
        failures.append(f"{what}: no error")


def structs():
    for line in subprocess.run([layout], check=True, capture_output=True, text=True).stdout.splitlines():
        name, number = line.split()
        struct, _, field = name.partition(".")
        own = tenon.STRUCTS[struct]
        got = getattr(own, field).offset if field else tenon.c.sizeof(own)
        expect(got == int(number), f"{name} is at {number} in C, and {got} here")


def make_net():
    net = tenon.Net()
    x, label = net.input("x", "f32", "N", 4), net.input("label", "i32", "N")
    h = net.relu(net.dense(x, name="a", units=16))
    y = net.dense(h, name="y", units=3)
    net.output(y)
    net.minimise(net.softmax_xent(y, label, name="loss"))
    return net


def make_batch():
    rng = np.random.default_rng(1)
    label = np.arange(32, dtype=np.int32) % 3
    x = rng.normal(size=(32, 4)) + 2 * label[:, None]
    return x.astype(np.float32), label


def learns(device, path):
    x, label = make_batch()
    plan = tenon.Plan(make_net().graph(batch=32), device, optim=tenon.sgd(momentum=0.9), seed=3, input_gradients=True)
    plan["x"], plan["label"] = x.astype(np.float64), label.astype(np.int64)  # other types with the same numbers
    losses = []
    for _ in range(40):
        plan.run()
        losses.append(plan["loss"])
        plan.update(0.05)
    expect(losses[-1] < 0.3 * losses[0], f"the loss goes from {losses[0]} to {losses[-1]} only")
    expect(plan.updates == 40 and plan["loss.top_1"] > 28, "updates and what is beside the loss")
    expect(np.array_equal(plan["x"], x), "an input comes back as another")
    expect(plan.gradient("x").shape == (32, 4) and plan.params.gradient("a.weight").any(), "gradients")
    plan.evaluate()
    h = np.maximum(x @ plan.params["a.weight"].T + plan.params["a.bias"], 0)
    want = h @ plan.params["y.weight"].T + plan.params["y.bias"]
    expect(np.allclose(plan["y"], want, atol=1e-4), "y is not what its parameters make of x")
    plan.save(path)
    return plan["y"], want


def comes_back(device, path, want):
    x, label = make_batch()
    with tenon.Model(path, batch=32) as model:
        plan = tenon.Plan(model.graph, device, model=model, loss=False)
        plan["x"] = x
        plan.evaluate()
        expect(np.array_equal(plan["y"], want), "a model's plan gives another y")
        expect(model.fact("tenon.version") == tenon.version and model.fact("none") is None, "facts")
        plan.close()
        for name, floats in (("a.onnx", False), ("b.onnx", True), ("c.safetensors", False)):
            model.save(path + name, float_input=floats)
            with tenon.Model(path + name, batch=32) as again:
                expect(again.graph.describe(again.graph.value("y")) == ((32, 3), np.dtype("f4")), f"{name} of a model")
    with open(path + ".prototxt", "w") as net:
        net.write('input: "data"\nlayer { name: "fc" type: "InnerProduct" bottom: "data" top: "fc" '
                  'inner_product_param { num_output: 3 } }')
    with tenon.Model(path + ".prototxt", batch=32, input="data=8") as model:
        expect(model.graph.describe(model.graph.value("fc")) == ((32, 3), np.dtype("f4")), "a net of Caffe's")
    graph = tenon.Model(path, batch=32).graph  # which keeps the model
    expect(graph.describe(graph.value("y")) == ((32, 3), np.dtype("f4")), "the graph of a model")
    plan = tenon.Plan(make_net().graph(batch=32), device, optim=tenon.sgd(momentum=0.9))
    plan.load(path)
    expect(plan.updates == 40, "a resumed plan begins anew")
    plan["x"], plan["label"] = x, label
    plan.evaluate()
    expect(np.array_equal(plan["y"], want), "a resumed plan gives another y")
    weight = plan.params["y.weight"]
    plan.params["y.weight"] = 2 * weight
    expect(np.array_equal(plan.params["y.weight"], 2 * weight) and len(plan.params) == 4, "parameters")
    frozen = tenon.Plan(make_net().graph(), device, optim=tenon.adam(), freeze="a*")
    grouped = tenon.Plan(make_net().graph(batch=32), device, optim=tenon.sgd(), groups=[tenon.group("a", rate=0)])
    grouped["x"], grouped["label"] = x, label
    for rate in (0, 1):
        before = [grouped.params[name] for name in ("a.weight", "y.weight")]
        grouped.set_rate(0, rate)
        grouped.run()
        grouped.update(0.1)
        same = [np.array_equal(a, grouped.params[name]) for a, name in zip(before, ("a.weight", "y.weight"))]
        expect(same == [rate == 0, False], f"a group at rate {rate}: {same}")
    plan.set_optim(momentum=0.5)
    plan.set_optim(clip_norm=2)
    expect(plan.optim() == {"momentum": 0.5, "weight_decay": 0, "clip_norm": 2}, f"settings: {plan.optim()}")
    refused("a setting that is none", lambda: plan.set_optim(beta=1), "beta", "weight_decay")
    refused("a momentum of 1", lambda: plan.set_optim(momentum=1), "momentum 1 is not in [0, 1)")
    expect([frozen.params.trained(name) for name in ("a.weight", "y.bias")] == [False, True], "freeze")


def errors(device, path):
    refused("no such device", lambda: tenon.Device("gpu9"), "gpu9")
    refused("a net with a mistake", lambda: tenon.Graph.from_text("tenon graph 1\ny = relu(x)\n"), "graph:2:", "x")
    refused("an option that is none", lambda: tenon.Graph.from_text(
        "tenon graph 1\ninput x f32 N 2\ny = relu(x) size=3\n", name="my.net"), "my.net:3:", "size")
    plan = tenon.Plan(make_net().graph(batch=2), device)
    expect(tenon.adam(beta1=0).opts[0] == tenon.ZERO and tenon.adam().opts[0] == 0, "beta1=0 is the default of it")
    refused("a misspelt option", lambda: tenon.Plan(make_net().graph(), device, clipnorm=1), "no option clipnorm")
    refused("one of an optimizer", lambda: tenon.sgd(weigth_decay=1), "no option weigth_decay", "weight_decay")
    refused("a precision", lambda: tenon.Plan(make_net().graph(), device, precision="f8"), "precision is f8")
    refused("a batch of its own", lambda: tenon.Plan(make_net().graph(batch=2), device, batch=4), "graph's batch")
    refused("a shape", lambda: plan.__setitem__("x", np.zeros((2, 5))), "x is (2, 4), but the array given is (2, 5)")
    refused("a type", lambda: plan.__setitem__("label", np.array([0.5, 1])), "label is of int32")
    refused("a name", lambda: plan["z"], "no value z")
    refused("nothing set", plan.run, "has never been set")
    refused("no optimizer", lambda: plan.update(1), "without an optimizer")
    refused("no file", lambda: plan.load(path + ".none"), "No such file")
    device.close()  # a second time is fine, and so is the end of `with`


structs()
with tempfile.TemporaryDirectory() as work, tenon.Device("cpu,threads=1") as cpu:
    file = str(pathlib.Path(work) / "net.safetensors")
    got, _ = learns(cpu, file)
    comes_back(cpu, file, got)
    expect(str(cpu), "a device says nothing of itself")
with tempfile.TemporaryDirectory() as work:
    errors(tenon.Device("cpu,threads=1"), str(pathlib.Path(work) / "net"))
for failure in failures:
    print(failure)
print(f"tenon.py: {len(failures)} failures")
sys.exit(1 if failures else 0)
