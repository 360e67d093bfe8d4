/* How good a model is: the confusion matrix, whose numbers show their pictures, each class, and the figures of it. */
import { get, send } from "./api.js";
import { ask, attempt, button, facts, make, section, tell } from "./dom.js";
import { browser } from "./folders.js";
import { field, select } from "./form.js";
import { picture } from "./picture.js";
import { ago, counted, percent, say, three, whole } from "./words.js";

const TABLE = 30; /* classes that can be told apart in a table */
const STEP = 48;

/* On which pictures: of its run, a data set, or a folder. chosen() is what is asked for. */
export async function pictures(model) {
  const sets = (await get("/datasets").catch(() => ({ datasets: [] }))).datasets;
  let folder = null;
  const folders = browser((d) => { folder = d; });
  const options = [model.run ? ["", say("as-validated")] : null, ...sets.map((d) => [d.name, d.name]), ["/", say("a-folder")]].filter(Boolean);
  const { e, row } = field("data", say("pictures"), select(options));
  const show = () => { folders.box.hidden = e.value !== "/"; if (e.value === "/") folders.open(); };
  e.onchange = show;
  show();
  return { box: make("div", "gap", [row, folders.box]),
    chosen: () => (e.value === "/" ? { root: folder ? folder.root : 0, path: folder ? folder.path : "" } : e.value ? { dataset: e.value } : undefined) };
}

async function begin(page) {
  const data = await pictures(page.model);
  const start = (d) => attempt(async () => {
    d.close();
    await send("POST", page.path + "/evaluations", { data: data.chosen() });
    await page.refresh();
  });
  ask(say("evaluate"), [make("p", "small quiet", say("evaluate-why")), data.box], say("begin-it"), start);
}

/* ---- pictures of a number ---- */

function shots(page, id, label, said, names) {
  const path = `${page.path}/evaluations/${id}`, grid = make("div", "shots"), more = make("p", "more");
  let count = 0;
  async function next() {
    const got = await get(`${path}/pictures?label=${label}&said=${said}&after=${count}&count=${STEP}`);
    for (const p of got.pictures) {
      const f = make("figure", "shot", [picture(`${path}/image?at=${p.at}`, p.name), make("figcaption", "small cut", p.share === null ? p.name : `${percent(p.share)}`)]);
      f.title = p.file;
      grid.append(f);
    }
    count += got.pictures.length;
    more.replaceChildren(...(count < got.count ? [button(counted(got.count - count, "more-pictures"), "bare", () => attempt(next))] : []));
  }
  const title = label === said ? names[label] : `${names[label]} → ${said < 0 ? say("no-answer") : names[said]}`;
  const d = tell(title, [make("p", "small quiet", label === said ? say("right-why") : say("wrong-why")), make("div", "tall gap", [grid, more])]);
  d.classList.add("wide");
  attempt(next);
}

function matrix(result, names, show) {
  const at = new Map(result.confusion.map(([a, b, n]) => [`${a} ${b}`, n])), order = names.map((_, i) => i);
  const head = make("tr", "", [make("td", ""), ...order.map((i) => { const th = make("th", "", [make("span", "", names[i])]); th.scope = "col"; return th; })]);
  const rows = order.map((a) => {
    const of = result.classes[a].images, th = make("th", "", names[a]);
    th.scope = "row";
    return make("tr", "", [th, ...order.map((b) => {
      const n = at.get(`${a} ${b}`) || 0, td = make("td", a === b ? "hi" : n ? "off" : "");
      if (!n) return td;
      const share = (100 * n) / of, cell = button(String(n), "cell", () => show(a, b));
      td.style.setProperty("--v", a === b ? (share < 80 ? 88 : 100) : Math.min(90, 18 + share * 3.2));
      cell.title = `${names[a]} → ${names[b]}: ${n} / ${of}`;
      cell.setAttribute("aria-label", cell.title);
      td.append(cell);
      return td;
    })]);
  });
  const table = make("table", "matrix", [make("thead", "", [head]), make("tbody", "", rows)]);
  table.setAttribute("aria-label", say("matrix-how"));
  const box = make("div", "scroll", [table]);
  box.tabIndex = 0;
  return box;
}

/* Of more classes than a table can show: a pixel and more a number, the diagonal apart; which it is stands below, and a click or Enter shows
 * its pictures. Arrows go from one that is not 0 to the next in its row or column. */
function heat(result, names, show) {
  const n = names.length, size = Math.max(2, Math.min(12, Math.floor(Math.min(560, document.getElementById("main").clientWidth - 80) / n))), canvas = make("canvas", "heat"), all = make("canvas", ""), told = make("p", "small quiet", say("heat-how"));
  const at = new Map(result.confusion.filter(([, b]) => b >= 0).map(([a, b, count]) => [a * n + b, count])), css = getComputedStyle(document.documentElement);
  let cell = null;
  for (const c of [canvas, all]) c.width = c.height = n * size;
  canvas.tabIndex = 0;
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", say("matrix-how"));
  told.setAttribute("role", "status");
  const to = canvas.getContext("2d"), once = all.getContext("2d");
  for (const [key, count] of at) {
    const a = Math.floor(key / n), b = key % n;
    once.globalAlpha = Math.min(1, 0.25 + (a === b ? 0.75 : 3) * count / Math.max(1, result.classes[a].images));
    once.fillStyle = css.getPropertyValue(a === b ? "--train" : "--val");
    once.fillRect(b * size, a * size, size, size);
  }
  function draw() {
    to.clearRect(0, 0, canvas.width, canvas.height);
    to.drawImage(all, 0, 0);
    to.strokeStyle = css.getPropertyValue("--ink");
    if (cell !== null) to.strokeRect((cell % n) * size - 1.5, Math.floor(cell / n) * size - 1.5, size + 3, size + 3);
  }
  function point(key) {
    const a = Math.floor(key / n), b = key % n;
    cell = key;
    told.textContent = `${names[a]} → ${names[b]}: ${at.get(key) || 0} / ${result.classes[a].images}`;
    draw();
  }
  const of = (e) => { const r = canvas.getBoundingClientRect(), k = (v) => Math.min(n - 1, Math.max(0, Math.floor((v * n) / r.width))); return k(e.clientY - r.top) * n + k(e.clientX - r.left); };
  const open = () => { if (cell !== null && at.has(cell)) show(Math.floor(cell / n), cell % n); };
  canvas.onpointermove = (e) => point(of(e));
  canvas.onclick = (e) => { point(of(e)); open(); };
  canvas.onkeydown = (e) => {
    const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -n, ArrowDown: n }[e.key];
    if (!by && e.key !== "Enter") return;
    e.preventDefault(); /* else the same Enter would close the dialog that it opens */
    if (!by) return open();
    if (cell === null) return point(0);
    let to = cell + by;
    const inside = (k) => k >= 0 && k < n * n && (Math.abs(by) === n || Math.floor(k / n) === Math.floor(cell / n));
    while (inside(to) && !at.has(to)) to += by;
    if (inside(to)) point(to);
  };
  draw();
  const box = make("div", "scroll", [canvas]);
  return make("div", "", [box, told]);
}

function mostConfused(page, id, result, names, show) {
  const wrong = result.confusion.filter(([a, b]) => a !== b).sort((x, y) => y[2] - x[2]).slice(0, 6);
  if (!wrong.length) return make("p", "quiet", say("nothing-wrong"));
  return make("div", "", wrong.map(([a, b, n]) => {
    const place = make("span", "tiny"), b2 = button([place, make("span", "small cut", [make("b", "", names[a]), " → " + (b < 0 ? say("no-answer") : names[b])]), make("span", "end small faint", `${n} ×`)], "confused", () => show(a, b));
    get(`${page.path}/evaluations/${id}/pictures?label=${a}&said=${b}&count=1`).then((got) => { if (got.pictures.length) place.append(picture(`${page.path}/evaluations/${id}/image?at=${got.pictures[0].at}`, "")); }).catch(() => {});
    return b2;
  }));
}

function bars(result, names) {
  const list = result.classes.map((c, i) => [names[i], c.recall, c]).filter(([, r]) => r !== null).sort((x, y) => x[1] - y[1]);
  const box = make("div", "dist");
  for (const [name, recall, c] of list.slice(0, 40)) {
    const bar = make("i", recall < 0.85 ? "low" : ""), label = make("span", "cut", name);
    bar.style.width = `${100 * recall}%`;
    label.title = `${name}: ${c.right} / ${c.images}`;
    box.append(label, make("span", "b", [bar]), make("span", "num small quiet", percent(recall)));
  }
  return make("div", "card pad", [box, list.length > 40 ? make("p", "small faint gap", counted(list.length - 40, "more-classes")) : null]);
}

const last = (path) => path.split("/").filter(Boolean).slice(-2).join("/");

export function evaluation(page) {
  let shownId = null;
  const body = make("div", ""), figures = make("div", ""), classes = make("div", ""), end = make("span", "small faint", "");
  const again = button(say("evaluate-go"), "", () => attempt(() => begin(page)));
  const self = { box: section(say("confusion"), body, [end, again]), facts: section(say("evaluation"), figures), byClass: make("div", ""), told };

  function show(result, j) {
    const names = result.classes.map((c, i) => c.name ?? `${say("class")} ${i}`), open = (a, b) => shots(page, j.id, a, b, names);
    const side = make("div", "most", [make("h3", "", say("most-confused")), mostConfused(page, j.id, result, names, open)]);
    body.replaceChildren(make("div", "card pad", [make("div", "confusion", [make("div", "", [(names.length <= TABLE ? matrix : heat)(result, names, open), make("p", "small faint gap", say("matrix-how"))]), side])]));
    end.textContent = `${last(result.data)}, ${counted(result.images, "n-pictures")}, ${say("once")}`;
    const worst = result.classes.map((c, i) => [c.recall, names[i]]).filter(([r]) => r !== null).sort((x, y) => x[0] - y[0])[0];
    figures.replaceChildren(make("div", "card pad", [facts([[say("top1"), make("span", "", [make("b", "", percent(result.top1)), make("span", "faint", ` ${result.right} / ${result.images}`)])], ["Top-5", percent(result.top5)], [say("loss"), three(result.loss)],
      [say("worst-class"), worst ? `${worst[1]}, ${percent(worst[0])}` : null], [say("unreadable"), result.broken.length || null], [say("left-out"), result.excluded || null], [say("when"), `${ago(j.began)} ${say("since")}`]]),
    j.facts.stamp === page.model.stamp ? null : make("p", "small warned gap", say("of-another"))]));
    classes.replaceChildren(bars(result, names));
    self.byClass.replaceChildren(section(say("by-class"), classes));
  }

  function told(m) {
    const running = m.evaluations.find((j) => j.state === "running"), done = m.evaluations.find((j) => j.state === "done"), wrong = m.evaluations[0] && m.evaluations[0].error ? m.evaluations[0] : null;
    again.disabled = Boolean(running);
    if (running) end.textContent = `${say("measuring")} ${whole(running.seconds)} s`;
    if (!done) {
      figures.replaceChildren(make("div", "card pad", [make("p", "quiet", wrong ? wrong.error : running ? say("measuring") : say("not-measured"))]));
      body.replaceChildren(make("div", "card pad", [make("p", "quiet", running ? say("measuring") : say("evaluate-why"))]));
    } else if (done.id !== shownId) {
      shownId = done.id;
      get(`${page.path}/evaluations/${done.id}`).then((j) => { if (!page.left && j.result) show(j.result, j); }).catch(() => {});
    }
    if (wrong && done) end.textContent = `${say(wrong.state)}: ${wrong.error}`;
  }
  return self;
}
