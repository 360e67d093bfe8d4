#!/usr/bin/env python3
"""Every page in both themes without a finding of axe-core against WCAG 2.1 A and AA, and what keys alone can do. Skips, saying so, without axe-core (PyPI's
axe-playwright-python has it, or AXE=FILE)."""
import importlib.util
import os
import pathlib
import sys

from browser import By, browser, is_silent, shows, text
from selenium.webdriver.common.keys import Keys
from serves import SKIPPED, Server, Workspace, end, expect, wait_until
from tiny import NET, make_set

PAGES = (("#/", "alexnet-1"), ("#/runs/alexnet-1", "log.jsonl"), ("#/new", "tenon train"), ("#/new?run=alexnet-1", "tenon train"), ("#/compare?a=alexnet-1&b=alexnet-2", "differ"),
         ("#/datasets", ""), ("#/datasets/set", ""), ("#/models", ""), ("#/models/alexnet-1", ""))


def find_axe():
    spec = importlib.util.find_spec("axe_playwright_python")
    file = pathlib.Path(os.environ.get("AXE") or (spec and pathlib.Path(spec.origin).parent / "axe.min.js") or "none")
    if not file.exists():
        print("skipped: no axe-core (pip install axe-playwright-python, or AXE=FILE of axe.min.js)")
        sys.exit(SKIPPED)
    return file.read_text()


def look(b, axe, what):
    b.execute_script(axe)
    b.set_script_timeout(60)
    said = b.execute_async_script("""const done = arguments[arguments.length - 1];
axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"] }).then((r) => done(r.violations.map((v) => v.id + ": " + v.nodes.slice(0, 4).map((n) => n.html.slice(0, 160)).join(" | "))), (e) => done([String(e)]));""")
    expect(said == [], what, "\n".join(said))


def keys(b, s):
    """All of it without a mouse: to the page over the frame, into a dialog and out of it, by keys that ? lists."""
    b.get(f"http://localhost:{s.port}/#/runs/alexnet-1")
    expect(shows(b, "log.jsonl"), "a run")
    body = b.find_element(By.TAG_NAME, "body")
    body.send_keys(Keys.TAB)
    expect(b.switch_to.active_element.text == "Skip to the page", "the first Tab", b.switch_to.active_element.text)
    b.switch_to.active_element.send_keys(Keys.ENTER)
    expect(b.switch_to.active_element.get_attribute("id") == "main", "over the frame")
    body.send_keys("?")
    expect(wait_until(lambda: "Keys" in text(b, "dialog")), "? lists the keys")
    b.switch_to.active_element.send_keys(Keys.ESCAPE)
    expect(wait_until(lambda: not b.find_elements(By.TAG_NAME, "dialog")), "Escape closes")
    for pressed, address in (("gh", "#/"), ("n", "#/new")):
        b.find_element(By.TAG_NAME, "body").send_keys(pressed)
        expect(wait_until(lambda a=address: b.current_url.endswith(a)), f"{pressed} goes to {address}", b.current_url)


axe_text = find_axe()
with Workspace() as w:
    make_set(w)
    (w / "nets").mkdir(exist_ok=True)
    with Server(w) as s:
        s.ask("POST", "/api/v1/datasets", body={"name": "set", "data": {"root": 0, "path": "set"}})
        b = browser()
        try:
            b.get(s.address)
            expect(shows(b, "alexnet-1"), "home")
            for theme in ("light", "dark"):
                b.execute_script(f"localStorage.setItem('tenon.theme','{theme}')")
                for page, has in PAGES:
                    b.get("about:blank")
                    b.get(f"http://localhost:{s.port}/{page}")
                    expect(shows(b, has) and wait_until(lambda: text(b) not in ("", "…")), page, text(b)[:200])
                    look(b, axe_text, f"{page}, {theme}")
            keys(b, s)
            is_silent(b, "404", "422")
        finally:
            b.quit()
end("tenon-serve, for everybody")
