/* Folders below the roots, one step at a time; chosen({root, path, real}) is told of each that one is in. */
import { get } from "./api.js";
import { button, make } from "./dom.js";
import { select } from "./form.js";
import { counted, say } from "./words.js";

/* "/data" and "flowers": "/data/flowers". */
const join = (a, b) => [a.replace(/\/$/, ""), b].filter(Boolean).join("/");
/* What of a path lies below a root; null: none of it. */
const below = (root, path) => (path === root ? "" : path.startsWith(join(root, "") + "/") ? path.slice(join(root, "").length + 1) : null);

export function browser(chosen) {
  const box = make("div", "browse");
  let root = 0;
  async function go(path) {
    const ask = (find) => get(`/browse?root=${root}&path=${encodeURIComponent(path)}&find=${encodeURIComponent(find)}`);
    const said = await ask(""), list = make("div", "folders"), told = make("p", "small faint", "");
    const up = path.includes("/") ? path.slice(0, path.lastIndexOf("/")) : "";
    const roots = select(said.roots.map((r, i) => [String(i), r]));
    roots.value = String(root);
    roots.setAttribute("aria-label", say("folder"));
    roots.onchange = () => { root = Number(roots.value); go("").catch(() => {}); };
    /* Of more folders than are listed those are found whose names have that in them. */
    const find = make("input", "find");
    find.type = "search";
    find.hidden = said.all;
    find.setAttribute("aria-label", say("find"));
    find.placeholder = say("find");
    find.oninput = async () => { const asked = find.value, got = await ask(asked); if (asked === find.value) show(got); };
    const show = (is) => {
      list.replaceChildren(...[path ? button("..", "bare", () => go(up)) : null, ...is.folders.map((f) => button(f, "bare mono", () => go(path ? path + "/" + f : f)))].filter(Boolean));
      told.textContent = is.all ? "" : counted(is.folders.length, "more-folders");
    };
    show(said);
    box.replaceChildren(roots, make("div", "row", [make("b", "mono", "/" + path), find]), list, told);
    chosen({ root, path, real: join(said.roots[root], path) });
  }
  /* At a path of the file system, if it is below a root. */
  async function open(wanted) {
    const { roots } = await get("/browse");
    root = Math.max(wanted ? roots.findIndex((r) => below(r, wanted) !== null) : -1, 0);
    await go((wanted && below(roots[root], wanted)) || "").catch(() => go(""));
  }
  return { box, open };
}
