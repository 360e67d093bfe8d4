/* Data sets: a list of them, and one: its numbers, what the doctor found, its pictures. */
import { get, send } from "./api.js";
import { ask, attempt, button, command, link, make, section } from "./dom.js";
import { field, input, select } from "./form.js";
import { findings } from "./dataset_found.js";
import { look } from "./dataset_look.js";
import { begin } from "./dataset_new.js";
import { distribution, sizes, usedBy } from "./dataset_side.js";
import { ago, bytes, counted, percent, quote, say, span, whole } from "./words.js";
import "./dataset_words.js";

const figure = (name, value, more) => make("div", "fig", [make("span", "", name), make("b", "", value), make("small", "", more || "")]);
export const at = (name) => "/datasets/" + encodeURIComponent(name);

const key = (side) => make("span", "small quiet", [make("i", "swatch s-" + side), say(side)]);

/* ---- all ---- */

/* How many pictures of each class, the smallest apart. */
function hist(counts) {
  const most = Math.max(1, ...counts), box = make("div", "hist");
  box.setAttribute("aria-hidden", "true");
  box.append(...counts.map((n) => { const i = make("i", 4 * n < most ? "low" : ""); i.style.height = `${(100 * n) / most}%`; return i; }));
  return box;
}

function item(d, jobs) {
  const busy = jobs.find((j) => j.of === d.name);
  const state = busy ? make("span", "state running", say(busy.kind === "pack" ? "packing" : "checking")) : d.checked === null ? make("span", "small faint", say("not-checked"))
    : d.findings ? make("span", "tag warn", counted(d.findings, "n-findings")) : make("span", "tag ok", say("well"));
  const size = d.checked === null ? d.given : `${d.val_pictures === null ? "" : whole(d.pictures) + " + "}${counted(d.val_pictures === null ? d.pictures : d.val_pictures, "n-pictures")} · ${counted(d.classes, "n-classes")}`;
  return link("#/datasets/" + d.name, "item", [make("div", "row", [make("b", "", d.name), make("span", "end", [state])]),
    make("div", "small faint cut", size), d.hist && d.hist.length > 1 ? hist(d.hist) : null]);
}

const cards = (all) => make("div", "card", all.datasets.length ? all.datasets.map((d) => item(d, all.jobs)) : [make("p", "pad quiet", say("no-datasets"))]);
const adding = () => button(say("add-dataset"), "main", () => begin((name) => { location.hash = "#/datasets/" + name; }));

/* For the page of everything. */
export async function card() {
  const all = await get("/datasets");
  return section(say("datasets"), cards(all), [link("#/datasets", "small", say("all"))]);
}

async function openAll(main) {
  let left = false;
  const body = make("div", "");
  async function refresh() {
    const all = await get("/datasets");
    const missing = all.count - all.datasets.length;
    if (!left) body.replaceChildren(cards(all), missing > 0 ? make("p", "small faint gap", `${whole(missing)} ${say("more-sets")}`) : "");
  }
  await refresh();
  main.replaceChildren(make("div", "head", [make("div", "grow", [make("h1", "", say("datasets")), make("p", "", say("datasets-what"))]), make("div", "actions", [adding()])]), body);
  document.title = `${say("datasets")} · Tenon`;
  return { hear: (kind) => { if (kind !== "run") refresh().catch(() => {}); }, leave: () => { left = true; } };
}

/* ---- one ---- */

/* The format that most have, and what else there is. */
function format(s) {
  const all = Object.entries(s.formats).sort((a, b) => b[1] - a[1]);
  const q = s.quality, others = all.slice(1).map(([f, n]) => `${f} ${whole(n)}`).join(", ");
  return figure(say("file-format"), all[0][0], others || (q ? `${say("quality")} ${q.least === q.most ? q.most : `${q.least}–${q.most}`}` : ""));
}

function figures(d) {
  const s = d.report.set, n = d.now, out = (n.set ? n.set.out : 0) + (n.val ? n.val.out : 0);
  const rgb = (v) => v.map((x) => Math.round(x)).join(" ");
  return make("div", "figs", [
    figure(say("pictures"), n.set ? whole(n.set.pictures) : "–", n.val ? `+ ${whole(n.val.pictures)} ${say("to-val")}` : say("no-val")),
    figure(say("left-out"), whole(out), out ? say("of-all") : ""),
    s && s.width ? figure(say("size"), `${s.width.median} × ${s.height.median}`, say("median")) : null,
    s && s.mean ? figure(say("mean"), rgb(s.mean), `${say("deviation")} ${rgb(s.deviation)}`) : null,
    s && s.formats ? format(s) : null,
    s && s.grey !== undefined ? figure(say("grey"), percent(s.grey / s.read), `${whole(s.grey)} ${say("n-of")} ${whole(s.read)}`) : null,
    s ? figure(say("bytes"), bytes(s.bytes), say("files")) : null,
    figure(say("checked"), d.checked === null ? "–" : ago(d.checked), d.checked === null ? say("not-yet") : say("since")),
  ]);
}

/* What is being done, or went wrong. */
function progress(d) {
  const running = d.jobs.filter((j) => j.state === "running"), wrong = d.jobs.find((j) => j.state === "failed" || j.state === "died");
  const rows = running.map((j) => make("p", "pad row", [make("span", "state running", say(j.kind === "pack" ? "packing" : "checking")), make("span", "small faint", j.says || span(j.seconds))]));
  if (d.problem && !running.length) rows.push(make("p", "pad bad", d.problem));
  else if (wrong && !running.length) rows.push(make("p", "pad bad", wrong.error));
  return rows.length ? make("section", "card", rows) : make("span");
}

function askPack(name, size) {
  const pixels = field("size", say("pack-size"), input(String(Math.round((size * 8) / 7)))), called = field("name", say("name"), input(name + "-packed"));
  pixels.e.inputMode = "numeric";
  ask(say("pack-title"), [make("p", "small quiet", say("pack-why")), called.row, pixels.row], say("pack"), async (d) => {
    try {
      const said = await send("POST", at(name) + "/pack", { name: called.e.value.trim(), size: Number(pixels.e.value) });
      d.close();
      location.hash = "#/datasets/" + said.id;
    } catch (e) { called.wrong.textContent = e.message; }
  });
}

function actions(name, d, refresh) {
  const busy = d.jobs.some((j) => j.state === "running");
  const check = button(say(d.checked === null ? "check" : "check-again"), d.checked === null ? "main" : "", async () => { if (await attempt(() => send("POST", at(name) + "/check", {}))) refresh(); });
  check.disabled = busy;
  const doubt = async () => {
    const runs = (await get("/runs?count=500")).runs.filter((r) => r.checkpoint), e = field("model", say("run"), select(runs.map((r) => [r.name, r.name])));
    ask(say("doubt-title"), [make("p", "small quiet", say("doubt-why")), runs.length ? e.row : make("p", "gap", say("no-runs"))], runs.length ? say("check") : "",
      async (q) => { q.close(); if (await attempt(() => send("POST", at(name) + "/check", { model: e.e.value }))) refresh(); });
  };
  const remove = () => ask(say("remove-set-title"), [make("p", "quiet", say("remove-set-why"))], say("remove"),
    async (q) => { q.close(); if (await attempt(() => send("DELETE", at(name), ""))) location.hash = "#/datasets"; }, "main danger");
  return [check, d.now.set ? button(say("doubt") + "…", "", doubt) : null, d.now.set && !d.now.set.packed ? button(say("pack") + "…", "", () => askPack(name, d.size)) : null, button(say("remove"), "danger", remove),
    link("#/new?data=" + encodeURIComponent(name), "button main", say("train-on"))];
}

/* The same in a shell: what the last check was, or would be. */
function shell(d) {
  const last = d.jobs.find((j) => j.kind === "check");
  const words = last ? last.command.slice(2).filter((w) => !["--quiet", "--json", "--progress"].includes(w)) : [d.path, ...(d.val ? ["--val", d.val] : [])];
  return command(["tenon data check", ...words.map(quote)].join(" "));
}

/* One of that name may have been there before: its jobs are no affair of this one. */
async function known(name) {
  const d = await get(at(name));
  d.jobs = d.jobs.filter((j) => j.began >= d.made);
  return d;
}

async function openOne(main, name, was) {
  let left = false, later = 0;
  const head = make("div", "head"), told = make("div", ""), card_ = make("section", "card"), found = make("div", ""), side = make("aside");
  const looking = look(name, () => soon(0), was);
  async function refresh() {
    clearTimeout(later);
    later = 0;
    const since = Date.now(), d = await known(name);
    if (left) return;
    const n = d.now, classes = n.set ? n.set.classes.length : 0;
    head.replaceChildren(make("div", "grow", [make("div", "crumbs", [link("#/datasets", "", say("datasets"))]), make("h1", "", d.name),
      make("p", "", [classes ? `${counted(classes, "n-classes")} · ` : "", d.split ? `${d.split} % ${say("to-val")} · ` : "", make("span", "mono wrap", d.given)])]), make("div", "actions", actions(name, d, () => soon(200))));
    told.replaceChildren(progress(d));
    card_.replaceChildren(figures(d));
    found.replaceChildren(section(say("found"), findings(d, { leave: (what) => attempt(() => send("POST", at(name) + "/exclude", what)).then(() => soon(0)), filter: looking.filter, check: () => attempt(() => send("POST", at(name) + "/check", {})).then(() => soon(200)) })),
      make("section", "", [shell(d)]));
    side.replaceChildren(...[n.set ? section(say("distribution"), distribution(n, looking.filter), [key("train"), n.val ? key("val") : null]) : null,
      d.report.set && d.report.set.width ? section(say("sizes"), sizes(d.report)) : null].filter(Boolean), used);
    looking.know(d);
    if (d.jobs.some((j) => j.state === "running")) soon(Math.max(1000, 5 * (Date.now() - since)));
  }
  const soon = (ms) => { if (!later) later = setTimeout(() => refresh().catch(() => {}), ms); };
  const used = make("section", "");
  await refresh();
  main.replaceChildren(head, told, card_, make("div", "cols", [make("div", "", [found, looking.box]), side]));
  document.title = `${name} · Tenon`;
  usedBy(await known(name)).then((e) => used.replaceChildren(...e)).catch(() => {});
  return {
    hear: (kind) => { if (kind !== "run") soon(100); },
    leave: () => { left = true; clearTimeout(later); looking.leave(); },
    keep: looking.keep,
  };
}

export const open = (main, parts, _, was) => (parts[0] ? openOne(main, parts[0], was) : openAll(main));
