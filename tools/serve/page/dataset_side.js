/* Beside the findings: how many of each class, how large, and who was trained on it. */
import { get } from "./api.js";
import { button, link, make, svg } from "./dom.js";
import { state } from "./home.js";
import { bytes, counted, percent, say, three, whole } from "./words.js";

const CLASSES = 200;

export function distribution(now, filter) {
  const val = now.val ? now.val.classes : [];
  const most = Math.max(1, ...now.set.classes.map((c, i) => c.pictures + (val[i] ? val[i].pictures : 0)));
  const rows = now.set.classes.slice(0, CLASSES).flatMap((c, i) => {
    const parts = [c.pictures, val[i] ? val[i].pictures : 0].map((n) => { const e = make("i"); e.style.width = `${(100 * n) / most}%`; return e; });
    return [button(c.name, "bare name", () => filter({ class: c.name })), make("span", "b", parts), make("span", "num small quiet", whole(c.pictures) + (val[i] ? ` + ${whole(val[i].pictures)}` : ""))];
  });
  const rest = now.set.classes.length - CLASSES;
  return make("div", "card pad tall-s", [make("div", "dist", rows), rest > 0 ? make("p", "small faint", counted(rest, "more-classes")) : null]);
}

/* From the least to the most; the middle nine tenths thicker, and the median. */
function spread(name, s, format) {
  const width = s.most - s.least, x = (v) => (width > 0 ? 2 + (296 * (v - s.least)) / width : 150);
  const e = svg("svg", { viewBox: "0 0 300 22", class: "spread", role: "img", "aria-label": `${name}: ${[s.least, s.low, s.median, s.high, s.most].map(format).join(", ")}` });
  svg("line", { x1: 2, x2: 298, y1: 8, y2: 8, class: "thin" }, e);
  svg("line", { x1: x(s.low), x2: x(s.high), y1: 8, y2: 8, class: "thick" }, e);
  svg("circle", { cx: x(s.median), cy: 8, r: 5 }, e);
  return make("div", "spreads", [make("div", "row small", [make("span", "", name), make("b", "end", format(s.median))]), e, make("div", "row small faint", [make("span", "", format(s.least)), make("span", "end", format(s.most))])]);
}

/* Width against height, a dot a picture; of pictures that all have one size there is nothing to see. */
function scatter(s) {
  const most = Math.max(s.width.most, s.height.most), least = Math.min(s.width.least, s.height.least);
  if (!s.sizes || !(most > least)) return null;
  const e = svg("svg", { viewBox: "0 0 300 220", class: "scatter", role: "img", "aria-label": `${say("width")}, ${say("height")}` });
  const x = (v) => 34 + (258 * (v - least)) / (most - least), y = (v) => 196 - (186 * (v - least)) / (most - least);
  for (const v of [least, (least + most) / 2, most]) {
    svg("line", { x1: 34, x2: 292, y1: y(v), y2: y(v) }, e);
    svg("text", { x: 28, y: y(v) + 3, "text-anchor": "end" }, e).textContent = Math.round(v);
    svg("text", { x: x(v), y: 212, "text-anchor": v === least ? "start" : v === most ? "end" : "middle" }, e).textContent = Math.round(v);
  }
  for (const [w, h] of s.sizes) svg("circle", { cx: x(w), cy: y(h), r: 2 }, e);
  return e;
}

export function sizes(report) {
  const s = report.set;
  return make("div", "card pad", [scatter(s), spread(say("width"), s.width, whole), spread(say("height"), s.height, whole), spread(say("aspect"), s.aspect, three), spread(say("file-size"), s.file_bytes, bytes),
    make("p", "small faint", say("spread-why"))]);
}

/* Runs whose pictures lie there; of one that was shared out or packed, those that have its own. */
export async function usedBy(d) {
  const said = await get(`/runs?count=8&data=${encodeURIComponent(d.split || d.packed ? d.path : d.given)}`);
  const rows = said.runs.map((r) => link("#/runs/" + r.name, "item", [make("div", "row", [make("b", "", r.name), make("span", "end", [r.alive ? state(r.state) : make("span", "small quiet", r.val_top1 === null ? say(r.state) : percent(r.val_top1))])])]));
  return [make("div", "title", [make("h2", "", say("used-by"))]), make("div", "card", rows.length ? rows : [make("p", "pad quiet", say("no-runs"))])];
}
