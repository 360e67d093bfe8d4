/* Home: what runs, what has ended, the machine. */
import { get } from "./api.js";
import { button, link, make, section } from "./dom.js";
import { select } from "./form.js";
import { spark } from "./chart.js";
import { has, load } from "./pages.js";
import { stored } from "./stored.js";
import { ago, bytes, language, percent, say, span, three, whole } from "./words.js";

const PAGE = 50, MOST = 500; /* runs at first, and at all */
const STATES = ["done", "stopped", "failed", "died"];

const figure = (value, name, css) => make("div", "fig " + (css || ""), [make("b", "", value), make("span", "", name)]);
const what = (r) => [r.data, r.net].filter(Boolean).join(" → ");
export const state = (name) => make("span", "state " + name, say(name));

/* The share of time that training waits for data: over a fifth it is what holds it up. */
export const waits = (v) => (v > 0.2 ? "warned" : "");

function live(r) {
  const bar = make("progress");
  if (r.steps > 0) { bar.max = r.steps; bar.value = r.step; }
  bar.setAttribute("aria-label", r.name);
  const epochs = r.epochs ? `${r.epoch + 1 > r.epochs ? r.epochs : r.epoch + 1} / ${r.epochs}` : String(r.epoch + 1);
  if (r.state === "queued")
    return make("div", "run waits", [make("div", "", [link("#/runs/" + r.name, "name", r.name), make("div", "small faint", what(r) + (r.reason ? " · " + r.reason : ""))]), state("queued"), make("span")]);
  return make("div", "run", [
    make("div", "", [link("#/runs/" + r.name, "name", r.name), make("div", "small faint", [what(r), r.device && r.device.split(": ")[0]].filter(Boolean).join(" · "))]),
    make("div", "", [spark(r.spark, "train")]),
    figure(percent(r.val_top1), say("val-top1"), "keep"), figure(whole(r.images_s), say("images-s")), figure(percent(r.wait), say("data-wait"), waits(r.wait)),
    make("div", "bar", [state(r.state), bar, make("span", "", `${say("epoch")} ${epochs}`), make("span", "", r.eta === null ? "" : `${span(r.eta)} ${say("left")}`)]),
  ]);
}

function ended(r, chosen, choose) {
  const box = make("input");
  box.type = "checkbox";
  box.checked = chosen.has(r.name);
  box.setAttribute("aria-label", say("select") + " " + r.name);
  box.onchange = () => choose(r.name, box.checked);
  const why = r.problem || r.reason;
  return make("tr", "link", [
    make("td", "", [box]),
    make("td", "", [link("#/runs/" + r.name, "strong", r.name), make("div", "small faint", what(r))]),
    make("td", "", [state(r.state), why ? make("div", "small faint why", why) : null]),
    make("td", "num", percent(r.val_top1)), make("td", "num hide-s", three(r.val_loss)),
    make("td", "num hide-s", span(r.took)), make("td", "num hide-s", ago(r.updated)),
    make("td", "hide-s narrow", [spark(r.spark, "train")]),
  ]);
}

function machineCard(m) {
  const used = m.memory - m.memory_free, meter = make("progress", "meter");
  meter.max = m.memory;
  meter.value = used;
  meter.setAttribute("aria-label", say("memory"));
  const row = (name, value) => make("div", "row small quiet", [make("span", "", name), make("span", "end", value)]);
  return make("div", "card slots", [make("div", "slot", [
    make("div", "row", [make("b", "", say("cpu")), make("span", "faint small", `${m.cores} ${say("cores")}`), make("span", "end small", `${say("load")} ${m.load.toFixed(2)}`)]),
    meter, row(say("memory"), `${bytes(used)} / ${bytes(m.memory)}`), row(say("disk"), `${bytes(m.disk_free)} ${say("free")}`)]),
    ...(m.now?.gpus || []).map((g, i) => gpuSlot(g, i, row))]);
}

/* What is not known of a GPU is left out. */
function gpuSlot(g, i, row) {
  const parts = [[g.watts, (v) => `${Math.round(v)} W`], [g.celsius, (v) => `${v} °C`], [g.clock_mhz, (v) => `${v} MHz`]];
  const used = make("progress", "meter");
  used.max = g.memory_bytes || 1;
  used.value = g.memory_used_bytes || 0;
  used.setAttribute("aria-label", `${say("memory")}, GPU ${i}`);
  return make("div", "slot", [
    make("div", "row", [make("b", "", `GPU ${i}`), make("span", "faint small", g.name), make("span", "end small", g.busy === null ? "" : `${Math.round(100 * g.busy)} %`)]),
    used, row(say("memory"), g.memory_bytes === null ? "" : `${bytes(g.memory_used_bytes)} / ${bytes(g.memory_bytes)}`),
    make("div", g.slowed_by ? "row small bad" : "row small quiet", [make("span", "", g.slowed_by || ""), make("span", "end", parts.filter(([v]) => v !== null).map(([v, f]) => f(v)).join(" · "))])]);
}

/* What other pages show of theirs at the side: their card(), an element or null. */
async function cards(box) {
  const all = await Promise.all(["datasets", "models"].filter(has).map(async (path) => (await load(path)).card().catch((e) => make("p", "small bad", e.message))));
  box.replaceChildren(...all.filter(Boolean));
}

export async function open(main, _, query_, was) {
  const chosen = new Set(was.chosen);
  let { find = "", only = "", count = PAGE } = was, later = 0, turn = 0, left = false;

  const counts = make("p"), unread = make("p", "small bad", ""), now = make("div", "card"), body = make("tbody"), more = make("p", "small more"), machine = make("div"), others = make("div");
  const compare = button(say("compare"), "button", () => { const [a, b] = chosen; location.hash = `#/compare?a=${a}&b=${b}`; });
  compare.disabled = chosen.size !== 2;
  const choose = (name, is) => {
    if (is) chosen.add(name);
    else chosen.delete(name);
    compare.disabled = chosen.size !== 2;
  };
  const field = make("input", "find");
  field.type = "search";
  field.placeholder = say("find-hint");
  field.setAttribute("aria-label", say("find"));
  field.value = find;
  field.oninput = () => { find = field.value; hurry(150); };
  const states = select(["", ...STATES].map((s) => [s, s ? say(s) : say("all-states")]));
  states.setAttribute("aria-label", say("state"));
  states.value = only;
  states.onchange = () => { only = states.value; hurry(0); };

  const column = (key, css) => make("th", css || "", say(key));
  const table = make("table", "", [make("thead", "", [make("tr", "", [make("th", "", [make("span", "sr", say("select"))]), column("run"), column("state"), column("val-top1", "num"),
    column("val-loss", "num hide-s"), column("took", "num hide-s"), column("last-seen", "num hide-s"), column("loss", "hide-s")])]), body]);
  const runs = section(say("now"), now);
  const past = section(say("ended"), make("div", "", [make("div", "card scroll", [table]), more]), [field, states, compare]);

  /* A row that would be the same stays, so that what has the focus keeps it. */
  const rows = new Map();
  function keepRows(list) {
    const old = new Map(rows);
    rows.clear();
    for (const r of list) {
      const is = language() + JSON.stringify(r), before = old.get(r.name);
      rows.set(r.name, before && before.is === is ? before : { is, e: ended(r, chosen, choose) });
    }
    const now = list.map((r) => rows.get(r.name).e);
    if (now.length !== body.children.length || now.some((e, i) => body.children[i] !== e)) body.replaceChildren(...now);
  }

  async function refresh() {
    clearTimeout(later);
    later = 0;
    const mine = ++turn, query = `?count=${count}&find=${encodeURIComponent(find)}&state=${only}`;
    const [all, list, m, living] = await Promise.all([get("/state"), get("/runs" + query), get("/machine"), find || only ? get(`/runs?count=${2 * PAGE}`) : null]); /* what is looked for has ended: what runs is shown all the same */
    if (left || mine !== turn) return;
    const s = all.states, running = s.starting + s.running + s.stopping, over = s.done + s.stopped + s.failed + s.died;
    unread.textContent = all.unread ? `${counted(all.unread, "n-unread")} ${all.unread_why}` : "";
    counts.replaceChildren(make("b", "", String(running)), ` ${say("n-running")} · `, make("b", "", String(s.queued)), ` ${say("n-waiting")} · `, make("b", "", String(over)), ` ${say("n-ended")} · `, make("span", "mono", all.workspace));
    const lives = (living || list).runs.filter((r) => r.alive), rest = list.runs.filter((r) => !r.alive);
    now.replaceChildren(...(lives.length ? lives.map(live) : [make("p", "pad quiet", [say("nothing-runs") + " ", make("span", "mono", "tenon train FOLDER --net resnet18 --run NAME")])]));
    keepRows(rest);
    const missing = list.count - list.runs.length;
    more.replaceChildren(...(missing <= 0 ? [] : count < MOST ? [button(`${missing} ${say("more")}`, "bare", () => { count = Math.min(count + 100, MOST); hurry(0); })] : [`${whole(missing)} ${say("more-listed")}`]));
    machine.replaceChildren(machineCard(m));
  }
  const soon = (ms) => { if (!later) later = setTimeout(() => refresh().catch(() => {}), ms); };
  const hurry = (ms) => { clearTimeout(later); later = 0; soon(ms); };

  const aside = make("aside", "", [section(say("machine"), machine, [button(say("stored") + "…", "bare inline small", () => stored())]), others]);
  await Promise.all([refresh(), cards(others)]);
  main.replaceChildren(make("div", "head", [make("div", "grow", [make("h1", "", say("runs")), counts, unread]), make("div", "actions", [link("#/new", "button main", say("new-run"))])]), make("div", "cols", [make("div", "", [runs, past]), aside]));
  document.title = "Tenon";
  return {
    hear: (kind) => {
      if (kind === "run" || kind === "again") soon(1000);
      else cards(others);
    },
    leave: () => { left = true; clearTimeout(later); },
    keep: () => ({ find, only, count, chosen: [...chosen] }),
  };
}
