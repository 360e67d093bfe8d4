/* By the first part of the address: a module with open(main, parts, query, was), which shows its page in main and may return
 * hear(kind, data), leave() and keep(), which gives `was` of the same page in another language. It is loaded when it is wanted. */
export const PAGES = {
  "": "home",
  datasets: "dataset",
  runs: "run",
  new: "new",
  models: "model",
  compare: "compare",
};

export const load = (path) => import(`./${PAGES[path]}.js`);
export const has = (path) => Object.hasOwn(PAGES, path);
