// What is listed, by any word of it.

import { h, table, text } from "../dom.js";
import { get } from "../net.js";
import { trouble } from "../panel.js";

const SETTLED_MS = 250;

export function search(main, words, { signal, heading }) {
  heading("Search the security master");
  const box = h("input", { id: "words", type: "search", autocomplete: "off", spellcheck: "false", value: words.q ?? "" });
  const said = h("p", { role: "status", class: "muted" }, "Type a name, a symbol or a word of a title.");
  const found = h("div", {});
  main.append(h("div", { class: "controls" }, h("div", {}, h("label", { for: "words" }, "Search"), box)), said, found);
  let asked = null;
  let timer = 0;
  const ask = async () => {
    asked?.abort();
    asked = new AbortController();
    const own = AbortSignal.any([asked.signal, signal]);
    const q = box.value.trim();
    history.replaceState(null, "", `#/search${q ? `?${new URLSearchParams({ q })}` : ""}`);
    if (q === "") {
      found.replaceChildren();
      said.textContent = "Type a name, a symbol or a word of a title.";
      return;
    }
    said.textContent = "Searching ...";
    try {
      const told = await get("/v1/secmaster/search", { q, limit: 50 }, own);
      said.textContent = `${told.items.length}${told.next ? " or more" : ""} found.`;
      found.replaceChildren(table("What was found", [
        ["Instrument", (each) => h("a", { href: `#/instrument?${new URLSearchParams({ instrument: each.instrument })}` }, each.instrument)],
        ["Title", (each) => text(each.title)], ["Kind", (each) => text(each.kind)], ["Status", (each) => text(each.status)],
        ["Venue", (each) => text(each.venue)], ["Symbol", (each) => text(each.symbol)],
      ], told.items, "nothing fits."));
    } catch (error) {
      if (own.aborted) return;
      said.textContent = "It could not be searched.";
      found.replaceChildren(trouble(error, "secmaster:read", ask));
    }
  };
  box.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(ask, SETTLED_MS);
  });
  signal.addEventListener("abort", () => clearTimeout(timer), { once: true });
  if (box.value) ask();
}
