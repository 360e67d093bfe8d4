#!/usr/bin/env python3
"""TensorBoard shows the numbers of a run's log, also of one that was killed and went on. Usage: check_events.py program

`program` is test_run_kills, which trains in a folder when it is told to. TensorBoard has two readers: EventAccumulator and a
server of its own; both must give each number of the log once, and nothing of the steps that do not count. Skips (77) in a
Python without TensorBoard.
"""
import json
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy

try:
    from tensorboard.backend.event_processing.event_accumulator import SCALARS, EventAccumulator
    from tensorboard.context import RequestContext
    from tensorboard.data import server_ingester
    from tensorboard.util.grpc_util import ChannelCredsType
except ImportError as why:
    print(f"skipped: {why}")
    sys.exit(77)

DONE, KILL = 0, 1
TAGS = {"train/loss": "loss", "train/top1": "top1", "rate": "rate", "images_s": "images_s", "tenth": "tenth"}


def effective(folder):
    """The lines of the log that count."""
    lines = []
    for text in (folder / "log.jsonl").read_text().splitlines():
        line = json.loads(text)
        if line["e"] == "resume":
            lines = [kept for kept in lines if kept["step"] <= line["step"]]
        lines.append(line)
    return lines


def wanted(folder):
    """{tag: [(step, f32)]}"""
    lines = effective(folder)
    found = {}
    for line in lines:
        if line["e"] == "step":
            for tag, name in TAGS.items():
                if name in line:
                    found.setdefault(tag, []).append((line["step"], line[name]))
        if line["e"] == "epoch":
            found.setdefault("val/loss", []).append((line["step"], line["val"]["loss"]))
            found.setdefault("val/top1", []).append((line["step"], line["val"]["top1"]))
    return found


def compare(who, got, want):
    for tag, points in want.items():
        own = [(step, numpy.float32(value)) for step, value in points]
        if tag == "images_s":  # written with fewer digits in the log
            assert [s for s, _ in got[tag]] == [s for s, _ in own], f"{who}: {tag}"
            assert numpy.allclose([v for _, v in got[tag]], [v for _, v in own], rtol=1e-5), f"{who}: {tag}"
        else:
            assert [(s, numpy.float32(v)) for s, v in got[tag]] == own, f"{who}: {tag}: {got[tag]}, not {own}"
    assert set(got) == set(want), f"{who}: {set(got) ^ set(want)}"
    print(f"{who}: {sum(map(len, got.values()))} points of {len(got)} tags are the log's")


def by_accumulator(folder):
    reader = EventAccumulator(str(folder), {SCALARS: 0})
    reader.Reload()
    return {tag: [(e.step, e.value) for e in reader.Scalars(tag)] for tag in reader.Tags()["scalars"]}


def by_server(folder, last):
    """What the server that `tensorboard` starts says, once it has read until step `last`."""
    server = server_ingester.SubprocessServerDataIngester(
        server_ingester.get_server_binary(), str(folder), reload_interval=0, channel_creds_type=ChannelCredsType.LOCAL,
        samples_per_plugin={"scalars": 0})
    server.start()
    ask = {"experiment_id": "", "plugin_name": "scalars", "downsample": 100000}
    found = {}
    for _ in range(100):  # it reads the folder when it has started
        for tags in server.data_provider.read_scalars(RequestContext(), **ask).values():
            found = {tag: [(p.step, p.value) for p in series] for tag, series in tags.items()}
        if found.get("val/loss", [(0, 0)])[-1][0] == last:
            break
        time.sleep(0.1)
    return found


def main():
    with tempfile.TemporaryDirectory() as top:
        folder = pathlib.Path(top)
        for until, end in ((25, KILL), (41, KILL), (60, DONE)):
            subprocess.run([sys.argv[1], "life", folder, "0", str(until), str(end)], check=end == DONE)
        files = sorted((folder / "events").iterdir())
        assert len(files) == 3, files
        want = wanted(folder)
        compare("EventAccumulator", by_accumulator(folder / "events"), want)
        compare("the server", by_server(folder / "events", 60), want)


main()
