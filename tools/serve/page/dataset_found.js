/* What the doctor found: sentences with their pictures, and one action each. */
import { button, make } from "./dom.js";
import { picture } from "./picture.js";
import { counted, say } from "./words.js";

/* Of each kind its word, and how grave it is. */
const KINDS = {
  broken: ["kind-broken", "bad"], conflict: ["kind-conflict", "bad"], leak: ["kind-leak", "bad"], "one class": ["kind-one-class", "warn"], empty: ["kind-empty", "warn"],
  shortcut: ["kind-shortcut", "warn"], same: ["kind-same", ""], alike: ["kind-alike", ""], doubtful: ["kind-doubtful", "warn"], unequal: ["kind-unequal", "warn"], few: ["kind-few", "warn"],
  flat: ["kind-flat", ""], odd: ["kind-odd", ""], small: ["kind-small", ""], mixed: ["kind-mixed", ""],
};
export const kindOf = (name) => say((KINDS[name] || [name])[0]);
/* Is it of the picture itself? Most of a set may be small. */
export const isMarked = (name) => Boolean(name) && !["small", "mixed", "odd"].includes(name);
export const tagOf = (name) => make("span", "tag " + (KINDS[name] || ["", ""])[1], kindOf(name));

const KEEP_ONE = new Set(["same", "alike"]);
const SHOWN = 3; /* of a kind at first */

export const pathOf = (name, p, query) => `/datasets/${encodeURIComponent(name)}/items/${p.item}/image?side=${p.side}${query || ""}`;
export const lastOf = (path) => path.slice(path.lastIndexOf("/") + 1);

/* The picture, or what is known to be wrong with its file. */
export const imageOf = (p, path, alt) => (p.kind === "broken" ? make("span", "unread", p.why || kindOf(p.kind)) : picture(path, alt));

function shot(name, p, why) {
  const f = make("figure", p.out ? "out" : "", [imageOf(p, pathOf(name, p, "&pixels=152"), p.path)]);
  const words = make("figcaption", "", `${say(p.side === "val" ? "val" : "train")} · ${p.class}`);
  f.title = [p.path, p.why].filter(Boolean).join("\n");
  f.append(words, make("figcaption", "", lastOf(p.path)));
  if (why && p.why) f.append(make("figcaption", "lines", p.why));
  if (p.out) f.append(make("span", "tag", say("is-out")));
  return f;
}

/* Of files that cannot be read: why, of the first few. */
const reasons = (f) => (f.kind === "broken" ? f.pictures.slice(0, SHOWN).map((p) => make("p", "mono small", `${lastOf(p.path)}: ${p.why}`)) : []);

const canLeave = (f) => KEEP_ONE.has(f.kind) || f.advised > 0;

/* The one thing that one would do about it. */
function action(d, f, does) {
  if (f.out > 0 && canLeave(f)) return button(say("undo"), "", () => does.leave({ finding: f.number, checked: d.checked, undo: true }));
  if (KEEP_ONE.has(f.kind)) return button(say("keep-one"), "", () => does.leave({ finding: f.number, checked: d.checked }));
  if (f.advised > 0) return button(f.advised > 1 ? `${say("leave-out")} (${f.advised})` : say("leave-out"), "", () => does.leave({ finding: f.number, checked: d.checked }));
  if (f.count > 0) return button(say("look"), "", () => does.filter({ finding: f.number }));
  return f.classes && f.classes.length ? button(say("look"), "", () => does.filter({ class: f.classes[0] })) : make("span");
}

function one(d, f, does) {
  const pictures = make("div", "pairs", [make("div", "pair", f.pictures.map((p) => shot(d.name, p, f.kind === "doubtful")))]);
  if (f.count > f.pictures.length) pictures.append(button(counted(f.count - f.pictures.length, "more-pictures"), "bare", () => does.filter({ finding: f.number })));
  const row = make("div", "finding", [tagOf(f.kind), make("div", "", [make("p", "sentence", f.text), ...reasons(f)]), action(d, f, does), f.pictures.length ? pictures : null]);
  row.dataset.kind = f.kind;
  return row;
}

/* What one would do about all of a kind. */
function actionOfAll(all, does) {
  const kind = all[0].kind, left = all.filter((f) => f.out > 0).length;
  if (all.length < 2 || !canLeave(all[0])) return null;
  return left === all.length ? button(say("undo-all"), "", () => does.leave({ kind, undo: true })) : button(say(KEEP_ONE.has(kind) ? "keep-one-all" : "leave-out-all"), "", () => does.leave({ kind }));
}

/* Those of a kind beyond the first few are shown when they are asked for. */
function kind(d, all, does) {
  const rows = all.map((f) => one(d, f, does)), rest = rows.slice(SHOWN), act = actionOfAll(all, does);
  for (const r of rest) r.hidden = true;
  const more = rest.length ? button(counted(rest.length, "more-such"), "bare", () => { for (const r of rest) r.hidden = false; more.remove(); }) : null;
  return more || act ? [...rows, make("div", "finding", [make("span"), make("div", "", [more]), act])] : rows;
}

export function findings(d, does) {
  const box = make("div", "card found");
  if (d.checked === null) box.append(make("p", "pad quiet", say("not-checked-why")));
  else if (!d.findings.length) box.append(make("div", "finding", [make("span", "tag ok", say("well")), make("p", "sentence", say("well-why")), make("span")]));
  const kinds = [...new Set(d.findings.map((f) => f.kind))];
  for (const k of kinds) box.append(...kind(d, d.findings.filter((f) => f.kind === k), does));
  if (d.num_findings > d.findings.length) box.append(make("p", "pad small faint", counted(d.num_findings - d.findings.length, "more-such")));
  if (d.now.set && d.now.set.out + (d.now.val ? d.now.val.out : 0) > 0 && d.findings.some((f) => f.out > 0))
    box.append(make("div", "finding", [make("span"), make("p", "sentence", say("check-again-why")), button(say("check-again"), "main", does.check)]));
  return box;
}
