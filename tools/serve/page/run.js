/* One run: how it goes, its curves, its log, what can be done to it. */
import { get, send } from "./api.js";
import { chart, forgetCharts, short, tableButton } from "./chart.js";
import { ask, button, choice, command, facts, link, make } from "./dom.js";
import { state, waits } from "./home.js";
import { ago, bytes, clock, percent, quote, say, span, three, whole } from "./words.js";

const NAMES = ["step.loss", "step.top1", "step.rate", "step.images_s", "epoch.train.loss", "epoch.val.loss", "epoch.val.top1"];
const QUIET = new Set(["digest"]);
const NONE = { x: [], y: [], low: [], high: [], smooth: [] };

/* ---- what is said of it ---- */

const figure = (name, value, more, css) => make("div", "fig " + (css || ""), [make("span", "", name), make("b", "", value), make("small", "", more || "")]);

function figures(r) {
  const best = r.says["best.value"];
  return make("div", "figs", [
    figure(say("epoch"), r.epochs ? `${Math.min(r.epoch + 1, r.epochs)} / ${r.epochs}` : String(r.epoch + 1), `${say("step")} ${whole(r.step)}${r.steps ? " / " + whole(r.steps) : ""}`),
    figure(say("loss"), three(r.says["last.loss"]), r.says["last.top1"] !== undefined ? `${say("top1")} ${percent(r.says["last.top1"])}` : ""),
    figure(say("val-top1"), percent(r.val_top1), best !== undefined ? `${say("best")} ${best <= 1 ? percent(best) : three(best)}, ${say("epoch")} ${r.says["best.epoch"]}` : ""),
    figure(say("rate"), three(r.says["last.rate"]), ""),
    figure(say("images-s"), whole(r.images_s), ""),
    figure(say("data-wait"), percent(r.wait), r.wait > 0.2 ? say("data-holds-up") : "", waits(r.wait)),
  ]);
}

function progress(r) {
  const bar = make("progress", "thick");
  bar.max = r.steps || 1;
  bar.value = r.state === "done" ? bar.max : r.step;
  bar.setAttribute("aria-label", say("progress"));
  const left = r.alive && r.eta !== null ? ` · ${span(r.eta)} ${say("left")}` : "";
  return make("div", "pad row middle", [bar, make("span", "small quiet", [make("b", "", percent(bar.value / bar.max)), left])]);
}

const SETTINGS = ["optim", "rate", "policy", "momentum", "decay", "batch", "accumulate", "epochs", "augment", "smoothing", "mixup", "precision", "seed"];
const recipe = (config) => (config ? facts([["data", config["data.path"]], ["net", config["net.name"]], ["init", config["init.path"]],
  ...SETTINGS.map((k) => [k, config["recipe." + k]]), ["device", config.device], ["version", config.version]]
  .filter(([, v]) => v !== null && v !== undefined && v !== false && v !== 0).map(([k, v]) => [k, String(v)])) : make("p", "quiet", say("no-config")));

function checkpoints(r) {
  const rows = [...r.checkpoints].reverse().map((c) => make("tr", "", [
    make("td", "", [`${say("step")} ${whole(c.step)} `, c.best ? make("span", "tag accent", say("best")) : null, make("div", "small faint mono", c.file || "")]),
    make("td", "num", bytes(c.bytes)), make("td", "num hide-s faint", clock(c.t))]));
  return make("div", "card scroll tall", [rows.length ? make("table", "", [make("tbody", "", rows)]) : make("p", "pad quiet", say("nothing-yet"))]);
}

/* A line of the log, in words: its kind, and what it says. */
function line(l) {
  const skip = new Set(["e", "t", "step"]), bad = ["bad_file", "warn", "diverged"].includes(l.e), own = ["order", "resume", "end"].includes(l.e);
  const text = l.e === "step" ? `loss ${three(l.loss)}${l.top1 !== undefined ? "  top1 " + percent(l.top1) : ""}  rate ${three(l.rate)}  ${whole(l.images_s)}/s`
    : l.e === "epoch" ? `train ${three(l["train.loss"])} ${percent(l["train.top1"])}  val ${three(l["val.loss"])} ${percent(l["val.top1"])}${l.best ? "  " + say("best") : ""}`
      : Object.entries(l).filter(([k, v]) => !skip.has(k) && v !== null && !/\.\d+$/.test(k)).map(([k, v]) => `${k}=${v}`).join(" ");
  return [make("span", "faint", clock(l.t)), "  " + String(l.step).padStart(7) + "  ", make("span", bad ? "w" : own ? "a" : "", (l.e + " ").padEnd(11)), l.e === "epoch" ? make("b", "", text) : text, "\n"];
}

const markText = (m) => (m.kind !== "order" ? say(m.kind) : m.order !== "set" ? say(m.order)
  : Object.entries(m).filter(([k]) => !["step", "kind", "order"].includes(k)).map(([k, v]) => `${k} ${short(v)}`).join(" "));

/* ---- what is done to it ---- */

/* Says what came of it; a refusal stands there until it is closed. */
async function act(what, done) {
  try {
    const said = await what();
    if (done) done(said);
  } catch (e) {
    const d = ask(say("refused"), [make("p", "quiet", e.message)], [button(say("close"), "main", () => d.close())]);
  }
}

const order = (id, what, done) => act(() => send("POST", `/runs/${id}/orders`, what), done);

function sure(title, why, yes, what) {
  const d = ask(title, [make("p", "quiet", why)], [button(say("cancel"), "", () => d.close()), button(yes, "main danger", () => { d.close(); what(); })]);
}

function change(id, r) {
  const fields = [["rate_scale", "rate-times", 1], ["momentum", "momentum", r.config && r.config["recipe.momentum"]], ["decay", "decay", r.config && r.config["recipe.decay"]], ["epochs", "epochs-all", r.epochs]];
  const given = fields.map(([name, words, is]) => {
    const field = make("input");
    field.type = "text";
    field.inputMode = "decimal";
    field.name = name;
    field.placeholder = is === null || is === undefined ? "" : String(is);
    return { name, field, row: make("label", "field", [make("span", "", say(words)), field]) };
  });
  const wrong = make("p", "small bad", "");
  wrong.setAttribute("role", "alert");
  const apply = () => {
    const set = {};
    for (const { name, field } of given) {
      const text = field.value.trim(), number = Number(text);
      if (!text) continue;
      if (!Number.isFinite(number)) { wrong.textContent = `${name}: ${say("no-number")}`; field.focus(); return; }
      set[name] = number;
    }
    if (!Object.keys(set).length) return d.close();
    d.close();
    order(id, { order: "set", set });
  };
  const d = ask(say("change-title"), [make("p", "small quiet", say("change-why")), ...given.map((g) => g.row), wrong, make("p", "small faint gap", say("change-not"))],
    [button(say("cancel"), "", () => d.close()), button(say("apply"), "main", apply)]);
}

function actions(id, r, refresh) {
  if (r.alive && r.state !== "queued")
    return [button(say("change"), "", () => change(id, r)), button(say("snapshot"), "", () => order(id, { order: "snapshot" }, refresh)),
      button(say("evaluate"), "", () => order(id, { order: "evaluate" }, refresh)),
      button(say("stop"), "danger", () => sure(say("stop-title"), say("stop-why"), say("stop"), () => order(id, { order: "stop" }, refresh)))];
  if (r.alive) return [button(say("stop"), "danger", () => order(id, { order: "stop" }, refresh))];
  return [r.state === "done" ? null : button(say("resume"), "main", () => act(() => send("POST", `/runs/${id}/resume`, ""), refresh)),
    button(say("remove"), "danger", () => sure(say("remove-title"), say("remove-why"), say("remove"), () => act(() => send("DELETE", `/runs/${id}`, ""), () => { location.hash = "#/"; })))].filter(Boolean);
}

function notes(id) {
  const field = make("textarea", "notes"), told = make("span", "small faint", "");
  field.rows = 4;
  field.setAttribute("aria-label", say("notes"));
  get(`/runs/${id}/notes`).then((n) => { field.value = n.text; }).catch(() => {});
  field.onchange = () => act(() => send("PUT", `/runs/${id}/notes`, field.value), () => { told.textContent = say("kept"); });
  return make("section", "", [make("div", "title", [make("h2", "", say("notes")), make("div", "end", [told])]), field]);
}

/* ---- the page ---- */

export async function open(main, [id]) {
  const path = "/runs/" + encodeURIComponent(id);
  let smooth = 0.9, later = 0, left = false, said = "";
  forgetCharts();

  const head = make("div", "head"), card = make("section", "card"), log = make("pre", "log"), side = make("aside");
  log.tabIndex = 0;
  log.setAttribute("aria-label", say("log"));
  const cards = [0, 1, 2, 3].map(() => make("div", "card"));
  const one = (name, css, s, more) => ({ name, css, x: s.x, y: s.y, ...more });
  const lossChart = chart(cards[0], { title: say("loss"), series: [] });
  const topChart = chart(cards[1], { title: say("top1"), format: percent, tick: (v) => Math.round(100 * v) + " %", ymin: 0, ymax: 1, series: [] });
  const rateChart = chart(cards[2], { title: say("rate"), height: 150, series: [] });
  const speedChart = chart(cards[3], { title: say("images-s"), height: 150, format: whole, ymin: 0, series: [] });

  async function curves() {
    const s = await get(`${path}/series?names=${NAMES.join(",")}&points=500&smooth=${smooth}`);
    if (left) return;
    const at = (name) => s.series[name] || NONE, marks = s.marks.map((m) => ({ x: m.step, text: markText(m) }));
    const train = (name) => { const c = at(name); return [one(say("raw"), "train", c, { faint: true }), one(say("train"), "train", { x: c.x, y: smooth ? c.smooth : c.y }, smooth ? {} : { low: c.low, high: c.high })]; };
    lossChart.update({ marks, series: [...train("step.loss"), one(say("val"), "val", at("epoch.val.loss"))] });
    topChart.update({ marks, series: [...train("step.top1"), one(say("val"), "val", at("epoch.val.top1"))] });
    rateChart.update({ marks, series: [one(say("rate"), "fourth", at("step.rate"))] });
    speedChart.update({ series: [one(say("images-s"), "third", at("step.images_s"))] });
  }

  async function lines() {
    const l = await get(`${path}/log?lines=200`);
    if (left) return;
    const low = log.scrollTop + log.clientHeight > log.scrollHeight - 20;
    log.replaceChildren(...l.lines.filter((x) => x && !QUIET.has(x.e)).flatMap(line));
    if (low) log.scrollTop = log.scrollHeight;
  }

  async function refresh() {
    clearTimeout(later);
    later = 0;
    const r = await get(path);
    if (left) return;
    const words = [r.net, r.device].filter(Boolean).join(" · "), why = r.problem || r.reason;
    const now = r.state + (r.alive ? "" : "-");
    head.replaceChildren(make("div", "grow", [make("div", "crumbs", [link("#/", "", say("runs"))]), make("h1", "", r.name),
      make("p", "", [state(r.state), "   ", words]), why ? make("p", "small quiet", why) : null]), make("div", "actions", actions(id, r, () => soon(300))));
    card.replaceChildren(progress(r), figures(r));
    if (now !== said || r.checkpoints.length !== side.dataset.count) {
      side.dataset.count = r.checkpoints.length;
      side.replaceChildren(make("section", "", [make("div", "title", [make("h2", "", say("checkpoints"))]), checkpoints(r)]),
        make("section", "", [make("div", "title", [make("h2", "", say("recipe"))]), make("div", "card pad", [recipe(r.config)])]));
    }
    said = now;
    await Promise.all([curves(), lines()]);
  }
  const soon = (ms) => { if (!later) later = setTimeout(() => refresh().catch(() => {}), ms); };

  const scale = choice(say("scale"), [["lin", say("linear")], ["log", say("log-scale")]], "lin", (v) => lossChart.update({ y: v === "log" ? "log" : undefined }));
  const smoothing = choice(say("smooth"), [[0, "0"], [0.9, "0.9"], [0.97, "0.97"]], smooth, (v) => { smooth = v; curves().catch(() => {}); });
  await refresh();
  main.replaceChildren(head, card,
    make("section", "", [make("div", "title", [make("h2", "", say("curves")), make("div", "end", [make("span", "small faint", say("smooth")), smoothing, scale, tableButton([lossChart, topChart, rateChart, speedChart])])]), make("div", "two", cards)]),
    make("div", "cols", [make("div", "", [
      make("section", "", [make("div", "title", [make("h2", "", say("log")), make("div", "end", [make("span", "small faint mono", "log.jsonl")])]), make("div", "card", [log])]),
      make("section", "", [make("div", "title", [make("h2", "", say("same"))]), command(`tenon run show ${quote(id)}`, say), command(`tenon run repeat ${quote(id)}`, say)]),
      notes(id)]), side]));
  log.scrollTop = log.scrollHeight;
  document.title = `${id} · Tenon`;
  return {
    hear: (kind, data) => {
      if (kind === "again" || (kind === "run" && data.id === id)) soon(700);
      if (kind === "run" && data.id === id && data.state === null) location.hash = "#/";
    },
    leave: () => { left = true; clearTimeout(later); },
  };
}
