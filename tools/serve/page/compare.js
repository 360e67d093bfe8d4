/* Two runs: their curves over each other, the settings that differ, and where they begin to. */
import { get } from "./api.js";
import { chart, forgetCharts, tableButton } from "./chart.js";
import { command, link, make, section } from "./dom.js";
import { percent, quote, say, three, whole } from "./words.js";

const NONE = { x: [], y: [], smooth: [] };

const text = (v) => (v === null || v === undefined ? "–" : v.length > 80 || v.includes("\n") ? `(${v.length})` : v);

export async function open(main, _, query) {
  const names = [query.get("a"), query.get("b")];
  if (!names[0] || !names[1]) throw new Error(say("compare-two"));
  forgetCharts();
  const [told, ...series] = await Promise.all([get(`/compare?a=${encodeURIComponent(names[0])}&b=${encodeURIComponent(names[1])}`),
    ...names.map((n) => get(`/runs/${encodeURIComponent(n)}/series?names=step.loss,epoch.val.loss,epoch.val.top1&points=500&smooth=0.9`))]);
  const cards = [0, 1, 2].map(() => make("div", "card"));
  const css = ["train", "val"], of = (name, key) => series.map((s, i) => { const c = s.series[name] || NONE; return { name: names[i], css: css[i], x: c.x, y: c[key] }; });
  const charts = [chart(cards[0], { title: say("loss"), series: of("step.loss", "smooth") }), chart(cards[1], { title: say("val-loss"), series: of("epoch.val.loss", "y") }),
    chart(cards[2], { title: say("val-top1"), format: percent, tick: (v) => Math.round(100 * v) + " %", series: of("epoch.val.top1", "y") })];
  const rows = (told.settings || []).map((s) => make("tr", "", [make("td", "mono", s.name), make("td", "mono", text(s.a)), make("td", "mono", text(s.b))]));
  const first = told.first;
  const tensors = (told.tensors || []).map((d) => make("tr", "", [make("td", "mono", d.name), make("td", "num", d.differ === null ? d.why || "" : `${whole(d.differ)} / ${whole(d.of)}`), make("td", "num", three(d.largest))]));
  const list = make("div", "card scroll tall", [make("table", "", [make("thead", "", [make("tr", "", [make("th", "", say("tensor")), make("th", "num", say("differ-of")), make("th", "num", say("largest"))])]), make("tbody", "", tensors)])]);
  list.tabIndex = 0; /* so that keys move it */
  main.replaceChildren(
    make("div", "head", [make("div", "grow", [make("div", "crumbs", [link("#/", "", say("runs"))]), make("h1", "", [link("#/runs/" + names[0], "s-train", names[0]), " · ", link("#/runs/" + names[1], "s-val", names[1])]),
      make("p", "", told.same ? say("are-same") : first ? `${say("differ-from")} ${first.step}: ${first.kind}.${first.field} ${first.a} · ${first.b}` : say("not-same"))])]),
    section(say("curves"), make("div", "two", cards), [tableButton(charts)]),
    section(say("settings-differ"), make("div", "card scroll", [rows.length
      ? make("table", "", [make("thead", "", [make("tr", "", [make("th", "", ""), make("th", "", names[0]), make("th", "", names[1])])]), make("tbody", "", rows)]) : make("p", "pad quiet", say("none"))])),
    tensors.length ? section(`${say("tensors-differ")} ${whole(told.tensors_step)}`, list) : "",
    command(`tenon run compare ${quote(names[0])} ${quote(names[1])}`));
  document.title = `${names[0]}, ${names[1]} · Tenon`;
  return {};
}
