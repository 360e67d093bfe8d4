"""A set of three classes of one colour each, and a net, that train in no time."""

NET = """tenon graph 1
input image u8 N 16 16 3
input label i32 N
x = image_input(image) mean=128,128,128 scale=0.01,0.01,0.01
f = flatten(x)
fc = dense(f) units=3
l, right, among = softmax_xent(fc, label)
output fc
loss l
"""


def make_set(w):
    for split in ("train", "val"):
        for i, name in enumerate(("<img src=x>", "blue", "green")):
            folder = w / "set" / split / name
            folder.mkdir(parents=True)
            for k in range(8):
                (folder / f"{k}.ppm").write_bytes(b"P6\n16 16\n255\n" + bytes([40 * i + k] * 768))
    (w / "tiny.net").write_text(NET)
