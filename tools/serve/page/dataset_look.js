/* Looking through the pictures of a data set: by class, side and finding, as they are or as a network sees them. */
import { get, send } from "./api.js";
import { button, choice, facts, make, section, tell } from "./dom.js";
import { select as selectOf } from "./form.js";
import { imageOf, isMarked, kindOf, lastOf, pathOf, tagOf } from "./dataset_found.js";
import { show } from "./picture.js";
import { say, whole } from "./words.js";

const PAGE = 40;

function select(label, act, values = []) {
  const e = selectOf(values);
  e.setAttribute("aria-label", label);
  e.onchange = () => act(e.value);
  return e;
}

export function look(name, changed, was) {
  const of = { side: "set", class: "", kind: "", finding: null, find: "", out: false, ...was.of };
  let { after = 0, seen = false, seed = 1, augment = "crop" } = was, count = 0, items = [], left = false, asked = 0, later = 0, known = null;

  const find = make("input", "find"), sides = make("span"), classes = select(say("class"), (v) => set({ class: v })), kinds = select(say("finding"), (v) => set({ kind: v === "out" ? "" : v, out: v === "out" }));
  find.type = "search";
  find.placeholder = say("find-picture");
  find.setAttribute("aria-label", say("find"));
  find.value = of.find;
  find.oninput = () => { clearTimeout(later); later = setTimeout(() => set({ find: find.value.trim() }), 250); };
  const again = button(say("again"), "", () => { seed++; draw(); });
  const how = select(say("augment"), (v) => { augment = v; draw(); }, [["crop", say("augment-crop")], ["full", say("augment-full")], ["none", say("augment-none")]]);
  const view = choice(say("view"), [["whole", say("whole")], ["seen", say("as-seen")]], seen ? "seen" : "whole", (v) => { seen = v === "seen"; again.hidden = how.hidden = !seen; draw(); });
  how.value = augment;
  again.hidden = how.hidden = !seen;
  const only = make("span"), grid = make("div", "thumbs"), told = make("span", "small faint", ""), pager = make("div", "row pager");
  const box = section(say("look-through"), make("div", "", [make("div", "filters", [find, sides, classes, kinds, only, view, how, again]), grid, pager]), [told]);

  const source = (p, size) => (seen ? pathOf(name, p, `&view=seen&seed=${seed}&augment=${augment}`) : pathOf(name, p, `&pixels=${size}`));

  function thumb(p, i) {
    const b = button(imageOf(p, source(p, 200), `${p.class}, ${lastOf(p.path)}`), "", () => open(i));
    b.setAttribute("aria-label", `${p.class}, ${lastOf(p.path)}`);
    const words = make("figcaption", "", [make("b", "", p.class), make("span", "", lastOf(p.path).replace(/\.[a-zA-Z]+$/, ""))]);
    words.title = p.path;
    const f = make("figure", "thumb" + (p.out ? " out" : ""), [b, words]);
    if (p.out || isMarked(p.kind)) f.append(p.out ? make("span", "tag", say("is-out")) : tagOf(p.kind));
    return f;
  }

  function draw() {
    grid.replaceChildren(...(items.length ? items.map(thumb) : [make("p", "quiet", say("no-pictures"))]));
    const page = Math.floor(after / PAGE), pages = Math.max(1, Math.ceil(count / PAGE));
    const to = (n) => { after = n * PAGE; load().then(() => box.scrollIntoView({ block: "start" })).catch(() => {}); };
    const back = button("‹", "", () => to(page - 1)), on = button("›", "", () => to(page + 1));
    back.disabled = page === 0;
    on.disabled = page + 1 >= pages;
    back.setAttribute("aria-label", say("page-back"));
    on.setAttribute("aria-label", say("page-on"));
    pager.replaceChildren(...(pages > 1 ? [back, make("span", "small quiet", `${page + 1} / ${pages}`), on] : []));
    told.textContent = `${items.length} ${say("n-of")} ${whole(count)}`;
    sides.hidden = of.kind !== "" || of.finding !== null; /* those are of both */
    only.replaceChildren(...(of.finding === null ? [] : [button(`${say("finding")} ${of.finding + 1} ×`, "", () => set({ finding: null }))]));
  }

  async function load() {
    const mine = ++asked, query = new URLSearchParams({ after, count: PAGE });
    if (of.side && of.finding === null && !of.kind) query.set("side", of.side);
    for (const k of ["class", "kind", "find"]) if (of[k]) query.set(k, of[k]);
    if (of.finding !== null) query.set("finding", of.finding);
    if (of.out) query.set("out", "1");
    const said = await get(`/datasets/${encodeURIComponent(name)}/items?${query}`);
    if (left || mine !== asked) return;
    items = said.items;
    count = said.count;
    draw();
  }

  function set(what) {
    Object.assign(of, what);
    after = 0;
    load().catch((e) => grid.replaceChildren(make("p", "bad", e.message)));
  }

  /* From elsewhere on the page: these, and nothing else. */
  function filter(what) {
    Object.assign(of, { class: "", kind: "", finding: null, find: "", out: false });
    find.value = "";
    set(what);
    classes.value = of.class;
    kinds.value = of.kind;
    box.scrollIntoView({ block: "start" });
  }

  /* One of them, large; left and right go on. */
  function open(i) {
    let p = items[i];
    const place = make("div", ""), title = make("h2", ""), path = make("p", "small faint mono wrap", ""), more = make("div", ""), luck = button(say("again"), "", () => { seed++; fill(); });
    const leave = button("", "", async () => {
      try {
        await send("POST", `/datasets/${encodeURIComponent(name)}/exclude`, { pictures: [{ side: p.side, item: p.item, path: p.path }], undo: p.out });
      } catch (e) { return more.replaceChildren(make("p", "small bad", e.message)); }
      p.out = !p.out;
      fill();
      changed();
    });
    function fill() {
      p = items[i];
      let img = place.querySelector("img"); /* the one before stands until the next is there */
      if (p.kind === "broken" || !img) place.replaceChildren((img = imageOf(p, source(p, 640), "")));
      img.classList.add("large");
      if (p.kind !== "broken") show(img, source(p, 640), `${p.class}, ${lastOf(p.path)}`);
      title.textContent = p.class;
      path.textContent = p.path;
      more.replaceChildren(facts([[say("side"), say(p.side === "val" ? "val" : "train")], [say("finding"), p.kind && kindOf(p.kind)], [say("why"), p.why]]));
      leave.textContent = say(p.out ? "undo" : "leave-out");
      luck.hidden = !seen;
    }
    const step = (by) => { if (items[i + by]) { i += by; fill(); } };
    const d = tell(items[i].class, [place, title, path, more], [button("‹", "", () => step(-1)), button("›", "", () => step(1)), luck, leave]);
    d.querySelector("h2").remove(); /* the dialog's own: here it stands below the picture */
    d.classList.add("one");
    d.addEventListener("keydown", (e) => { if (e.key === "ArrowLeft") step(-1); else if (e.key === "ArrowRight") step(1); });
    d.addEventListener("close", () => load().catch(() => {}));
    fill();
  }

  /* What there is to choose from, as it is now. */
  function know(d) {
    const stamp = JSON.stringify([d.now, d.checked, d.problem]);
    if (stamp === known) return;
    const first = known === null;
    known = stamp;
    const names = d.now.set ? d.now.set.classes.map((c) => c.name) : [];
    classes.replaceChildren(...selectOf([["", say("all-classes")], ...names.map((c) => [c, c])]).children);
    classes.value = of.class;
    kinds.replaceChildren(...selectOf([["", say("all-pictures")], ...[...new Set(d.findings.filter((f) => f.count).map((f) => f.kind))].map((k) => [k, kindOf(k)]), ["out", say("is-out")]]).children);
    kinds.value = of.out ? "out" : of.kind;
    if (first && d.now.val) sides.append(choice(say("side"), [["set", say("train")], ["val", say("val")]], of.side, (v) => set({ side: v, finding: null })));
    box.hidden = !d.now.set;
    if (d.now.set) load().catch(() => {});
  }

  return { box, filter, know, leave: () => { left = true; clearTimeout(later); }, keep: () => ({ of, after, seen, seed, augment }) };
}
