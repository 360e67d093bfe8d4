/* What lies in the workspace beside runs and models, and takes room: pictures that were sent, and jobs. */
import { get, send } from "./api.js";
import { button, make, tell } from "./dom.js";
import { ago, bytes, counted, say } from "./words.js";

const KINDS = ["evaluation", "classification", "layers", "export", "check", "pack"];

const row = (name, about, size, end) => make("tr", "", [make("td", "", [make("b", "", name), make("div", "small faint", about)]), make("td", "num", bytes(size)), make("td", "num", [end])]);

export async function stored() {
  const body = make("tbody"), told = make("p", "small bad", ""), used = make("p", "small quiet", "");
  told.setAttribute("role", "alert");
  const remove = (path) => button(say("remove"), "bare danger", async () => {
    told.textContent = "";
    await send("DELETE", path, "").catch((e) => { told.textContent = e.message; });
    await fill();
  });
  async function fill() {
    const [sent, ...jobs] = await Promise.all([get("/uploads"), ...KINDS.map((k) => get(`/jobs?kind=${k}&count=200`))]);
    used.textContent = `${say("sent")}: ${bytes(sent.used)} / ${bytes(sent.quota)}`;
    body.replaceChildren(...sent.uploads.map((u) => row(`uploads/${u.id}`, [counted(u.files, "n-sent"), u.dataset && `${say("dataset")} ${u.dataset}`].filter(Boolean).join(" · "), u.bytes, u.dataset ? make("span") : remove(`/uploads/${u.id}`))),
      ...jobs.flat().sort((a, b) => b.began - a.began).map((j) => row(`jobs/${j.id}`, `${j.of} · ${say(j.state)} · ${ago(j.began)} ${say("since")}`, j.bytes, j.state === "running" ? make("span", "state running", say("running")) : remove(`/jobs/${j.id}`))));
    if (!body.children.length) body.append(make("tr", "", [make("td", "quiet", say("nothing-yet"))]));
  }
  await fill();
  const list = make("div", "scroll tall gap", [make("table", "", [body])]);
  list.tabIndex = 0;
  const d = tell(say("stored"), [make("p", "small quiet", say("stored-why")), used, told, list]);
  d.classList.add("wide");
}
