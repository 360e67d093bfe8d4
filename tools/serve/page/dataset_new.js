/* Adding a data set: a folder that is there, or one that is sent. */
import { send } from "./api.js";
import { ask, button, make } from "./dom.js";
import { browser } from "./folders.js";
import { say } from "./words.js";

function field(name, words, value, hint) {
  const e = make("input");
  e.type = "text";
  e.name = name;
  e.value = value;
  e.placeholder = hint || "";
  e.autocomplete = "off";
  return { e, row: make("label", "field", [make("span", "", words), e]) };
}

/* What a folder may be called here. */
const nameOf = (path) => path.slice(path.lastIndexOf("/") + 1).toLowerCase().replace(/[^a-z0-9._-]+/g, "-").replace(/^[^a-z0-9]+/, "").slice(0, 64);

export function begin(done) {
  let data = null, named = false;
  const name = field("name", say("name"), ""), split = field("split", say("split"), "", say("split-hint")), size = field("size", say("net-size"), "224");
  const wrong = make("p", "small bad", "");
  wrong.setAttribute("role", "alert");
  name.e.oninput = () => { named = true; };
  split.e.inputMode = size.e.inputMode = "decimal";
  const folders = browser((d) => {
    data = d;
    if (!named) name.e.value = nameOf(d.real);
  });
  const number = (f) => (f.e.value.trim() === "" ? undefined : Number(f.e.value));
  async function make_() {
    wrong.textContent = "";
    go.disabled = true;
    try {
      const said = await send("POST", "/datasets", { name: name.e.value.trim(), data: data && { root: data.root, path: data.path }, split: number(split), size: number(size) });
      await send("POST", `/datasets/${said.id}/check`, {}).catch(() => {}); /* it can be asked for on its page */
      d.close();
      done(said.id);
    } catch (e) {
      wrong.textContent = e.message;
    }
    go.disabled = false;
  }
  const go = button(say("add"), "main", make_);
  const d = ask(say("add-dataset"), [make("p", "small quiet", say("add-why")), make("h3", "gap", say("folder")), folders.box, name.row, split.row, size.row, wrong],
    [button(say("cancel"), "", () => d.close()), go]);
  d.classList.add("wide");
  folders.open().catch((e) => { wrong.textContent = e.message; });
}
