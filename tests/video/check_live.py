#!/usr/bin/env python3
"""tenon-video on what does not wait: a source that goes and comes back, one that is silent, and one that is too fast."""
import array
import fcntl
import json
import pathlib
import signal
import socket
import subprocess
import sys
import termios
import threading
import time

from videos import answers, begin, command, end, expect, ffmpeg, video

work = begin("live")
FRAMES = 20


class Source:
    """A server on loopback: what each connection is sent, in turn, before it is closed; the last one again and again."""

    def __init__(self, *sent):
        self.listens = socket.create_server(("127.0.0.1", 0))
        self.url = f"tcp://127.0.0.1:{self.listens.getsockname()[1]}"
        self.held = []
        threading.Thread(target=self.serve, args=(sent,), daemon=True).start()

    def serve(self, sent):
        for i, data in enumerate(sent):
            to = self.listens.accept()[0]
            self.held.append(to)
            self.send(to, data)
            while i + 1 == len(sent) and data:
                self.send(to, data)
            if i + 1 < len(sent):
                to.close()

    @staticmethod
    def send(to, data):
        try:
            for at in range(0, len(data), 1500):
                to.sendall(data[at:at + 1500])
                time.sleep(0.01)
        except OSError:  # it has had enough
            sys.exit()


def gaps(told):
    """How often it was away."""
    return sum(b["pts"] - a["pts"] > 0.7 for a, b in zip(told, told[1:]))


def wait_until(true, seconds=30):
    until = time.monotonic() + seconds
    while not true() and time.monotonic() < until:
        time.sleep(0.01)


def waiting_bytes(pipe):
    count = array.array("i", [0])
    fcntl.ioctl(pipe.fileno(), termios.FIONREAD, count)
    return count[0]


def listens(port):
    """Does anybody, at this port of this machine? It is not touched."""
    rows = [line.split() for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return any(row[1].endswith(f":{port:04X}") and row[3] == "0A" for row in rows)


def come_back():
    """One is gone after a clip and comes back; another sends nothing for all that time, and a file goes its way beside them."""
    clip = (work / "clip.ts").read_bytes()
    cam, silent = Source(clip, clip[:len(clip) // 2], clip), Source(b"")
    (work / "config.json").write_text(json.dumps({"inputs": [{"url": cam.url, "name": "cam"}, {"url": silent.url, "name": "silent"}],
                                                  "options": {"top": 2, "every": 2, "retries": 9}}))
    run = subprocess.Popen(command("model.plan", "clip.ts,every=1", "--config", "config.json", "--top", "1", "-o", "{name}.mkv", "--encoder", "ffv1"),
                           cwd=work, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    told = []
    while gaps([a for a in told if a["stream"] == "cam"]) < 2:
        line = run.stdout.readline()
        if not line:
            break
        told += answers(line)
    run.send_signal(signal.SIGTERM)
    rest, said = run.communicate(timeout=30)
    told += answers(rest)
    mine = {name: [a for a in told if a["stream"] == name] for name in ("cam", "silent", "clip")}
    expect(run.returncode == 143 and len(mine["clip"]) == FRAMES and not mine["silent"], "who is answered", said)
    expect("cam: is lost: End of file; again in 1 s" in said and "clip: is lost" not in said, "that it is lost is told", said)
    expect(all(a["pts"] < b["pts"] and a["frame"] < b["frame"] for a, b in zip(mine["cam"], mine["cam"][1:])), "its times go back", mine["cam"])
    expect(all(a["frame"] % 2 == 0 and len(a["top"]) == 1 for a in mine["cam"]), "what the file of options and the flags say", mine["cam"][:2])
    written = subprocess.run(["ffprobe", "-loglevel", "error", "-show_entries", "packet=pts_time", "-of", "csv=p=0", "cam.mkv"], cwd=work,
                             capture_output=True, text=True, check=True).stdout.split()
    expect(len(written) >= 3 and not (work / "silent.mkv").exists(), "what is written of one that came back", written)


def given_up():
    """One that says nothing is not waited for for ever; nor is one that is not there. One that ends has ended."""
    silent = Source(b"")
    begun = time.monotonic()
    done = subprocess.run(command("model.plan", "clip.ts", silent.url, "--batch", "32", "--timeout", "1.2", "--retries", "0"), cwd=work,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60, check=False)
    lost = done.stdout.find("is lost: Connection timed out")
    expect(done.returncode == 1 and done.stdout.rfind('"stream": "clip"', 0, lost) > 0, "a file's end waits for one that is silent", done.stdout)
    gone = Source()
    gone.listens.close()
    video(work, "model.plan", gone.url, "--retries", "0", status=1, says="is lost: Connection refused")
    video(work, "model.plan", gone.url + ",name=gone", "--retries", "1", status=1, says="gone         0       0.0        0    0      0")
    expect(time.monotonic() - begun < 60, "that takes too long")
    got = video(work, "model.plan", "clip.ts,live", "--retries", "0")
    expect(got and got[-1]["frame"] == FRAMES - 1, "a live one that ends", got)


def networks():
    """One hears datagrams and tells them to another by RTSP, in H.264."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    with socket.create_server(("127.0.0.1", 0)) as s:
        door_port = s.getsockname()[1]
    door = f"rtsp://127.0.0.1:{door_port}/door"
    clip = (work / "clip.ts").read_bytes()
    hears = subprocess.Popen(command("model.plan", door + ",av.rtsp_flags=listen,name=hears", "--retries", "99", "--timeout", "30"), cwd=work,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_until(lambda: hears.poll() is not None or listens(door_port))  # else there is nobody to tell
    tells = subprocess.Popen(command("model.plan", f"udp://127.0.0.1:{port},name=tells", "-o", door, "--encoder", "libx264,preset=ultrafast,tune=zerolatency",
                                     "--overlay", "null"), cwd=work, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    told, begun = [], time.monotonic()
    threading.Thread(target=lambda: told.extend(hears.stdout.readline() for _ in range(3)), daemon=True).start()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        while len(told) < 3 and tells.poll() is None and time.monotonic() - begun < 40:
            for at in range(0, len(clip), 1316):
                s.sendto(clip[at:at + 1316], ("127.0.0.1", port))
                time.sleep(0.002)
    for run in tells, hears:
        run.send_signal(signal.SIGTERM)
    said = [run.communicate(timeout=30)[1] for run in (tells, hears)]
    expect(len(told) == 3 and all(told) and tells.returncode == 143 and hears.returncode == 143, "what is heard", (told, said))


def too_fast():
    """Whoever reads its answers does not for a while: the oldest frames are dropped, and counted."""
    frames = 900
    ffmpeg(work, "-f", "lavfi", "-i", "testsrc2=size=64x48:rate=25", "-frames:v", frames, "-c:v", "mjpeg", "fast.avi")
    run = subprocess.Popen(command("model.plan", "fast.avi,live,name=fast", "--retries", "0", "--top", "12"), cwd=work, stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE, text=True)
    wait_until(lambda: run.poll() is not None or waiting_bytes(run.stdout) > 60000)  # of the 65536 that a pipe has
    time.sleep(0.7)
    told, said = run.communicate(timeout=60)
    seen = [a["frame"] for a in answers(told)]
    row = [line.split() for line in said.splitlines() if line.startswith("fast ")][-1]
    expect(run.returncode == 0 and seen == sorted(set(seen)), "what is answered", said)
    expect(len(seen) < frames and int(row[1]) == frames and int(row[3]) == frames - len(seen), "what is dropped", (len(seen), row))
    expect(seen[-1] == frames - 1, "the newest stay", seen[-5:])


ffmpeg(work, "-f", "lavfi", "-i", "testsrc2=size=64x48:rate=25", "-frames:v", FRAMES, "-c:v", "mpeg2video", "-g", "1", "clip.ts")
for check in come_back, given_up, networks, too_fast:
    at = time.monotonic()
    check()
    print(f"{check.__name__}: {time.monotonic() - at:.2f} s", flush=True)
end("live")
