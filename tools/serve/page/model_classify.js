/* What is on a picture: dropped, pasted or chosen; several one after the other; a folder as a job. */
import { get, send } from "./api.js";
import { ask, attempt, button, link, make, section, tell } from "./dom.js";
import { browser } from "./folders.js";
import { counted, percent, say, three } from "./words.js";

const MOST = 200, LISTED = 500; /* pictures that are shown, and of a folder listed */

function guesses(classes) {
  const box = make("div", "guess");
  classes.forEach((c, i) => {
    const bar = make("i", ""), meter = make("span", "meter", [bar]);
    bar.style.width = `${(100 * c.share).toFixed(2)}%`;
    box.append(make("span", i ? "cut" : "cut first", c.name), meter, make("span", i ? "num quiet" : "num", percent(c.share)));
  });
  return box;
}

export function classify(page, before) {
  const urls = new Map(); /* one a file, until others are taken */
  let turn = 0, taken = [];
  const image = make("img", ""), what = make("div", "grow"), file = make("input"), list = make("div", "shots gap");
  const told = make("span", "end", "");
  what.setAttribute("role", "status");
  image.alt = "";
  image.hidden = true;
  file.type = "file";
  file.multiple = true;
  file.accept = "image/*,.ppm,.pgm,.pnm";
  file.hidden = true;
  file.onchange = () => { take([...file.files]); file.value = ""; };
  const choose = button(say("choose-file"), "bare inline", () => file.click());
  const row = make("div", "row small faint gap wraps", [make("span", "", [say("drop-here") + " ", choose]), told]);
  const drop = make("div", "drop", [image, make("div", "grow", [what, row]), file]);

  function url(f) {
    if (!urls.has(f)) urls.set(f, URL.createObjectURL(f));
    return urls.get(f);
  }

  function forget() {
    for (const u of urls.values()) URL.revokeObjectURL(u);
    urls.clear();
  }

  function show(f, said, error) {
    image.src = url(f);
    image.alt = f.name || say("picture");
    image.hidden = false;
    image.onerror = () => { image.hidden = true; }; /* the model may read what a browser does not */
    what.replaceChildren(error ? make("p", "bad", error) : guesses(said.classes));
    told.textContent = error ? "" : `${three(1000 * said.seconds)} ms`;
    if (!error) self.last = f;
  }

  function small(f, said, error) {
    const img = make("img", "");
    img.src = url(f);
    img.alt = f.name;
    img.onerror = () => img.replaceWith(make("span", "unread", f.name));
    const b = button([img, make("span", "small cut", error ? say("unread") : said.classes[0].name), make("span", "small faint", error ? "" : percent(said.classes[0].share))], "shot", () => show(f, said, error));
    b.title = error ? `${f.name}: ${error}` : f.name;
    return b;
  }

  /* One after the other: the model is one, too. */
  async function take(files) {
    const mine = ++turn, several = files.length > 1;
    taken = files;
    list.replaceChildren();
    forget();
    for (const [i, f] of files.slice(0, MOST).entries()) {
      if (mine !== turn || page.left) return;
      told.textContent = several ? `${i + 1} / ${Math.min(files.length, MOST)} …` : "…";
      let said = null, error = null;
      try { said = await send("POST", page.path + "/classify", f); } catch (e) { error = e.message; }
      if (mine !== turn || page.left) return;
      show(f, said, error);
      if (several) list.append(small(f, said, error));
    }
    if (files.length > MOST) list.append(make("p", "small quiet", say("too-many")));
    self.taken();
  }

  drop.addEventListener("dragover", (e) => { e.preventDefault(); drop.classList.add("over"); });
  drop.addEventListener("dragleave", () => drop.classList.remove("over"));
  drop.addEventListener("drop", (e) => {
    e.preventDefault();
    drop.classList.remove("over");
    if (e.dataTransfer.files.length) take([...e.dataTransfer.files]);
  });
  const paste = (e) => {
    const files = [...(e.clipboardData ? e.clipboardData.files : [])];
    if (files.length) { e.preventDefault(); take(files); }
  };
  document.addEventListener("paste", paste);
  what.append(make("p", "quiet", say("classify-why")));

  const jobs = make("div", "");
  const self = {
    box: section(say("classify-one"), make("div", "", [drop, list, jobs]), [make("span", "small faint", say("stays-here"))]),
    last: null, taken: () => {}, files: () => taken,
    told: (m) => jobs.replaceChildren(...m.classifications.slice(0, 3).map((j) => folder(j))),
    leave: () => { document.removeEventListener("paste", paste); forget(); },
  };
  if (before && before.length) take(before);
  return self;
}

/* ---- a folder ---- */

/* Without the name of the file, which stands beside it. */
const why = (p) => (p.error.startsWith(p.file + ": ") ? p.error.slice(p.file.length + 2) : p.error);
const last = (path) => path.slice(path.lastIndexOf("/") + 1);

/* A job, and once it is done what it said. */
function folder(j) {
  const state = j.state === "running" ? make("span", "state running", say("running")) : j.state === "done" ? button(say("look"), "bare", () => attempt(() => results(j.id))) : make("span", "tag bad", say(j.state));
  return make("div", "row small gap", [make("span", "mono cut", last(j.facts.data)), make("span", "end", [state]), j.error ? make("span", "bad", j.error) : null]);
}

async function results(id) {
  const j = await get("/jobs/" + id), count = new Map(), told = j.result.filter((p) => !p.error), bad = j.result.filter((p) => p.error);
  for (const p of told) count.set(p.classes[0].name, (count.get(p.classes[0].name) || 0) + 1);
  const rows = [...bad.map((p) => make("tr", "", [make("td", "mono small cut", last(p.file)), make("td", "small bad", why(p))])),
    ...told.map((p) => make("tr", "", [make("td", "mono small cut", last(p.file)), make("td", "", p.classes[0].name), make("td", "num", percent(p.classes[0].share))]))];
  for (const tr of bad.length ? rows.slice(0, bad.length) : []) tr.lastChild.colSpan = 2;
  const sums = [...count].sort((a, b) => b[1] - a[1]).slice(0, 20).map(([name, n]) => make("span", "tag", `${name} ${n}`));
  if (bad.length) sums.unshift(make("span", "tag bad", `${say("unreadable")} ${bad.length}`));
  const list = make("div", "scroll tall gap", [make("table", "", [make("tbody", "", rows.slice(0, LISTED))]), rows.length > LISTED ? make("p", "small faint pad", counted(rows.length - LISTED, "more-pictures")) : null]);
  list.tabIndex = 0;
  const d = tell(counted(j.result.length, "n-pictures"), [make("div", "row wraps", sums), list],
    [link(URL.createObjectURL(new Blob([JSON.stringify(j.result, null, 2)], { type: "application/json" })), "button", say("download"))]);
  const save = d.querySelector("a.button");
  save.download = id + ".json";
  d.classList.add("wide");
  d.addEventListener("close", () => URL.revokeObjectURL(save.href));
}

export function many(page) {
  let data = null;
  const folders = browser((d) => { data = d; });
  const begin = (d) => attempt(async () => {
    d.close();
    await send("POST", page.path + "/classifications", { data: data && { root: data.root, path: data.path } });
    await page.refresh();
  });
  ask(say("classify-folder"), [make("p", "small quiet", say("classify-folder-why")), folders.box], say("begin-it"), begin);
  folders.open();
}
