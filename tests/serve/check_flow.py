#!/usr/bin/env python3
"""A training from the first click to the last, in a real browser: begun by a form with a pasted net, changed, told of when it ends; the server is killed
under it, then it is, and it goes on; a clone of it begins as a form."""
import json
import os
import signal

from browser import By, browser, is_silent, shot, shows, text
from selenium.common.exceptions import WebDriverException
from serves import Server, Workspace, end, expect, wait_until
from tiny import NET, make_set


def lines(run):
    return [json.loads(line) for line in open(run / "log.jsonl")]


def one(b, css):
    return b.find_element(By.CSS_SELECTOR, css)


def press(b, words, inside=""):
    """The button or link of these words, once it is there."""
    path = f"{inside}//*[self::button or self::a][normalize-space()='{words}']"

    def done():
        try:
            b.find_element(By.XPATH, path).click()
            return True
        except WebDriverException:  # it is not there yet, or another one by now
            return False
    expect(wait_until(done, 15), f"a button {words}", text(b, "body"))


def fill(b, name, words):
    one(b, f"[name={name}]").send_keys(words)


def begins(b, s, run):
    b.get(s.address)
    expect(shows(b, "Nothing runs"), "home", text(b))
    press(b, "New run")
    press(b, "set")
    expect(shows(b, "/set"), "the folder", text(b))
    press(b, "pasted text")
    b.execute_script("arguments[0].value=arguments[1];arguments[0].dispatchEvent(new Event('input'))", one(b, ".editor textarea"), NET.replace("dense", "dence"))
    expect(wait_until(lambda: 'no operation "dence"' in text(b, ".editor .beside") and text(b, ".editor .numbers .bad") == "6"), "an error beside its line", text(b))
    b.execute_script("arguments[0].value=arguments[1];arguments[0].dispatchEvent(new Event('input'))", one(b, ".editor textarea"), NET)
    expect(shows(b, "2,307"), "what it takes, as one types", text(b, "aside"))
    for name, words in (("epochs", "100000"), ("batch", "4"), ("name", "flow"), ("device", "cpu,threads=1")):
        fill(b, name, words)
    press(b, "Start")
    expect(shows(b, "running", 20) and b.current_url.endswith("#/runs/flow") and run.exists(), "it runs", text(b)[:500])


def changes(b, run):
    b.execute_script("window.told=[];window.Notification=class{constructor(t){told.push(t)}static permission='default';static async requestPermission(){return 'granted'}}")
    press(b, "Tell me when it ends")
    press(b, "Change…")
    fill(b, "rate_scale", "fast")
    press(b, "Change at the next step")
    expect("is no number" in text(b, "dialog"), "what is no number stands at its field", text(b, "dialog"))
    one(b, "dialog [name=rate_scale]").clear()
    fill(b, "rate_scale", "0.5")
    expect("tenon run set flow rate_scale=0.5" in text(b, "dialog"), "the same in a shell", text(b, "dialog"))
    press(b, "Change at the next step")
    expect(shows(b, "Obeyed at step") and any(x["e"] == "order" and x["set"] == {"rate_scale": 0.5} for x in lines(run)), "changed, and in the log", text(b)[:500])
    expect(wait_until(lambda: any("rate_scale 0.5" in m.get_attribute("textContent") for m in b.find_elements(By.CSS_SELECTOR, ".marklabel"))), "and marked in the curves")
    before = text(b, "[role=status]")
    press(b, "Snapshot")
    expect(wait_until(lambda: text(b, "[role=status]") != before), "saved")
    expect(wait_until(lambda: b.find_elements(By.XPATH, "//a[text()='Go back']")), "a checkpoint to go back to")


def survives(b, s, run):
    step = s.get("/runs/flow")["step"]
    s.kill()
    expect(wait_until(lambda: s.get("/runs/flow")["step"] > step), "the server is killed: the run has not noticed")
    before = text(b, ".figs")
    expect(wait_until(lambda: text(b, ".figs") != before), "nor, after a moment, the page")
    os.kill(json.loads((run / "state.json").read_text())["pid"], signal.SIGKILL)
    expect(shows(b, "died"), "the run is killed: it died", text(b)[:300])
    expect(wait_until(lambda: b.execute_script("return told.length===1&&told[0]==='flow: died'")), "told of", b.execute_script("return told"))
    press(b, "Resume")
    expect(shows(b, "running") and any(x["e"] == "resume" for x in lines(run)), "it goes on", text(b)[:300])
    press(b, "output.log")
    expect(wait_until(lambda: "step" in text(b, "pre.log") or "epoch" in text(b, "pre.log")), "what it said", text(b, "pre.log")[:300])
    press(b, "Stop", "//main")
    press(b, "Stop", "//dialog")
    expect(shows(b, "stopped"), "it stops", text(b)[:300])


def clones(b):
    press(b, "Clone")
    expect(shows(b, "As flow"), "a clone", text(b)[:300])
    expect(one(b, "[name=name]").get_attribute("value") == "flow-2" and one(b, "[name=batch]").get_attribute("value") == "4" and
           "flatten" in one(b, ".editor textarea").get_attribute("value") and one(b, "select[name=init]").get_attribute("value") == "flow", "filled in", text(b))
    expect(wait_until(lambda: b.find_elements(By.CSS_SELECTOR, "aside .chart path.line")) and shows(b, "--init flow"), "with its rate and its line", text(b)[-400:])


with Workspace() as w:
    make_set(w)
    with Server(w) as s:
        b = browser()
        try:
            run = w / "runs/flow"
            begins(b, s, run)
            changes(b, run)
            survives(b, s, run)
            shot(b, "flow")
            clones(b)
            is_silent(b, "422", "ERR_", "Failed to fetch")  # of a net that is none, and of a server that is killed
        finally:
            b.quit()
end("tenon-serve, a training")
