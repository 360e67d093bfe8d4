#!/usr/bin/env python3
"""The scores that alexnet tells are of images: none for rows that hold no image, none lost by a resume; those of a
checkpoint whatever the order of the folder's classes; the best epoch is kept; and a terminal shows what matters."""
import fcntl
import os
import pty
import re
import struct
import termios

import programs
from programs import Folder, expect, run

SMALL = ("--net", "slim", "--size", 64, "--threads", 1, "--log-every", 1)
LEARNS = ("--augment", "none", "--optim", "adam", "--rate", 0.001)


def scores(said, what):
    """Loss and top-1 in per cent of each line that tells of `what`."""
    return [(float(a), float(b)) for a, b in re.findall(what + r"[^;]*? loss (\S+) top-1 (\S+) %", said.stdout)]


def less_than_a_batch(folder):
    """36 images in batches of 64, and of 7: none counts that is not there."""
    for batch in (48, 7):
        said = run("alexnet", folder / "set/train", *SMALL, *LEARNS, "--batch", batch, "--epochs", 60 if batch > 36 else 20,
                   "--save", folder / "short")
        loss, top_1 = scores(said, "train")[-1]
        expect(loss < 0.5 and top_1 == 100, f"batch {batch}: loss {loss}, {top_1} % of what is learnt", said.stdout[-600:])
        said = run("alexnet", folder / "set/train", "--evaluate", folder / "short", "--batch", batch)
        expect("top-1 100.00 %" in said.stdout and "of 36 images" in said.stdout, "--evaluate", said.stdout)
    said = run("alexnet", folder / "three", *SMALL, *LEARNS, "--overfit", "--batch", 8, "--max-steps", 200)
    last = re.findall(r"loss (\S+) top-1 (\S+) %", said.stdout)[-1]
    expect(float(last[0]) < 0.5 and float(last[1]) > 90, f"--overfit on three images: {last}", said.stdout[-600:])


def bad_files_do_not_count(folder):
    """11 of 12 images a class are there: a loss of the mean over 11 is not one over 12."""
    programs.make_images(folder / "holes", 12)
    for name in ("blue", "green"):
        (folder / "holes" / name / "003.ppm").write_bytes(b"P6 nothing")
    said = run("alexnet", folder / "holes", "--evaluate", folder / "short", "--batch", 8, "--max-bad", 50)
    expect("of 34 images" in said.stdout and "top-1 100.00 %" in said.stdout, "bad files are counted", said.stdout)


def a_resume_keeps_the_tally(folder):
    recipe = (folder / "set/train", *SMALL, "--batch", 4, "--epochs", 1)
    whole = scores(run("alexnet", *recipe), "train")
    run("alexnet", *recipe, "--save", folder / "part", "--max-steps", 5)
    rest = scores(run("alexnet", *recipe, "--resume", folder / "part"), "train")
    expect(len(whole) == 1 and whole == rest, f"the epoch scores {whole}, resumed {rest}")
    said = run("alexnet", *recipe).stdout
    expect(whole[0][1] < 100 and "top-5 100.00 %" in said, "five of three classes hold the right one", said)


def classes_by_name(folder):
    """Of a folder that lacks some, or has more."""
    for part, count in (("late", 24), ("one", 12)):
        found = run("alexnet", folder / part, "--evaluate", folder / "short", "--batch", 8)
        expect(f"top-1 100.00 % top-5 100.00 % of {count} images" in found.stdout, f"classes of {part}", found.stdout)
    refuse = run("alexnet", folder / "other", "--evaluate", folder / "short", status=2)
    expect("class \"violet\" of" in refuse.stderr and "none of the 3 that" in refuse.stderr, "an unknown class", refuse.stderr)
    refuse = run("alexnet", folder / "one", "--resume", folder / "short", status=2)
    expect("knows 3 classes" in refuse.stderr, "resuming with other classes", refuse.stderr)


def the_best_is_kept(folder):
    said = run("alexnet", folder / "set", *SMALL, *LEARNS, "--batch", 6, "--epochs", 8, "--save", folder / "m.safetensors")
    best, epoch = re.findall(r"\(best (\S+) %, epoch (\d+)\)", said.stdout)[-1]
    val = scores(said, "val")
    expect(val[int(epoch) - 1][1] == float(best) == max(v[1] for v in val), "which epoch was the best", said.stdout)
    expect(f"the best, of epoch {epoch}, is in {folder}/m.best.safetensors" in said.stdout, "where it is", said.stdout)
    found = run("alexnet", folder / "set", "--evaluate", folder / "m.best.safetensors", "--batch", 6)
    expect(f"top-1 {best} %" in found.stdout, "another epoch is kept", found.stdout)
    # An epoch no better leaves it alone.
    before = (folder / "m.best.safetensors").read_bytes()
    said = run("alexnet", folder / "set", *SMALL, *LEARNS, "--batch", 6, "--epochs", 12, "--save", folder / "m.safetensors",
               "--resume", folder / "m.safetensors")
    if f"(best {best} %, epoch {epoch})" in said.stdout.splitlines()[-5]:
        expect(before == (folder / "m.best.safetensors").read_bytes(), "replaced by one no better")


def on_a_terminal(folder, columns):
    """What was printed there, line by line as it moved."""
    pid, terminal = pty.fork()
    if pid == 0:
        fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        words = ("alexnet", folder / "set/train", *SMALL, "--batch", 4, "--epochs", 20, "--rate", 0.001)
        os.execv(programs.PROGRAMS / "alexnet", list(map(str, words)))
    said = b""
    try:
        while chunk := os.read(terminal, 4096):
            said += chunk
    except OSError:  # the program has ended
        pass
    os.waitpid(pid, 0)
    return [line for line in re.split(r"\r|\n|\x1b\[K", said.decode()) if "/180 loss" in line]


def what_matters_is_shown(folder):
    for columns, wanted, unwanted in ((140, "wait", None), (80, "rate", "wait"), (50, "top-1", "ETA")):
        lines = on_a_terminal(folder, columns)
        expect(lines and all(len(line) < columns for line in lines), f"{columns} columns: too wide", str(lines[:3]))
        expect(wanted in lines[0] and not any(unwanted and unwanted in line for line in lines),
               f"{columns} columns: {wanted}, {unwanted}", str(lines[:3]))
    expect(any(line.startswith("[") for line in on_a_terminal(folder, 140)), "no bar")


with Folder() as folder:
    programs.make_images(folder / "set/train", 12)
    programs.make_images(folder / "set/val", 3)
    programs.make_images(folder / "three", 1)
    for part, names in {"late": ("blue", "green"), "one": ("green",), "other": ("blue", "violet")}.items():
        for name in names:
            there = name if name != "violet" else "green"
            programs.shutil.copytree(folder / "set/train" / there, folder / part / name)
    for check in (less_than_a_batch, bad_files_do_not_count, a_resume_keeps_the_tally, classes_by_name, the_best_is_kept,
                  what_matters_is_shown):
        programs.timed(check, folder)
programs.end("scores")
