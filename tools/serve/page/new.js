/* A new run: data, net, recipe; what it would take; the same as a line for a shell. */
import { get, send } from "./api.js";
import { button, command, facts, link, make } from "./dom.js";
import { bytes, quote, say, whole } from "./words.js";

const RECIPE = [["epochs", "30"], ["batch", "128"], ["rate", "0.01"], ["size", ""], ["split", ""], ["seed", "1"]];
const CHOICES = { augment: ["crop", "full", "none"], optim: ["sgd", "adam", "adamw"], policy: ["cosine", "step", "poly", "fixed"] };
const FLAGS = { policy: "rate-policy" };

function field(name, words, e) {
  e.name = name;
  const wrong = make("span", "small bad", "");
  wrong.setAttribute("role", "alert");
  return { name, e, wrong, row: make("label", "field", [make("span", "", words), e, wrong]) };
}

function input(value) {
  const e = make("input", "");
  e.type = "text";
  e.value = value;
  e.autocomplete = "off";
  return e;
}

function select(values) {
  const e = make("select");
  e.append(...values.map(([value, text]) => { const o = make("option", "", text); o.value = value; return o; }));
  return e;
}

/* Folders below the roots, one step at a time; what is chosen is root and path. */
function browser(chosen) {
  const box = make("div", "browse");
  let root = 0, path = "";
  async function go(to) {
    const said = await get(`/browse?root=${root}&path=${encodeURIComponent(to)}`);
    path = to;
    const up = path.includes("/") ? path.slice(0, path.lastIndexOf("/")) : "";
    const roots = select(said.roots.map((r, i) => [String(i), r]));
    roots.value = String(root);
    roots.setAttribute("aria-label", say("folder"));
    roots.onchange = () => { root = Number(roots.value); go("").catch(() => {}); };
    box.replaceChildren(roots, make("div", "row", [make("b", "mono", "/" + path)]),
      make("div", "folders", [path ? button("..", "bare", () => go(up)) : null, ...said.folders.map((f) => button(f, "bare mono", () => go(path ? path + "/" + f : f)))]));
    chosen({ root, path, real: said.roots[root] + (path ? "/" + path : "") });
  }
  return { box, open: () => go("") };
}

export async function open(main) {
  const [nets, runs] = await Promise.all([get("/nets"), get("/runs?count=500")]);
  let data = null, later = 0, left = false;

  const name = field("name", say("name"), input(""));
  const net = field("net", say("net"), select([...nets.filter((n) => !n.pixels).map((n) => [n.name, n.name]), ["", say("paste")]]));
  const text = field("text", say("net-text"), make("textarea", "notes mono"));
  text.e.rows = 8;
  const init = field("init", say("begin-with"), select([["", say("random")], ...runs.runs.filter((r) => r.checkpoint).map((r) => [r.name, r.name])]));
  const recipe = RECIPE.map(([k, v]) => { const e = input(""); e.inputMode = "decimal"; e.placeholder = v; return field(k, k, e); });
  const choices = Object.entries(CHOICES).map(([k, v]) => field(k, k, select(v.map((x) => [x, x]))));
  const device = field("device", say("device"), input(""));
  device.e.placeholder = "cpu, cuda:0";
  const queue = make("input");
  queue.type = "checkbox";
  const folders = browser((d) => { data = d; changed(); });
  const dataWrong = make("p", "small bad", "");
  dataWrong.setAttribute("role", "alert");
  const plan = make("div", "card pad"), shell = make("div"), told = make("p", "bad", "");
  told.setAttribute("role", "alert");
  const fields = [name, net, text, init, ...recipe, ...choices, device];

  const number = (f) => (f.e.value.trim() === "" ? undefined : Number(f.e.value));
  const given = (k) => recipe.find((f) => f.name === k);

  /* What is sent; a number that is none is the server's to refuse, by its name. */
  function wish() {
    const r = {};
    for (const f of recipe) if (f.e.value.trim()) r[f.name] = Number.isFinite(number(f)) ? number(f) : f.e.value.trim();
    for (const f of choices) if (f.e.selectedIndex > 0) r[f.name] = f.e.value;
    return { name: name.e.value.trim(), data: data && { root: data.root, path: data.path }, net: net.e.value, text: net.e.value ? "" : text.e.value,
      init: init.e.value, recipe: r, device: device.e.value.trim(), queue: queue.checked };
  }

  function line(w) {
    const flags = Object.entries(w.recipe).flatMap(([k, v]) => ["--" + (FLAGS[k] || k), String(v)]);
    return ["tenon", "train", data ? data.real : "FOLDER", "--net", w.net || `nets/${w.name || "NAME"}.net`, ...(w.init ? ["--init", w.init] : []),
      ...(w.device ? ["--device", w.device] : []), ...flags, ...(w.queue ? ["--queue"] : []), "--run", w.name || "NAME"].map(quote).join(" ");
  }

  function wrong(e) {
    for (const f of fields) f.wrong.textContent = "";
    dataWrong.textContent = told.textContent = "";
    if (!e) return;
    const f = fields.find((x) => x.name === e.field || FLAGS[x.name] === e.field);
    (e.field === "data" ? dataWrong : f ? f.wrong : told).textContent = e.message;
    if (f) f.e.focus();
  }

  async function study() {
    later = 0;
    const w = wish();
    if (!w.net && !w.text) return plan.replaceChildren(make("p", "quiet", say("nothing-yet")));
    try {
      const p = await send("POST", "/plan", { net: w.net, text: w.text, batch: w.recipe.batch || 128, size: w.recipe.size });
      if (left) return;
      text.wrong.textContent = "";
      plan.replaceChildren(facts([[say("parameters"), whole(p.parameters)], [say("memory"), `${bytes(p.memory_bytes.total)} / ${bytes(p.device_memory_bytes)}`],
        [say("activations"), bytes(p.memory_bytes.activations)], [say("arithmetic"), `${(p.flops / 1e9).toPrecision(3)} Gflop`], [say("fits"), say(p.fits ? "yes" : "no")]]));
    } catch (e) {
      if (left) return;
      if (!w.net) text.wrong.textContent = e.message;
      plan.replaceChildren(make("p", "quiet", e.message));
    }
  }

  function changed() {
    text.row.hidden = net.e.value !== "";
    shell.replaceChildren(command(line(wish()), say));
    clearTimeout(later);
    later = setTimeout(study, 400);
  }

  async function start() {
    wrong(null);
    go.disabled = true;
    try {
      const begun = await send("POST", "/runs", wish());
      location.hash = "#/runs/" + begun.id;
    } catch (e) {
      wrong(e);
    }
    go.disabled = false;
  }

  const go = button(say("start"), "main", start);
  for (const f of fields) f.e.addEventListener(f.e.tagName === "SELECT" ? "change" : "input", changed);
  queue.onchange = changed;
  const part = (title, content) => make("section", "", [make("div", "title", [make("h2", "", title)]), make("div", "card pad", content)]);
  main.replaceChildren(
    make("div", "head", [make("div", "grow", [make("div", "crumbs", [link("#/", "", say("runs"))]), make("h1", "", say("new-run"))])]),
    make("div", "cols", [make("div", "", [
      part(say("data"), [folders.box, dataWrong]),
      part(say("net"), [net.row, text.row, init.row]),
      part(say("recipe"), [make("div", "fields", [...recipe, ...choices].map((f) => f.row))]),
      part(say("run"), [name.row, device.row, make("label", "row gap", [queue, make("span", "", say("queue"))]), told, make("p", "row gap", [go])]),
      make("section", "", [make("div", "title", [make("h2", "", say("same"))]), shell])]),
    make("aside", "", [make("section", "", [make("div", "title", [make("h2", "", say("takes"))]), plan])])]));
  await folders.open();
  document.title = `${say("new-run")} · Tenon`;
  return { leave: () => { left = true; clearTimeout(later); } };
}
