"""Tenon from Python: plan, set, run, get, load. One file, ctypes and numpy, no build step.

    import tenon

    net = tenon.Net()
    x, label = net.input("x", "f32", "N", 4), net.input("label", "i32", "N")
    y = net.dense(net.relu(net.dense(x, units=16)), name="y", units=3)
    net.output(y)
    net.minimise(net.softmax_xent(y, label, name="loss"))

    with tenon.Device("cpu") as device:
        plan = tenon.Plan(net.graph(batch=32), device, optim=tenon.sgd(momentum=0.9))
        for step in range(100):
            plan["x"], plan["label"] = numbers, classes          # numpy arrays
            plan.run()
            plan.update(0.1)
        print(plan["loss"], plan.params["y.weight"])
        plan.save("net.safetensors")

A net is text (see <tenon/text.h>): Graph.from_text() and Graph.open() take what another program wrote, and Net writes it:
net.OP(inputs..., name=..., OPTION=...) has the operations and options of <tenon/layers.h>, where 0 means 0. Whatever goes
wrong is a tenon.Error with Tenon's sentence.

The library is $TENON_LIBRARY, or libtenon.so where it is installed beside this file, or where the system finds it.
Threads: an object is one thread's at a time, as in C.
"""
import ctypes as c
import ctypes.util
import os
import pathlib
import weakref

import numpy as np

ABI = "0.2"  # what this file knows of structs: libtenon.so.0.2
MAX_DIMS = 8
TYPES = (np.dtype("f4"), np.dtype("f2"), None, np.dtype("i4"), np.dtype("u1"))  # as tn_dtype; numpy has no bf16
PRECISIONS = ("default", "f32", "tf32", "bf16", "f16")
VALUE, GRADIENT, SLOT = 0, 1, 2
ZERO = -2.0**31  # TN_ZERO


class Error(Exception):
    """What tn_error() said; `status` is the tn_status."""

    def __init__(self, status, text):
        super().__init__(text)
        self.status = status


# ---- C's structs, which the test compares with the headers -----------------------------------------------------------


class Shape(c.Structure):
    _fields_ = [("ndim", c.c_int), ("dim", c.c_int64 * MAX_DIMS)]


class Tensor(c.Structure):
    _fields_ = [("dtype", c.c_int), ("shape", Shape), ("data", c.c_void_p)]


class Value(c.Structure):
    _fields_ = [("id", c.c_int32), ("graph", c.c_uint32)]


class Optim(c.Structure):
    """No optimizer, unless sgd(), adam() or adamw() made it."""
    _fields_ = [("kind", c.c_void_p), ("opts", c.c_float * 4)]


class _Options(c.Structure):
    """By the names of its fields alone: ctypes would keep a misspelt one as an attribute that C never sees."""

    def __init__(self, **options):
        known = [field[0] for field in self._fields_]
        for name in options:
            if name not in known:
                raise Error(2, f"there is no option {name}; there are {', '.join(known)}")
        super().__init__(**options)


class SgdOpts(_Options):
    _fields_ = [("momentum", c.c_float), ("weight_decay", c.c_float), ("nesterov", c.c_bool)]


class AdamOpts(_Options):
    _fields_ = [("beta1", c.c_float), ("beta2", c.c_float), ("epsilon", c.c_float), ("weight_decay", c.c_float)]


class ParamGroup(c.Structure):
    _fields_ = [("pattern", c.c_char_p), ("rate", c.c_float), ("decay", c.c_float)]


class OptimSettings(_Options):
    _fields_ = [("momentum", c.c_float), ("weight_decay", c.c_float), ("clip_norm", c.c_float)]


def group(pattern, rate=1.0, decay=1.0):
    """Parameters that learn otherwise, by their names, for Plan(groups=[...]); a rate of 0: frozen."""
    return ParamGroup(pattern.encode(), rate or ZERO, decay or ZERO)


class PlanOpts(_Options):
    _fields_ = [("loss", Value), ("keep", c.POINTER(Value)), ("num_keep", c.c_int), ("optim", Optim),
                ("clip_norm", c.c_float), ("accumulate", c.c_int), ("loss_scale", c.c_float), ("seed", c.c_uint64),
                ("batch", c.c_int64), ("precision", c.c_int), ("strict", c.c_bool), ("no_fusion", c.c_bool),
                ("short_batches", c.c_bool), ("input_gradients", c.c_bool), ("keep_gradients", c.c_bool),
                ("from", c.c_void_p), ("from_any_shape", c.c_bool), ("weights", c.c_void_p), ("freeze", c.c_char_p),
                ("groups", c.POINTER(ParamGroup)), ("num_groups", c.c_int),
                ("bucket_bytes", c.c_size_t), ("reduce_bf16", c.c_bool), ("sync_batchnorm", c.c_bool),
                ("stall", c.c_float), ("gradient_norm", c.c_bool), ("guard", c.c_bool), ("ema", c.c_double),
                ("ema_warmup", c.c_bool), ("dry", c.c_bool), ("kept_weights", c.c_float), ("kernels", c.c_void_p), ("num_kernels", c.c_int), ("need_kernels", c.c_bool)]


class ReadOpts(c.Structure):
    _fields_ = [("name", c.c_char_p), ("batch", c.c_int64), ("classes", c.c_int)]


class ModelOpts(c.Structure):
    _fields_ = [("batch", c.c_int64), ("no_net", c.c_bool), ("average", c.c_bool), ("weights", c.c_char_p),
                ("input", c.c_char_p), ("image", c.c_void_p), ("fit", c.c_char_p), ("known", c.c_void_p),
                ("num_known", c.c_int), ("mean_file", c.c_char_p),
                ("state", c.c_char_p)]


class OnnxOpts(c.Structure):
    _fields_ = [("float_input", c.c_bool)]


class ParamInfo(c.Structure):
    _fields_ = [("full_name", c.c_char_p), ("node", c.c_char_p), ("name", c.c_char_p), ("shape", Shape),
                ("trained", c.c_bool)]


STRUCTS = {"tn_shape": Shape, "tn_tensor": Tensor, "tn_value": Value, "tn_optim": Optim, "tn_sgd_opts": SgdOpts,
           "tn_adam_opts": AdamOpts, "tn_plan_opts": PlanOpts, "tn_param_group": ParamGroup, "tn_graph_read_opts": ReadOpts,
           "tn_model_opts": ModelOpts, "tn_onnx_opts": OnnxOpts, "tn_param_info": ParamInfo,
           "tn_optim_settings": OptimSettings}

# ---- the library -------------------------------------------------------------------------------------------------------


def _find():
    named = os.environ.get("TENON_LIBRARY")
    if named:
        return named
    prefix = pathlib.Path(__file__).resolve().parents[2]  # prefix/share/tenon/tenon.py
    for folder in sorted(prefix.glob("lib*")) + sorted(prefix.glob("lib/*")):
        if (folder / f"libtenon.so.{ABI}").exists():
            return str(folder / f"libtenon.so.{ABI}")
    return ctypes.util.find_library("tenon") or f"libtenon.so.{ABI}"


_lib = c.CDLL(_find())
_P, _S, _I, _L = c.c_void_p, c.c_char_p, c.c_int, c.c_int64


def _declare(name, result, *arguments):
    function = getattr(_lib, name)
    function.restype, function.argtypes = result, arguments
    return function


for _name, _result, _arguments in (
        ("tn_error", _S, ()), ("tn_version", _S, ()),
        ("tn_device_close", None, (_P,)), ("tn_device_describe", _S, (_P,)),
        ("tn_graph_destroy", None, (_P,)), ("tn_graph_value", Value, (_P, _S)),
        ("tn_graph_output_at", Value, (_P, _I)), ("tn_graph_loss", Value, (_P,)), ("tn_value_name", _S, (_P, Value)),
        ("tn_sgd", Optim, (_P,)), ("tn_adam", Optim, (_P,)), ("tn_adamw", Optim, (_P,)),
        ("tn_plan_destroy", None, (_P,)), ("tn_plan_num_params", _I, (_P,)), ("tn_plan_updates", _L, (_P,)),
        ("tn_plan_find_param", _I, (_P, _S)), ("tn_model_close", None, (_P,)), ("tn_model_graph", _P, (_P,)),
        ("tn_model_fact", _S, (_P, _S))):
    _declare(_name, _result, *_arguments)
for _name, _arguments in (
        ("tn_device_open", (_P, _S)), ("tn_graph_read", (_P, _S, c.c_size_t, _P)), ("tn_graph_open", (_P, _S, _P)),
        ("tn_value_shape", (_P, Value, _P)), ("tn_value_dtype", (_P, Value, _P)),
        ("tn_plan_create", (_P, _P, _P, _P)), ("tn_plan_set", (_P, Value, Tensor)), ("tn_plan_run", (_P,)),
        ("tn_plan_set_rows", (_P, _L)), ("tn_plan_set_rate", (_P, _I, c.c_float)),
        ("tn_plan_optim", (_P, _P)), ("tn_plan_set_optim", (_P, _P)),
        ("tn_plan_evaluate", (_P,)), ("tn_plan_update", (_P, c.c_float)),
        ("tn_plan_get", (_P, Value, Tensor)), ("tn_plan_get_gradient", (_P, Value, Tensor)),
        ("tn_plan_param", (_P, _I, _P)), ("tn_plan_param_get", (_P, _I, _I, Tensor)),
        ("tn_plan_param_set", (_P, _I, _I, Tensor)), ("tn_checkpoint_save", (_P, _S, _P, _I)),
        ("tn_checkpoint_save_params", (_P, _S, _P, _I)), ("tn_checkpoint_load", (_P, _S, _I)),
        ("tn_model_open", (_P, _S, _P))):
    _declare(_name, c.c_int, *_arguments)

version = _lib.tn_version().decode()
if ".".join(version.split(".")[:2]) != ABI:
    raise ImportError(f"tenon.py is for libtenon.so.{ABI}, and the library found is {version}")


def _call(name, *arguments):
    status = getattr(_lib, name)(*arguments)
    if status != 0:
        raise Error(status, _lib.tn_error().decode(errors="replace"))


def _make(name, *arguments):
    """The object that a function gives through its first argument."""
    out = c.c_void_p()
    _call(name, c.byref(out), *arguments)
    return out


def _bytes(text):
    return os.fspath(text).encode() if text is not None else None


class _Owner:
    """Something of C's that is given back by close(), at the end of `with`, or with the last reference."""
    _close = None

    def _lend(self, user):
        """The user needs this: it is closed before."""
        self.__dict__.setdefault("_users", weakref.WeakSet()).add(user)

    def close(self):
        for user in list(self.__dict__.get("_users", ())):
            user.close()
        handle, self._handle = self.__dict__.get("_handle"), None
        if handle:
            getattr(_lib, self._close)(handle)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def __del__(self):
        if _lib:
            self.close()


# ---- nets --------------------------------------------------------------------------------------------------------------


class Graph(_Owner):
    _close = "tn_graph_destroy"

    def __init__(self, handle, owner=None):
        self._handle, self._owner = handle, owner  # of a model's graph the model, which gives it back

    @classmethod
    def from_text(cls, text, batch=1, name=None):
        data, opts = text.encode(), ReadOpts(_bytes(name), batch, 0)
        return cls(_make("tn_graph_read", data, len(data), c.byref(opts)))

    @classmethod
    def open(cls, path, batch=1):
        return cls(_make("tn_graph_open", _bytes(path), c.byref(ReadOpts(None, batch, 0))))

    def close(self):
        if self.__dict__.get("_owner"):
            self._handle = None
        super().close()

    def value(self, name):
        found = _lib.tn_graph_value(self._handle, name.encode())
        if found.id == 0:
            raise Error(2, f"the graph has no value {name}")
        return found

    @property
    def outputs(self):  # the names of what the net is for
        return [_lib.tn_value_name(self._handle, value).decode() for value in self._outputs()]

    def _outputs(self):
        found = []
        while (value := _lib.tn_graph_output_at(self._handle, len(found))).id:
            found.append(value)
        return found

    def describe(self, value):
        """(shape, type as numpy's)"""
        shape, dtype = Shape(), c.c_int()
        _call("tn_value_shape", self._handle, value, c.byref(shape))
        _call("tn_value_dtype", self._handle, value, c.byref(dtype))
        return tuple(shape.dim[:shape.ndim]), TYPES[dtype.value]


def _word(value):
    if isinstance(value, (tuple, list)):
        return ",".join(map(_word, value))
    return value if isinstance(value, str) else format(value, ".9g") if isinstance(value, float) else str(value)


class Net:
    """Writes a net down, an operation a call; see above. `text` is what was written."""

    def __init__(self):
        self.text, self._made = "tenon graph 1\n", {}

    def input(self, name, dtype, *dims):
        self.text += f"input {name} {dtype} {' '.join(map(str, dims))}\n"
        return name

    def output(self, value):
        self.text += f"output {value}\n"

    def minimise(self, value):
        self.text += f"loss {value}\n"

    def graph(self, batch=1):
        return Graph.from_text(self.text, batch)

    def __getattr__(self, op):
        if op.startswith("_"):
            raise AttributeError(op)

        def add(*inputs, name=None, **options):
            self._made[op] = self._made.get(op, 0) + 1
            name = name or f"{op}{self._made[op]}"
            words = [key if value is True else f"{key}={_word(value)}"
                     for key, value in options.items() if value is not False and value is not None]
            self.text += " ".join([f"{name} = {op}({', '.join(inputs)})", *words]) + "\n"
            return name
        return add


class Model(_Owner):
    """A checkpoint with its net, the text of one, or a net of another program; Plan(model.graph, ..., model=model) begins with
    its numbers. The other options are those of tn_model_opts."""
    _close = "tn_model_close"

    def __init__(self, path, batch=1, average=False, weights=None, input=None, fit=None, mean_file=None):
        texts = [None if text is None else _bytes(text) for text in (weights, input, fit, mean_file)]
        opts = ModelOpts(batch, False, average, texts[0], texts[1], None, texts[2], mean_file=texts[3])
        self._handle = _make("tn_model_open", _bytes(path), c.byref(opts))

    def save(self, path, float_input=False):
        """safetensors, or ONNX where the path ends in .onnx; with float_input that takes floats in place of pictures."""
        if float_input:
            _call("tn_model_save_onnx", self._handle, _bytes(path), c.byref(OnnxOpts(True)))
        else:
            _call("tn_model_save", self._handle, _bytes(path))

    @property
    def graph(self):
        graph = Graph(c.c_void_p(_lib.tn_model_graph(self._handle)), self)
        self._lend(graph)
        return graph

    def fact(self, key):
        said = _lib.tn_model_fact(self._handle, key.encode())
        return None if said is None else said.decode(errors="replace")


# ---- devices and plans -----------------------------------------------------------------------------------------------


class Device(_Owner):
    _close = "tn_device_close"

    def __init__(self, name=None):
        self._handle = _make("tn_device_open", _bytes(name))

    def __str__(self):
        return _lib.tn_device_describe(self._handle).decode(errors="replace")


def _exactly(options):
    """0 as what it is, and not as the default."""
    return {key: value if value or isinstance(value, bool) else ZERO for key, value in options.items()}


def sgd(**options):
    return _lib.tn_sgd(c.byref(SgdOpts(**_exactly(options))))


def adam(**options):
    return _lib.tn_adam(c.byref(AdamOpts(**_exactly(options))))


def adamw(**options):
    return _lib.tn_adamw(c.byref(AdamOpts(**_exactly(options))))


def _tensor(array):
    shape = Shape(array.ndim, (c.c_int64 * MAX_DIMS)(*array.shape))
    return Tensor(TYPES.index(array.dtype), shape, array.ctypes.data)


def _array(values, shape, dtype, name):
    """The values as C wants them. Only floats are rounded, to floats: what else a type cannot hold is an error."""
    array = np.asarray(values)
    rounds = array.dtype.kind == "f" and dtype.kind == "f"
    if array.dtype != dtype and not rounds and not np.array_equal(array.astype(dtype).astype(array.dtype), array):
        raise Error(2, f"{name} is of {dtype}, which cannot hold the numbers of {array.dtype} given")
    if array.shape != shape:
        raise Error(3, f"{name} is {shape}, but the array given is {array.shape}")
    return np.ascontiguousarray(array, dtype).reshape(shape)


class Params:
    """Parameters and running statistics by name: a mapping to numpy arrays, copies."""

    def __init__(self, plan):
        self._plan, self._index, self._info = plan, {}, {}
        for i in range(_lib.tn_plan_num_params(plan._handle)):
            info = ParamInfo()
            _call("tn_plan_param", plan._handle, i, c.byref(info))
            name = info.full_name.decode()
            self._index[name] = i
            self._info[name] = (tuple(info.shape.dim[:info.shape.ndim]), info.trained)

    def __iter__(self):
        return iter(self._index)

    def __len__(self):
        return len(self._index)

    def trained(self, name):
        return self._info[name][1]

    def get(self, name, part=VALUE):
        array = np.empty(self._info[name][0], np.float32)
        _call("tn_plan_param_get", self._plan._handle, self._index[name], part, _tensor(array))
        return array

    def gradient(self, name):
        return self.get(name, GRADIENT)

    __getitem__ = get

    def __setitem__(self, name, values):
        array = _array(values, self._info[name][0], np.dtype("f4"), name)
        _call("tn_plan_param_set", self._plan._handle, self._index[name], VALUE, _tensor(array))


class Plan(_Owner):
    """plan["x"] = array sets an input; plan["y"] reads an input, the loss, what is beside it, or a value of `keep`
    (default: the net's outputs). `loss`: a name; default: the net's own; False: none. More options are those of
    tn_plan_opts, by name."""
    _close = "tn_plan_destroy"

    def __init__(self, graph, device, optim=None, loss=None, keep=None, model=None, precision="default", groups=(),
                 **options):
        no_loss = Value(0, 0)
        if options.get("batch"):
            raise Error(2, f"plan: here it has the graph's batch: make the graph with batch={options['batch']}")
        if precision not in PRECISIONS:
            raise Error(2, f"plan: precision is {precision}, none of {', '.join(PRECISIONS)}")
        options = {key: _bytes(said) if isinstance(said, str) else said for key, said in options.items()}
        first = _lib.tn_graph_loss(graph._handle) if loss is None else graph.value(loss) if loss else no_loss
        kept = [graph.value(name) for name in keep] if keep is not None else graph._outputs()
        opts = PlanOpts(loss=first, keep=(Value * max(1, len(kept)))(*kept), num_keep=len(kept),
                        optim=optim or Optim(), precision=PRECISIONS.index(precision),
                        groups=(ParamGroup * max(1, len(groups)))(*groups), num_groups=len(groups), **options)
        setattr(opts, "from", model._handle if model else None)
        self._graph, self._device, self._model = graph, device, model  # which must outlive it
        self._handle = _make("tn_plan_create", graph._handle, device._handle, c.byref(opts))
        graph._lend(self)
        device._lend(self)

    @property
    def params(self):
        return Params(self)

    def __setitem__(self, name, values):
        value = self._graph.value(name)
        array = _array(values, *self._graph.describe(value), name)
        _call("tn_plan_set", self._handle, value, _tensor(array))

    def _get(self, function, name):
        value = self._graph.value(name)
        shape, dtype = self._graph.describe(value)
        array = np.empty(shape, dtype)
        _call(function, self._handle, value, _tensor(array))
        return array if shape else array[()]

    def __getitem__(self, name):
        return self._get("tn_plan_get", name)

    def gradient(self, name):
        return self._get("tn_plan_get_gradient", name)

    def set_rows(self, rows):
        _call("tn_plan_set_rows", self._handle, rows)

    def run(self):
        _call("tn_plan_run", self._handle)

    def set_rate(self, group, rate):
        _call("tn_plan_set_rate", self._handle, group, rate)

    def optim(self):
        """What the optimizer does now: momentum (of Adam beta1), weight_decay, clip_norm."""
        now = OptimSettings()
        _call("tn_plan_optim", self._handle, c.byref(now))
        return {name: getattr(now, name) for name, _ in now._fields_}

    def set_optim(self, **settings):
        """From the next update on; what is not named stays as it is."""
        _call("tn_plan_set_optim", self._handle, c.byref(OptimSettings(**{**self.optim(), **settings})))

    def evaluate(self):
        _call("tn_plan_evaluate", self._handle)

    def update(self, rate):
        _call("tn_plan_update", self._handle, rate)

    @property
    def updates(self):
        return _lib.tn_plan_updates(self._handle)

    def save(self, path, params_only=False):
        name = "tn_checkpoint_save_params" if params_only else "tn_checkpoint_save"
        _call(name, self._handle, _bytes(path), None, 0)

    def load(self, path, params_only=False):
        _call("tn_checkpoint_load", self._handle, _bytes(path), 1 if params_only else 0)
