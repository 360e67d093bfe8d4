#!/usr/bin/env python3
"""tenon-video on files: it sees what training sees, says of each frame what tenon-infer says, and of what is broken so."""
import json
import os
import pathlib
import subprocess

from videos import TOOLS, begin, end, expect, ffmpeg, said, video

work = begin("files")
slides = pathlib.Path(os.environ.get("TENON_TEST_DATA", "/nowhere")) / "video/slideshow_mjpeg.avi"
SCALE = "scale=sws_flags=bilinear+accurate_rnd+full_chroma_int+full_chroma_inp+bitexact,format=gbrp,format=rgb24"


def infer(model, *pictures):
    """What tenon-infer says of pictures, as tenon-video's answers."""
    done = subprocess.run([TOOLS / "tenon-infer", model, *pictures, "--rows", "32", "--json", "--top", "12"], cwd=work, capture_output=True,
                          check=True)
    return [{"top": [{"class": c["class"], "p": c["share"]} for c in p["classes"]]} for p in json.loads(done.stdout)]


def same_picture():
    """One picture as PNG and as video without loss, RGB and padded rows, by an engine and by a model."""
    ffmpeg(work, "-f", "lavfi", "-i", "testsrc2=size=97x61,noise=alls=40", "-frames:v", "1", "one.png")
    ffmpeg(work, "-i", "one.png", "-c:v", "ffv1", "-pix_fmt", "bgr0", "one.mkv")
    ffmpeg(work, "-i", "one.png", "-c:v", "png", "two.mov")
    for model in "model.plan", "model.safetensors":
        want = said(infer(model, "one.png")[0])
        for clip in "one.mkv", "two.mov":
            got = video(work, model, clip, "--top", "12")
            expect(len(got) == 1 and said(got[0]) == want, f"{clip} by {model} is not as the PNG", (got, want))
    video(work, "model.safetensors", "one.mkv", "--device", "cpu,pin=on", "--threads", "1024", status=2, says="1024")
    expect(got[0]["stream"] == "two" and got[0]["frame"] == 0 and got[0]["ms"] > 0, "what an answer is of", got)


def labels():
    """Frame by frame what tenon-infer says of the same frames."""
    if not slides.exists():
        print("skipped: the slideshow is not here")
        return
    ffmpeg(work, "-i", slides, "-vf", SCALE, "frame-%03d.png")
    want = infer("model.plan", *sorted(p.name for p in work.glob("frame-*.png")))
    got = video(work, "model.plan", slides, "--top", "12", says="frames")
    expect(len(got) == 120 and [a["frame"] for a in got] == list(range(120)), "its frames", got)
    expect([said(a) for a in got] == [said(a) for a in want], "the slideshow's answers are not those of its frames")
    expect(len({a["top"][0]["class"] for a in got}) > 2, "all frames have the same label, which proves little")
    every = video(work, "model.plan", f"{slides},every=7,name=door", "--top", "12")
    expect([a["frame"] for a in every] == list(range(0, 120, 7)), "every seventh", every)
    expect([said(a) for a in every] == [said(a) for a in got[::7]], "what is said of every seventh")
    expect({a["stream"] for a in every} == {"door"}, "its name", every)


def smoothed():
    """A long mean stays near its first answer, whatever sign times have."""
    ffmpeg(work, "-f", "lavfi", "-i", "nullsrc=s=64x48:r=1,geq=lum='if(mod(N,2),X*4,255-Y*4)':cb='if(mod(N,2),40,200)':cr=128", "-frames:v", "4",
           "-c:v", "mpeg2video", "-g", "1", "-output_ts_offset", "-9", "-avoid_negative_ts", "disabled", "below.ts")
    plain, mean = (video(work, "model.plan", "below.ts", "--top", "12", "--smooth", s) for s in ("0", "1000"))
    expect(len(mean) == 4 and mean[-1]["pts"] < 0, "its times", mean)
    far = [max(abs(a - b) for a, b in zip(said(g[0]), said(g[1]))) for g in (plain, mean)]
    expect(far[0] > 0.1 and far[1] < 0.01, "what is smoothed", far)


def refused():
    """What cannot be is said before anything is done."""
    video(work, "model.plan", status=2, says="0 inputs")
    if not pathlib.Path("/dev/nvidiactl").exists():
        video(work, "model.plan", "one.mkv", "--decode", "cuda", status=2, says="NVIDIA's driver is not here")
    video(work, "nothing.plan", "one.mkv", status=2, says="nothing.plan")
    video(work, "model.plan", "nothing.mkv", status=1, says="nothing.mkv: No such file or directory")
    video(work, "model.plan", "one.png,every=0", status=2, says="every=0")
    video(work, "model.plan", "--", "-,loop", status=2, says="loop is for files")
    video(work, "model.plan", "one.mkv,name=a", "two.mov,name=a", status=2, says="two inputs have the name")
    video(work, "model.plan", "one.mkv,av.nonsense=1", status=1, says="av.nonsense")
    video(work, "model.plan", "model.plan", status=1, says="model.plan: Invalid data")
    video(work, "model.plan", "one.mkv", "--json", "one.png", status=2, says="--force")


same_picture()
labels()
smoothed()
refused()
end("files")
