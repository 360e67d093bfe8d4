/* The server: what is asked of it, and the stream of events. */

const BASE = "/api/v1";
const KEY = "tenon.token";

const kept = () => { try { return localStorage.getItem(KEY) || ""; } catch { return ""; } };
let token = kept();

/* The address that `tenon serve` prints has the token behind '#', which is never sent; it is kept, and taken out of sight. */
export function takeToken(text) {
  token = text;
  try { localStorage.setItem(KEY, text); } catch { /* a private window: until it is closed */ }
}

export class Refused extends Error {
  constructor(status, error) {
    super((error && error.text) || `HTTP ${status}`);
    this.status = status;
    this.field = error && error.field;
    this.line = error && error.line;
    this.errors = (error && error.errors) || [{ text: this.message, field: this.field, line: this.line }];
  }
}

async function ask(method, path, body, signal) {
  const headers = token ? { Authorization: "Bearer " + token } : {};
  const answer = await fetch(BASE + path, { method, headers, body, signal, cache: "no-store" });
  const text = await answer.text();
  let said = null;
  try { said = JSON.parse(text); } catch { /* it says nothing that we know */ }
  if (answer.status === 202 && method === "GET" && said && said.waits) { /* it takes long, and goes on: it is asked again */
    document.dispatchEvent(new CustomEvent("waits", { detail: said.found }));
    await new Promise((go) => setTimeout(go, 1000));
    return ask(method, path, body, signal);
  }
  if (!answer.ok) throw new Refused(answer.status, said && (said.error ? { ...said.error, errors: said.errors } : said.why && { text: said.why }));
  return said;
}

export const get = (path, signal) => ask("GET", path, undefined, signal);
export const send = (method, path, body) => ask(method, path, typeof body === "string" || body instanceof Blob ? body : JSON.stringify(body));

/* A picture, or whatever else is no JSON. */
export async function blob(path, signal) {
  const answer = await fetch(BASE + path, { headers: token ? { Authorization: "Bearer " + token } : {}, signal, cache: "no-store" });
  if (!answer.ok) throw new Refused(answer.status, (await answer.json().catch(() => ({}))).error);
  return answer.blob();
}

/* Events, read by fetch, since EventSource cannot show a token. One stream a page, closed while the page is hidden; after a
 * break hear("again") is called, for there may be more that has changed. */
export function listen(hear, state) {
  let control = null, wait = 500;
  async function run() {
    if (control || document.hidden) return; /* it was shown again, or hidden, before the pause was over */
    control = new AbortController();
    let refused = false;
    try {
      const answer = await fetch(BASE + "/events", { headers: token ? { Authorization: "Bearer " + token } : {}, signal: control.signal, cache: "no-store" });
      if (!answer.ok) throw new Refused(answer.status, null);
      state(true);
      hear("again", null);
      wait = 500;
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      let text = "";
      for (;;) {
        const { value, done } = await reader.read();
        if (done) break;
        text += value;
        for (let end; (end = text.indexOf("\n\n")) >= 0; text = text.slice(end + 2)) take(text.slice(0, end));
      }
    } catch (e) { refused = e.status === 401; } /* then when the page is shown again, at the earliest */
    control = null;
    state(false);
    if (!refused) setTimeout(run, wait);
    wait = Math.min(2 * wait, 8000);
  }
  function take(block) {
    let kind = "", data = "";
    for (const line of block.split("\n"))
      if (line.startsWith("event: ")) kind = line.slice(7);
      else if (line.startsWith("data: ")) data += line.slice(6);
    if (!kind) return;
    try { hear(kind, JSON.parse(data)); } catch { /* cut off on its way */ }
  }
  document.addEventListener("visibilitychange", () => {
    if (document.hidden && control) control.abort();
    else if (!document.hidden && !control) run();
  });
  if (!document.hidden) run();
}
