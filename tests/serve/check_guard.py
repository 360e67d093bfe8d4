#!/usr/bin/env python3
"""Who may ask, and how much: tokens, names, pages of others, slow and large requests; what it refuses to serve."""
import concurrent.futures
import contextlib
import http.client
import os
import socket
import stat
import subprocess
import sys
import time

from serves import TOOLS, Server, Workspace, end, expect, wait_until


def tokens(s):
    for given, want in ((None, 401), ("Bearer ", 401), ("Bearer " + "x" * 43, 401), ("Basic " + s.token, 401), ("bearer " + s.token, 200)):
        status, said, a = s.ask("GET", "/api/v1/state", headers={"Authorization": given} if given else {}, token=False)
        expect(status == want and (want == 200 or a.getheader("WWW-Authenticate") == "Bearer"), f"Authorization: {given}", (status, said))
    for path in ("/", "/app.js", "/style.css"):
        expect(s.ask("GET", path, token=False)[0] == 200, f"{path} is for everybody")
    expect(s.ask("GET", f"/api/v1/state?token={s.token}", token=False)[0] == 401, "a token in an address is none")
    for method, path in (("POST", "/api/v1/runs/died/orders"), ("PUT", "/api/v1/runs/died/notes"), ("DELETE", "/api/v1/runs/died"), ("GET", "/api/v1/events")):
        expect(s.ask(method, path, body="x", token=False)[0] == 401, f"{method} {path}")


def guesses(s):
    """After five wrong ones no more are answered; the right one is, whoever has guessed."""
    seen = [s.ask("GET", "/api/v1/state", headers={"Authorization": "Bearer " + "y" * 43}, token=False)[0] for _ in range(8)]
    expect(seen[-1] == 429 and 401 in seen + [401] and s.ask("GET", "/api/v1/state")[0] == 200, "a pause", seen)


def pages(s):
    name = f"localhost:{s.port}"
    for headers, want in (({"Host": "evil.example"}, 421), ({"Host": f"evil.example:{s.port}"}, 421), ({"Host": "localhost"}, 421), ({"Host": name.upper()}, 200),
                          ({"Host": f"127.0.0.1:{s.port}"}, 200), ({"Origin": "http://evil.example"}, 403), ({"Origin": "null"}, 403),
                          ({"Origin": f"http://localhost:{s.port + 1}"}, 403), ({"Origin": "http://" + name}, 200), ({"Origin": f"http://{name}.evil.example"}, 403)):
        for path in ("/", "/api/v1/state"):
            status, said, a = s.ask("GET", path, headers=headers)
            expect(status == want and a.getheader("Access-Control-Allow-Origin") is None, f"{path} with {headers}", (status, said))
    got = s.raw(b"GET /api/v1/state HTTP/1.0\r\n\r\n")
    expect(b" 421 " in got.split(b"\r\n")[0], "without a name", got[:100])


def headers(s):
    for path in ("/", "/app.js", "/api/v1/state", "/nothing"):
        _, _, a = s.ask("GET", path)
        policy = a.getheader("Content-Security-Policy") or ""
        expect("default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "unsafe" not in policy and
               a.getheader("X-Content-Type-Options") == "nosniff" and a.getheader("Referrer-Policy") == "no-referrer" and
               a.getheader("Set-Cookie") is None, path, a.getheaders())
    _, _, a = s.ask("GET", "/app.js")
    status, text, _ = s.ask("GET", "/app.js", headers={"If-None-Match": a.getheader("ETag")})
    expect(status == 304 and not text, "what has not changed is not sent again", status)
    expect(s.ask("GET", "/api/v1/state")[2].getheader("Cache-Control") == "no-store", "no answer is kept")


def amounts(s):
    own = f"Host: localhost:{s.port}\r\nAuthorization: Bearer {s.token}\r\n".encode()
    got = s.raw(b"PUT /api/v1/runs/died/notes HTTP/1.1\r\n" + own + b"Content-Length: 2097152\r\n\r\n")
    expect(b" 413 " in got[:20], "a body of 2 MiB is not even taken", got[:100])
    got = s.raw(b"GET /api/v1/state HTTP/1.1\r\n" + own + b"X: " + b"y" * 40000 + b"\r\n\r\n")
    expect(got.split(b" ")[1:2] in ([b"431"], [b"413"], [b"400"]) or not got, "headers of 40 kB", got[:100])
    got = s.raw(b"GET /" + b"a" * 60000 + b" HTTP/1.1\r\n" + own + b"\r\n")
    expect(b" 200 " not in got[:20], "an address of 60 kB", got[:100])
    chunk = b"10000\r\n" + b"z" * 65536 + b"\r\n"
    got = s.raw(b"PUT /api/v1/runs/died/notes HTTP/1.1\r\n" + own + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 17 + b"0\r\n\r\n")
    expect(b" 200 " not in got[:20], "1.1 MB in pieces", got[:100])
    expect(s.ask("GET", "/api/v1/state")[0] == 200, "it goes on")


def odd(s):
    """What is no request; it is refused at once or when its time is up."""
    own = f"Host: localhost:{s.port}\r\nAuthorization: Bearer {s.token}\r\n".encode()
    for bad in (b"\0" * 100, b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\r\n" * 50, b"GET /api/v1/state HTTP/1.1\r\n" + own[:-2] + b"\n x\r\n\r\n",
                b"PUT /api/v1/runs/died/notes HTTP/1.1\r\n" + own + b"Content-Length: -5\r\n\r\n",
                b"PUT /api/v1/runs/died/notes HTTP/1.1\r\n" + own + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\n"):
        yield bad


def refused(s, bad):
    expect(b" 200 " not in s.raw(bad, 15)[:20], f"{bad}")


def slow(s):
    """A byte of a header now and then does not keep a connection: 10 s are there for all of them."""
    began = time.time()
    c = socket.create_connection(("localhost", s.port), timeout=1)
    closed = False
    while not closed and time.time() - began < 25:
        try:
            c.sendall(b"G" if time.time() - began < 0.5 else b"E")
            time.sleep(0.4)
            c.settimeout(0.1)
            closed = c.recv(1) == b""
        except TimeoutError:
            pass
        except OSError:
            closed = True
    c.close()
    expect(closed and time.time() - began < 20, "a slow sender is shut out", time.time() - began)


def many(s):
    """More connections than it takes from an address: the rest are closed, and it lives."""
    some = []
    for _ in range(300):
        try:
            some.append(socket.create_connection(("localhost", s.port), timeout=2))
        except OSError:
            break
    for c in some:
        c.close()

    def answers():
        with contextlib.suppress(OSError, http.client.HTTPException):  # it has not yet heard that they are closed
            return s.ask("GET", "/api/v1/state")[0] == 200
        return False
    expect(wait_until(answers, 30), "after 300 connections")


def streams(s):
    """128 listen, no more; those that do are told of what happens all the same."""
    own = f"GET /api/v1/events HTTP/1.1\r\nHost: localhost:{s.port}\r\nAuthorization: Bearer {s.token}\r\n\r\n".encode()
    some, seen = [], []
    for i in range(134):
        c = socket.socket()
        c.bind((f"127.0.1.{1 + i // 30}", 0))  # an address has 64 connections at most
        c.settimeout(5)
        c.connect(("127.0.0.1", s.port))
        c.sendall(own)
        seen.append(c.recv(12)[9:12])
        some.append(c)
    for c in some:
        c.close()
    expect(seen[:128] == [b"200"] * 128 and seen[128:] == [b"503"] * 6, "128 streams", seen)


def children(s):
    """As many programs at once as there are cores, and two; the rest is told to come again."""
    count = os.sysconf("SC_NPROCESSORS_ONLN") + 6
    seen = set()

    def both():  # a quick machine has ended some before the last of them are asked for
        seen.update(pool.map(lambda _: s.ask("POST", "/api/v1/plan", body={"net": "resnet50"})[0], range(count)))
        return len(seen) > 1
    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        expect(wait_until(both, 30) and seen == {200, 503}, f"{count} plans at once", seen)
    expect(s.ask("POST", "/api/v1/plan", body={"net": "lenet"})[0] == 200, "and then another one")


def another_user(s, w):
    """Of this machine, who reaches the port as anybody does, and nothing else."""
    if os.geteuid() != 0:
        print("another user: left out, this is not root")
        return
    os.chmod(w, 0o755)  # so that it is the files that keep him out
    code = """
import os, sys, urllib.request, urllib.error
def status(path, **h):
    try: return urllib.request.urlopen(urllib.request.Request(sys.argv[1] + path, headers=h)).status
    except urllib.error.HTTPError as e: return e.code
def opens(path, how):
    try: os.close(os.open(path, how)); return True
    except PermissionError: return False
print(status("/api/v1/state"), status("/api/v1/runs", Authorization="Bearer " + "x" * 43), status("/app.js"), opens(sys.argv[2] + "/serve.token", os.O_RDONLY),
      opens(sys.argv[2] + "/new", os.O_WRONLY | os.O_CREAT))
"""
    done = subprocess.run([sys.executable, "-c", code, f"http://localhost:{s.port}", w], capture_output=True, text=True, user=65534, group=65534, extra_groups=[], check=False)
    expect(done.stdout.split() == ["401", "401", "200", "False", "False"], "another user", (done.stdout, done.stderr[-500:]))
    os.chmod(w, 0o700)


def refusals(w):
    """What it does not serve, with the reason."""
    root = ["--as-root"] if os.geteuid() == 0 else []

    def said(*words):
        done = subprocess.run([TOOLS / "tenon-serve", *map(str, words)], capture_output=True, text=True, timeout=20)
        return done.returncode, done.stderr
    for words, why in (((w / "nobody", *root), "No such file"), ((w / "runs/died/lock", *root), "is no folder"), ((w, "--listen", "here", *root), "is no address"),
                       ((w, "--socket", "x" * 200, *root), "at most")):
        status, text = said(*words)
        expect(status == 2 and why in text and text.count("\n") == 1, str(words), text)
    if root:
        status, text = said(w)
        expect(status == 2 and "--as-root" in text, "as root", text)
        os.chown(w, 65534, 65534)
        status, text = said(w, *root)
        expect(status == 2 and "another user's" in text, "another user's workspace", text)
        os.chown(w, 0, 0)
    os.chmod(w, 0o777)
    status, text = said(w, *root)
    expect(status == 2 and "others may write" in text, "a workspace that others may write to", text)
    os.chmod(w, 0o700)
    os.chmod(w / "serve.token", 0o644)
    status, text = said(w, *root)
    expect(status == 2 and "serve.token" in text, "a token that others may read", text)
    (w / "serve.token").rename(w / "elsewhere")
    (w / "elsewhere").chmod(0o600)
    (w / "serve.token").symlink_to(w / "elsewhere")
    status, text = said(w, *root)
    expect(status == 2 and "serve.token" in text, "a token that is a link", text)


def in_a_file(w):
    path = w / "s"
    with Server(w, "--socket", path) as s:
        expect(stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, "the socket is ours alone")
        c = socket.socket(socket.AF_UNIX)
        c.connect(str(path))
        c.sendall(f"GET /api/v1/state HTTP/1.0\r\nAuthorization: Bearer {s.token}\r\n\r\n".encode())
        got = b""
        while part := c.recv(65536):
            got += part
        expect(b" 200 " in got[:20] and b'"states"' in got, "over a socket in a file", got[:200])
    expect(not path.exists(), "it is gone afterwards")


with Workspace() as w:
    with Server(w) as s:
        expect(stat.S_IMODE((w / "serve.token").stat().st_mode) == 0o600 and len(s.token) == 43 and s.address.endswith("/#token=" + s.token), "the token", s.said)
        with concurrent.futures.ThreadPoolExecutor(16) as pool:  # these wait for the clock
            late = [pool.submit(slow, s), *(pool.submit(refused, s, bad) for bad in odd(s))]
            for check in (tokens, pages, headers, amounts, children):
                check(s)
            another_user(s, w)
            for one in late:
                one.result()
        for check in (streams, many, guesses):
            check(s)
    with Server(w) as again:
        expect(again.token == s.token, "the token stays")
    with Server(w, "--no-token", "--host", "box.example") as s:
        expect(s.ask("GET", "/api/v1/state", token=False)[0] == 200 and s.ask("GET", "/", headers={"Host": "box.example"})[0] == 200, "without a token, by another name")
    in_a_file(w)
    refusals(w)
end("tenon-serve, guarded")
