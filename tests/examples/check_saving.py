#!/usr/bin/env python3
"""What was learned is not lost: where nothing can be saved is told before the first step, a save that fails is tried
again, a signal or data that cannot be read end a run that is saved; what was saved is read, whatever its names."""
import json
import os
import re
import resource
import signal
import struct
import subprocess

import programs
from programs import DATA, Folder, expect, run

SMALL = ("--net", "slim", "--size", 64, "--batch", 4, "--threads", 1, "--log-every", 1)
MNIST = ("--device", "cpu,threads=1", "--batch", 32)


def start(program, *words, **more):
    return subprocess.Popen([programs.PROGRAMS / program, *map(str, words)], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, **more)


def await_line(p, begin):
    """Reads up to a line that begins so; returns all until then."""
    said = ""
    for line in p.stdout:
        said += line
        if line.startswith(begin):
            return said
    expect(False, f"no line that begins with {begin}", said + p.stderr.read())
    return said


def end(p, status):
    said, errors = p.communicate(timeout=120)
    expect(p.returncode == status, f"{p.args}: status {p.returncode}, not {status}", said + errors)
    return said, errors


def told_before_the_first_step(folder):
    os.mkfifo(folder / "fifo")
    (folder / "file").write_text("")
    nowhere = {"none/model": "No such file", "set": "is a folder", "fifo": "is a FIFO", "file/model": "Not a directory",
               "x" * 256: "File name too long"}
    for name, says in nowhere.items():
        for program, words in trainers(folder):
            said = run(program, *words, "--save", folder / name, status=2)
            expect(says in said.stderr and str(folder / name) in said.stderr and "step 1/" not in said.stdout,
                   f"{program} --save {name} is not refused", said.stdout + said.stderr)
    expect(not (folder / "none").exists() and not (folder / "file").read_text(), "refusing left something")


def trainers(folder):
    yield "alexnet", (folder / "set", *SMALL, "--epochs", 10000)
    if (folder / "digits").exists():
        yield "mnist", (folder / "digits", *MNIST, "--epochs", 10000, "--log-every", 1)


def signals_save(folder):
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
        for program, words in trainers(folder):
            saved = folder / f"{program}.{number.name}"
            p = start(program, *words, "--save", saved)
            await_line(p, "epoch 2 step")
            p.send_signal(number)
            said, _ = end(p, 128 + number)
            expect("stopped at step" in said and saved.exists(), f"{program}: {number.name} does not save", said)
            if program == "alexnet":
                step = int(re.search(r"stopped at step (\d+)", said)[1])
                said = run(program, *words, "--resume", saved, "--max-steps", step + 1).stdout
                expect(f"step {step + 1}/" in said and "note: " not in said, "the run does not go on", said)


def nobody_reads(folder):
    """As when Ctrl-C ends the program behind a pipe first."""
    p = start("alexnet", folder / "set", *SMALL, "--epochs", 10000, "--save", folder / "pipe")
    await_line(p, "epoch 2 step")
    p.stdout.close()
    p.wait(120)
    expect(p.returncode == 128 + signal.SIGPIPE and (folder / "pipe").exists(), f"a closed pipe: {p.returncode}")
    p.stderr.close()


def nohup_is_left_alone(folder):
    p = start("alexnet", folder / "set", *SMALL, "--epochs", 10000,
              preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    await_line(p, "epoch 1 step")
    p.send_signal(signal.SIGHUP)
    await_line(p, "epoch 3 step")
    p.send_signal(signal.SIGTERM)
    end(p, 143)


def a_failed_save_is_tried_again(folder):
    """Files of more than 1000 bytes cannot be written for a while."""
    saved = folder / "retried"
    p = start("alexnet", folder / "set/train", *SMALL, "--epochs", 10000, "--save", saved, "--save-every", 2)
    limit = resource.prlimit(p.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(p.pid, resource.RLIMIT_FSIZE, (1000, limit[1]))
    await_line(p, "epoch 4/")
    expect(not saved.exists(), "saved though nothing can be written")
    resource.prlimit(p.pid, resource.RLIMIT_FSIZE, limit)
    await_line(p, "epoch 7/")
    p.send_signal(signal.SIGTERM)
    _, errors = end(p, 143)
    expect(re.search(f"^alexnet: not saved after epoch 2, step 18; the run goes on: {saved}: cannot write \\d+ bytes from "
                     "byte 1000 on: File too large$", errors, re.M), "a failed save is not told", errors)
    expect(saved.exists() and "File too large" in errors and "is lost" not in errors, "not tried again", errors)

    said = run("alexnet", folder / "set/train", *SMALL, "--epochs", 7, "--rate", 1e-4, "--save", folder / "lost", "--save-every", 4,
               status=1,
               preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limit[1])))
    # When it is due, after each epoch from then on, and at the end.
    expect(re.findall(r"not saved after epoch (\d)", said.stderr) == ["4", "5", "6", "7"] and "epoch 7/7" in said.stdout and
           said.stderr.splitlines()[-1].startswith(f"alexnet: {folder / 'lost'}: the last save failed"),
           "the last save failed", said.stderr)
    expect(not [x for x in os.listdir(folder) if "lost" in x or ".tmp" in x], f"left: {os.listdir(folder)}")


def bad_files_do_not_lose_a_run(folder):
    programs.make_images(folder / "spoilt", 12)
    saved = folder / "saved_first"
    run("alexnet", folder / "spoilt", *SMALL, "--epochs", 1, "--save", saved)
    for i in range(4):
        (folder / f"spoilt/blue/00{i}.ppm").write_bytes(b"P6 nothing")
    said = run("alexnet", folder / "spoilt", *SMALL, "--epochs", 3, "--resume", saved, "--save", saved, status=1)
    expect(re.search(r"are bad.*; the run is saved at step (9|1\d) in ", said.stderr), "too many bad files", said.stderr)
    run("alexnet", folder / "spoilt", *SMALL, "--epochs", 3, "--resume", saved, "--max-bad", 50)
    said = run("alexnet", folder / "spoilt", *SMALL, "--epochs", 1, "--batch", 36, "--max-bad", 0, status=1)
    expect("step 0" not in said.stdout and "nan" not in said.stdout, "a run that ended before its first step", said.stdout)


def names_of_any_bytes(folder):
    programs.make_images(folder / "latin1", 6)
    base = os.fsencode(folder / "latin1")
    os.rename(base + b"/green", base + b"/caf\xe9")
    os.rename(base + b"/blue", base + b"/\xef\x9f\xa9")
    run("alexnet", folder / "latin1", *SMALL, "--epochs", 2, "--save", folder / "bytes")
    run("alexnet", folder / "latin1", *SMALL, "--epochs", 3, "--resume", folder / "bytes")
    said = run("alexnet", folder / "latin1", "--evaluate", folder / "bytes")
    expect("of 18 images" in said.stdout, "one's own file", said.stdout)


def edit(path, to, key, value):
    """A copy of a checkpoint in which the metadata say something else."""
    data = path.read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + length])
    header["__metadata__"][key] = value
    text = json.dumps(header).encode()
    to.write_bytes(struct.pack("<Q", len(text)) + text + data[8 + length:])
    return to


def what_a_file_says_is_checked(folder):
    model, edited = folder / "model", folder / "edited"
    run("alexnet", folder / "set", *SMALL, "--max-steps", 2, "--save", model)
    image = folder / "set/val/green/000.ppm"
    for key, values in {"tenon.graph": ("", "tenon graph 1\ny = swish9(x)\n", "tenon graph 1\ninput x u8 N 64 64 3\n"),
                        "tenon.fit": ("resize=x", "resize=8", "order=grey", "size=3"),
                        "tenon.classes": ("a", "a\nb\nc\nd")}.items():
        for value in values:
            edit(model, edited, key, value)
            for words in (("classify", edited, image), ("alexnet", folder / "set", "--evaluate", edited),
                          ("alexnet", folder / "set", *SMALL, "--resize", 80, "--resume", edited)):
                said = run(*words, status=2)
                expect(str(edited) in said.stderr and len(said.stderr.splitlines()) == 1,
                       f"{words[0]}: {key} is \"{value}\"", said.stderr)
    for key, value in (("run.position", "1.5 0"), ("run.position", "-1 0"), ("run.position", "0 nan"), ("run.position", "0 99"),
                       ("run.best", "0.5 1"), ("run.best", "x 0 0"), ("run.train", "1 2"), ("run.train", "1 0 0 x"),
                       ("run.set", ""), ("tenon.updates", "x"), ("tenon.runs", "-1")):
        edit(model, edited, key, value)
        said = run("alexnet", folder / "set", *SMALL, "--resume", edited, status=2)
        expect(str(edited) in said.stderr, f"{key} is \"{value}\"", said.stderr)


def blue_first(folder):
    """A net that takes blue first says of turned pictures what it said of the others."""
    model, edited = folder / "model", folder / "edited"
    run("alexnet", folder / "set", *SMALL, "--max-steps", 2, "--save", model)
    edit(model, edited, "tenon.fit", "resize=73 order=bgr")
    for path in (folder / "set/val").rglob("*.ppm"):
        data = path.read_bytes()
        at = data.index(b"255\n") + 4
        pixels = bytearray(data[at:])
        pixels[0::3], pixels[2::3] = pixels[2::3], pixels[0::3]
        to = folder / "turned" / path.relative_to(folder / "set/val")
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_bytes(data[:at] + pixels)
    words = [run("alexnet", sets, "--evaluate", file).stdout.splitlines()[-1]
             for sets, file in ((folder / "set/val", model), (folder / "turned", edited), (folder / "set/val", edited))]
    expect(words[0] == words[1] and words[0] != words[2], "blue first", words)


def cut_files_are_named(folder):
    whole = (folder / "model").read_bytes()
    for size in (0, 7, 8, 100, len(whole) // 2, len(whole) - 1):
        (folder / "cut").write_bytes(whole[:size])
        for words in (("classify", folder / "cut", "x.jpg"), ("alexnet", folder / "set", "--evaluate", folder / "cut"),
                      ("alexnet", folder / "set", *SMALL, "--resume", folder / "cut")):
            said = run(*words, status=2)
            expect(str(folder / "cut") in said.stderr and len(said.stderr.splitlines()) == 1, f"cut at {size}", said.stderr)


with Folder() as folder:
    programs.make_images(folder / "set/train", 12)
    programs.make_images(folder / "set/val", 3)
    if (DATA / "mnist").exists():
        programs.make_digits(DATA / "mnist", folder / "digits")
    for check in (told_before_the_first_step, signals_save, nobody_reads, nohup_is_left_alone, a_failed_save_is_tried_again,
                  bad_files_do_not_lose_a_run, names_of_any_bytes, what_a_file_says_is_checked, blue_first, cut_files_are_named):
        programs.timed(check, folder)
programs.end("saving")
