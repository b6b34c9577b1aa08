// A part of a view: it loads, it may fail, it is asked again; it ends with its view.

import { become, h } from "./dom.js";
import { Problem, wait } from "./net.js";

let made = 0;

/** What is wrong, and what to do; `needs` is the scope that the part asks for. */
export function trouble(error, needs, again) {
  const retry = h("button", { type: "button", onclick: again }, "Try again");
  if (!(error instanceof Problem)) {
    return h("div", { class: "problem" }, h("p", {}, "The server did not answer. This is asked again when it is back."), retry);
  }
  const head = error.status === 403 ? `Your key may not see this: it takes the scope ${needs}, for this feed and these days.`
    : error.status === 404 ? "There is nothing here." : `The server refused this (${error.status}).`;
  return h("div", { class: "problem" }, h("p", {}, h("strong", {}, head)), h("p", {}, error.message), error.remedy && h("p", {}, error.remedy), retry);
}

/**
 * A section that shows what `load(signal)` gives, and shows it anew every `every` ms, if that is not 0.
 * Returns a function that asks at once.
 */
export function panel(parent, title, load, { signal, needs, every = 0 }) {
  const id = `part-${(made += 1)}`;
  const body = h("div", { "aria-busy": "true" }, h("p", { class: "muted" }, "Loading ..."));
  parent.append(h("section", { class: "panel", "aria-labelledby": id }, h("h2", { id }, title), body));
  let wake = () => {};
  let well = false;
  let due = false;
  const again = () => {
    due = true;
    wake();
  };
  const show = async () => {
    try {
      const node = await load(signal);
      signal.throwIfAborted();
      if (well) become(body.firstChild, node);
      else body.replaceChildren(node);
      well = true;
      return true;
    } catch (error) {
      if (signal.aborted) return true;
      if (error instanceof Problem || !well) {
        body.replaceChildren(trouble(error, needs, again));
        well = false;
      }
      return false;
    } finally {
      body.removeAttribute("aria-busy");
    }
  };
  const loop = async () => {
    while (!signal.aborted) {
      due = false;
      const fine = await show();
      if (!due) await pause(fine ? every : Math.max(every, 10000));
    }
  };
  const pause = (ms) => new Promise((resolve) => {
    const cut = new AbortController();
    wake = () => cut.abort();
    document.addEventListener("ssmd-back", wake, { signal: cut.signal });
    signal.addEventListener("abort", wake, { signal: cut.signal });
    if (signal.aborted) wake();
    if (ms > 0) wait(ms, cut.signal).then(wake, () => {});
    if (cut.signal.aborted) resolve();
    else cut.signal.addEventListener("abort", () => resolve(), { once: true });
  });
  loop();
  return again;
}
