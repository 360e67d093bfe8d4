#!/usr/bin/env python3
"""tenon-train: its flags, what it refuses in one sentence, the folder that it makes, and names of any bytes."""
import json
import os
import re

from trains import state, train, programs
import trains
from programs import Folder, expect, run


def refused(*words, says, **more):
    said = train(*words, status=2, **more)
    expect(len(said.stderr.splitlines()) == 1 and said.stderr.startswith("tenon-train: ") and says in said.stderr,
           f"{' '.join(map(str, words))}: does not say \"{says}\" in one line", said.stderr)


def says_how(folder, recipe):
    said = train("--help")
    expect(said.stdout.startswith("Usage: tenon-train") and "--resume" in said.stdout and "--accumulate" in said.stdout,
           "--help", said.stdout)
    expect(all(len(line) <= 110 for line in said.stdout.splitlines()), "--help is too wide", said.stdout)
    refused(says="which network? --net")
    refused("--net", "slim", says="a folder of images is missing")
    refused(folder / "set", "--net", "nonesuch", says="there is no network \"nonesuch\"")
    refused(folder / "none", "--net", "slim", says="none")
    refused(*recipe, "--nonsense", says="no option --nonsense")
    refused(*recipe, "--save", "x", says="no option --save")
    refused(*recipe, "--run", "Not A Name", says="cannot be a run: a name is of small letters")
    refused(*recipe, "--run", "x", "--workspace", folder / "nowhere", says="nowhere/runs cannot be made: No such file")
    refused(*recipe, "--run", folder / "nowhere/x", says="nowhere/x")
    refused("--resume", "none", "--workspace", folder, says="runs/none")
    refused("--resume", "none", "--rate", 1, says="--rate is the run's own, which is as it began")
    refused("--resume", "none", "--save-every", 1, says="--save-every is the run's own")
    refused("--resume", "none", "--run", "some", says="--run is of a new run")
    refused("--resume", "a", "--repeat", "b", says="cannot both say which run")
    (folder / "runs/empty").mkdir(parents=True)
    refused("--resume", "empty", "--workspace", folder, says="runs/empty")


def makes_a_run(folder, recipe):
    said = train(*recipe, "--workspace", folder, "--epochs", 4, "--log-every", 5, "--keep", 2)
    name = re.search(r"^run +(\S+)$", said.stdout, re.M)
    expect(name and re.fullmatch(r"tiny-\d{8}-\d{6}", os.path.basename(name[1])), "a run has a name", said.stdout)
    made = folder / "runs" / os.path.basename(name[1])
    expect({p.name for p in made.iterdir()} >= {"config.json", "state.json", "log.jsonl", "lock", "checkpoints", "events", "control"},
           "what is in its folder", os.listdir(made))
    config = json.loads((made / "config.json").read_text())
    expect(config["recipe"]["batch"] == 4 and config["recipe"]["rate"] == 0.01 and config["net"]["text"].startswith("tenon graph 1") and
           config["data"]["path"] == str((folder / "set").resolve()) and config["data"]["train"]["images"] == 38 and
           len(config["data"]["val"]["digest"]) == 32, "config.json", json.dumps(config, indent=1))
    told = state(made)
    expect(told["state"] == "done" and told["step"] == 36 and told["epoch"] == 4, "state.json", str(told))
    expect(sorted(trains.checkpoints(made)) == ["best.safetensors", "step-00000027.safetensors", "step-00000036.safetensors"],
           "--keep 2", str(trains.checkpoints(made)))
    bad = [line["path"] for line in trains.lines(made) if line["e"] == "bad_file"]
    expect(sorted(map(os.path.basename, bad)) == ["bad.ppm", "cut.ppm"], "bad files are in the log, once each", str(bad))
    val = re.findall(r"val loss \S+ top-1 (\S+) %", said.stdout)
    expect(len(val) == 4 and f"is in {made}/checkpoints/best.safetensors" in said.stdout, "what is told", said.stdout)
    image = folder / "set/val/green/000.ppm"
    said = run("classify", "--top", 1, made / "checkpoints/best.safetensors", image)
    expect(" %  " in said.stdout, "classify by a run", said.stdout)
    said = run("alexnet", folder / "set", "--evaluate", made / "checkpoints/best.safetensors")
    expect("of 12 images" in said.stdout, "alexnet --evaluate of a run", said.stdout)
    refused(*recipe, "--run", made, says="holds a run already")
    said = train("--resume", made)
    expect("nothing is left to do" in said.stdout and "note: " not in said.stdout, "resuming a run that is over", said.stdout)
    said = train("--resume", made, "--device", "cpu,threads=2")
    expect("note: the run was on cpu,threads=1, and is on cpu,threads=2 now" in said.stdout, "on another device", said.stdout)
    return made


def leaves_out(folder, recipe):
    """What a list names is in neither part; a list that has changed is another set."""
    gone = folder / "gone.txt"
    gone.write_text(f"# of the doctor\n{folder}/set/train/blue/001.ppm\tbroken\n{folder}/set/val/green/001.ppm\n")
    said = train(*recipe, "--exclude", gone, "--run", folder / "left_out", "--max-steps", 3)
    expect("data     37 images" in said.stdout and "val      11 images" in said.stdout, "--exclude", said.stdout)
    train("--resume", folder / "left_out")
    gone.write_text("")
    refused("--resume", folder / "left_out", says="was 37 and is 38 now")
    said = run("alexnet", *recipe, "--exclude", gone, "--max-steps", 1)
    expect("data     38 images" in said.stdout, "alexnet --exclude", said.stdout)


def goes_on_from_anywhere(folder, recipe):
    """Its paths are whole; a set that was moved is the same, one that has changed is not."""
    train("set", *recipe[1:], "--net", "tiny.net", "--run", "./moved", "--epochs", 1, "--max-steps", 5, cwd=folder)
    made = folder / "moved"
    (folder / "tiny.net").rename(folder / "other.net")
    said = train("--resume", made, cwd="/")
    expect("5 steps are done" in said.stdout, "from another folder, its net gone", said.stdout)
    (folder / "set").rename(folder / "elsewhere")
    refused("--resume", made, says=str(folder / "set"))
    said = train("--resume", made, folder / "elsewhere")
    expect("5 steps are done" in said.stdout, "with its set elsewhere", said.stdout)
    one = folder / "elsewhere/train/blue/000.ppm"
    before = one.read_bytes()
    one.write_bytes(before + b" ")
    refused("--resume", made, folder / "elsewhere", says="data.train.digest was ")
    one.write_bytes(before)
    (folder / "elsewhere").rename(folder / "set")
    (folder / "other.net").rename(folder / "tiny.net")


def begins_with_another(folder, recipe, base):
    said = train(folder / "set", "--init", base, "--batch", 4, "--threads", 1, "--max-bad", 50, "--run", folder / "tuned",
                 "--freeze", "c1", "--max-steps", 2)
    expect(re.search(r"init +\S+best.safetensors: (\d+) of \1 tensors taken", said.stdout), "--init", said.stdout)
    expect("step-00000000.safetensors" in trains.checkpoints(folder / "tuned"), "what it begins with is saved")
    base.rename(folder / "gone")
    for name in ("step-00000002.safetensors", "best.safetensors"):
        (folder / "tuned/checkpoints" / name).unlink(missing_ok=True)
    said = train("--resume", folder / "tuned")
    expect("resumed" in said.stdout and trains.state(folder / "tuned")["step"] == 2, "an --init goes on without it", said.stdout)
    (folder / "gone").rename(base)


def without_data(folder, recipe):
    for flags in (("--synthetic",), (folder / "set", "--overfit", "--max-bad", 50)):
        made = folder / f"no{len(flags)}"
        said = train(*flags, "--net", folder / "tiny.net", "--batch", 4, "--max-steps", 6, "--run", made)
        expect(state(made)["state"] == "done" and "step 6/6" in said.stdout, str(flags), said.stdout)


def names_of_any_bytes(folder, recipe):
    odd = folder / 'o\ndd "é" <img onerror>'
    programs.make_images(odd / "a", 4)
    os.rename(os.fsencode(odd) + b"/a/blue", os.fsencode(odd) + b"/a/caf\xe9")
    words = (odd / "a", *recipe[1:], "--epochs", 2, "--run", odd / "r\nun")
    train(*words)
    said = train("--resume", odd / "r\nun")
    expect("nothing is left to do" in said.stdout, "names of any bytes", said.stdout)
    json.loads((odd / "r\nun/config.json").read_text(encoding="utf-8"))


with Folder() as folder:
    recipe = trains.make_set(folder)
    programs.timed(says_how, folder, recipe)
    base = makes_a_run(folder, recipe)
    programs.timed(begins_with_another, folder, recipe, base)
    for check in (leaves_out, goes_on_from_anywhere, without_data, names_of_any_bytes):
        programs.timed(check, folder, recipe)
programs.end("tenon-train")
