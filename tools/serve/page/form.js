/* Fields of a form: each has its words, its input, and a place beside it where what is wrong with it stands. */
import { make } from "./dom.js";

export function field(name, words, e, css) {
  e.name = name;
  const wrong = make("span", "small bad", "");
  wrong.setAttribute("role", "alert");
  return { name, e, wrong, row: make("label", "field " + (css || ""), [make("span", "", words), e, wrong]) };
}

export function input(value, hint) {
  const e = make("input", "");
  e.type = "text";
  e.value = value || "";
  e.placeholder = hint || "";
  e.autocomplete = "off";
  e.spellcheck = false;
  return e;
}

export function select(values) {
  const e = make("select");
  e.append(...values.map(([value, text]) => { const o = make("option", "", text); o.value = value; return o; }));
  return e;
}

/* A text with the numbers of its lines, and what is wrong with one of them beside it. */
export function editor(label, rows) {
  const area = make("textarea", "mono"), numbers = make("pre", "numbers"), said = make("div", "beside", "");
  area.rows = rows;
  area.spellcheck = false;
  area.wrap = "off";
  area.setAttribute("aria-label", label);
  numbers.setAttribute("aria-hidden", "true");
  said.setAttribute("role", "alert");
  said.hidden = true;
  let line = 0;
  const place = () => {
    numbers.scrollTop = area.scrollTop;
    if (!line) return;
    const height = numbers.children.length ? numbers.children[0].getBoundingClientRect().height : 20;
    said.style.top = Math.min(Math.max(line * height - area.scrollTop + 10, 4), area.clientHeight - 30) + "px";
  };
  const count = () => {
    const lines = area.value.split("\n").length;
    if (numbers.children.length !== lines)
      numbers.replaceChildren(...Array.from({ length: lines }, (_, i) => make("span", "", String(i + 1))));
    for (let i = 0; i < lines; i++) numbers.children[i].className = i + 1 === line ? "bad" : "";
    place();
  };
  const wrong = (text, at) => {
    line = text && at ? at : 0;
    said.textContent = text || "";
    said.hidden = !text;
    count();
  };
  area.addEventListener("input", count);
  area.addEventListener("scroll", place);
  count();
  return { e: area, box: make("div", "editor", [numbers, area, said]), wrong, count };
}
