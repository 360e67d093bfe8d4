"""A real browser, for the checks of this folder that look at the page. Skips, saying so, without chromium and selenium. SHOTS=FOLDER keeps pictures
to look at."""
import faulthandler
import os
import sys

from serves import SKIPPED, expect, wait_until

try:
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service
    from selenium.webdriver.common.by import By
    assert os.path.exists("/usr/bin/chromedriver")
except (ImportError, AssertionError):
    print("skipped: no selenium, or no chromedriver (python3-selenium, chromium-driver)")
    sys.exit(SKIPPED)

SHOTS = os.environ.get("SHOTS")
HOSTILE = "<img src=x onerror=document.title='owned'>"
faulthandler.dump_traceback_later(100, exit=True)  # a browser that hangs is to be told


def browser():
    o = webdriver.ChromeOptions()
    for word in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1280,1500", "--lang=en"):
        o.add_argument(word)
    o.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=o)


def text(b, css="main"):
    """At one moment: the page changes under whoever takes two steps."""
    return b.execute_script("const e = document.querySelector(arguments[0]); return e ? e.innerText : ''", css)


def shows(b, words, seconds=15):
    return wait_until(lambda: words in b.execute_script("return document.querySelector('main').innerText"), seconds)


def shot(b, name):
    if SHOTS:
        b.save_screenshot(f"{SHOTS}/{name}.png")


def looks(b, s, pages):
    """Both languages and themes, wide and narrow: nothing needs to be moved sideways. pages: name, address, what it shows."""
    for width, language, theme in ((1280, "zh", "dark"), (390, "en", "light"), (390, "zh", "dark")):
        b.execute_script(f"localStorage.setItem('tenon.lang','{language}');localStorage.setItem('tenon.theme','{theme}')")
        b.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": width, "height": 1200, "deviceScaleFactor": 1, "mobile": width < 500})
        for name, path, has in pages:
            b.get("about:blank")
            b.get(f"http://localhost:{s.port}/{path}")
            expect(shows(b, has), f"{name} in {language}, {theme}, {width}")
            expect(b.execute_script("return document.documentElement.lang+document.documentElement.dataset.theme") == language + theme, "as chosen")
            wide = b.execute_script("return document.documentElement.scrollWidth")
            expect(wide <= width, f"{name} at {width} pixels is {wide} wide")
            shot(b, f"{name}-{language}-{theme}-{width}")


def is_silent(b, *known):
    """Nothing stands in the console but what the network says of answers that are known."""
    said = [line for line in b.get_log("browser") if line["level"] in ("SEVERE", "WARNING") and not any(k in line["message"] for k in known)]
    expect(not said, "the console is silent", said)
