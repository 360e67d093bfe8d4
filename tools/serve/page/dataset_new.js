/* Adding a data set: a folder that is there, or one that is sent from the browser's machine. */
import { get, send } from "./api.js";
import { ask, choice, make } from "./dom.js";
import { browser } from "./folders.js";
import { field, input } from "./form.js";
import { bytes, counted, say, whole } from "./words.js";

const AT_ONCE = 3;

/* What a folder may be called here. */
const nameOf = (path) => path.slice(path.lastIndexOf("/") + 1).toLowerCase().replace(/[^a-z0-9._-]+/g, "-").replace(/^[^a-z0-9]+/, "").slice(0, 64);
const known = (file) => !file.webkitRelativePath.split("/").some((part) => part.startsWith("."));

/* A folder of this machine: its files are sent one by one, a few at a time; what has come stays if one fails. */
function sender(chosen) {
  const e = make("input"), told = make("p", "small faint", say("send-why")), bar = make("progress", "thick");
  let files = [], stopped = false;
  e.type = "file";
  e.name = "files";
  e.multiple = e.webkitdirectory = true;
  e.setAttribute("aria-label", say("send-folder"));
  bar.setAttribute("aria-label", say("progress"));
  bar.hidden = true;
  e.onchange = () => {
    files = [...e.files].filter(known);
    told.textContent = files.length ? `${counted(files.length, "n-files")}, ${bytes(files.reduce((n, f) => n + f.size, 0))}` : say("send-none");
    if (files.length) chosen({ real: files[0].webkitRelativePath.split("/")[0] });
  };
  async function run(name) {
    let at = 0, done = 0;
    bar.hidden = false;
    bar.max = files.length;
    const one = async () => {
      while (at < files.length && !stopped) {
        const f = files[at++];
        await send("PUT", `/uploads/${encodeURIComponent(name)}?path=${encodeURIComponent(f.webkitRelativePath.split("/").slice(1).join("/"))}`, f);
        bar.value = ++done;
        told.textContent = `${whole(done)} / ${whole(files.length)}`;
      }
    };
    try {
      await Promise.all(Array.from({ length: AT_ONCE }, one));
    } finally {
      at = files.length;
    }
  }
  return { box: make("div", "gap", [e, told, bar]), run, any: () => files.length > 0, stop: () => { stopped = true; } };
}

export function begin(done) {
  let data = null, named = false, way = "here";
  const name = field("name", say("name"), input("")), split = field("split", say("split"), input("", say("split-hint"))), size = field("size", say("net-size"), input("224"));
  const wrong = make("p", "small bad", "");
  wrong.setAttribute("role", "alert");
  name.e.oninput = () => { named = true; };
  split.e.inputMode = size.e.inputMode = "decimal";
  const propose = (real) => { if (!named) name.e.value = nameOf(real); };
  const folders = browser((d) => { data = d; propose(d.real); }), sends = sender((d) => propose(d.real));
  const body = make("div", "gap", [folders.box]);
  const ways = choice(say("folder"), [["here", say("folder-here")], ["send", say("send-folder")]], way, (v) => { way = v; body.replaceChildren(v === "here" ? folders.box : sends.box); });
  const number = (f) => (f.e.value.trim() === "" ? undefined : Number(f.e.value));

  /* The folder that is meant, once it is here. */
  async function place(id) {
    if (way === "here") return data && { root: data.root, path: data.path };
    if (!sends.any()) throw new Error(say("send-none"));
    if ((await get("/datasets")).datasets.some((d) => d.name === id)) throw new Error(say("name-taken")); /* else they would come among its own */
    await sends.run(id);
    const { roots } = await get("/browse"); /* the workspace is the first of them */
    return roots.length ? { root: 0, path: "uploads/" + id } : null;
  }

  async function add() {
    wrong.textContent = "";
    d.go.disabled = true;
    try {
      const id = name.e.value.trim();
      const said = await send("POST", "/datasets", { name: id, data: await place(id), split: number(split), size: number(size) });
      await send("POST", `/datasets/${id}/check`, {}).catch(() => {}); /* it can be asked for on its page */
      d.close();
      done(said.id);
    } catch (e) {
      wrong.textContent = e.message;
    }
    d.go.disabled = false;
  }
  const d = ask(say("add-dataset"), [make("p", "small quiet", say("add-why")), make("div", "gap", [ways]), body, name.row, split.row, size.row, wrong], say("add"), add);
  d.addEventListener("close", sends.stop);
  d.classList.add("wide");
  folders.open().catch((e) => { wrong.textContent = e.message; });
}
