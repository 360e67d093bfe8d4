/* Models: a list of them, and one: what is on a picture, what it confuses, its layers, files for others. */
import { get, send } from "./api.js";
import { ask, attempt, button, command, link, make, section } from "./dom.js";
import { classify, many } from "./model_classify.js";
import { evaluation } from "./model_confusion.js";
import { deploy } from "./model_deploy.js";
import { layers } from "./model_layers.js";
import { prepare, takesNumbers } from "./model_prepare.js";
import { ago, bytes, counted, percent, quote, say, three, whole } from "./words.js";
import "./dataset_words.js";
import "./model_words.js";

export const at = (id) => "/models/" + encodeURIComponent(id);

const FORMATS = { safetensors: "format-safetensors", onnx: "format-onnx", engine: "format-engine", caffe: "format-caffe" };

/* ---- all ---- */

const about = (m) => [m.net, m.data, m.run ? "" : say(FORMATS[m.format])].filter(Boolean).join(" · ");

function item(m) {
  return link("#/models/" + m.id, "item", [make("div", "row", [make("b", "cut", m.id), make("span", "end small", m.best === null ? "" : m.best <= 1 ? percent(m.best) : three(m.best))]),
    make("div", "small faint cut", [about(m), bytes(m.bytes)].filter(Boolean).join(" · "))]);
}

/* For the page of everything. */
export async function card() {
  const all = await get("/models?count=5");
  return all.count ? section(say("models"), make("div", "card", all.models.map(item)), [link("#/models", "small", say("all"))]) : null;
}

function row(m) {
  return make("tr", "link", [make("td", "", [link("#/models/" + m.id, "strong", m.id), make("div", "small faint", about(m))]),
    make("td", "num", m.best === null ? "–" : m.best <= 1 ? percent(m.best) : three(m.best)), make("td", "num", bytes(m.bytes)), make("td", "num hide-s", ago(m.changed))]);
}

async function sendFile(file, told) {
  const name = file.name.toLowerCase().replace(/[^a-z0-9._-]+/g, "-").replace(/^[^a-z0-9]+/, "");
  told.textContent = `${name}, ${bytes(file.size)} …`;
  try {
    const said = await send("PUT", at(name), file);
    location.hash = "#/models/" + said.id;
  } catch (e) { told.textContent = e.message; }
}

async function openAll(main, was) {
  let { find = "" } = was, left = false, later = 0;
  const body = make("div", ""), told = make("span", "small quiet", ""), file = make("input");
  told.setAttribute("role", "status");
  file.type = "file";
  file.hidden = true;
  file.accept = ".safetensors,.onnx,.plan,.caffemodel";
  file.onchange = () => { if (file.files[0]) sendFile(file.files[0], told); };
  const field = make("input", "find");
  field.type = "search";
  field.placeholder = say("find-hint");
  field.setAttribute("aria-label", say("find"));
  field.value = find;
  field.oninput = () => { find = field.value; clearTimeout(later); later = setTimeout(() => refresh().catch(() => {}), 150); };
  async function refresh() {
    const all = await get(`/models?count=500&find=${encodeURIComponent(find)}`);
    if (left) return;
    const head = [["model", ""], ["top1", "num"], ["bytes", "num"], ["last-seen", "num hide-s"]].map(([k, css]) => make("th", css, say(k)));
    body.replaceChildren(make("div", "card scroll", [all.models.length ? make("table", "", [make("thead", "", [make("tr", "", head)]), make("tbody", "", all.models.map(row))]) : make("p", "pad quiet", say("no-models-yet"))]),
      all.count > all.models.length ? make("p", "small faint gap", `${whole(all.count - all.models.length)} ${say("more-listed")}`) : "",
      all.others ? make("p", "small faint gap", `${all.others} ${say("others-why")}`) : "");
  }
  await refresh();
  main.replaceChildren(make("div", "head", [make("div", "grow", [make("h1", "", say("models")), make("p", "", say("models-what")), told]),
    make("div", "actions", [field, button(say("send-model"), "main", () => file.click()), file])]), body);
  document.title = `${say("models")} · Tenon`;
  return { hear: (kind) => { if (kind === "run" || kind === "again") { clearTimeout(later); later = setTimeout(() => refresh().catch(() => {}), 1500); } }, leave: () => { left = true; clearTimeout(later); }, keep: () => ({ find }) };
}

/* ---- one ---- */

/* "N x 224 x 224 x 3": 224 x 224. */
function sizeOf(m) {
  const input = m.about && (m.about.inputs || []).find((i) => i.type === "u8" && /^N x \d+ x \d+ x \d+$/.test(i.shape));
  return input ? input.shape.split(" x ").slice(1, 3).join(" × ") : "";
}

/* A file of the models folder; a run's goes with its run. */
function removing(m) {
  if (m.run) return null;
  return button(say("remove"), "danger", () => ask(say("remove-model-title"), [make("p", "quiet", say("remove-model-why"))], say("remove"),
    (d) => attempt(async () => { d.close(); await send("DELETE", at(m.id), ""); location.hash = "#/models"; })));
}

function head(m, page) {
  const a = m.about || {}, n = a.parameters;
  const facts = [m.net || (m.run ? "" : say(FORMATS[m.format])), n ? counted(n, "n-parameters", n >= 1e6 ? (n / 1e6).toFixed(1) + " M" : whole(n)) : "", bytes(m.bytes), sizeOf(m), a.classes ? counted(a.classes, "n-classes") : ""];
  const from = m.run ? [" / ", `${say("of-run")} `, link("#/runs/" + m.run, "", m.run), m.epoch === null ? m.step === null ? "" : `, ${say("step")} ${whole(m.step)}` : `, ${say("epoch").toLowerCase()} ${m.epoch}`] : [];
  return make("div", "head", [make("div", "grow", [make("div", "crumbs", [link("#/models", "", say("models")), ...from]), make("h1", "cut", m.id), make("p", "", facts.filter(Boolean).join(" · ")),
    m.problem ? make("p", "bad", m.problem) : null]),
  make("div", "actions", m.problem || takesNumbers(m) ? [removing(m)] : [removing(m), link("#/new?init=" + encodeURIComponent(m.id), "button", say("fine-tune")), button(say("classify-folder"), "main", () => many(page))])]);
}

export async function open(main, [id], _, was) {
  if (!id) return openAll(main, was);
  const page = { id, path: at(id), left: false, parts: [] };
  let later = 0;
  page.model = await get(page.path);
  /* A job that runs is looked at again; all parts are told. */
  page.refresh = async () => {
    clearTimeout(later);
    page.model = await get(page.path);
    if (page.left) return;
    for (const part of page.parts) part.told(page.model);
    const busy = ["evaluations", "exports", "layers", "classifications"].some((k) => page.model[k].some((j) => j.state === "running"));
    if (busy) later = setTimeout(() => page.refresh().catch(() => {}), 1500);
  };
  const m = page.model;
  if (m.problem) {
    main.replaceChildren(head(m, page));
    return {};
  }
  if (takesNumbers(m)) {
    main.replaceChildren(head(m, page), prepare(m));
    return {};
  }
  const one = classify(page, was.files), measured = evaluation(page), shown = layers(page, one), files = deploy(page);
  page.parts = [one, measured, shown, files];
  main.replaceChildren(head(m, page), make("div", "cols", [make("div", "", [one.box, measured.box, shown.box]),
    make("aside", "", [measured.facts, measured.byClass, files.box, section(say("same"), make("div", "", [command(`tenon infer ${quote(m.run && m.epoch !== null ? m.run : m.path)} photo.jpg`), command(`tenon eval ${quote(m.run && m.epoch !== null ? m.run : m.path)} FOLDER`)]))])]));
  document.title = `${id} · Tenon`;
  await page.refresh();
  return { hear: (kind) => { if (kind === "job" || kind === "again") page.refresh().catch(() => {}); }, leave: () => { page.left = true; clearTimeout(later); one.leave(); }, keep: () => ({ files: one.files() }) };
}
