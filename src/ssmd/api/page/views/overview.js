// All feeds at a glance.

import { count, facts, grade, h, lasted, number, share, table } from "../dom.js";
import { spark } from "../charts.js";
import { get, wait } from "../net.js";
import { panel } from "../panel.js";
import { onStatus, status } from "../watch.js";

const SPARKS = 50;
const EVERY_MS = 5000;

/** How a feed stands, in a word. */
export const standing = (each) => (each.up === false ? grade("red", " - down") : grade(each.grade));

export const hrefOf = (feed) => `#/feed?${new URLSearchParams({ feed })}`;

export function overview(main, _words, { signal, heading }) {
  heading("Overview");
  const rates = new Map();
  const columns = [
    ["Feed", (each) => h("a", { href: hrefOf(each.feed) }, each.feed)],
    ["Grade", standing],
    ["Rate/s", (each) => number(each.rate), "num"],
    ["Last minutes", (each) => spark(rates.get(each.feed) ?? [], `Rate of ${each.feed}`)],
    ["Lag", (each) => count(each.lag), "num"],
    ["Covered today", (each) => share(each.coverage_today), "num"],
    ["Receiving", (each) => [count(each.receiving), " of ", count(each.requested)], "num"],
    ["Idle", (each) => lasted(each.idle_s), "num"],
    ["Gaps", (each) => count(each.gaps), "num"],
    ["Lost", (each) => count(each.lost), "num"],
    ["Why", (each) => (each.reasons ?? []).join(" ")],
  ];
  const load = async () => {
    const told = status() ?? (await get("/v1/operations/status", {}, signal));
    const down = (told.services ?? []).filter((each) => !each.ok);
    return h("div", {},
      facts([["All well", told.ok === true ? "yes" : told.ok === false ? "no" : "unknown"], ["Feeds", count(told.feeds.length)], ["Services", count((told.services ?? []).length)]]),
      table("How each feed stands", columns, told.feeds, "nothing is recorded here yet."),
      down.length > 0 && table("Services that are not well", [["Service", (each) => each.name], ["Why", (each) => (each.reasons ?? []).join(" ")]], down));
  };
  const again = panel(main, "Feeds", load, { signal, needs: "quality:read", every: 2 * EVERY_MS });
  onStatus(again, signal);
  follow(rates, again, signal).catch(() => {});
}

/** Fetch the rates of the first feeds again and again, for their sparklines. */
async function follow(rates, again, signal) {
  for (;;) {
    const feeds = (status()?.feeds ?? []).slice(0, SPARKS).map((each) => each.feed);
    await Promise.allSettled(feeds.map(async (feed) => {
      const told = await get(`/v1/operations/feeds/${encodeURIComponent(feed)}/rates`, {}, signal);
      rates.set(feed, told.points);
    }));
    signal.throwIfAborted();
    if (feeds.length) again();
    await wait(feeds.length ? EVERY_MS : 500, signal);
  }
}
