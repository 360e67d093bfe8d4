/* One run: how it goes, its curves, its log, what can be done to it. */
import { get } from "./api.js";
import { chart, forgetCharts, short, tableButton } from "./chart.js";
import { button, choice, command, facts, link, make, section } from "./dom.js";
import { state, waits } from "./home.js";
import { has } from "./pages.js";
import { actions, compareWith, notes } from "./run_acts.js";
import { bytes, clock, percent, quote, say, span, three, whole } from "./words.js";

const NAMES = ["step.loss", "step.top1", "step.rate", "step.images_s", "epoch.train.loss", "epoch.val.loss", "epoch.val.top1"];
const QUIET = new Set(["digest"]);
const LINES = 200;
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

/* Each with how good it was, where an epoch ended there: to use it as a model, and to go back to it, which is a new run. */
function checkpoints(r) {
  const best = r.checkpoints.filter((c) => c.best).pop(), top1 = new Map(r.epoch_lines.map((e) => [e.step, e["val.top1"] ?? e["train.top1"]]));
  const rows = [...r.checkpoints].reverse().map((c) => {
    const name = `${r.name}.step-${String(c.step).padStart(8, "0")}`, where = `${say("step")} ${whole(c.step)}`;
    const use = link(has("models") ? "#/models/" + name : "#/new?init=" + name, "", say("use")), back = link(`#/new?run=${r.name}&step=${c.step}`, "", say("go-back"));
    use.setAttribute("aria-label", `${say("use")}: ${where}`);
    back.setAttribute("aria-label", `${say("go-back")}: ${where}`);
    return make("tr", "", [make("td", "", [where + " ", c === best ? make("span", "tag accent", say("best")) : null, make("div", "small faint", `${bytes(c.bytes)} · ${clock(c.t)}`)]),
      make("td", "num", percent(top1.get(c.step))), make("td", "num small", [make("div", "", [use]), make("div", "", [back])])]);
  });
  return make("div", "card scroll tall", [rows.length ? make("table", "", [make("tbody", "", rows)]) : make("p", "pad quiet", say("nothing-yet"))]);
}

/* The orders that it obeyed, as a shell gives them. */
const orders = (r) => r.orders.filter((o) => o.applied && o.order !== "stop").slice(-6).map((o) => {
  const set = Object.entries(o).filter(([k]) => k.startsWith("set.")).map(([k, v]) => `${k.slice(4)}=${v}`);
  return command(["tenon", "run", set.length ? "set" : o.order, r.name, ...set, "--at-step", String(o.step)].map(quote).join(" "));
});

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

/* ---- the page ---- */

export async function open(main, [id], _, was) {
  const path = "/runs/" + encodeURIComponent(id);
  let { smooth = 0.9, shown = "log", many = LINES, log_ = "lin" } = was, later = 0, left = false, said = "";
  forgetCharts();

  const title = make("p"), reason = make("p", "small quiet"), buttons = make("div", "actions"), card = make("section", "card"), log = make("pre", "log"), side = make("aside"), shell = make("div"), told = make("p", "small quiet", "");
  told.setAttribute("role", "status");
  log.tabIndex = 0;
  log.setAttribute("aria-label", say("log"));
  const cards = [0, 1, 2, 3].map(() => make("div", "card"));
  const one = (name, css, s, more) => ({ name, css, x: s.x, y: s.y, ...more });
  const lossChart = chart(cards[0], { title: say("loss"), y: log_ === "log" ? "log" : undefined, series: [] });
  const topChart = chart(cards[1], { title: say("top1"), format: percent, tick: (v) => Math.round(100 * v) + " %", ymin: 0, ymax: 1, series: [] });
  const rateChart = chart(cards[2], { title: say("rate"), height: 150, series: [] });
  const speedChart = chart(cards[3], { title: say("images-s"), height: 150, format: whole, ymin: 0, series: [] });

  async function curves() {
    const asked = smooth, s = await get(`${path}/series?names=${NAMES.join(",")}&points=500&smooth=${asked}`);
    if (left || asked !== smooth) return;
    const at = (name) => s.series[name] || NONE, marks = s.marks.map((m) => ({ x: m.step, text: markText(m) }));
    const train = (name) => { const c = at(name); return [one(say("raw"), "train", c, { faint: true }), one(say("train"), "train", { x: c.x, y: smooth ? c.smooth : c.y }, smooth ? {} : { low: c.low, high: c.high })]; };
    lossChart.update({ marks, series: [...train("step.loss"), one(say("val"), "val", at("epoch.val.loss"))] });
    topChart.update({ marks, series: [...train("step.top1"), one(say("val"), "val", at("epoch.val.top1"))] });
    rateChart.update({ marks, y: at("step.rate").y.every((v) => v > 0) ? "log" : undefined, series: [one(say("rate"), "fourth", at("step.rate"))] });
    speedChart.update({ series: [one(say("images-s"), "third", at("step.images_s"))] });
  }

  async function lines() {
    const asked = shown, l = asked === "log" ? await get(`${path}/log?lines=${many}`) : await get(`${path}/output`);
    if (left || asked !== shown) return;
    const low = log.scrollTop + log.clientHeight > log.scrollHeight - 20;
    const more = shown === "log" && l.from > 0 && many < 1000 ? [button(`${whole(l.from)} ${say("more")}`, "bare", () => { many = 1000; lines(); }), "\n"] : [];
    log.replaceChildren(...more, ...(shown === "log" ? l.lines.filter((x) => x && !QUIET.has(x.e)).flatMap(line) : [l.text || say("nothing-yet")]));
    if (low) log.scrollTop = log.scrollHeight;
  }

  async function refresh() {
    clearTimeout(later);
    later = 0;
    const r = await get(path);
    if (left) return;
    const words = [r.net, r.device].filter(Boolean).join(" · "), why = r.problem || r.log_problem || r.reason;
    const now = r.state + (r.alive ? "" : "-"); /* what can be done to it; a button that has the focus is not made anew */
    title.replaceChildren(state(r.state), "   ", words);
    reason.textContent = why || "";
    if (now !== said) buttons.replaceChildren(...actions(id, r, (text) => { told.textContent = text; soon(300); }));
    card.replaceChildren(progress(r), figures(r));
    const last = r.checkpoints.length ? r.checkpoints[r.checkpoints.length - 1].step : 0;
    shell.replaceChildren(command(`tenon run show ${quote(id)}`), command(`tenon run repeat ${quote(id)}`), ...orders(r));
    if (now !== said || String(last) !== side.dataset.last) {
      side.dataset.last = last;
      side.replaceChildren(section(say("checkpoints"), checkpoints(r)),
        section(say("recipe"), make("div", "card pad", [recipe(r.config)])));
    }
    said = now;
    await Promise.all([curves().catch(() => {}), lines().catch((e) => log.replaceChildren(make("span", "w", e.message)))]); /* a log that cannot be read says so where it would stand */
  }
  const soon = (ms) => { if (!later) later = setTimeout(() => refresh().catch(() => {}), ms); };

  const files = choice(say("log"), [["log", "log.jsonl"], ["output", "output.log"]], shown, (v) => { shown = v; lines().then(() => { log.scrollTop = log.scrollHeight; }, () => {}); });
  const scale = choice(say("scale"), [["lin", say("linear")], ["log", say("log-scale")]], log_, (v) => { log_ = v; lossChart.update({ y: v === "log" ? "log" : undefined }); });
  const smoothing = choice(say("smooth"), [[0, "0"], [0.9, "0.9"], [0.97, "0.97"]], smooth, (v) => { smooth = v; curves().catch(() => {}); });
  await refresh();
  main.replaceChildren(make("div", "head", [make("div", "grow", [make("div", "crumbs", [link("#/", "", say("runs"))]), make("h1", "", id), title, reason, told]), buttons]), card,
    section(say("curves"), make("div", "two", cards), [make("span", "small faint", say("smooth")), smoothing, scale, button(say("compare-with"), "bare", () => compareWith(id)), tableButton([lossChart, topChart, rateChart, speedChart])]),
    make("div", "cols", [make("div", "", [
      section(say("log"), make("div", "card", [log]), [files]),
      section(say("same"), shell),
      notes(id)]), side]));
  log.scrollTop = log.scrollHeight;
  document.title = `${id} · Tenon`;
  return {
    hear: (kind, data) => {
      if (kind === "again" || (kind === "run" && data.id === id)) soon(700);
      if (kind === "run" && data.id === id && data.state === null) location.hash = "#/";
    },
    leave: () => { left = true; clearTimeout(later); },
    keep: () => ({ smooth, shown, many, log_ }),
  };
}
