/* A new run: pictures, net, recipe; what it would take, how its rate moves; the same as lines for a shell. */
import { get, send } from "./api.js";
import { chart, forgetCharts, tableButton } from "./chart.js";
import { button, command, facts, link, make, section } from "./dom.js";
import { field, input } from "./form.js";
import { FIRST_BATCH, nets, pictures, recipe, sweep } from "./new_form.js";
import { bytes, quote, say, whole } from "./words.js";

const MOST = 64; /* runs of a sweep */

const part = (title, content) => section(title, make("div", "card pad", content));

/* What the form begins with: of a run, of a model, or nothing. */
async function begin(query) {
  if (query.get("run")) {
    const step = query.get("step");
    return send("POST", `/runs/${encodeURIComponent(query.get("run"))}/clone`, step ? { step: Number(step) } : {});
  }
  return { init: query.get("init") || "", data: { path: query.get("data") || "" }, recipe: {} };
}

/* The options of a recipe as a shell has them. */
const flags = (r) => Object.entries(r).flatMap(([k, v]) => (v === true ? ["--" + k] : v === false ? [] : ["--" + k, String(v)]));

function line(w, d) {
  return ["tenon", "train", d ? d.path : "FOLDER", ...(d && d.val ? ["--val", d.val] : []), ...(d && d.exclude ? ["--exclude", d.exclude] : []), ...(w.net ? ["--net", w.net] : w.text ? ["--net", `nets/${w.name || "NAME"}.net`] : []), ...(w.init ? ["--init", w.init] : []),
    ...(w.device ? ["--device", w.device] : []), ...flags(w.recipe), ...(w.queue ? ["--queue"] : []), "--run", w.name || "NAME"].map(quote).join(" ");
}

function tellPlan(p, use) {
  const m = p.memory_bytes, largest = p.largest_batch;
  const bar = make("progress", "meter" + (p.fits ? "" : " over"));
  bar.max = p.device_memory_bytes;
  bar.value = Math.min(m.total, p.device_memory_bytes);
  bar.setAttribute("aria-label", say("memory"));
  return [make("p", "row", [make("b", "", bytes(m.total)), make("span", "small quiet", "/ " + bytes(p.device_memory_bytes)), make("span", "tag end " + (p.fits ? "ok" : "bad"), `${say("fits")}: ${say(p.fits ? "yes" : "no")}`)]), bar,
    facts([["batch", whole(p.batch)], [say("largest-batch"), largest ? make("span", "", [whole(largest) + " ", button(say("use-batch"), "bare", () => use(largest))]) : null],
      [say("parameters"), `${whole(p.parameters)} · ${bytes(m.parameters)}`], [say("gradients"), bytes(m.gradients)], [say("optimizer"), bytes(m.optimizer)], [say("activations"), bytes(m.activations)],
      [say("arithmetic"), `${(p.flops / 1e9).toPrecision(3)} Gflop`]])];
}

export async function open(main, _, query, was) {
  const given = was.recipe ? was : await begin(query);
  let later = 0, left = false, asked = 0;
  forgetCharts();

  const name = field("name", say("name"), input(given.name));
  const device = field("device", say("device"), input(given.device, "cpu, cuda:0"));
  const queue = make("input");
  queue.type = "checkbox";
  queue.checked = Boolean(given.queue);
  const data = await pictures(changed, given.data && given.data.path);
  const net = await nets(changed, given);
  const settings = recipe(changed, given.recipe || {});
  const plan = make("div", "card pad"), rateCard = make("div", "card"), shell = make("div"), told = make("div", "bad");
  told.setAttribute("role", "alert");
  const rate = chart(rateCard, { title: say("rate"), height: 150, unit: say("every-epoch"), series: [] });
  const fields = [name, device, ...net.fields, ...settings.fields];

  /* What is sent, for each run of a sweep. */
  function wishes() {
    const all = sweep({ ...settings.values(), ...net.recipe() }, MOST), stem = name.e.value.trim(), d = data.data();
    return all.map((r, i) => ({ name: all.length > 1 ? `${stem}-${i + 1}` : stem, data: d && (d.dataset ? { dataset: d.dataset } : { path: d.path }), ...net.net(), recipe: r, device: device.e.value.trim(), queue: queue.checked || all.length > 1 }));
  }

  function wrong(e) {
    for (const f of fields) f.wrong.textContent = "";
    data.wrong.textContent = "";
    told.replaceChildren();
    if (!e) return;
    const rest = [];
    for (const one of e.errors) {
      const f = fields.find((x) => x.name === one.field && x.e.isConnected); /* else it is one of another way to say it */
      if (one.field === "data") data.wrong.textContent = one.text;
      else if (one.field === "text") net.text.wrong(one.text, one.line);
      else if (f) f.wrong.textContent = one.text;
      else rest.push(make("p", "small", one.text));
    }
    told.replaceChildren(...rest);
    const first = fields.find((x) => x.wrong.textContent);
    if (!first) return;
    const folded = first.e.closest("details");
    if (folded) folded.open = true;
    first.e.focus();
  }

  async function study(w, turn) {
    if (!w.net && !w.text && !w.init) return plan.replaceChildren(make("p", "quiet", say("nothing-yet")));
    const { size, optim, precision, input: inputs, mean, scale, order } = w.recipe, d = data.data();
    const is = net.is();
    try {
      const p = await send("POST", "/plan", { ...(is === "known" ? { net: w.net } : is === "text" ? { text: w.text } : { init: w.init }), batch: w.recipe.batch || FIRST_BATCH,
        ...(is === "model" ? {} : { size }), optim, precision, input: inputs, mean, scale, order, classes: d && is === "known" ? d.classes : undefined, device: w.device });
      if (left || turn !== asked) return;
      net.text.wrong("");
      plan.replaceChildren(...tellPlan(p, (b) => { settings.set("batch", b); changed(); }));
    } catch (e) {
      if (left || turn !== asked) return;
      net.text.wrong(is === "text" ? e.message : "", e.line);
      plan.replaceChildren(make("p", "quiet", e.line ? `${e.line}: ${e.message}` : e.message));
    }
  }

  async function schedule(w, turn) {
    try {
      const r = await send("POST", "/rate", { recipe: w.recipe });
      if (!left && turn === asked) rate.update({ unit: r.unit === "steps" ? say("step") : say("every-epoch"), series: [{ name: say("rate"), css: "fourth", x: r.x, y: r.rate }] });
    } catch { if (!left && turn === asked) rate.update({ series: [] }); }
  }

  function changed() {
    if (!settings || !net || !data) return;
    const all = wishes(), over = all.length > MOST;
    go.disabled = over;
    shell.replaceChildren(...(over ? [make("p", "small bad", say("too-many-runs"))] : all.length > 1 ? [make("p", "small quiet", `${all.length} ${say("runs-queued")}`)] : []), ...all.slice(0, 4).map((w) => command(line(w, data.data()))));
    clearTimeout(later);
    later = setTimeout(() => { asked++; Promise.all([study(all[0], asked), schedule(all[0], asked)]); }, 400);
  }

  async function start() {
    const begun = [];
    wrong(null);
    go.disabled = true;
    try {
      for (const w of wishes()) begun.push((await send("POST", "/runs", w)).id);
      if (!left) location.hash = begun.length > 1 ? "#/" : "#/runs/" + begun[0];
    } catch (e) {
      wrong(e);
      if (begun.length) told.append(make("p", "small", `${say("begun-some")} ${begun.join(", ")}`));
    }
    go.disabled = false;
  }

  const go = button(say("start"), "main", start);
  for (const f of [name, device]) f.e.addEventListener("input", changed);
  queue.onchange = changed;
  main.replaceChildren(
    make("div", "head", [make("div", "grow", [make("div", "crumbs", [link("#/", "", say("runs"))]), make("h1", "", say("new-run")),
      query.get("run") ? make("p", "", [say("from-run") + " ", link("#/runs/" + query.get("run"), "strong", query.get("run"))]) : null])]),
    make("div", "cols", [make("div", "", [
      part(say("which-pictures"), [data.box]), part(say("net"), [net.box]), part(say("recipe"), [settings.box]),
      part(say("run"), [name.row, device.row, make("label", "row gap", [queue, make("span", "", say("queue"))]), told, make("p", "row gap", [go])]),
      section(say("same"), shell)]),
    make("aside", "", [section(say("takes"), plan), section(say("schedule"), rateCard, [tableButton([rate])])])]));
  data.show();
  net.show();
  document.title = `${say("new-run")} · Tenon`;
  return {
    leave: () => { left = true; clearTimeout(later); },
    keep: () => ({ name: name.e.value, device: device.e.value, queue: queue.checked, data: data.data() || {}, ...net.all(), recipe: { ...settings.values(), ...net.all().recipe } }),
  };
}
