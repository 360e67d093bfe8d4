"""What the checks of this folder share: running a program, small images, and how a check ends."""
import gzip
import os
import pathlib
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import traceback

PROGRAMS = pathlib.Path(sys.argv[1]).resolve()
DATA = pathlib.Path(sys.argv[2]).resolve()
SLOW = sys.argv[3:] == ["slow"]  # programs are built with a sanitizer
SKIPPED = 77  # ctest's SKIP_RETURN_CODE
failures = []


def run(program, *words, status=0, limit=300, **more):
    """Runs a program of the build; returns what it said. Its exit status must be the one given."""
    done = subprocess.run([PROGRAMS / program, *map(str, words)], capture_output=True, text=True,
                          errors="surrogateescape", timeout=limit, **more)
    if done.returncode != status:
        failures.append(f"{program} {' '.join(map(str, words))}: status {done.returncode}, not "
                        f"{status}\n{done.stdout}{done.stderr}")
    return done


def expect(true, what, shown=""):
    if not true:
        failures.append(f"{what}\n{shown}")


def refused(program, *words, says):
    """Wrong usage: status 2, and one sentence on stderr that names the trouble."""
    done = run(program, *words, status=2)
    lines = done.stderr.splitlines()
    expect(len(lines) == 1 and lines[0].startswith(program + ": ") and says in lines[0],
           f"{program} {' '.join(map(str, words))}: does not say \"{says}\" in one line", done.stderr)


def write_image(path, red, green, blue, rng, side=40):
    """A binary PPM of one colour with noise."""
    pixels = bytes(max(0, min(255, c + rng.randrange(-40, 41)))
                   for _ in range(side * (side + 8)) for c in (red, green, blue))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"P6\n%d %d\n255\n" % (side + 8, side) + pixels)


def make_images(folder, count):
    """Three classes that a small network tells apart at once. A quote in a name must survive."""
    rng = random.Random(1)
    for name, colour in {'a "red" one': (200, 60, 60), "blue": (60, 60, 200), "green": (60, 200, 60)}.items():
        for i in range(count):
            write_image(folder / name / f"{i:03}.ppm", *colour, rng)


def make_digits(mnist, folder):
    """MNIST's files with the first 100 images of the test set, unpacked."""
    images = gzip.open(mnist / "t10k-images-idx3-ubyte.gz").read()
    labels = gzip.open(mnist / "t10k-labels-idx1-ubyte.gz").read()
    folder.mkdir()
    for part in ("train", "t10k"):
        (folder / f"{part}-images-idx3-ubyte").write_bytes(struct.pack(">IIII", 0x803, 100, 28, 28) + images[16:16 + 78400])
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(struct.pack(">II", 0x801, 100) + labels[8:108])


class Folder:
    """A new folder, removed at the end."""

    def __enter__(self):
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="tenon-examples-"))
        return self.path

    def __exit__(self, *_):
        shutil.rmtree(self.path)


def timed(check, *words):
    begun = time.monotonic()
    try:
        check(*words)
    except Exception:  # what failed before tells why
        failures.append(traceback.format_exc())
    print(f"{check.__name__}: {time.monotonic() - begun:.1f} s")


def end(what):
    for failure in failures:
        print(failure)
    print(f"{what}: {len(failures)} failures")
    sys.exit(1 if failures else 0)


def need(path):
    """Skips the check, saying so, where the data are not there."""
    if not os.path.exists(path):
        print(f"skipped: {path} is not here")
        sys.exit(SKIPPED)
