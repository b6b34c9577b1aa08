// The instruments of a feed: twenty thousand of them, filtered as one types.

import { count, h, text, time } from "../dom.js";
import { list } from "../list.js";
import { get, pages } from "../net.js";
import { panel } from "../panel.js";

const SETTLED_MS = 400;

/** The names of the feeds there are. */
export async function feedsOf(signal) {
  const found = [];
  for await (const items of pages("/v1/datasets/feeds", {}, signal)) found.push(...items);
  return found;
}

export function instruments(main, words, { signal, heading }) {
  heading("Instruments");
  panel(main, "Recorded instruments", async () => {
    const feeds = await feedsOf(signal);
    if (feeds.length === 0) return h("p", { class: "muted" }, "Nothing is recorded here yet.");
    const name = words.feed ?? feeds[0].feed;
    const pick = h("select", { id: "feed" }, [...new Set([name, ...feeds.map((each) => each.feed)])].map((each) => h("option", { value: each, selected: each === name }, each)));
    pick.addEventListener("change", () => { location.hash = `#/instruments?${new URLSearchParams({ feed: pick.value })}`; });
    const filter = h("input", { id: "filter", type: "search", autocomplete: "off", spellcheck: "false" });
    const said = h("p", { class: "muted", role: "status" }, "Loading ...");
    const rows = list(`Instruments of ${name}`, [
      ["Instrument", (each) => each.instrument], ["Messages", (each) => count(each.messages), "num"], ["Last", (each) => time(each.last), "wide"],
    ], (each) => `#/instrument?${new URLSearchParams({ feed: name, instrument: each.instrument, ...(each.last ? { last: each.last } : {}) })}`);
    read(name, filter, rows, said, signal);
    return h("div", {}, h("div", { class: "controls" },
      h("div", {}, h("label", { for: "feed" }, "Feed"), pick), h("div", {}, h("label", { for: "filter" }, "Filter"), filter)), said, rows.element);
  }, { signal, needs: "datasets:read" });
}

async function read(feed, filter, rows, said, signal) {
  const all = [];
  let done = false;
  let timer = 0;
  const show = (fresh) => {
    const word = filter.value.trim().toLowerCase();
    const found = word === "" ? all : all.filter((each) => each.words.includes(word));
    rows.set(found, fresh);
    clearTimeout(timer);
    timer = setTimeout(() => {
      said.textContent = `${found.length} of ${all.length} instruments${done ? "." : ", more are coming ..."}`;
    }, SETTLED_MS);
  };
  filter.addEventListener("input", () => show(true));
  try {
    for await (const items of pages("/v1/datasets/instruments", { feed, limit: 1000 }, signal)) {
      for (const each of items) all.push({ ...each, words: `${each.instrument} ${each.symbol ?? ""}`.toLowerCase() });
      show(false);
    }
    done = true;
    show(false);
  } catch (error) {
    if (signal.aborted) return;
    clearTimeout(timer);
    said.textContent = `${all.length} instruments came, then: ${error.message}`;
  }
}
