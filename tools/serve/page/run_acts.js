/* What is done to a run: orders, and what is asked before them. */
import { get, send } from "./api.js";
import { ask, attempt, button, command, link, make, section } from "./dom.js";
import { field, input, select } from "./form.js";
import { canTell, follow, follows } from "./notify.js";
import { quote, say, whole } from "./words.js";

/* Says what came of it. */
async function act(what, done) {
  const said = await attempt(what);
  if (said && done) done(said);
}

const order = (id, what, done) => act(() => send("POST", `/runs/${id}/orders`, what), done);

const sure = (title, why, yes, what) => ask(title, [make("p", "quiet", why)], yes, (d) => { d.close(); what(); }, "main danger");

/* What has come of an order, in words. */
const answer = (a) => (a && a.waits ? say("waits-for-step") : `${say("obeyed-at")} ${whole(a && a.step)}`);

function change(id, r, told) {
  const is = (name) => r.config && r.config["recipe." + name];
  const rows = [["rate_scale", "rate-times", 1], ["momentum", "momentum", is("momentum")], ["decay", "decay", is("decay")], ["clip", "clip", is("clip")], ["epochs", "epochs-all", r.epochs],
    ["patience", "patience", is("patience")], ["at_step", "at-step", ""]];
  const fields = rows.map(([name, words, now]) => field(name, say(words), input("", now === null || now === undefined ? "" : String(now))));
  const shell = make("div", "gap");
  /* What it says: numbers, or null and what is wrong beside its field. */
  function read() {
    const said = {};
    let good = true;
    for (const f of fields) {
      const text = f.e.value.trim(), number = Number(text);
      f.wrong.textContent = text && !Number.isFinite(number) ? say("no-number") : "";
      if (f.wrong.textContent) { good = false; f.e.focus(); } else if (text) said[f.name] = number;
    }
    return good ? said : null;
  }
  function show() {
    const { at_step: at, ...set } = read() || {};
    shell.replaceChildren(command(["tenon", "run", "set", id, ...Object.entries(set).map(([k, v]) => `${k}=${v}`), ...(at === undefined ? [] : ["--at-step", String(at)])].map(quote).join(" ")));
  }
  function apply() {
    const said = read();
    if (!said) return;
    const { at_step: at, ...set } = said;
    d.close();
    if (Object.keys(set).length) order(id, { order: "set", set, ...(at === undefined ? {} : { at_step: at }) }, (a) => told(answer(a)));
  }
  for (const f of fields) { f.e.inputMode = "decimal"; f.e.addEventListener("input", show); f.e.onkeydown = (e) => { if (e.key === "Enter") apply(); }; }
  show();
  const d = ask(say("change-title"), [make("p", "small quiet", say("change-why")), make("div", "fields two-wide", fields.map((f) => f.row)), shell, make("p", "small faint gap", say("change-not"))], say("apply"), apply);
}

/* With which other run? */
export async function compareWith(id) {
  const list = (await get("/runs?count=500")).runs.filter((r) => r.name !== id);
  const other = select(list.map((r) => [r.name, r.name]));
  other.setAttribute("aria-label", say("run"));
  ask(say("compare-with"), [list.length ? other : make("p", "quiet", say("nothing-yet"))], list.length ? say("compare") : "", (d) => { d.close(); location.hash = `#/compare?a=${id}&b=${other.value}`; });
}

function bell(id) {
  const b = button(say("tell-end"), "", async () => b.setAttribute("aria-pressed", String(await follow(id))));
  b.setAttribute("aria-pressed", String(follows(id)));
  return b;
}

/* The buttons of a run as it is now; told(text) shows what came of one. */
export function actions(id, r, told) {
  const clone = link("#/new?run=" + id, "button", say("clone")), after = (a) => told(answer(a));
  const stop = button(say("stop"), "danger", () => sure(say("stop-title"), say("stop-why"), say("stop"), () => order(id, { order: "stop" }, after)));
  if (r.alive)
    return [canTell() ? bell(id) : null, ...(r.state === "queued" ? [] : [button(say("change"), "", () => change(id, r, told)), button(say("snapshot"), "", () => order(id, { order: "snapshot" }, after)),
      button(say("evaluate"), "", () => order(id, { order: "evaluate" }, after))]), clone, stop].filter(Boolean);
  return [r.state === "done" ? null : button(say("resume"), "main", () => act(() => send("POST", `/runs/${id}/resume`, ""), () => told(say("resumes")))), clone,
    button(say("remove"), "danger", () => sure(say("remove-title"), say("remove-why"), say("remove"), () => act(() => send("DELETE", `/runs/${id}`, ""), () => { location.hash = "#/"; })))].filter(Boolean);
}

export function notes(id) {
  const area = make("textarea", "notes"), told = make("span", "small faint", "");
  area.rows = 4;
  area.setAttribute("aria-label", say("notes"));
  area.disabled = true; /* what was not read is not written over */
  get(`/runs/${id}/notes`).then((n) => { area.value = n.text; area.disabled = false; }, (e) => { told.textContent = e.message; });
  area.onchange = () => act(() => send("PUT", `/runs/${id}/notes`, area.value), () => { told.textContent = say("kept"); });
  return section(say("notes"), area, [told]);
}
