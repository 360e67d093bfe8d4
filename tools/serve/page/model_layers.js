/* The layers of a model as a list with rails for branches: what each has learned, and what it makes of a picture. */
import { blob, get, send } from "./api.js";
import { attempt, button, choice, make, section, svg } from "./dom.js";
import { percent, say, three, whole } from "./words.js";

const LANE = 13, HEIGHT = 52, LANES = 8;

/* ---- pictures of numbers ---- */

/* A sheet of tiles: a canvas each while they are few, else one of all. */
async function sheet(job, s, box) {
  const all = await createImageBitmap(await blob(`/jobs/${job}/files/${s.file}`));
  const place = (i) => [(i % s.columns) * s.width, Math.floor(i / s.columns) * s.height];
  if (s.tiles > 1 && s.tiles <= 256) {
    box.className = s.width > 16 ? "acts" : "filtersgrid";
    box.replaceChildren(...Array.from({ length: s.tiles }, (_, i) => {
      const c = make("canvas", "");
      c.width = s.width;
      c.height = s.height;
      c.getContext("2d").drawImage(all, ...place(i), s.width, s.height, 0, 0, s.width, s.height);
      return c;
    }));
    return;
  }
  const gap = s.tiles > 1 ? 1 : 0, rows = Math.ceil(s.tiles / s.columns), c = make("canvas", "sheet");
  c.width = s.columns * (s.width + gap);
  c.height = rows * (s.height + gap);
  const to = c.getContext("2d");
  for (let i = 0; i < s.tiles; i++) {
    const [x, y] = place(i);
    to.drawImage(all, x, y, s.width, s.height, x + gap * (i % s.columns), y + gap * Math.floor(i / s.columns), s.width, s.height);
  }
  box.className = "";
  box.replaceChildren(c);
}

function histogram(f) {
  const most = Math.max(1, ...f.histogram), w = 256, h = 44;
  const picture = svg("svg", { class: "histogram", viewBox: `0 0 ${w} ${h}`, preserveAspectRatio: "none", role: "img", "aria-label": `${say("histogram")} ${three(f.least)} … ${three(f.largest)}` });
  f.histogram.forEach((n, i) => { if (n) { const high = Math.max(1, (h * Math.sqrt(n)) / Math.sqrt(most)); svg("rect", { x: i * 8, y: h - high, width: 7, height: high }, picture); } });
  return make("div", "range", [picture, make("div", "row small faint", [make("span", "", three(f.least)), make("span", "end", three(f.largest))])]);
}

function numbers(title, shape, f, job) {
  const box = make("div", "");
  const facts = [shape.join(" × "), `${say("mean").toLowerCase()} ${three(f.mean)}`, `${say("deviation")} ${three(f.deviation)}`, `${say("zeros")} ${percent(f.zeros / f.count)}`, f.not_finite ? `${f.not_finite} ${say("not-finite")}` : ""];
  if (f.picture) sheet(job, f.picture, box).catch((e) => box.replaceChildren(make("p", "bad", e.message)));
  return make("div", "numbers", [make("div", "row wraps", [make("h3", "mono", title), make("span", "small faint", facts.filter(Boolean).join(" · "))]), box, histogram(f)]);
}

/* ---- a list ---- */

/* What has no numbers of its own and follows one layer alone stands with it: relu, pooling. */
function group(list) {
  const readers = list.map(() => []), groups = [], of = [];
  list.forEach((l, i) => l.reads.forEach((r) => readers[r].push(i)));
  list.forEach((l, i) => {
    const before = l.reads.length === 1 ? l.reads[0] : -1, follows = before >= 0 && readers[before].length === 1 && list[before].op !== "input" && (!l.weights.length || l.op === "batchnorm");
    if (follows) groups[(of[i] = of[before])].parts.push(l);
    else { of[i] = groups.length; groups.push({ parts: [l], reads: [] }); }
  });
  list.forEach((l, i) => l.reads.forEach((r) => { if (of[r] !== of[i] && !groups[of[i]].reads.includes(of[r])) groups[of[i]].reads.push(of[r]); }));
  return groups;
}

/* Which lane each stands in, and those that pass by: what is still to be read stays in its lane. */
function rails(groups) {
  const last = groups.map((_, i) => i), lanes = [];
  groups.forEach((g, i) => g.reads.forEach((r) => { last[r] = Math.max(last[r], i); }));
  return groups.map((g, i) => {
    const before = [...lanes], from = g.reads.map((r) => lanes.indexOf(r));
    for (let k = 0; k < lanes.length; k++) if (lanes[k] !== null && last[lanes[k]] <= i) lanes[k] = null;
    const free = from.find((k) => lanes[k] === null) ?? lanes.indexOf(null), own = free === undefined || free < 0 ? lanes.length : free;
    const passing = lanes.map((v, k) => (v !== null && before[k] === v ? k : -1)).filter((k) => k >= 0);
    lanes[own] = last[i] > i ? i : null;
    return { own, from, passing, on: last[i] > i };
  });
}

function rail(r, wide) {
  const x = (k) => LANE * (Math.min(k, LANES - 1) + 0.5) + 2, mid = HEIGHT / 2;
  const picture = svg("svg", { class: "rail", width: LANE * wide + 4, height: HEIGHT, viewBox: `0 0 ${LANE * wide + 4} ${HEIGHT}`, "aria-hidden": "true" });
  for (const k of r.passing) svg("path", { d: `M${x(k)} 0V${HEIGHT}` }, picture);
  for (const k of r.from) svg("path", { d: k === r.own ? `M${x(k)} 0V${mid}` : `M${x(k)} 0C${x(k)} ${mid} ${x(r.own)} 4 ${x(r.own)} ${mid}` }, picture);
  if (r.on) svg("path", { d: `M${x(r.own)} ${mid}V${HEIGHT}` }, picture);
  svg("circle", { cx: x(r.own), cy: mid, r: 4 }, picture);
  return picture;
}

const drawnFirst = (list) => [...list].sort((a, b) => Boolean(b.picture) - Boolean(a.picture));
const sum = (list, key) => list.reduce((n, l) => n + (l[key] || 0), 0);

function row(g, r, wide, all, choose) {
  const first = g.parts[0], end = g.parts[g.parts.length - 1], flops = sum(g.parts, "flops"), share = all ? flops / all : 0, relu = g.parts.find((l) => l.op === "relu" && l.made);
  const bar = make("i", ""), name = button(first.name, "bare name cut", choose), tr = make("tr", "link", [make("td", "railed", [rail(r, wide)]),
    make("td", "", [name, make("div", "small faint cut", g.parts.map((l) => l.op).join(", "))]), make("td", "mono small", end.shape.slice(1).join(" × ") || "1"),
    make("td", "num", sum(g.parts, "parameters") ? whole(sum(g.parts, "parameters")) : ""), make("td", "hide-s arith", share > 0.0005 ? [make("span", "share", [bar]), ` ${percent(share)}`] : ""),
    make("td", "num hide-s", relu ? percent(relu.made.zeros / relu.made.count) : "")]);
  bar.style.width = `${100 * share}%`;
  tr.onclick = choose;
  return tr;
}

export function layers(page, one) {
  let what = "weights", job = null, groups = [], chosen = null, begun = null, seen = null;
  const detail = make("div", "pad"), body = make("tbody"), told_ = make("span", "small faint", "");
  const seg = choice(say("show-what"), [["weights", say("weights")], ["made", say("of-picture")]], what, (v) => { what = v; if (v === "made" && !job.facts.picture) look(); show(); });
  const head = ["", "layer", "output", "layer-parameters", "arithmetic-share", "zeros-relu"].map((k, i) => make("th", i === 3 ? "num" : i === 4 ? "hide-s" : i === 5 ? "num hide-s" : "", k ? say(k) : ""));
  const table = make("div", "scroll tall-list", [make("table", "layers", [make("thead", "", [make("tr", "", head)]), body])]);
  table.tabIndex = 0;
  const card = make("div", "card", [detail, table]);

  /* Of the picture that was classified last. */
  const look = () => attempt(async () => {
    if (!one.last && what === "made") return;
    seen = one.last;
    begun = (await send("POST", page.path + "/layers", one.last || "")).id;
    told_.textContent = "…";
    await page.refresh();
  });

  function show() {
    const g = groups[chosen];
    if (!g) return;
    const parts = what === "weights" ? g.parts.flatMap((l) => drawnFirst(l.weights).map((w) => numbers(w.name, w.shape, w, job.id))) : g.parts.filter((l) => l.made).map((l) => numbers(l.name, l.shape.slice(1), l.made, job.id));
    detail.replaceChildren(...(parts.length ? parts
      : [make("p", "quiet", what === "made" && !job.facts.picture ? say("drop-first") : `${g.parts[0].name}: ${say("no-numbers")}`)]));
    body.querySelectorAll("tr").forEach((tr, i) => tr.classList.toggle("chosen", i === chosen));
  }

  function fill(j) {
    job = j;
    groups = group(j.result.layers);
    const r = rails(groups), wide = Math.min(LANES, Math.max(1, ...r.map((x) => x.own + 1), ...r.flatMap((x) => x.passing.map((k) => k + 1)))), all = sum(j.result.layers, "flops");
    body.replaceChildren(...groups.map((g, i) => row(g, r[i], wide, all, () => { chosen = i; show(); })));
    if (chosen === null || !groups[chosen]) chosen = Math.max(0, groups.findIndex((g) => g.parts.some((l) => l.weights.length)));
    told_.textContent = "";
    show();
  }

  function told(m) {
    const mine = m.layers.find((j) => j.id === begun) || m.layers.find((j) => j.state === "done" && j.facts.stamp === m.stamp && !j.facts.picture);
    if (!mine && !begun) return look();
    if (!mine || mine.state === "running" || (job && job.id === mine.id)) return undefined;
    if (mine.state === "done") get("/jobs/" + mine.id).then((j) => { if (!page.left && j.result) fill(j); }).catch(() => {});
    else told_.textContent = mine.error;
    return undefined;
  }

  one.taken = () => { if (what === "made" && one.last && one.last !== seen) look(); };
  detail.append(make("p", "quiet", say("loading")));
  return { box: section(say("layers"), card, [told_, seg]), told };
}
