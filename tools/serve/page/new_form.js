/* The parts of the form of a new run: pictures, net, recipe. */
import { get } from "./api.js";
import { choice, make } from "./dom.js";
import { browser } from "./folders.js";
import { editor, field, input, select } from "./form.js";
import { say } from "./words.js";
import "./new_words.js";

/* Of each setting: what it is without, or what it may be; the first is what it is without. */
const BASIC = { epochs: "30", batch: "128", rate: "0.01", size: "", split: "", seed: "1",
  augment: ["crop", "full", "none"], optim: ["sgd", "adam", "adamw"], "rate-policy": ["cosine", "step", "multistep", "exp", "poly", "inv", "sigmoid", "constant"] };
const MORE = { momentum: "0.9", decay: "0.0005", warmup: "", "rate-gamma": "0.1", "rate-period": "", "rate-at": "", "rate-power": "1", accumulate: "1", clip: "", smoothing: "0",
  mixup: "0", ema: "0", patience: "0", freeze: "", resize: "", keep: "3", precision: ["default", "f32", "tf32", "bf16", "f16"], "on-divergence": ["stop", "skip", "back"] };
const PROTOTXT = { input: "", mean: "", scale: "", order: ["", "rgb", "bgr", "grey"] };
/* What other programs, and runs of a shell, may say beside; left out where it is what it is without. */
const OTHERS = { bad: "skip", "max-bad": 1, beta2: 0.999, epsilon: 1e-8, stuck: 0, "first-step": 0 };
/* In these a comma is no sweep. */
const LISTS = new Set(["rate-at", "freeze", "mean", "scale", "input"]);

export const FIRST_BATCH = 128;

/* Which pictures: a set that is known, or a folder. data() is {path} and, of a set, its name `dataset` and classes; or null. */
export async function pictures(changed, wanted) {
  const sets = (await get("/datasets")).datasets;
  const wrong = make("p", "small bad", ""), body = make("div", "gap"), is = (d) => d.path === wanted || d.name === wanted;
  let now = null, way = sets.length && (!wanted || sets.some(is)) ? "known" : "folder";
  wrong.setAttribute("role", "alert");
  const known = select(sets.map((d) => [d.name, d.pictures ? `${d.name} · ${d.pictures}` : d.name]));
  known.setAttribute("aria-label", say("known"));
  known.onchange = () => { const d = sets.find((x) => x.name === known.value); now = d ? { dataset: d.name, path: d.path, val: d.val, exclude: d.exclude, classes: Array.isArray(d.classes) ? d.classes.length : d.classes } : null; changed(); };
  const folders = browser((d) => { now = { path: d.real }; changed(); });
  function show() {
    body.replaceChildren(...(way === "known" ? [known] : [folders.box, make("p", "small faint", say("which-folder"))]));
    if (way === "known") known.onchange();
    else folders.open(wanted).catch((e) => { wrong.textContent = e.message; });
  }
  const chosen = sets.find(is);
  if (chosen) known.value = chosen.name;
  const ways = sets.length ? choice(say("which-pictures"), [["known", say("known")], ["folder", say("folder")]], way, (v) => { way = v; show(); }) : null;
  return { box: make("div", "", [ways, body, wrong]), wrong, show, data: () => now };
}

/* Models that one may begin with: [id, words]. */
const models = async () => (await get("/models?count=500")).models.map((m) => [m.id, m.id]);

/* Which net, and whose numbers it begins with. net() is {net}, {text} or {}, and init. */
export async function nets(changed, given) {
  const [known, list] = await Promise.all([get("/nets"), models()]);
  if (given.init && !list.some(([id]) => id === given.init)) list.unshift([given.init, given.init]);
  const net = field("net", say("net"), select(known.filter((n) => !n.pixels).map((n) => [n.name, `${n.name} · ${n.about}`])));
  const text = editor(say("net-text"), 14);
  const init = field("init", say("begin-with"), select([["", say("random")], ...list]));
  const model = field("init", say("net-model"), select(list));
  const prototxt = make("details", "gap", [make("summary", "small quiet", say("of-pictures"))]);
  const more = settings(PROTOTXT);
  prototxt.append(make("div", "fields", more.rows));
  const why = make("p", "small faint", "");
  let way = given.way || (given.text ? "text" : given.net ? "known" : given.init ? "model" : "known");
  if (given.net) net.e.value = given.net;
  if (given.text) text.e.value = given.text;
  if (given.init) init.e.value = model.e.value = given.init;
  more.fill(given.recipe || {});
  const body = make("div", "gap");
  function show() {
    const parts = { known: [net.row, init.row, why], text: [make("span", "small quiet", say("net-text")), text.box, prototxt, init.row, why], model: list.length ? [model.row, why] : [make("p", "quiet", say("no-models"))] };
    why.textContent = way === "model" ? say("fine-why") : say("init-why");
    body.replaceChildren(...parts[way]);
    text.count();
    changed();
  }
  for (const f of [net, init, model, ...more.all]) f.e.addEventListener(f.e.tagName === "SELECT" ? "change" : "input", changed);
  text.e.addEventListener("input", changed);
  const ways = choice(say("net"), [["known", say("net-known")], ["model", say("net-model")], ["text", say("paste")]], way, (v) => { way = v; show(); });
  return {
    box: make("div", "", [ways, body]), show, text, fields: [net, way === "model" ? model : init, ...more.all],
    net: () => (way === "model" ? { init: model.e.value } : { ...(way === "known" ? { net: net.e.value } : { text: text.e.value }), init: init.e.value }),
    recipe: () => (way === "text" ? more.values() : {}),
    all: () => ({ way, net: net.e.value, text: text.e.value, init: way === "model" ? model.e.value : init.e.value, recipe: more.values() }),
    is: () => way,
  };
}

/* Fields of a table as above. */
function settings(table) {
  const all = Object.entries(table).map(([name, is]) => {
    const e = Array.isArray(is) ? select(is.map((x) => [x, x || "–"])) : input("", is);
    if (!Array.isArray(is)) e.inputMode = "decimal";
    return field(name, name, e);
  });
  return {
    all, rows: all.map((f) => f.row),
    /* Numbers are numbers; what is none is the server's to refuse, by its name. */
    values: () => Object.fromEntries(all.filter((f) => (f.e.tagName === "SELECT" ? f.e.selectedIndex > 0 : f.e.value.trim()))
      .map((f) => { const v = f.e.value.trim(), n = Number(v); return [f.name, !LISTS.has(f.name) && v !== "" && Number.isFinite(n) ? n : v]; })),
    fill: (from) => { for (const f of all) if (from[f.name] !== undefined && String(from[f.name]) !== f.e.placeholder) f.e.value = String(from[f.name]); },
  };
}

export function recipe(changed, given) {
  const basic = settings(BASIC), more = settings(MORE), all = [...basic.all, ...more.all];
  const own = new Set([...all.map((f) => f.name), ...Object.keys(PROTOTXT)]);
  const others = Object.fromEntries(Object.entries(given).filter(([k, v]) => !own.has(k) && OTHERS[k] !== v));
  basic.fill(given);
  more.fill(given);
  for (const f of all) f.e.addEventListener(f.e.tagName === "SELECT" ? "change" : "input", changed);
  const rest = make("details", "gap", [make("summary", "small quiet", say("more-settings")), make("div", "fields", more.rows)]);
  rest.open = Object.keys(more.values()).length > 0;
  return {
    box: make("div", "", [make("div", "fields", basic.rows), rest, make("p", "small faint gap", say("sweep-why"))]), fields: all,
    values: () => ({ ...others, ...basic.values(), ...more.values() }),
    set: (name, v) => { all.find((f) => f.name === name).e.value = String(v); },
  };
}

/* "0.1,0.01" in any of them: all combinations, the first for what is shown; of none one. More than `most` are refused where they are begun. */
export function sweep(values, most) {
  let all = [{}];
  for (const [k, v] of Object.entries(values)) {
    const each = typeof v === "string" && !LISTS.has(k) && v.includes(",") ? v.split(",").map((x) => x.trim()).filter(Boolean).map((x) => (Number.isFinite(Number(x)) ? Number(x) : x)) : [v];
    all = all.flatMap((one) => each.map((x) => ({ ...one, [k]: x }))).slice(0, most + 1);
  }
  return all;
}
