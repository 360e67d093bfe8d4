#!/usr/bin/env python3
"""Pages of models in a real browser: a picture that is dropped, pasted or chosen is what tenon infer says; the confusion is tenon eval's, and its numbers show
their pictures; layers and what they make are drawn; an export is made, judged and saved; names of classes are text."""
import base64
import json
import sys

from browser import By, browser, is_silent, looks, shot, shows, text
from models_made import NAMES, make, tool
from selenium.webdriver.common.keys import Keys
from serves import TOOLS, Server, Workspace, end, expect, wait_until

DROP = """const [name, bytes, css, kind] = arguments, data = new DataTransfer();
data.items.add(new File([Uint8Array.from(atob(bytes), (c) => c.charCodeAt(0))], name, { type: "image/x-portable-pixmap" }));
if (kind === "paste") document.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
else document.querySelector(css).dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));"""


def find(b, css):
    return b.find_elements(By.CSS_SELECTOR, css)


def click(b, words, inside="main"):
    b.find_element(By.CSS_SELECTOR, inside).find_element(By.XPATH, f".//button[text()='{words}']").click()


def said(b):
    """Names and shares as they stand there."""
    cells = b.execute_script("return [...document.querySelectorAll('.guess > span:not(.meter)')].map((e) => e.innerText)")
    return list(zip(cells[::2], cells[1::2]))


def lists(b, s):
    b.get(s.address)
    expect(shows(b, "tiny") and find(b, "aside a[href='#/models/tiny']"), "on the first page", text(b))
    b.get(f"http://localhost:{s.port}/#/models")
    expect(shows(b, "kept.safetensors") and "2 more in the models folder" in text(b), "the list", text(b))
    find(b, "a[href='#/models/tiny']")[0].click()
    expect(shows(b, "from run tiny") and shows(b, "Layers"), "one", text(b))


def classifies(b, w):
    paths = [w / "set/val" / name / "1.ppm" for name in NAMES]
    want = [[(c["name"], f"{100 * c['share']:.1f} %") for c in json.loads(tool(TOOLS / "tenon-infer", w / "runs/tiny", p, "--json"))[0]["classes"]] for p in paths]
    for kind, p, right in (("drop", paths[0], want[0]), ("paste", paths[1], want[1])):
        b.execute_script(DROP, p.name, base64.b64encode(p.read_bytes()).decode(), ".drop", kind)
        expect(wait_until(lambda: said(b) == right), f"{kind}: as tenon infer says it", (said(b), right))
    find(b, ".drop input[type=file]")[0].send_keys("\n".join(map(str, (w / "set/val/blue").glob("*.ppm"))))
    expect(wait_until(lambda: len(find(b, ".shots .shot")) == 3), "several", text(b)[:800])
    (w / "no-picture.png").write_text("no picture")
    find(b, ".drop input[type=file]")[0].send_keys(str(w / "no-picture.png"))
    expect(wait_until(lambda: find(b, ".drop .bad")) and "no image" in text(b, ".drop"), "one that cannot be read is told", text(b, ".drop"))
    (w / "chosen.ppm").write_bytes(paths[2].read_bytes())
    find(b, ".drop input[type=file]")[0].send_keys(str(w / "chosen.ppm"))
    expect(wait_until(lambda: said(b) == want[2]), "chosen", said(b))
    expect(NAMES[0] in text(b, ".guess") and not find(b, ".guess img") and "owned" not in b.title, "names are text", text(b, ".guess"))


def measures(b, w):
    click(b, "Evaluate…")
    expect(wait_until(lambda: find(b, "dialog select[name=data]")), "on which pictures")
    click(b, "Start", "dialog")
    expect(wait_until(lambda: find(b, "table.matrix"), 40), "measured", text(b)[:900])
    want = json.loads(tool(TOOLS / "tenon-eval", w / "runs/tiny", w / "set/val", "--json"))
    rows = b.execute_script("return [...document.querySelectorAll('table.matrix tbody tr')].map((r) => [...r.querySelectorAll('td')].map((c) => c.innerText))")
    cells = {(i, j): int(n) for i, row in enumerate(rows) for j, n in enumerate(row) if n}
    expect(cells == {(a, c): n for a, c, n in want["confusion"]}, "confusion is that of tenon eval", (cells, want["confusion"]))
    expect(f"{100 * want['top1']:.1f} %" in text(b, "aside") and f"{want['right']} / {want['images']}" in text(b, "aside"), "figures", text(b, "aside"))
    cell = find(b, "table.matrix .cell")[0]
    cell.send_keys(Keys.ENTER)
    loaded = "return [...document.querySelectorAll('dialog .shot img')].filter((i) => i.naturalWidth > 0).length"
    expect(wait_until(lambda: b.execute_script(loaded) == want["confusion"][0][2]), "a number's pictures", text(b, "dialog"))
    shot(b, "model-pictures")
    click(b, "Close", "dialog")


def removes(b, w, s):
    """Jobs are listed with what they take, and removed."""
    b.get(f"http://localhost:{s.port}/#/")
    click(b, "What takes room…") if shows(b, "Machine") else None
    expect(wait_until(lambda: "jobs/evaluation-1" in text(b, "dialog")), "jobs", text(b, "dialog"))
    b.find_element(By.XPATH, "//dialog//tr[contains(., 'jobs/evaluation-1')]//button").click()
    expect(wait_until(lambda: "jobs/evaluation-1" not in text(b, "dialog")) and not (w / "jobs/evaluation-1").exists(), "one is removed", text(b, "dialog"))
    click(b, "Close", "dialog")


def many(b, s, w):
    """More classes than a table shows are a picture, gone through by keys, whose points show their pictures."""
    job = w / "jobs/evaluation-7"
    job.mkdir()
    about = {"kind": "evaluation", "of": "tiny", "began": 4e9, "facts": {"stamp": ""}, "words": ["tenon-eval"]}
    classes = [{"name": f"c{i}", "images": 5, "right": 4, "recall": 0.8} for i in range(40)]
    told = {"data": "set", "images": 200, "right": 160, "top1": 0.8, "top5": 1, "loss": 1, "broken": [], "excluded": 0, "classes": classes,
            "confusion": [c for i in range(40) for c in ([i, i, 4], [i, (i + 3) % 40, 1])]}
    for name, what in (("job.json", json.dumps(about)), ("status", "0"), ("result.json", json.dumps(told)), ("lock", ""),
                       ("pictures.jsonl", json.dumps({"label": 0, "said": 3, "share": 0.5, "right": 0.4, "file": str(w / "set/val/blue/0.ppm")}, separators=(",", ": ")) + "\n")):
        (job / name).write_text(what)
    b.get("about:blank")
    b.get(f"http://localhost:{s.port}/#/models/tiny")
    expect(wait_until(lambda: find(b, "canvas.heat")), "a picture", text(b)[:900])
    for _ in range(2):
        find(b, "canvas.heat")[0].send_keys(Keys.ARROW_RIGHT)
    expect("c0 → c3: 1 / 5" in text(b, ".confusion"), "the next that is not 0", text(b, ".confusion"))
    find(b, "canvas.heat")[0].send_keys(Keys.ENTER)
    expect(wait_until(lambda: len(find(b, "dialog .shot img")) == 1), "its pictures", text(b, "dialog"))
    shot(b, "model-heat")
    click(b, "Close", "dialog")


def draws(b):
    expect(wait_until(lambda: find(b, "table.layers tbody tr .rail circle")), "layers as a list", text(b)[-600:])
    expect(wait_until(lambda: len(find(b, ".numbers canvas")) == 4) and "conv1.weight" in text(b, ".numbers"), "filters", len(find(b, ".numbers canvas")))
    click(b, "activations")
    expect(wait_until(lambda: len(find(b, ".numbers canvas")) >= 8 and "r1" in text(b, ".card .pad .numbers:last-child")), "what they make", text(b)[-900:])
    shot(b, "model-made")


def exports(b, w):
    b.find_element(By.CSS_SELECTOR, "button[aria-label='ONNX: Make…']").click()
    expect(wait_until(lambda: find(b, "dialog select[name=data]")), "what it is held against")
    click(b, "Start", "dialog")
    expect(shows(b, "same numbers", 40) and "all labels equal" in text(b, "aside"), "judged", text(b, "aside"))
    b.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(w)})
    find(b, "aside .item .row button")[0].click()
    expect(wait_until(lambda: (w / "tiny.onnx").exists()), "saved")
    expect(json.loads(tool(TOOLS / "tenon-infer", w / "tiny.onnx", w / "set/val/blue/0.ppm", "--json"))[0]["classes"], "it loads")
    b.find_element(By.XPATH, "//a[text()='Fine-tune']").click()
    expect(wait_until(lambda: b.current_url.endswith("#/new?init=tiny")), "fine-tune", b.current_url)
    expect(wait_until(lambda: [o.get_attribute("value") for o in find(b, "select[name=init] option:checked")] == ["tiny"]), "the form begins with it", text(b)[:600])


with Workspace() as w:
    make(w)
    with Server(w) as s:
        b = browser()
        try:
            lists(b, s)
            classifies(b, w)
            measures(b, w)
            draws(b)
            exports(b, w)
            removes(b, w, s)
            many(b, s, w)
            looks(b, s, [("models", "#/models", "kept.safetensors"), ("model", "#/models/tiny", "conv1")])
            is_silent(b, "422")
        finally:
            b.quit()
end("tenon-serve, pages of models")
