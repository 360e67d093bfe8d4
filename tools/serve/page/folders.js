/* Folders below the roots, one step at a time; chosen({root, path, real}) is told of each that one is in. */
import { get } from "./api.js";
import { button, make } from "./dom.js";
import { say } from "./words.js";

export function browser(chosen) {
  const box = make("div", "browse");
  let root = 0;
  async function go(path) {
    const said = await get(`/browse?root=${root}&path=${encodeURIComponent(path)}`);
    const up = path.includes("/") ? path.slice(0, path.lastIndexOf("/")) : "";
    const roots = make("select", "", said.roots.map((r, i) => { const o = make("option", "", r); o.value = String(i); return o; }));
    roots.value = String(root);
    roots.setAttribute("aria-label", say("folder"));
    roots.onchange = () => { root = Number(roots.value); go("").catch(() => {}); };
    box.replaceChildren(roots, make("div", "row", [make("b", "mono", "/" + path)]),
      make("div", "folders", [path ? button("..", "bare", () => go(up)) : null, ...said.folders.map((f) => button(f, "bare mono", () => go(path ? path + "/" + f : f)))]));
    chosen({ root, path, real: said.roots[root] + (path ? "/" + path : "") });
  }
  /* At a path of the file system, if it is below a root. */
  async function open(wanted) {
    const { roots } = await get("/browse");
    const at = wanted ? roots.findIndex((r) => wanted === r || wanted.startsWith(r + "/")) : -1;
    root = Math.max(at, 0);
    await go(at < 0 ? "" : wanted.slice(roots[at].length + 1)).catch(() => go(""));
  }
  return { box, open };
}
