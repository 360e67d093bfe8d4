/* Line charts in SVG. One call makes one chart:
 *
 *   const c = chart(card, { title, series, marks, y: "log", format, tick, xmax, unit })
 *   c.update({ series, marks })      what has changed
 *
 * A series is { name, css, x, y, low, high, faint }: with low and high a band is drawn, so that no peak is lost where points were
 * thinned. A mark is { x, text }. One can point (all charts of a page follow), drag to look closer, double click or press Escape
 * to see all, go from point to point by left and right, and read the numbers as a table. */
import { button, make, svg, tell } from "./dom.js";
import { say, three } from "./words.js";

const LEFT = 48, RIGHT = 12, TOP = 20, BOTTOM = 24;
const charts = new Set();
export function forgetCharts() { charts.clear(); }

/* Round numbers, 1, 2 or 5 times a power of ten, about `count` of them. */
function ticks(lo, hi, count) {
  if (!(hi > lo)) return [lo];
  const raw = (hi - lo) / Math.max(1, count), power = Math.pow(10, Math.floor(Math.log10(raw)));
  const step = [1, 2, 5, 10].find((m) => m * power >= raw) * power, first = Math.ceil(lo / step), many = Math.floor(hi / step + 1e-9) - first + 1;
  return Array.from({ length: Math.min(Math.max(many, 0), 3 * count) || 0 }, (_, i) => (first + i) * step);
}

function logTicks(lo, hi) {
  const out = [];
  for (let p = Math.floor(Math.log10(lo)); p <= Math.ceil(Math.log10(hi)); p++)
    for (const m of hi / lo > 300 ? [1] : [1, 2, 5]) {
      const v = m * Math.pow(10, p);
      if (v >= lo * 0.999 && v <= hi * 1.001) out.push(v);
    }
  return out;
}

export function short(v) {
  const a = Math.abs(v);
  if (v === 0) return "0";
  if (a >= 1e6) return +(v / 1e6).toFixed(1) + "M";
  if (a >= 1e4) return +(v / 1e3).toFixed(1) + "k";
  return a < 1e-3 ? v.toExponential(0) : String(+v.toPrecision(3));
}

/* The largest index whose x is not above the one asked for. */
function at(xs, x) {
  let lo = 0, hi = xs.length - 1;
  while (lo < hi) {
    const mid = (lo + hi + 1) >> 1;
    if (xs[mid] <= x) lo = mid;
    else hi = mid - 1;
  }
  return lo;
}

const good = (v, log) => Number.isFinite(v) && (!log || v > 0);

/* What is shown: of x and of y. */
function domainOf(o, zoom) {
  const some = o.series.filter((s) => s.x.length);
  const x0 = zoom ? zoom[0] : Math.min(...some.map((s) => s.x[0])), x1 = zoom ? zoom[1] : Math.max(...some.map((s) => s.x[s.x.length - 1]), o.xmax || 0);
  let lo = Infinity, hi = -Infinity;
  for (const s of some)
    for (let i = 0; i < s.x.length; i++)
      if (s.x[i] >= x0 && s.x[i] <= x1)
        for (const v of s.faint ? [s.y[i]] : [s.low ? s.low[i] : s.y[i], s.high ? s.high[i] : s.y[i]])
          if (good(v, o.y === "log")) { lo = Math.min(lo, v); hi = Math.max(hi, v); }
  if (lo > hi) { lo = o.y === "log" ? 0.1 : 0; hi = 1; }
  if (o.y === "log") return { x0, x1, lo: lo / 1.15, hi: hi * 1.15 };
  const pad = hi - lo > 1e-9 * Math.abs(hi) ? (hi - lo) * 0.06 : Math.abs(hi) * 0.1 || 1;
  return { x0, x1, lo: o.ymin !== undefined ? Math.min(o.ymin, lo) : lo - pad, hi: o.ymax !== undefined ? Math.max(o.ymax, hi) : hi + pad };
}

export function chart(card, options) {
  const o = { height: 208, format: three, marks: [], ...options };
  let zoom = null, cursor = null, width = 0, domain = null, px, py, front = null, keys = [];

  const legend = make("div", "legend");
  const picture = svg("svg", { height: o.height, tabindex: 0, role: "img", "aria-label": o.title });
  card.classList.add("chart");
  card.append(legend, picture);
  const where = make("span", "at");

  function head() {
    keys = o.series.filter((s) => !s.faint).map((s) => ({ s, value: make("b") }));
    legend.replaceChildren(make("h3", "", o.title), ...keys.map(({ s, value }) => {
      const name = make("span", "name", s.name);
      return make("span", "key s-" + s.css, [name, value]);
    }), where);
  }

  function scale() {
    domain = domainOf(o, zoom);
    const { x0, x1, lo, hi } = domain, w = width - LEFT - RIGHT, h = o.height - TOP - BOTTOM;
    const inside = (v) => Math.min(Math.max(v, lo), hi);
    px = (x) => LEFT + ((x - x0) / (x1 - x0 || 1)) * w;
    py = o.y === "log" ? (y) => TOP + h - (Math.log(inside(y) / lo) / Math.log(hi / lo)) * h : (y) => TOP + h - ((inside(y) - lo) / (hi - lo || 1)) * h;
  }

  function grid() {
    const { x0, x1, lo, hi } = domain;
    for (const v of o.y === "log" ? logTicks(lo, hi) : ticks(lo, hi, 4)) {
      const y = Math.round(py(v)) + 0.5;
      svg("line", { class: "grid", x1: LEFT, x2: width - RIGHT, y1: y, y2: y }, picture);
      svg("text", { x: LEFT - 8, y: y + 3.5, "text-anchor": "end" }, picture).textContent = o.tick ? o.tick(v) : short(v);
    }
    for (const v of ticks(x0, x1, Math.max(2, Math.floor(width / 110))).filter((v) => px(v) < width - RIGHT - 40))
      svg("text", { x: px(v), y: o.height - 6, "text-anchor": "middle" }, picture).textContent = short(v);
    svg("text", { x: width - RIGHT, y: o.height - 6, "text-anchor": "end" }, picture).textContent = o.unit || say("step");
    svg("line", { class: "axis", x1: LEFT, x2: width - RIGHT, y1: o.height - BOTTOM + 0.5, y2: o.height - BOTTOM + 0.5 }, picture);
    for (const m of o.marks.filter((m) => m.x >= x0 && m.x <= x1)) {
      const x = Math.round(px(m.x)) + 0.5;
      svg("line", { class: "mark", x1: x, x2: x, y1: TOP - 3, y2: o.height - BOTTOM }, picture);
      svg("text", { class: "marklabel", x, y: TOP - 7, "text-anchor": x < LEFT + 40 ? "start" : x > width - 60 ? "end" : "middle" }, picture).textContent = m.text;
    }
  }

  /* A line, broken where there is no number. */
  function pathOf(s, ys) {
    let d = "", pen = "M";
    for (let i = 0; i < s.x.length; i++)
      if (s.x[i] < domain.x0 || s.x[i] > domain.x1) continue;
      else if (!good(ys[i], o.y === "log")) pen = "M";
      else { d += pen + px(s.x[i]).toFixed(1) + " " + py(ys[i]).toFixed(1); pen = "L"; }
    return d;
  }

  function band(s, g) {
    const is = s.x.map((_, i) => i).filter((i) => s.x[i] >= domain.x0 && s.x[i] <= domain.x1 && good(s.low[i], o.y === "log"));
    if (!is.length) return;
    const along = (list, ys) => list.map((i) => px(s.x[i]).toFixed(1) + " " + py(ys[i]).toFixed(1)).join("L");
    svg("path", { class: "band", d: "M" + along(is, s.high) + "L" + along([...is].reverse(), s.low) + "Z" }, g);
  }

  function draw() {
    width = picture.clientWidth || card.clientWidth - 36;
    if (width < 60) return;
    picture.replaceChildren();
    picture.setAttribute("viewBox", `0 0 ${width} ${o.height}`);
    front = null;
    if (!o.series.some((s) => s.x.length)) {
      svg("text", { x: width / 2, y: o.height / 2, "text-anchor": "middle" }, picture).textContent = say("nothing-yet");
      return;
    }
    scale();
    grid();
    for (const s of o.series.filter((s) => s.x.length)) {
      const g = svg("g", { class: "s-" + s.css }, picture);
      if (s.low) band(s, g);
      svg("path", { class: "line" + (s.faint ? " faint" : ""), d: pathOf(s, s.y) }, g);
    }
    front = svg("g", {}, picture);
    show(cursor);
  }

  function show(x) {
    cursor = x;
    if (!front) return;
    front.replaceChildren();
    const seen = x === null || x < domain.x0 || x > domain.x1 ? null : x;
    where.textContent = seen === null ? "" : `${o.unit || say("step")} ${o.unit ? three(seen) : Math.round(seen).toLocaleString("en")}`;
    for (const { s, value } of keys) {
      const i = s.x.length ? (seen === null ? s.x.length - 1 : at(s.x, seen)) : -1;
      value.textContent = i < 0 ? "" : o.format(s.y[i]);
      if (seen !== null && i >= 0 && good(s.y[i], o.y === "log"))
        svg("circle", { class: "dot s-" + s.css, cx: px(s.x[i]), cy: py(s.y[i]), r: 3.5 }, front);
    }
    if (seen !== null) svg("line", { class: "cross", x1: px(seen), x2: px(seen), y1: TOP, y2: o.height - BOTTOM }, front);
  }

  /* ---- pointing ---- */
  const showAll = (x) => { for (const c of charts) c.show(x); };
  const zoomAll = (z) => { for (const c of charts) c.zoom(z); };
  const toX = (e) => {
    const r = picture.getBoundingClientRect(), t = (e.clientX - r.left - LEFT) / (r.width - LEFT - RIGHT);
    return domain.x0 + Math.min(1, Math.max(0, t)) * (domain.x1 - domain.x0);
  };
  let from = null, brush = null;
  picture.addEventListener("pointerdown", (e) => { if (domain) { from = toX(e); picture.setPointerCapture(e.pointerId); } });
  picture.addEventListener("pointermove", (e) => {
    if (!domain || !front) return;
    const x = toX(e);
    showAll(x);
    if (from === null || Math.abs(px(x) - px(from)) < 6) return;
    brush = brush || svg("rect", { class: "brush", y: TOP, height: o.height - TOP - BOTTOM }, picture);
    brush.setAttribute("x", Math.min(px(x), px(from)));
    brush.setAttribute("width", Math.abs(px(x) - px(from)));
  });
  picture.addEventListener("pointerup", (e) => {
    if (brush) zoomAll([Math.min(from, toX(e)), Math.max(from, toX(e))]);
    from = brush = null;
  });
  picture.addEventListener("pointerleave", () => { if (from === null) showAll(null); });
  picture.addEventListener("dblclick", () => zoomAll(null));
  picture.addEventListener("keydown", (e) => {
    const s = keys.length ? keys[0].s : null, step = { ArrowLeft: -1, ArrowRight: 1 }[e.key];
    if (step && s && s.x.length) {
      const i = cursor === null ? s.x.length - 1 : at(s.x, cursor);
      showAll(s.x[Math.min(s.x.length - 1, Math.max(0, i + step * (e.shiftKey ? 20 : 1)))]);
      e.preventDefault();
    } else if (e.key === "Escape") { zoomAll(null); showAll(null); }
  });

  const self = {
    show, table,
    zoom: (z) => { zoom = z; draw(); },
    update: (more) => { Object.assign(o, more); head(); draw(); },
  };

  /* The same as numbers, for who cannot see it: the last of them. */
  function table() {
    const rows = keys.flatMap(({ s }) => s.x.slice(-200).map((x, i, all) => [s.name, x, s.y[s.x.length - all.length + i]]));
    return make("table", "", [make("thead", "", [make("tr", "", [make("th", "", o.title), make("th", "num", o.unit || say("step")), make("th", "num", say("value"))])]),
      make("tbody", "", rows.map(([name, x, y]) => make("tr", "", [make("td", "", name), make("td", "num", String(x)), make("td", "num", o.format(y))])))]);
  }

  charts.add(self);
  head();
  new ResizeObserver(() => { if (picture.clientWidth !== width) draw(); }).observe(card); /* its height is of our own making */
  return self;
}

/* A few pixels of a curve, for a row. */
export function spark(ys, css) {
  const w = 190, h = 42, log = ys.every((y) => y > 0), list = ys.filter(Number.isFinite).map((y) => (log ? Math.log(y) : y));
  const picture = svg("svg", { class: "spark", viewBox: `0 0 ${w} ${h}`, preserveAspectRatio: "none", "aria-hidden": "true" });
  if (list.length < 2) return picture;
  const hi = Math.max(...list), lo = Math.min(...list);
  const d = list.map((y, i) => (i ? "L" : "M") + ((i / (list.length - 1)) * w).toFixed(1) + " " + (h - 2 - ((y - lo) / (hi - lo || 1)) * (h - 4)).toFixed(1)).join("");
  svg("path", { class: "s-" + css, d }, picture);
  return picture;
}

export function tableButton(list) {
  return button(say("as-table"), "bare", () => tell(say("as-table"), [make("div", "scroll tall", list.map((c) => c.table()))]).classList.add("wide"));
}
