"""What the checks of models share: a set whose classes have hostile names, a run that has learned it, files of models; and asking a tool in a shell."""
import os
import shutil
import subprocess

from serves import TOOLS, expect

os.environ["OMP_NUM_THREADS"] = "1"  # of small nets, beside other tests
NAMES = ("<img src=x onerror=alert(1)>", "blue", "green\n&amp;")
SIDE = 16
NET = f"""tenon graph 1
input image u8 N {SIDE} {SIDE} 3
input label i32 N
x = image_input(image) mean=128,128,128 scale=0.01,0.01,0.01
conv1 = conv2d(x) filters=4 kernel=3 pad=1
r1 = relu(conv1)
conv2 = conv2d(r1) filters=4 kernel=3 pad=1
r2 = relu(conv2)
f = flatten(r2)
fc = dense(f) units=3
l, right, among = softmax_xent(fc, label)
output fc
loss l
"""


def picture(k):
    return b"P6\n%d %d\n255\n" % (SIDE, SIDE) + bytes((37 * i * (k + 1) + i // 7) % 256 for i in range(3 * SIDE * SIDE))


def tool(*words):
    done = subprocess.run([str(w) for w in words], capture_output=True, text=True, check=False)
    expect(done.returncode == 0, str(words), done.stderr)
    return done.stdout


def make(w):
    """A set whose classes have hostile names, a run that has learned it, and files of models."""
    for split, few in (("train", 6), ("val", 3)):
        for i, name in enumerate(NAMES):
            folder = w / "set" / split / name
            folder.mkdir(parents=True)
            for k in range(few):
                (folder / f"{k}.ppm").write_bytes(picture(10 * i + k + 100 * (split == "val")))
    (w / "tiny.net").write_text(NET)
    tool(TOOLS / "tenon-train", w / "set", "--net", w / "tiny.net", "--batch", 6, "--epochs", 3, "--size", SIDE, "--augment", "none", "--threads", 1,
         "--device", "cpu,threads=1", "--run", w / "runs/tiny")
    (w / "models").mkdir()
    best = w / "runs/tiny/checkpoints/best.safetensors"
    shutil.copy(best, w / "models/kept.safetensors")
    shutil.copy(best, w / "models/Not-A-Name.safetensors")
    shutil.copy(best, w / "models/alexnet-1")
    (w / "models/broken.onnx").write_bytes(b"no model")
    (w / "models/out.plan").symlink_to("/etc/hostname")
    return best
