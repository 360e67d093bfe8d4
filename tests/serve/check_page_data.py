#!/usr/bin/env python3
"""Pages of data sets in a real browser: one is added, what the doctor found is seen with its pictures, left out by one click and gone from the next
check; looked through as it is and as a network sees it; names of all kinds are text."""
import os
import subprocess
import sys

from browser import HOSTILE, By, browser, is_silent, looks, shot, shows, text
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.common.keys import Keys
from serves import SKIPPED, TOOLS, Server, Workspace, end, expect, wait_until

FOUND, FILTERS = ("//*[contains(@class, '%s')]" % name for name in ("found", "filters"))


def make_set(w):
    """Ten classes with a leak, a duplicate and a broken file; one class and one file with a name that is markup."""
    subprocess.run([TOOLS / "tenon-shapes", w / "shapes", "--train", "24", "--val", "3", "--min", "40", "--max", "64"], check=True, stdout=subprocess.DEVNULL)
    train, val = w / "shapes/train", w / "shapes/val"
    name = HOSTILE.replace("/", "")
    os.rename(train / "ring", train / name)
    os.rename(val / "ring", val / name)
    (val / "heart/leak.jpg").write_bytes((train / "heart/0001.jpg").read_bytes())
    (train / "cross" / "<b>twice.jpg").write_bytes((train / "cross/0002.jpg").read_bytes())
    (train / "star/broken.jpg").write_bytes((train / "star/0003.jpg").read_bytes()[:900])


def find(b, css):
    return b.find_elements(By.CSS_SELECTOR, css)


def texts(b, css):
    return b.execute_script("return [...document.querySelectorAll(arguments[0])].map((e) => e.innerText)", css)


def pressed(b, xpath):
    """The page may put another button in its place at any time."""
    try:
        b.find_element(By.XPATH, xpath).click()
    except WebDriverException:
        return False
    return True


def click(b, words, inside="main"):
    where = {"main": "//main", "dialog": "//dialog"}.get(inside, inside)
    expect(wait_until(lambda: pressed(b, f"{where}//button[text()='{words}']"), 10), f"there is a {words} in {inside}")


def loaded(b, css, count=1):
    return wait_until(lambda: b.execute_script("return [...document.querySelectorAll(arguments[0])].filter((i) => i.naturalWidth > 0).length", css) >= count, 10)


def adds(b, s):
    b.get(s.address)
    expect(shows(b, "Datasets") and shows(b, "None yet"), "none on the first page", text(b))
    b.get(f"http://localhost:{s.port}/#/datasets")
    expect(shows(b, "None yet"), "none")
    click(b, "Add a dataset")
    expect(wait_until(lambda: find(b, "dialog .folders button")), "folders")
    click(b, "shapes", "dialog")
    expect(wait_until(lambda: find(b, "dialog input[name=name]")[0].get_attribute("value") == "shapes"), "its name is proposed")
    split = find(b, "dialog input[name=split]")[0]
    split.send_keys("10")
    click(b, "Add", "dialog")
    expect(wait_until(lambda: "shared out already" in text(b, "dialog")), "refused with the reason", text(b, "dialog"))
    split.send_keys(Keys.BACKSPACE * 2)
    click(b, "Add", "dialog")
    expect(shows(b, "What the doctor found") and shows(b, "1 of 273 files cannot be read", 30), "added, and checked", text(b)[:600])


def sends(b, s, w):
    """A folder of the browser's machine becomes one of the workspace."""
    b.get(f"http://localhost:{s.port}/#/datasets")
    expect(shows(b, "shapes"), "the list")
    click(b, "Add a dataset")
    click(b, "Send one from my computer", "dialog")
    find(b, "dialog input[type=file]")[0].send_keys(str(w / "shapes/val"))
    expect(wait_until(lambda: "31 files" in text(b, "dialog")), "how much it is", text(b, "dialog"))
    click(b, "Add", "dialog")
    expect(shows(b, "What the doctor found", 20) and len([p for p in (w / "uploads/val").rglob("*") if p.is_file()]) == 31, "sent", text(b)[:300])
    b.get(f"http://localhost:{s.port}/#/datasets")
    click(b, "Add a dataset")
    click(b, "Send one from my computer", "dialog")
    find(b, "dialog input[type=file]")[0].send_keys(str(w / "shapes/val"))
    click(b, "Add", "dialog")
    expect(wait_until(lambda: "of that name already" in text(b, "dialog")), "no other's pictures come among its own", text(b, "dialog"))
    click(b, "Cancel", "dialog")
    said = b.execute_async_script("import('/words.js').then((w) => arguments[0]([1, 2, 1200].map((n) => w.counted(n, 'n-classes'))))")
    expect(said == ["1 class", "2 classes", "1,200 classes"], "one is one", said)
    b.get(f"http://localhost:{s.port}/#/datasets/shapes")
    expect(shows(b, "1 of 273"), "back")


def acts(b, s):
    rows = {k: texts(b, f".finding[data-kind='{k}']") for k in ("broken", "leak", "same")}
    expect(all(len(r) == 1 for r in rows.values()), "the findings", rows)
    expect(loaded(b, ".finding[data-kind=leak] img", 2) and loaded(b, ".finding[data-kind=same] img", 2), "with their pictures")
    expect(find(b, ".finding[data-kind=broken] .unread") and "ends early" in rows["broken"][0], "a file that cannot be read says why", rows["broken"])
    expect("JPEG" in texts(b, ".figs")[0] and len(find(b, ".scatter circle")) > 100, "format and sizes", texts(b, ".figs"))
    expect("<b>twice.jpg" in rows["same"][0] and HOSTILE in text(b) and not find(b, "main img[src=x]") and "owned" not in b.title, "names are text")
    shot(b, "dataset")
    click(b, "Leave out", "//*[@data-kind='leak']")
    expect(wait_until(lambda: find(b, ".finding[data-kind=leak] figure.out")), "left out by one click")
    click(b, "Keep one", "//*[@data-kind='same']")
    expect(wait_until(lambda: find(b, ".finding[data-kind=same] figure.out")), "one is kept")
    click(b, "Take in again", "//*[@data-kind='same']")
    expect(wait_until(lambda: not find(b, ".finding[data-kind=same] figure.out")), "and taken in again")
    click(b, "Check again", FOUND)
    expect(wait_until(lambda: find(b, ".finding[data-kind=same]") and not find(b, ".finding[data-kind=leak]"), 30), "gone from the next check", text(b)[:900])
    expect(wait_until(lambda: "--exclude" in "".join(texts(b, ".cmd")), 10), "the same in a shell", texts(b, ".cmd"))


def looks_through(b):
    expect(loaded(b, ".thumb img", 10), "pictures")
    expect(wait_until(lambda: pressed(b, "//*[@class='dist']/button[4]"), 10), "a class of the distribution")
    chosen = b.execute_script("return document.querySelector('.filters select').value")
    expect(wait_until(lambda: set(texts(b, ".thumb figcaption b")) == {chosen}, 10), "a class", chosen)
    click(b, "as the network sees it", FILTERS)
    expect(wait_until(lambda: b.execute_script("const i = document.querySelector('.thumb img'); return i && i.naturalWidth === 224")), "as the network sees it")
    before = b.execute_script("return document.querySelector('.thumb img').src")
    click(b, "Again", FILTERS)
    expect(wait_until(lambda: b.execute_script("const i = document.querySelector('.thumb img'); return i && i.naturalWidth === 224 && i.src !== arguments[0]", before)), "another crop")
    expect(wait_until(lambda: pressed(b, "//figure[contains(@class, 'thumb')]/button"), 10), "a picture to press")
    expect(loaded(b, "dialog img") and find(b, "dialog p.mono")[0].text.endswith("0000.jpg"), "one of them, large", text(b, "dialog"))
    shot(b, "dataset-one")
    b.switch_to.active_element.send_keys(Keys.ARROW_RIGHT)
    expect(find(b, "dialog p.mono")[0].text.endswith("0001.jpg"), "right is the next", text(b, "dialog"))
    click(b, "Leave out", "dialog")
    expect(wait_until(lambda: "Take in again" in text(b, "dialog")), "left out")
    click(b, "Close", "dialog")
    expect(wait_until(lambda: len(find(b, ".thumb.out")) == 1), "which is shown")


if not (TOOLS / "tenon-shapes").exists():
    print("skipped: no tenon-shapes in this build")
    sys.exit(SKIPPED)
with Workspace() as w, Server(w) as s:
    make_set(w)
    b = browser()
    try:
        adds(b, s)
        sends(b, s, w)
        acts(b, s)
        looks_through(b)
        looks(b, s, (("datasets", "#/datasets", "shapes"), ("dataset", "#/datasets/shapes", "0000")))
        is_silent(b, "/datasets - ")  # what was refused
    finally:
        b.quit()
end("tenon-serve, pages of data sets")
