/* The frame of all pages: where one is, language, theme, keys. Addresses are #/, #/runs/NAME, #/new, #/compare?a=NAME&b=NAME. */
import { get, listen, takeToken } from "./api.js";
import { button, choice, facts, link, make, svg, tell } from "./dom.js";
import { heard } from "./notify.js";
import { has, load } from "./pages.js";
import { counted, say } from "./words.js";

const root = document.documentElement;
const main = document.getElementById("main");
const keep = (key, value) => { try { localStorage.setItem("tenon." + key, value); } catch { /* a private window */ } };
const kept = (key) => { try { return localStorage.getItem("tenon." + key); } catch { return null; } };

/* What stands in the frame, of those that are there. */
const NAV = [["", "home"], ["datasets", "datasets"], ["models", "models"]];

let page = null; /* what is shown: it may have hear(kind, data), leave(), and keep(): what was typed and chosen, for one in another language */
let turn = 0, title = "Tenon"; /* its number, and what it is called */
let alive = null;
const machine = make("span", "machine", "");

/* ---- the frame ---- */

function brand() {
  const picture = svg("svg", { viewBox: "0 0 24 24", "aria-hidden": "true" });
  svg("path", { fill: "currentColor", d: "M2 3h9v5h3V3h8v18h-8v-5h-3v5H2zM14 10.2h-3v3.6h3z" }, picture);
  const a = link("#/", "brand", [picture, make("span", "", "tenon")]);
  a.setAttribute("aria-label", "Tenon");
  return a;
}

function frame() {
  const skip = button(say("skip"), "skip", () => main.focus());
  const nav = make("nav", "nav", NAV.filter(([path]) => has(path)).map(([path, words]) => {
    const a = link("#/" + path, "", say(words));
    if (path === where().path) a.setAttribute("aria-current", "page");
    return a;
  }));
  nav.setAttribute("aria-label", say("pages"));
  const theme = button("◐", "bare", () => setTheme(root.dataset.theme === "dark" ? "light" : "dark"));
  theme.setAttribute("aria-label", say("theme"));
  const end = make("div", "end", [machine, choice(say("language"), [["en", "EN"], ["zh", "中文"]], root.lang, setLanguage), theme]);
  document.getElementById("top").replaceChildren(skip, make("div", "", [brand(), nav, end]));
  document.getElementById("foot").replaceChildren(make("span", "", say("keys-hint")));
}

function setTheme(theme) {
  root.dataset.theme = theme;
  keep("theme", theme);
}

function setLanguage(language) {
  root.lang = language;
  keep("lang", language);
  const height = scrollY;
  show(page && page.keep ? page.keep() : {}).then(() => scrollTo(0, height));
}

/* ---- pages ---- */

function where() {
  const [address, query] = location.hash.replace(/^#/, "").split("?");
  const [path, ...parts] = address.split("/").filter(Boolean).map((part) => { try { return decodeURIComponent(part); } catch { return part; } });
  const is = path && has(path) && (path !== "runs" || parts[0]) ? path : "";
  return { path: is, parts, query: new URLSearchParams(query) };
}

async function open(box, was) {
  const { path, parts, query } = where();
  return (await load(path)).open(box, parts, query, was);
}

/* Each page has a box of its own: one that comes when another was asked for meanwhile is shown nowhere. */
async function show(was = {}) {
  const mine = ++turn, box = make("div", "", [make("p", "faint waits", say("loading"))]);
  if (page && page.leave) page.leave();
  page = null;
  frame();
  main.replaceChildren(box);
  try {
    const opened = await open(box, was);
    if (mine === turn) { page = opened; title = document.title; return; }
    if (opened.leave) opened.leave();
    document.title = title;
  } catch (e) {
    if (mine !== turn) return;
    if (e.status === 401) return signIn();
    box.replaceChildren(make("h1", "", e.message), make("p", "", link("#/", "", say("home"))));
  }
}

document.addEventListener("waits", (e) => {
  const told = main.querySelector(".waits");
  if (told) told.textContent = `${say("opening")} ${counted(e.detail, "n-pictures")}`;
});

/* Without the token there is nothing to see. */
function signIn() {
  const field = make("input", "");
  field.type = "password";
  field.autocomplete = "off";
  field.setAttribute("aria-label", say("token"));
  const enter = () => {
    const text = field.value.trim();
    takeToken(text.includes("token=") ? text.split("token=")[1] : text);
    begin();
  };
  field.onkeydown = (e) => { if (e.key === "Enter") enter(); };
  main.replaceChildren(make("h1", "", say("token")), make("p", "quiet", say("token-why")),
    make("p", "row", [field, button(say("open"), "main", enter)]));
  field.focus();
}

function takeHash() {
  const given = /^#token=([A-Za-z0-9_-]+)$/.exec(location.hash);
  if (!given) return;
  takeToken(given[1]);
  history.replaceState(null, "", "#/");
}

async function showMachine() {
  try {
    const m = await get("/machine");
    machine.textContent = `${m.cores} ${say("cores")} · ${say("load")} ${m.load.toFixed(1)}`;
  } catch { machine.textContent = ""; }
}

/* ---- keys ---- */

function showKeys() {
  tell(say("keys"), [facts([["g h", say("home")], ...NAV.filter(([path]) => path && has(path)).map(([path, words]) => ["g " + path[0], say(words)]), ["n", say("new-run")], ["/", say("find")], ["t", say("theme")], ["← → · Esc", say("keys-chart")], ["?", say("keys")]])]);
}

let before = "";
document.addEventListener("keydown", (e) => {
  if (e.target.closest("input, textarea, select, dialog") || e.ctrlKey || e.metaKey || e.altKey) return;
  const to = before === "g" && NAV.find(([path]) => has(path) && (path || "home")[0] === e.key);
  before = e.key;
  if (to) location.hash = "#/" + to[0];
  else if (e.key === "n") location.hash = "#/new";
  else if (e.key === "t") setTheme(root.dataset.theme === "dark" ? "light" : "dark");
  else if (e.key === "?") showKeys();
  else if (e.key === "/") {
    const field = document.querySelector("input[type=search]");
    if (field) field.focus(), e.preventDefault();
  }
});

/* ---- begin ---- */

let listens = false;
async function begin() {
  await show();
  if (!page || listens) return;
  listens = true;
  listen((kind, data) => {
    if (kind === "run") heard(data.id, data.state);
    if (page && page.hear) page.hear(kind, data);
  },
    (is) => { if (is !== alive) root.dataset.alive = String((alive = is)); });
  showMachine();
  setInterval(() => { if (!document.hidden) showMachine(); }, 5000);
}

root.dataset.theme = kept("theme") || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
root.lang = kept("lang") || (navigator.language.startsWith("zh") ? "zh" : "en");
takeHash();
addEventListener("hashchange", () => { takeHash(); show(); });
begin();
