#!/usr/bin/env python3
"""The page in a real browser: what it shows, in both languages and themes, wide and narrow; that hostile names are text; that the console stays
silent."""
import http.server
import json
import pathlib
import re
import threading

from browser import HOSTILE, By, browser, is_silent, looks, shot, shows, text
from selenium.webdriver.common.keys import Keys
from serves import Server, Workspace, end, expect, wait_until

PAGE = pathlib.Path(__file__).resolve().parents[2] / "tools/serve/page"


def words():
    """Each key of the page's words is there in both languages, is used, and those that are used are there."""
    files = [PAGE / "strings.js", *sorted(PAGE.glob("*_words.js"))]
    en, of = set(), {}
    for p in files:
        one, zh = (set(re.findall(r'(?:^|[\s,{])"?([a-z0-9-]+)"?: "', part)) for part in p.read_text().split("zh: {"))
        expect(one == zh and one, f"{p.name}: the same keys in both languages", one ^ zh)
        expect(not en & one, f"{p.name}: no key of another file's", en & one)
        en |= one
        of[p.name.split("_")[0]] = one
    code = "".join(p.read_text() for p in PAGE.glob("*.js") if p not in files)
    quoted = set(re.findall(r'"([a-z0-9-]+)"', code))
    expect(not en - quoted - {"starting", "stopping", "diverged"}, "all are used", en - quoted)
    used = set(re.findall(r'say\("([a-z0-9-]+)"\)', code))
    expect(not used - en, "all that are used are there", used - en)
    families = {}  # run.js, run_acts.js: what they have of words is what one of them loads
    for p in (p for p in PAGE.glob("*.js") if p not in files):
        families.setdefault(p.stem.split("_")[0], []).append(p.read_text())
    for family, texts in families.items():
        text_ = "".join(texts)
        used = set(re.findall(r'(?:say\(|counted\([^"]*, )"([a-z0-9-]+)"\)', text_))
        here = of["strings.js"].union(*(of[name] for name in re.findall(r'import "./([a-z]+)_words.js"', text_)))
        expect(not used - here, f"{family}*.js: no words of another page's, which may not be loaded", used - here)
    for bad in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
        expect(bad not in code, f"no {bad}")
    first = [p for p in PAGE.iterdir() if not p.name.startswith(("compare", "dataset", "folders", "form", "model", "new", "picture", "run"))]
    expect(sum(p.stat().st_size for p in first) < 80_000 and sum(p.stat().st_size for p in PAGE.iterdir()) < 220_000, "the page is small, home more so")


def home(b, s):
    b.get(s.address)
    expect(shows(b, "alexnet-1") and "3" in text(b), "home", text(b))
    expect("token" not in b.current_url, "the token is out of sight", b.current_url)
    rows = b.find_elements(By.CSS_SELECTOR, "tbody tr")
    expect(len(rows) == 5 and len(b.find_elements(By.CSS_SELECTOR, "tbody .spark path")) == 5, "five runs with their curves", len(rows))
    expect("loss is NaN in conv1" in text(b), "why one failed", text(b))
    shot(b, "home")
    b.find_element(By.TAG_NAME, "body").send_keys("/")
    b.switch_to.active_element.send_keys("alexnet-2")
    expect(wait_until(lambda: len(b.find_elements(By.CSS_SELECTOR, "tbody tr")) == 1), "found")
    b.execute_script("const e = document.querySelector('select'); e.value = 'died'; e.onchange()")
    expect(wait_until(lambda: not b.find_elements(By.CSS_SELECTOR, "tbody tr")), "none of that state and name")
    b.execute_script("const e = document.querySelector('select'); e.value = ''; e.onchange()")
    b.switch_to.active_element.send_keys(Keys.CONTROL + "a" + Keys.NULL + Keys.BACKSPACE)
    expect(wait_until(lambda: len(b.find_elements(By.CSS_SELECTOR, "tbody tr")) == 5), "all again")
    for box in b.find_elements(By.CSS_SELECTOR, "tbody input[type=checkbox]")[:2]:
        box.click()
    b.find_element(By.XPATH, "//button[text()='Compare']").click()
    expect(shows(b, "They differ from step 310"), "compared", text(b))
    shot(b, "compare")


def run(b, s, w):
    b.get(f"http://localhost:{s.port}/#/runs/alexnet-1")
    expect(shows(b, "rate_scale 0.1") or "rate_scale" in b.page_source, "the mark of an order", text(b)[:500])
    paths = b.find_elements(By.CSS_SELECTOR, ".chart path.line")
    expect(len(paths) >= 6 and all(len(p.get_attribute("d")) > 100 for p in paths[:2]), "curves", len(paths))
    expect("6 / 6" in text(b) and "anna <b>" in text(b), "figures and log", text(b)[:800])
    chart = b.find_element(By.CSS_SELECTOR, ".chart svg")
    chart.send_keys(Keys.ARROW_LEFT)
    expect("step 6" in text(b, ".chart .at") or "step 5" in text(b, ".chart .at"), "left goes along the curve", text(b, ".chart .legend"))
    shot(b, "run")
    b.find_element(By.XPATH, "//button[text()='As a table']").click()
    expect(len(b.find_elements(By.CSS_SELECTOR, "dialog tbody tr")) > 60, "the curves as a table")
    b.find_element(By.XPATH, "//dialog//button[text()='Close']").click()
    (w / "runs/alexnet-1/state.json").write_text(json.dumps({"v": 1, "state": "failed", "reason": HOSTILE, "step": 610, "epoch": 6, "updated": 1.7e9}))
    expect(shows(b, HOSTILE), "a change is shown by itself, as text", text(b)[:300])
    expect(not b.find_elements(By.CSS_SELECTOR, "main img") and "owned" not in b.title, "and nothing of it runs", b.title)


def new(b, s):
    """A pasted net with an error: its line is shown; a good one: what it takes; the same in a shell."""
    b.get(f"http://localhost:{s.port}/#/new")
    expect(shows(b, "Parameters"), "what a named net takes", text(b))
    expect(wait_until(lambda: b.find_elements(By.CSS_SELECTOR, "aside .chart path.line")), "how the rate moves")
    b.find_element(By.XPATH, "//button[text()='pasted text']").click()
    b.find_element(By.CSS_SELECTOR, ".editor textarea").send_keys("tenon graph 1\ninput x f32 N 4\ny = nothing(x)\n")
    expect(wait_until(lambda: "no operation" in text(b, ".editor .beside")) and text(b, ".editor .numbers .bad") == "3", "an error stands beside its line", text(b)[:1500])
    shot(b, "new")
    rate = b.find_element(By.CSS_SELECTOR, "input[name=rate]")
    rate.send_keys(",".join(["0.1"] * 65))
    expect(shows(b, "More than 64 runs") and not b.find_element(By.XPATH, "//button[text()='Start']").is_enabled(), "more than are begun at once", text(b)[-300:])
    rate.clear()
    rate.send_keys("0.1,0.01")
    b.find_element(By.CSS_SELECTOR, "input[name=name]").send_keys("Not a name")
    b.find_element(By.XPATH, "//button[text()='Start']").click()
    expect(shows(b, "a name is of small letters"), "refused by its field", text(b)[:1500])
    expect("tenon train" in text(b) and "--run 'Not a name-2'" in text(b) and "2 runs" in text(b), "the line for a shell", text(b)[-300:])
    for words, title in (("中文", "新建训练"), ("EN", "New run")):
        b.find_element(By.XPATH, f"//header//button[text()='{words}']").click()
        expect(wait_until(lambda: text(b, "h1") == title and b.find_elements(By.CSS_SELECTOR, ".editor textarea")), "in another language")
        kept = [b.find_element(By.CSS_SELECTOR, css).get_attribute("value") for css in ("input[name=name]", "input[name=rate]", ".editor textarea")]
        expect(kept[:2] == ["Not a name", "0.1,0.01"] and "y = nothing(x)" in kept[2], "what was typed stays", kept)


def hasty(b, s):
    """Who asks for another page before the first has come is shown the second alone."""
    b.get(f"http://localhost:{s.port}/#/")
    expect(shows(b, "alexnet-2"), "home")
    b.execute_script("""const ask = window.fetch;
window.fetch = (path, o) => new Promise((y, n) => setTimeout(() => ask(path, o).then(y, n), String(path).includes("/runs/alexnet-2") ? 250 : 0));
location.hash = "#/runs/alexnet-2";
setTimeout(() => { location.hash = "#/runs/died"; }, 100);""")
    expect(wait_until(lambda: text(b, "h1") == "died"), "the second", text(b, "h1"))
    wait_until(lambda: text(b, "h1") != "died" or "died" not in b.title, 1.2)
    expect(text(b, "h1") == "died" and "died" in b.title, "and it stays", (text(b, "h1"), b.title))
    b.get("about:blank")
    b.get(f"http://localhost:{s.port}/#/runs/100%")
    expect(shows(b, "100%"), "an address that is none is said to be none", text(b))


def elsewhere(b, s):
    """A page of another server on this machine, whose user is another: it is given nothing, shows nothing of ours in itself, and may not even ask."""
    class Evil(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(f"""<iframe id=f src="http://localhost:{s.port}/"></iframe><script>
const no = (e) => "no", api = "http://localhost:{s.port}/api/v1/", told = {{}};
(async () => {{
  told.token = localStorage.getItem("tenon.token");
  told.cookie = document.cookie;
  told.read = await fetch(api + "state").then((a) => a.status, no);
  told.order = await fetch(api + "runs/alexnet-1", {{ method: "DELETE" }}).then((a) => a.status, no);
  told.blind = await fetch(api + "runs/alexnet-1/resume", {{ method: "POST", mode: "no-cors", body: "x" }}).then((a) => a.type, no);
  told.script = await import("http://localhost:{s.port}/app.js").then(() => "loaded", no);
  await new Promise((r) => setTimeout(r, 300));
  try {{ told.frame = f.contentDocument === null ? "" : f.contentDocument.body.innerText; }} catch (e) {{ told.frame = "no"; }}
  document.title = JSON.stringify(told);
}})();</script>""".encode())

        def log_message(self, *_):
            pass
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Evil) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        b.get(f"http://localhost:{other.server_port}/")
        expect(wait_until(lambda: b.title.startswith("{")), "it has tried", b.title)
        told = json.loads(b.title)
        expect(told["token"] is None and told["cookie"] == "" and told["read"] == told["order"] == told["script"] == "no" and told["frame"] in ("", "no"), "it gets nothing", told)
        expect(s.get("/runs")["count"] == 5, "and nothing has been done")
        b.get(f"http://localhost:{s.port}/")
        other.shutdown()


def locked(b, s):
    b.execute_script("localStorage.clear()")
    b.get("about:blank")
    b.get(f"http://localhost:{s.port}/")
    expect(shows(b, "token"), "without the token it asks for it", text(b))
    b.find_element(By.CSS_SELECTOR, "main input").send_keys(s.address + Keys.ENTER)
    expect(shows(b, "alexnet-2"), "and takes the whole address", text(b))


words()
with Workspace() as w, Server(w) as s:
    b = browser()
    try:
        home(b, s)
        run(b, s, w)
        new(b, s)
        looks(b, s, (("home", "#/", "alexnet-2"), ("run", "#/runs/alexnet-2", "log.jsonl"), ("new", "#/new", "tenon train")))
        hasty(b, s)
        is_silent(b, "422", "/api/v1/runs/100%25")
        elsewhere(b, s)
        locked(b, s)
    finally:
        b.quit()
end("tenon-serve, the page")
