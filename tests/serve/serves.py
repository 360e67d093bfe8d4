"""What the checks of this folder share: a server on a workspace, and asking it."""
import contextlib
import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

TOOLS = pathlib.Path(sys.argv[1]).resolve()
BY_HAND = pathlib.Path(sys.argv[2]).resolve()
SKIPPED = 77
failures = []


def expect(true, what, shown=""):
    if not true:
        failures.append(f"{what}\n{shown}")
        print("FAILED", what, str(shown)[:2000], flush=True)


def end(what):
    print(f"{what}: {len(failures)} failures")
    sys.exit(1 if failures else 0)


class Workspace:
    """A folder of its own with the runs that are made by hand, gone at the end."""

    def __enter__(self):
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="tenon-serve-"))
        subprocess.run([sys.executable, "-B", BY_HAND, self.path], check=True)
        return self.path

    def __exit__(self, *_):
        for state in self.path.glob("runs/*/state.json"):  # what a failed check has left alive
            pid = json.loads(state.read_text()).get("pid") or 0
            with contextlib.suppress(OSError):
                if str(self.path) in pathlib.Path(f"/proc/{pid}/cmdline").read_text():
                    os.kill(pid, signal.SIGKILL)
        shutil.rmtree(self.path, ignore_errors=True)


class Server:
    def __init__(self, workspace, *words):
        self.workspace = pathlib.Path(workspace)
        self.words = [TOOLS / "tenon-serve", workspace, "--port", "0", *(["--as-root"] if os.geteuid() == 0 else []), *map(str, words)]

    def __enter__(self):
        self.process = subprocess.Popen(self.words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.said = self.process.stdout.readline().strip()
        self.address = self.said.split(" at ")[-1]
        token = self.workspace / "serve.token"
        self.token = token.read_text().strip() if token.exists() else ""
        if self.address.startswith("http"):
            self.port = int(self.address.split(":")[2].split("/")[0])
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        out, error = self.process.communicate(timeout=20)
        expect(self.process.returncode == 0 and "ERROR" not in error, "the server ends as it should", f"{self.process.returncode} {error}")

    def kill(self):
        """kill -9, and another one at the same port."""
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate()
        self.words[self.words.index("--port") + 1] = str(self.port)
        self.process = subprocess.Popen(self.words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        expect(str(self.port) in self.process.stdout.readline(), "it is there again")

    def ask(self, method, path, body=None, headers=None, token=True):
        """Status, what it says (JSON if it is), headers."""
        c = http.client.HTTPConnection("localhost", self.port, timeout=60)
        own = {"Authorization": "Bearer " + self.token} if token else {}
        c.request(method, path, body=json.dumps(body) if isinstance(body, dict) else body, headers={**own, **(headers or {})})
        answer = c.getresponse()
        text = answer.read()
        c.close()
        try:
            return answer.status, json.loads(text), answer
        except ValueError:
            return answer.status, text, answer

    def get(self, path, status=200):
        got, said, _ = self.ask("GET", "/api/v1" + path)
        expect(got == status, f"GET {path}: {got}, not {status}", said)
        return said

    def raw(self, data, seconds=20):
        """Bytes to a connection of its own; what comes back until it is closed."""
        with socket.create_connection(("localhost", self.port), timeout=seconds) as s:
            s.sendall(data)
            got = b""
            try:
                while part := s.recv(65536):
                    got += part
            except OSError:
                pass
            return got


def wait_until(true, seconds=60):
    until = time.time() + seconds
    while True:
        try:
            is_ = true()
        except Exception as e:
            if type(e).__name__ != "StaleElementReferenceException":  # an element of a page that is another by now
                raise
            is_ = False
        if is_ or time.time() > until:
            return is_
        time.sleep(0.05)
