#!/usr/bin/env python3
"""What tenon-video writes: words as they are, frames upright and at their times, whole files or none; and what is broken is told."""
import json
import os
import re
import resource
import signal
import subprocess
import time

from videos import answers, begin, command, end, expect, ffmpeg, said, video

work = begin("out")
LOSSLESS = ("--encoder", "ffv1")


def probe(path, what):
    done = subprocess.run(["ffprobe", "-loglevel", "error", "-select_streams", "v", "-show_entries", what, "-of", "csv=p=0", path], cwd=work,
                          capture_output=True, text=True, check=True)
    return done.stdout.split()


def pixels(path, *filters):
    """A digest of each frame as RGB."""
    done = subprocess.run(["ffmpeg", "-loglevel", "error", "-i", path, *filters, "-pix_fmt", "rgb24", "-f", "framemd5", "-"], cwd=work,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True)
    return [line.split()[-1] for line in done.stdout.splitlines() if not line.startswith("#")]


def words():
    """Whatever a class is called is drawn as it is: as drawtext draws the same text of a file, without expanding it."""
    ffmpeg(work, "-f", "lavfi", "-i", "nullsrc=s=200x60:r=10,geq=lum=255*random(1):cb=255*random(2):cr=255*random(3)", "-frames:v", "40",
           "-c:v", "ffv1", "-pix_fmt", "bgr0", "noise.mkv")
    got = video(work, "model.plan", "noise.mkv", "-o", "words.mkv", *LOSSLESS)
    seen = {a["top"][0]["label"]: a for a in reversed(got)}
    expect(len(seen) > 4, "few labels, which proves little", list(seen))
    drawn = pixels("words.mkv")
    expect(len(drawn) == 40, "frames are missing", drawn)
    for label, a in [*seen.items()][:6]:
        text = re.sub("[\uf780-\uf7ff]", "\ufffd", label) + f" {100 * a['top'][0]['p']:.1f} %"
        (work / "text").write_text(text, encoding="utf8")
        want = pixels("noise.mkv", "-vf", f"select=eq(n\\,{a['frame']}),drawtext=font=sans:fontsize=h/18:x=w/40:y=h-th-h/30:fontcolor=white:box=1:"
                      "boxcolor=black@0.55:boxborderw=6:textfile=text:expansion=none")
        expect(drawn[a["frame"]] == want[0], f"{text} is not drawn as it is")
    plain = pixels("noise.mkv")
    expect(drawn != plain, "nothing is drawn")
    video(work, "model.plan", "noise.mkv", "-o", "plain.mkv", *LOSSLESS, "--overlay", "null")
    expect(pixels("plain.mkv") == plain, "frames without words are not what they were")
    video(work, "model.plan", "noise.mkv", "-o", "n.mkv", "--overlay", "nonsense=3", status=1, says="nonsense")
    for graph, says in ((r"scale=w=if(eq(n\,3)\,1e6\,400):h=if(eq(n\,3)\,1e6\,96):eval=frame", "is to be drawn"),
                        (r"scale=w=if(eq(n\,3)\,16\,400):h=96:eval=frame", "a frame of 16 x 96 behind those of 400 x 96")):
        video(work, "model.plan", "noise.mkv", "-o", "n.mkv", "--overlay", graph, *LOSSLESS, status=1, says=says)
        expect(len(probe("n.mkv.part", "packet=pts")) == 3, "what came before cannot be played")
        (work / "n.mkv.part").unlink()
    video(work, "model.plan", "noise.mkv", "-o", "n.webm", "--encoder", "ffv1", status=1, says="cannot be written")
    expect(not list(work.glob("n.*")), "a file of nothing", [*work.glob("n.*")])


def upright():
    """Turned by its display matrix: for the net and for who looks at it."""
    ffmpeg(work, "-f", "lavfi", "-i", "testsrc2=size=97x61:rate=5", "-frames:v", "3", "-c:v", "png", "flat.mov")
    for turned in 90, 180:
        ffmpeg(work, "-i", "flat.mov", "-c", "copy", "-metadata:s:v", f"rotate={turned}", "turned.mov")
        ffmpeg(work, "-i", "turned.mov", "-c:v", "png", "-metadata:s:v", "rotate=0", "upright.mov")
        got = video(work, "model.plan", "turned.mov", "--top", "12", "-o", "out.mkv", "--force", "--overlay", "null", *LOSSLESS)
        want = video(work, "model.plan", "upright.mov", "--top", "12")
        expect([said(a) for a in got] == [said(a) for a in want], f"turned by {turned} it is another picture")
        expect(pixels("out.mkv") == pixels("upright.mov"), f"turned by {turned} it is written otherwise")


def times():
    """Frames at odd moments stay there; sizes that change in the middle, and two at once."""
    ffmpeg(work, "-f", "lavfi", "-i", "testsrc2=size=64x48:rate=25", "-vf", "select='lt(mod(n*n,11),4)'", "-vsync", "vfr", "-t", "3", "-c:v", "ffv1",
           "odd.mkv")
    ffmpeg(work, "-f", "lavfi", "-i", "testsrc2=size=80x120:rate=10", "-frames:v", "9", "-c:v", "mjpeg", "-q:v", "2", "a.mjpeg")
    ffmpeg(work, "-f", "lavfi", "-i", "testsrc2=size=128x64:rate=10", "-frames:v", "7", "-c:v", "mjpeg", "-q:v", "2", "b.mjpeg")
    (work / "both.mjpeg").write_bytes((work / "a.mjpeg").read_bytes() + (work / "b.mjpeg").read_bytes())
    got = video(work, "model.plan", "odd.mkv", "both.mjpeg", "-o", "at-{name}.mkv", "--top", "12")
    mine = {name: [a for a in got if a["stream"] == name] for name in ("odd", "both")}
    stamps = [float(t.strip(",")) for t in probe("odd.mkv", "packet=pts_time")]
    kept = [float(t.strip(",")) for t in probe("at-odd.mkv", "packet=pts_time")]
    expect(len(stamps) > 10 and sorted(kept) == stamps, "other times", (stamps, kept))
    expect([round(a["pts"], 3) for a in mine["odd"]] == stamps, "other times are told", mine["odd"])
    expect(probe("at-both.mkv", "stream=width,height") == ["80,120"] and len(probe("at-both.mkv", "packet=pts")) == 16, "a size that changes")
    for name, parts in (("odd", ["odd.mkv"]), ("both", ["a.mjpeg", "b.mjpeg"])):
        want = [said(a) for part in parts for a in video(work, "model.plan", part, "--top", "12", "--quiet")]
        expect([said(a) for a in mine[name]] == want, f"{name} is answered otherwise beside another")
    video(work, "model.plan", "odd.mkv", "b.mjpeg", "-o", "one.mkv", status=2, says="{name}")
    video(work, "model.plan", "odd.mkv,name=a/b", "b.mjpeg,name=a-b", "-o", "at-{name}.mkv", status=2, says="at-a-b.mkv for two inputs")
    video(work, "model.plan", "odd.mkv", "-o", "at-odd.mkv", status=2, says="--force")
    video(work, "model.plan", "odd.mkv", "-o", "no/such.mkv", status=2, says="no")


def broken():
    """Cut short, with wrong bytes, onto a full disk."""
    (work / "cut.mkv").write_bytes((work / "noise.mkv").read_bytes()[:-100000])
    ffmpeg(work, "-i", "noise.mkv", "-c:v", "png", "noise.mov")
    data = bytearray((work / "noise.mov").read_bytes())
    data[len(data) // 2:len(data) // 2 + 40] = bytes(40)
    (work / "bytes.mov").write_bytes(data)
    for clip in "cut.mkv", "bytes.mov":
        got = video(work, "model.plan", clip, status=1, says=clip)
        expect(0 < len(got) < 40, f"{clip}: {len(got)} frames are answered")
    with open("/dev/full", "w") as full:
        done = subprocess.run(command("model.plan", "noise.mkv"), cwd=work, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
        expect(done.returncode == 1 and "stdout: cannot be written: No space" in done.stderr, "a full stdout", done)
    done = subprocess.run(command("model.plan", "noise.mkv", "-o", "large.mkv", *LOSSLESS), cwd=work, capture_output=True, text=True, check=False,
                          preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100000, 100000)))
    expect(done.returncode == 1 and "large.mkv: cannot be written: File too large" in done.stderr, "a full disk", done.stderr)
    expect(not (work / "large.mkv").exists(), "half of a file has its name")


def lost():
    """A net that cannot go on: what was answered until then is complete, whatever was on its way."""
    ffmpeg(work, "-f", "lavfi", "-i", "nullsrc=s=64x48:r=10,geq=r='if(lt(N,12),255,0)':g='if(lt(N,12),0,255)':b=0", "-frames:v", "40", "-c:v", "ffv1",
           "-pix_fmt", "bgr0", "turns.mkv")
    got = video(work, "red.plan", "turns.mkv,name=red", "turns.mkv,loop", "-o", "lost-{name}.mp4", "--batch", "1", status=1, says="gather red: index 1")
    for name in "red", "turns":
        told, file = [a["frame"] for a in got if a["stream"] == name], f"lost-{name}.mp4"
        kept = probe(file, "packet=pts") if (work / file).exists() else []  # one of them may have come too late for any answer
        expect(len(kept) == len(told) <= 12, f"{name} is not what was answered of it", (told, kept))
    expect(max(a["frame"] for a in got) == 11, "all that could be was answered", got)
    expect(not list(work.glob("lost-*.part")), "it is not complete")


def even():
    """Encoders that count in steps of their own have the frames of any clock, and mpegts has H.264."""
    ffmpeg(work, "-i", "odd.mkv", "-c:v", "mpeg2video", "-g", "1", "-r", "25", "clock.ts")
    for to, codec in (("mpeg2video", "mpeg2video"), ("mpeg4", "mpeg4"), (None, "h264")):
        got = video(work, "model.plan", "clock.ts", "-o", "even.ts", "--force", *(("--encoder", to) if to else ()))
        expect(codec in probe("even.ts", "stream=codec_name")[0], f"it is no {codec}")
        expect(len(got) > 10 and len(probe("even.ts", "packet=pts")) == len(got), f"frames of {codec} are missing", len(got))


def stopped():
    """SIGINT: what is written is complete."""
    run = subprocess.Popen(command("model.plan", "odd.mkv,loop", "-o", "stopped.mp4", "--quiet"), cwd=work, stdout=subprocess.PIPE, text=True)
    lines = [run.stdout.readline() for _ in range(100)]
    run.send_signal(signal.SIGINT)
    told = answers("".join(lines) + run.stdout.read())
    expect(run.wait(20) == 130, "its status", run.returncode)
    expect(len(probe("stopped.mp4", "packet=pts")) == len(told) and not list(work.glob("*.part")) or [p.name for p in work.glob("*.part")]
           == ["large.mkv.part"], "it is not complete", len(told))
    expect(all(a["pts"] < b["pts"] for a, b in zip(told, told[1:])), "times of a loop go back")


def bounded():
    """Ten times as long takes no more memory."""
    if os.environ.get("TENON_TEST_SANITIZE"):  # which keeps what is freed
        return
    most = []
    for frames in 60, 600:
        ffmpeg(work, "-f", "lavfi", "-i", "testsrc2=size=160x120:rate=25", "-frames:v", frames, "-c:v", "mjpeg", "long.avi")
        run = subprocess.Popen(command("model.plan", "long.avi", "--quiet", "-o", "-"), cwd=work, stdout=subprocess.DEVNULL)
        _, status, used = os.wait4(run.pid, 0)
        expect(status == 0, "a long one", status)
        most.append(used.ru_maxrss)
    expect(most[1] < 1.1 * most[0] + 4096, "it grows", most)


begun = time.monotonic()
for check in words, upright, times, broken, lost, even, stopped, bounded:
    check()
    print(f"{check.__name__}: {time.monotonic() - begun:.2f} s", flush=True)
end("out")
