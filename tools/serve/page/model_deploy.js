/* Files for others: ONNX and engines, each held against the model. */
import { blob, send } from "./api.js";
import { ask, attempt, button, choice, make, section } from "./dom.js";
import { field, input } from "./form.js";
import { pictures } from "./model_confusion.js";
import { bytes, counted, say, whole } from "./words.js";

const KINDS = [["onnx", "f32"], ["engine", "f32"], ["engine", "int8"]];
const titleOf = ([format, precision]) => (format === "onnx" ? "ONNX" : precision === "f32" ? say("engine") : say("engine") + ", int8");

/* Saved under a name, without leaving the page. */
async function save(path, name, b) {
  b.disabled = true;
  await attempt(async () => {
    const a = make("a", "");
    a.href = URL.createObjectURL(await blob(path));
    a.download = name;
    a.click();
    setTimeout(() => URL.revokeObjectURL(a.href), 60000);
  });
  b.disabled = false;
}

/* What there is to say of it in a tag, and in a line. */
function verdict(j) {
  if (j.state === "running") return [make("span", "state running", say("running")), `${whole(j.seconds)} s`];
  if (j.state !== "done") return [make("span", "tag bad", say(j.state)), j.error];
  const r = j.result, p = r.parity, g = r.accuracy, words = [];
  if (p) words.push(`${counted(p.pictures, "n-pictures")}: ${say("differ-by")} ${p.worst ? p.worst.toExponential(0) : 0}, ${p.labels_equal === p.pictures ? say("labels-equal") : counted(p.labels_equal, "n-labels-equal")}`);
  if (g) words.push(`${(100 * g.top_1 / g.images).toFixed(1)} % ${say("in-place-of")} ${(100 * g.top_1_before / g.images).toFixed(1)} %${g.passed ? "" : ", " + say("gate-not-met")}`);
  if (!p && !g) words.push(say("not-judged"));
  const good = r.file !== null && r.engine !== null;
  const tag = !good ? make("span", "tag bad", say("not-passed")) : p && p.same && p.labels_equal === p.pictures ? make("span", "tag ok", say("same-numbers")) : g ? make("span", g.drop > 0 ? "tag warn" : "tag ok", g.drop > 0 ? `−${g.drop.toFixed(1)}` : say("no-loss")) : make("span", "tag", say("made"));
  return [tag, [bytes(r.bytes), ...words].filter((w) => w !== "–").join(" · ")];
}

async function begin(page, kind) {
  const data = await pictures(page.model);
  let which = KINDS.indexOf(kind);
  const { e: drop, row: gate } = field("drop", say("max-drop"), input("1"));
  drop.inputMode = "decimal";
  const show = () => { gate.hidden = which === 0; };
  const kinds = choice(say("format"), KINDS.map((k, i) => [i, titleOf(k)]), which, (v) => { which = v; show(); });
  show();
  const start = (d) => attempt(async () => {
    const [format, precision] = KINDS[which], chosen = data.chosen();
    d.close();
    await send("POST", page.path + "/exports", { format, precision, data: chosen, max_drop: Number(drop.value), average: Boolean(page.model.about && page.model.about.keeps_average) });
    await page.refresh();
  });
  ask(say("export"), [make("p", "small quiet", say("export-why")), make("p", "gap", [kinds]), data.box, gate], say("begin-it"), start);
}

function item(page, m, kind) {
  const j = m.exports.find((x) => x.facts.format === kind[0] && x.facts.precision === kind[1]), make_ = button(j ? say("again") : say("make-it"), "bare", () => attempt(() => begin(page, kind)));
  make_.setAttribute("aria-label", `${titleOf(kind)}: ${j ? say("again") : say("make-it")}`);
  if (!j) return make("div", "item", [make("div", "row", [make("b", "", titleOf(kind)), make("span", "end", [make_])])]);
  const [tag, words] = verdict(j), there = j.state === "done" && j.result.file !== null && j.result.engine !== null;
  const get = there ? button(say("download"), "bare", () => save(`/jobs/${j.id}/files/${j.facts.file}`, j.facts.file, get)) : null;
  return make("div", "item", [make("div", "row", [make("b", "", titleOf(kind)), make("span", "end", [tag])]), make("div", "small faint", words),
    j.facts.stamp === m.stamp ? null : make("div", "small warned", say("of-another")), make("div", "row acts-on", [get, j.state === "running" ? null : make_])]);
}

export function deploy(page) {
  const body = make("div", "card");
  const told = (m) => {
    const get = button(say("download"), "bare", () => save(page.path + "/file", m.run ? m.id + ".safetensors" : m.id, get));
    body.replaceChildren(...KINDS.map((k) => item(page, m, k)), make("div", "item", [make("div", "row", [make("b", "", m.format), make("span", "end", [get])]), make("div", "small faint", say("itself-why"))]));
  };
  return { box: section(say("deploy"), body), told };
}
