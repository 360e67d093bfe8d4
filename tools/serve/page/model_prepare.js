/* A net of another program that takes numbers: how pixels become them, and what its classes are called. */
import { send } from "./api.js";
import { ask, button, make } from "./dom.js";
import { field, input, select } from "./form.js";
import { at } from "./model.js";
import { say } from "./words.js";

/* What such nets were trained with, as their programs have it. */
const WAYS = { raw: { mean: "", scale: "1" }, unit: { mean: "", scale: "0.0039215686" }, torchvision: { mean: "123.675,116.28,103.53", scale: "0.0171247538,0.0175070028,0.0174291939" }, caffe: { mean: "104,117,123", scale: "", order: "bgr" } };

/* What of it cannot be imported as it is: that of which its file does not say enough can be said here. */
const refused = (m) => (m.about && m.about.refused) || [];

/* Does it take numbers where a picture could be, or does its file leave open what it takes? */
export const takesNumbers = (m) => refused(m).length > 0 || (Boolean(m.about && m.about.inputs) && !m.about.inputs.some((i) => i.type === "u8") && m.about.inputs.some((i) => i.type === "f32" && /^(N|1) x [13] x \d+ x \d+$/.test(i.shape)));

const text = (name, words, value, hint) => field(name, words, input(value, hint));

function begin(m) {
  const side = Math.max(0, ...(m.about.inputs || []).map((i) => Number(i.shape.split(" x ").pop()) || 0));
  const { e: way, row } = field("way", say("pixels"), select([["raw", "0 … 255"], ["unit", "0 … 1"], ["torchvision", "torchvision"], ["caffe", "Caffe, BGR"], ["", say("other-way")]]));
  const fields = [text("mean", say("mean-of"), "", "123.68,116.78,103.94"), text("scale", say("times"), "1"), text("order", say("channel-order"), "", "rgb"), text("resize", say("short-side"), side ? String(Math.round(side * 8 / 7)) : ""), ...(refused(m).length ? [text("input", say("input-size"), "*=3x224x224")] : [])];
  const classes = make("textarea", "notes mono"), told = make("p", "small bad", "");
  classes.rows = 4;
  classes.name = "classes";
  told.setAttribute("role", "alert");
  way.onchange = () => { const w = WAYS[way.value]; if (w) for (const f of fields) if (f.name in WAYS.caffe) f.e.value = w[f.name] || ""; };
  const go = async (d) => {
    told.textContent = "";
    for (const f of fields) f.wrong.textContent = "";
    d.go.disabled = true;
    try {
      const made = await send("POST", at(m.id) + "/prepare", { ...Object.fromEntries(fields.map((f) => [f.name, f.e.value.trim()])), classes: classes.value.trim() });
      d.close();
      location.hash = "#/models/" + made.id;
    } catch (e) {
      const f = fields.find((x) => x.name === e.field);
      (f ? f.wrong : told).textContent = e.message;
    }
    d.go.disabled = false;
  };
  ask(say("prepare"), [make("p", "small quiet", say("prepare-why")), row, make("div", "fields two-of", fields.map((f) => f.row)),
    make("label", "field", [make("span", "", say("class-names")), classes]), told], say("make-model"), go);
}

/* Above all else of such a model. */
export const prepare = (m) => make("section", "card pad", [...(refused(m).length ? refused(m).map((r) => make("p", "bad wrap", r)) : [make("p", "", say("takes-numbers"))]), make("p", "gap", [button(say("prepare") + "…", "main", () => begin(m))])]);
