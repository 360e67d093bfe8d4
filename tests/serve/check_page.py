#!/usr/bin/env python3
"""The page in a real browser: what it shows, in both languages and themes, wide and narrow; that hostile names are text; that the console stays
silent. Skips, saying so, without chromium and selenium. SHOTS=FOLDER keeps pictures to look at."""
import faulthandler
import json
import os
import pathlib
import re
import sys
import time

from serves import SKIPPED, Server, Workspace, end, expect, wait_until

try:
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys
    assert os.path.exists("/usr/bin/chromedriver")
except (ImportError, AssertionError):
    print("skipped: no selenium, or no chromedriver (python3-selenium, chromium-driver)")
    sys.exit(SKIPPED)

SHOTS = os.environ.get("SHOTS")
PAGE = pathlib.Path(__file__).resolve().parents[2] / "tools/serve/page"
HOSTILE = "<img src=x onerror=document.title='owned'>"


def browser():
    o = webdriver.ChromeOptions()
    for word in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1280,1500", "--lang=en"):
        o.add_argument(word)
    o.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=o)


def text(b, css="main"):
    return b.find_element(By.CSS_SELECTOR, css).text


def shows(b, words, seconds=15):
    return wait_until(lambda: words in b.execute_script("return document.querySelector('main').innerText"), seconds)


def shot(b, name):
    if SHOTS:
        b.save_screenshot(f"{SHOTS}/{name}.png")


def words():
    """Each key of the page's words is there in both languages, is used, and those that are used are there."""
    files = [PAGE / "strings.js", *sorted(PAGE.glob("*_words.js"))]
    en = set()
    for p in files:
        one, zh = (set(re.findall(r'(?:^|[\s,{])"?([a-z0-9-]+)"?: "', part)) for part in p.read_text().split("zh: {"))
        expect(one == zh and one, f"{p.name}: the same keys in both languages", one ^ zh)
        expect(not en & one, f"{p.name}: no key of another file's", en & one)
        en |= one
    code = "".join(p.read_text() for p in PAGE.glob("*.js") if p not in files)
    quoted = set(re.findall(r'"([a-z0-9-]+)"', code))
    expect(not en - quoted - {"starting", "stopping", "diverged"}, "all are used", en - quoted)
    used = set(re.findall(r'say\("([a-z0-9-]+)"\)', code))
    expect(not used - en, "all that are used are there", used - en)
    for bad in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
        expect(bad not in code, f"no {bad}")
    expect(sum(p.stat().st_size for p in PAGE.iterdir()) < 150_000, "the page is small")


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
    b.find_element(By.CSS_SELECTOR, "select[name=net] option[value='']").click()
    b.find_element(By.CSS_SELECTOR, "textarea[name=text]").send_keys("tenon graph 1\ninput x f32 N 4\ny = nothing(x)\n")
    expect(shows(b, ":3:"), "the line of an error", text(b)[:1500])
    shot(b, "new")
    b.find_element(By.CSS_SELECTOR, "input[name=name]").send_keys("Not a name")
    b.find_element(By.XPATH, "//button[text()='Start']").click()
    expect(shows(b, "a name is of small letters"), "refused by its field", text(b)[:1500])
    expect("tenon train" in text(b) and "--run 'Not a name'" in text(b), "the line for a shell", text(b)[-300:])


def looks(b, s):
    """Both languages and themes, wide and narrow: nothing needs to be moved sideways."""
    for width, language, theme in ((1280, "zh", "dark"), (390, "en", "light"), (390, "zh", "dark")):
        b.execute_script(f"localStorage.setItem('tenon.lang','{language}');localStorage.setItem('tenon.theme','{theme}')")
        b.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": width, "height": 1200, "deviceScaleFactor": 1, "mobile": width < 500})
        for name, path, has in (("home", "#/", "alexnet-2"), ("run", "#/runs/alexnet-2", "log.jsonl")):
            b.get("about:blank")
            b.get(f"http://localhost:{s.port}/{path}")
            expect(shows(b, has), f"{name} in {language}, {theme}, {width}")
            expect(b.execute_script("return document.documentElement.lang+document.documentElement.dataset.theme") == language + theme, "as chosen")
            wide = b.execute_script("return document.documentElement.scrollWidth")
            expect(wide <= width, f"{name} at {width} pixels is {wide} wide")
            shot(b, f"{name}-{language}-{theme}-{width}")


def locked(b, s):
    b.execute_script("localStorage.clear()")
    b.get("about:blank")
    b.get(f"http://localhost:{s.port}/")
    expect(shows(b, "token"), "without the token it asks for it", text(b))
    b.find_element(By.CSS_SELECTOR, "main input").send_keys(s.address + Keys.ENTER)
    expect(shows(b, "alexnet-2"), "and takes the whole address", text(b))


faulthandler.dump_traceback_later(100, exit=True)  # a browser that hangs is to be told
words()
with Workspace() as w, Server(w) as s:
    b = browser()
    try:
        home(b, s)
        run(b, s, w)
        new(b, s)
        looks(b, s)
        said = [line for line in b.get_log("browser") if line["level"] in ("SEVERE", "WARNING") and "422" not in line["message"]]
        expect(not said, "the console is silent", said)
        locked(b, s)
    finally:
        b.quit()
end("tenon-serve, the page")
