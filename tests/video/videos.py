"""What the checks of this folder share: clips that the program ffmpeg makes, and tenon-video on them."""
import json
import pathlib
import shutil
import subprocess
import sys

TOOLS, MAKER, WORK = (pathlib.Path(a).resolve() for a in sys.argv[1:4])
failures = []


def begin(what):
    """A folder of its own with a model, or the reason why there is none."""
    if not shutil.which("ffmpeg"):
        print("skipped: the program ffmpeg, which makes clips, is not here")
        sys.exit(77)
    work = WORK / what
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    subprocess.run([MAKER, work], check=True)
    return work


def expect(true, what, shown=""):
    if not true:
        failures.append(what)
        print("FAILED", what, str(shown)[:3000], flush=True)


def end(what):
    print(f"{what}: {len(failures)} failures")
    sys.exit(1 if failures else 0)


def ffmpeg(work, *words):
    done = subprocess.run(["ffmpeg", "-hide_banner", "-loglevel", "error", "-y", *map(str, words)], cwd=work, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        sys.exit(f"ffmpeg {' '.join(map(str, words))}: {done.stderr}")


def command(*words):
    return [str(w) for w in (TOOLS / "tenon-video", *words)]


def video(work, *words, status=0, says="", stdin=subprocess.DEVNULL):
    """Its answers; it ends with that status, and says so on stderr."""
    done = subprocess.run(command(*words), cwd=work, stdin=stdin, capture_output=True, timeout=120, check=False)
    said = done.stderr.decode(errors="replace")
    expect(done.returncode == status and says in said, f"{words}: status {done.returncode}, not {status} with \"{says}\"", said)
    return answers(done.stdout.decode())


def answers(text):
    return [json.loads(line) for line in text.splitlines()]


def said(answer):
    """What the net said, in the order of its classes."""
    return [t["p"] for t in sorted(answer["top"], key=lambda t: t["class"])]
