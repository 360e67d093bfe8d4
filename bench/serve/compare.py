"""What tenon-serve costs: home of a workspace of many runs, after it began and again; 100 pages that are told of a run that changes four
times a second; nobody.

Makes --runs runs whose logs have --steps lines of steps, one file by as many names, and prints a Markdown table. Seconds are of the answers, as
a page asks them, the least of --rounds; shares are CPU time of the server by the time that passed.
"""
import argparse
import fcntl
import http.client
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "common"))
import harness  # noqa: E402

spec = importlib.util.spec_from_file_location("runs_compare", os.path.join(HERE, "..", "runs", "compare.py"))
runs_compare = importlib.util.module_from_spec(spec)
spec.loader.exec_module(runs_compare)
HOME = ("/state", "/runs?count=50", "/machine")
BARS = {"warm": 0.2, "streams": 0.01}
STREAMS, AN_ADDRESS = 100, 50  # an address has 64 connections


class Server:
    def __init__(self, workspace):
        self.process = subprocess.Popen([os.path.join(harness.BUILD, "tools", "tenon-serve"), workspace, "--port", "0", *(["--as-root"] if os.geteuid() == 0 else [])],
                                        stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline().split(":")[2].split("/")[0])
        with open(os.path.join(workspace, "serve.token")) as f:
            self.headers = {"Authorization": "Bearer " + f.read().strip()}
        self.line = http.client.HTTPConnection("localhost", self.port)

    def get(self, path):
        self.line.request("GET", "/api/v1" + path, headers=self.headers)
        answer = self.line.getresponse()
        text = answer.read()
        assert answer.status == 200, (path, answer.status, text)
        return text

    def home(self):
        began = time.perf_counter()
        size = sum(len(self.get(path)) for path in HOME)
        return time.perf_counter() - began, size

    def cpu(self):
        with open(f"/proc/{self.process.pid}/stat") as f:
            part = f.read().rsplit(")", 1)[1].split()
        return (int(part[11]) + int(part[12])) / os.sysconf("SC_CLK_TCK")

    def share(self, seconds):
        cpu, began = self.cpu(), time.perf_counter()
        time.sleep(seconds)
        return (self.cpu() - cpu) / (time.perf_counter() - began)

    def listen(self, heard, number):
        c = http.client.HTTPConnection("127.0.0.1", self.port, source_address=(f"127.0.1.{1 + number // AN_ADDRESS}", 0))
        c.request("GET", "/api/v1/events", headers=self.headers)
        answer = c.getresponse()
        try:
            while line := answer.fp.readline():
                heard[0] += line.startswith(b"data: ")
        except (OSError, ValueError):
            pass


def change(run, ends):
    """A run that changes, as one does that trains: four times a second."""
    with open(os.path.join(run, "state.json")) as f:
        state = json.load(f)
    while not ends.is_set():
        state["step"] += 1
        state["updated"] += 1
        with open(os.path.join(run, "state.tmp"), "w") as f:
            json.dump(state, f)
        os.rename(os.path.join(run, "state.tmp"), os.path.join(run, "state.json"))
        time.sleep(0.25)


def main():
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("--runs", type=int, default=1000)
    args.add_argument("--steps", type=int, default=100000)
    args.add_argument("--rounds", type=int, default=9)
    args.add_argument("--seconds", type=float, default=10, help="of each share")
    a = args.parse_args()
    with tempfile.TemporaryDirectory(prefix="tenon-bench-") as work:
        folder = os.path.join(work, "runs")
        runs_compare.write_log(os.path.join(work, "log.jsonl"), a.steps)
        runs_compare.make(folder, a.runs, os.path.join(work, "log.jsonl"), a.steps)
        changing = os.path.join(folder, "run-0000")
        lock = os.open(os.path.join(changing, "lock"), os.O_RDWR)

        fcntl.flock(lock, fcntl.LOCK_EX)  # it lives
        os.unlink(os.path.join(changing, "log.jsonl"))
        shutil.copy(os.path.join(work, "log.jsonl"), changing)
        s = Server(work)
        cold, _ = s.home()
        began = time.perf_counter()
        while any(r["took"] is None for r in json.loads(s.get(HOME[1]))["runs"]):  # their logs are read behind its back
            time.sleep(0.1)
        filled = time.perf_counter() - began
        size = s.home()[1]
        warm = min(s.home()[0] for _ in range(a.rounds))
        idle = s.share(a.seconds)
        heard, ends = [0], threading.Event()
        for i in range(STREAMS):
            threading.Thread(target=s.listen, args=(heard, i), daemon=True).start()
        threading.Thread(target=change, args=(changing, ends), daemon=True).start()
        time.sleep(1)
        before = heard[0]
        busy = s.share(a.seconds)
        events = (heard[0] - before) / a.seconds
        ends.set()
        s.process.terminate()
        s.process.wait()
    rows = [(f"home of {a.runs} runs of {a.steps} steps, {size // 1024} KiB: warm", f"{1e3 * warm:.1f} ms", "200 ms", warm <= BARS["warm"]),
            ("the same, the first time; until all of it is there", f"{1e3 * cold:.0f} ms; {filled:.1f} s", "", True),
            (f"{STREAMS} open pages, told of {events / STREAMS:.1f} changes a second", f"{100 * busy:.2f} % of a core", "1 %", busy <= BARS["streams"]),
            ("no page", f"{100 * idle:.2f} % of a core", "", True)]
    print("| | | the bar | |\n|---|---|---|---|")
    for what, is_, bar, good in rows:
        print(f"| {what} | {is_} | {bar} | {'' if not bar else 'reached' if good else 'MISSED'} |")
    return 0 if all(good for *_, good in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
