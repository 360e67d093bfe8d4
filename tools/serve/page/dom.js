/* Elements. Text is set as text, never as markup: names of classes and files are whatever somebody called them. */

import { say } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";

/* make("p", "small faint", "text") or make("div", "card", [child, child]); null children are passed over. */
export function make(name, css, content) {
  const e = document.createElement(name);
  if (css) e.className = css;
  put(e, content);
  return e;
}

export function put(e, content) {
  if (Array.isArray(content)) e.append(...content.filter((c) => c !== null && c !== undefined));
  else if (content !== undefined && content !== null) e.append(content);
  return e;
}

export function svg(name, attributes, parent) {
  const e = document.createElementNS(SVG, name);
  for (const k in attributes) e.setAttribute(k, attributes[k]);
  if (parent) parent.append(e);
  return e;
}

export function link(href, css, content) {
  const a = make("a", css, content);
  a.href = href;
  return a;
}

export function button(text, css, act) {
  const b = make("button", css, text);
  b.type = "button";
  b.onclick = act;
  return b;
}

/* A choice of one of several, as buttons side by side. */
export function choice(label, options, chosen, choose) {
  const group = make("span", "seg");
  group.setAttribute("role", "group");
  group.setAttribute("aria-label", label);
  for (const [value, text] of options) {
    const b = button(text, "", () => {
      for (const o of group.children) o.setAttribute("aria-pressed", String(o === b));
      choose(value);
    });
    b.setAttribute("aria-pressed", String(value === chosen));
    group.append(b);
  }
  return group;
}

/* Facts: names and what they are; those that are not known are left out. */
export function facts(rows) {
  return make("dl", "facts", rows.filter(([, v]) => v !== null && v !== undefined && v !== "")
    .flatMap(([k, v]) => [make("dt", "", k), make("dd", "", v)]));
}

/* A part of a page under its title; what stands at the title's end may be left out. */
export const section = (title, content, end) => make("section", "", [make("div", "title", [make("h2", "", title), end ? make("div", "end", end) : null]), content]);

/* A line for a shell, and a button that copies it. */
export function command(text) {
  const copied = button(say("copy"), "bare", async () => {
    try {
      await navigator.clipboard.writeText(text);
      copied.textContent = say("copied");
    } catch {
      getSelection().selectAllChildren(code);
    }
  });
  const code = make("code", "", text);
  return make("div", "cmd", [code, copied]);
}

/* A dialog; `body` is what stands in it, `foot` its buttons. Whoever closes it is told of by "close". */
function dialog(title, body, foot) {
  const d = make("dialog", "", [make("h2", "", title), ...body, make("div", "foot", foot)]);
  d.setAttribute("aria-label", title);
  d.addEventListener("close", () => d.remove());
  document.body.append(d);
  d.showModal();
  return d;
}

/* Something to look at, until it is closed. */
export function tell(title, body, foot = []) {
  const d = dialog(title, body, [...foot, button(say("close"), "main", () => d.close())]);
  return d;
}

/* A question: `yes` is the word of the button that does it, act(dialog); without one there is nothing to do. */
export function ask(title, body, yes, act, css = "main") {
  const go = yes ? button(yes, css, () => act(d)) : null, d = dialog(title, body, [button(say("cancel"), "", () => d.close()), go]);
  d.go = go;
  return d;
}

/* A refusal stands there until it is closed; null: there was one. */
export async function attempt(what) {
  try { return await what(); } catch (e) { tell(say("refused"), [make("p", "quiet", e.message)]); }
  return null;
}
