/* Pictures by fetch, since an <img> cannot show a token: each is loaded when it comes into sight, four at a time, for a browser has six
 * connections to a host and the stream of events is one. */
import { blob } from "./api.js";
import { make } from "./dom.js";

const MOST = 4;
const paths = new WeakMap(); /* of images that are not loaded yet */
const words = new WeakMap();
const waiting = [];
let loading = 0;

async function load(img) {
  const path = paths.get(img);
  try {
    const url = URL.createObjectURL(await blob(path));
    if (paths.get(img) !== path) return URL.revokeObjectURL(url); /* it is another meanwhile */
    img.onload = img.onerror = () => URL.revokeObjectURL(url);
    img.alt = words.get(img);
    img.src = url;
  } catch (e) {
    if (paths.get(img) !== path || !img.isConnected) return;
    const why = make("span", "unread", e.message.slice(e.message.lastIndexOf("/") + 1));
    why.title = e.message;
    img.replaceWith(why);
  }
}

function next() {
  while (loading < MOST && waiting.length) {
    const img = waiting.shift();
    if (!img.isConnected) continue;
    loading++;
    load(img).finally(() => { loading--; next(); });
  }
}

const seen = new IntersectionObserver((entries) => {
  for (const e of entries.filter((x) => x.isIntersecting)) {
    seen.unobserve(e.target);
    waiting.push(e.target);
  }
  next();
}, { rootMargin: "200px" });

export function picture(path, alt) {
  const img = make("img");
  show(img, path, alt);
  return img;
}

/* Another picture in its place, which stands until that is there; before there is any, no words of one that is missing. */
export function show(img, path, alt) {
  if (!img.src) img.alt = "";
  paths.set(img, path);
  words.set(img, alt);
  seen.observe(img);
}
