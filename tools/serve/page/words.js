/* Numbers and times as people read them, and words in the language chosen. */
import { STRINGS } from "./strings.js";

export const language = () => document.documentElement.lang;
/* Pages with many words of their own add them: learn({ en: {...}, zh: {...} }), in a file NAME_words.js. */
export const learn = (more) => { for (const l in more) Object.assign(STRINGS[l], more[l]); };
export const say = (key) => (STRINGS[language()] || {})[key] ?? STRINGS.en[key] ?? key;

const known = (v) => v !== null && v !== undefined && Number.isFinite(v);
export const whole = (v) => (known(v) ? Math.round(v).toLocaleString("en") : "–");
export const three = (v) => (known(v) ? (v === 0 ? "0" : Math.abs(v) < 1e-3 || Math.abs(v) >= 1e5 ? v.toExponential(1) : String(+v.toPrecision(3))) : "–");
/* "1 class", "2 classes": a word that differs has both forms, "class|classes"; languages without them have one. */
export const counted = (n, key, shown = whole(n)) => { const forms = say(key).split("|"); return `${shown} ${forms[n === 1 ? 0 : forms.length - 1]}`; };
export const percent = (v) => (known(v) ? (100 * v).toFixed(1) + " %" : "–");

export function bytes(v) {
  if (!known(v)) return "–";
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let i = 0;
  for (; v >= 1024 && i < 4; i++) v /= 1024;
  return +v.toPrecision(3) + " " + units[i];
}

export function span(seconds) {
  if (!known(seconds) || seconds < 0) return "–";
  const s = Math.round(seconds);
  if (s < 100) return s + " s";
  if (s < 6000) return Math.round(s / 60) + " min";
  if (s < 172800) return Math.floor(s / 3600) + " h " + String(Math.floor(s / 60) % 60).padStart(2, "0") + " min";
  return Math.floor(s / 86400) + " " + say("days");
}

export const ago = (time) => (known(time) ? span(Date.now() / 1000 - time) : "–");
export const clock = (time) => (known(time) ? new Date(time * 1000).toLocaleTimeString("en-GB") : "");

/* As a shell takes it. */
export const quote = (word) => (/^[A-Za-z0-9_.,:/=@%+-]+$/.test(word) ? word : "'" + word.replaceAll("'", "'\\''") + "'");
