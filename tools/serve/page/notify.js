/* Runs whose end the browser tells of, also while the page is hidden and hears no events: they are asked after now and then. */
import { get } from "./api.js";
import { say } from "./words.js";

const EVERY = 10000;
const followed = new Set();
let timer = 0;

export const canTell = () => "Notification" in window && Notification.permission !== "denied";
export const follows = (id) => followed.has(id);

async function look() {
  for (const id of [...followed]) {
    const r = await get("/runs/" + id).catch((e) => (e.status === 404 ? { alive: false, state: "removed" } : null));
    if (!r || r.alive || !followed.delete(id)) continue;
    new Notification(`${id}: ${say(r.state)}`, { body: r.problem || r.reason || "", tag: "tenon-" + id });
  }
  if (!followed.size) timer = clearInterval(timer) || 0;
}

/* From now on, or no longer; true: it is followed. */
export async function follow(id) {
  if (followed.delete(id)) return false;
  if ((await Notification.requestPermission()) !== "granted") return false;
  followed.add(id);
  if (!timer) timer = setInterval(look, EVERY);
  return true;
}

/* A run has changed. */
export function heard(id, state) {
  if (followed.has(id) && !["queued", "starting", "running", "stopping"].includes(state)) look();
}
