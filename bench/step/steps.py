"""A step of training, or inference, by Tenon and by PyTorch: what compare.py and ../bars ask of the two sides."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "common"))
import harness  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
STEP = os.path.join(harness.BUILD, "bench", "tenon_step")
EAGER = ["nchw", "channels_last"]
COMPILED = ["compile_nchw", "compile"]
HOPELESS = 0.8  # of the fastest rival's speed at first look: such a one is not asked again


def argv_of(name, spec):
    return [STEP, *spec] if name == "tenon" else [harness.PYTHON, os.path.join(HERE, "torch_side.py"), *spec, name]


def start(name, spec, a):
    """A warm side; None of a compiled one that cannot be: the reason is on stderr."""
    try:
        side = harness.Side(name, argv_of(name, spec), a.threads, int(spec[1]))
    except SystemExit as failure:
        if name not in COMPILED:
            raise
        print(f"  {spec[0]}: {failure}", file=sys.stderr)
        return None
    print(f"  {side.about}; BLAS: {side.blas()}", file=sys.stderr)
    return side


def compare(net, batch, mode, rivals, a):
    """(images a second of all sides: {name: [one a round]}, the fastest rival, peak MiB: {name}). Of a rival that was hopeless
    at first look, that look alone."""
    spec = [net, str(batch), a.device, a.precision, mode]
    sides = [side for side in [start(name, spec, a) for name in [*rivals, "tenon"]] if side]
    if len({side.about.rsplit(", ", 1)[1] for side in sides}) > 1:
        sys.exit(f"{net}: the sides' nets are not the same, their numbers of trained parameters differ")
    looks, units = harness.first_look(sides, a.seconds)
    fastest = max(looks[side.name] for side in sides if side.name != "tenon")
    kept = [s for s in sides if s.name == "tenon" or looks[s.name] >= HOPELESS * fastest]
    speeds = {name: [look] for name, look in looks.items()} | harness.interleave(kept, a.rounds, units)
    best = harness.fastest([side.name for side in kept if side.name != "tenon"], speeds)
    peak = {side.name: side.peak_mib() for side in sides}
    for side in sides:
        side.close()
    return speeds, best, peak
