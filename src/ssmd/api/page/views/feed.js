// One feed: its shards, what it wants, when it reconnected, and what it lacks, with the reason.

import { count, facts, h, lasted, number, share, table, text, time } from "../dom.js";
import { line, ticks } from "../charts.js";
import { get } from "../net.js";
import { panel } from "../panel.js";
import { onStatus, status } from "../watch.js";
import { standing } from "./overview.js";

const DAY_MS = 86400000;
const UNIVERSE = ["planned", "requested", "acknowledged", "receiving", "refused", "overflow", "waiting", "suspects"];

const hrefOf = (feed, instrument) => `#/instrument?${new URLSearchParams({ feed, instrument })}`;

export function feed(main, words, { signal, heading }) {
  const name = words.feed ?? "";
  const base = `/v1/operations/feeds/${encodeURIComponent(name)}`;
  heading(`Feed ${name}`);
  main.append(h("p", {}, h("a", { href: `#/instruments?${new URLSearchParams({ feed: name })}` }, "Its instruments")));
  const quality = { signal, needs: "quality:read" };
  const now = async () => {
    const each = status()?.feeds.find((one) => one.feed === name) ?? (await get(base, {}, signal));
    return h("div", {},
      h("p", {}, standing(each), " ", (each.reasons ?? []).join(" ")),
      facts([["Messages a second", number(each.rate)], ["Lag, messages", count(each.lag)], ["Idle", lasted(each.idle_s)],
        ["Covered today", share(each.coverage_today)], ["Gaps", count(each.gaps)], ["Lost", count(each.lost)], ["Reconnects", count(each.reconnects)]]),
      h("h3", {}, "Instruments"),
      facts(UNIVERSE.map((word) => [word[0].toUpperCase() + word.slice(1), count(each[word])])));
  };
  onStatus(panel(main, "Now", now, { ...quality, every: 10000 }), signal);
  panel(main, "Rate", async () => {
    const told = await get(`${base}/rates`, {}, signal);
    const points = told.points.map((each) => ({ at: each.at, value: each.rate, shown: typeof each.rate === "number" ? each.rate.toFixed(1) : null }));
    return line("Messages a second", points, { zero: true });
  }, { ...quality, every: 5000 });
  panel(main, "Shards", async () => {
    const told = await get(`${base}/shards`, { limit: 200 }, signal);
    return table("Connections of this feed", [
      ["Shard", (each) => text(each.shard)],
      ["Connected", (each) => (each.connected === null || each.connected === undefined ? text(null) : each.connected ? "yes" : "no")],
      ["Requested", (each) => count(each.requested), "num"], ["Acknowledged", (each) => count(each.acknowledged), "num"],
      ["Receiving", (each) => count(each.receiving), "num"], ["Refused", (each) => count(each.refused), "num"],
      ["Frames", (each) => count(each.frames), "num"], ["Idle", (each) => lasted(each.idle_s), "num"], ["Reconnects", (each) => count(each.reconnects), "num"],
    ], told.items);
  }, { ...quality, every: 5000 });
  panel(main, "Reconnects", async () => {
    const told = await get(`${base}/reconnects`, { limit: 100 }, signal);
    const until = Date.now();
    const times = told.items.map((each) => Date.parse(each.at)).filter((each) => each > until - DAY_MS);
    return h("div", {}, ticks("Reconnects of the last day", times, until - DAY_MS, until),
      table("The last reconnects", [["When", (each) => time(each.at), "time"], ["Shard", (each) => text(each.shard)], ["Why", (each) => text(each.reason)],
        ["Down for", (each) => lasted(each.down_s), "num"], ["Connection", (each) => text(each.connection), "raw"]], told.items, "it never lost a connection."));
  }, { ...quality, every: 15000 });
  gaps(main, name, signal);
}

const several = (each) => ((each.symbols ?? []).length ? `${each.symbols.length} instruments` : text(null));

function gaps(main, name, signal) {
  const answers = new Map();
  const keyOf = (each) => `${each.instrument}\n${each.since}`;
  const why = (each) => {
    const found = answers.get(keyOf(each));
    if (found !== undefined) return found;
    return h("button", { type: "button", "data-instrument": each.instrument, "data-at": each.since }, "Why?", h("span", { class: "vh" }, ` ${each.instrument} at ${each.since}`));
  };
  const again = panel(main, "Gaps", async () => {
    const told = await get("/v1/ledger/gaps", { feed: name, newest: true, limit: 100 }, signal);
    return table("What is missing, and why", [
      ["Instrument", (each) => (each.instrument ? h("a", { href: hrefOf(name, each.instrument) }, each.instrument) : several(each))],
      ["Since", (each) => time(each.since, 23), "time"], ["Until", (each) => time(each.until, 23), "time"],
      ["Kind", (each) => text(each.kind)], ["Reason", (each) => text(each.reason)],
      ["Repaired", (each) => (each.repaired ? String(each.repaired) : "no")], ["Why", (each) => (each.instrument ? why(each) : text(null))],
    ], told.items, "nothing is missing.");
  }, { signal, needs: "datasets:read", every: 30000 });
  main.lastChild.addEventListener("click", async (event) => {
    const asked = event.target.closest("button[data-at]");
    if (asked === null) return;
    const { instrument, at } = asked.dataset;
    asked.disabled = true;
    let said;
    try {
      said = (await get("/v1/ledger/why", { instrument, at }, signal)).sentence;
    } catch (error) {
      said = error.message;
    }
    answers.set(`${instrument}\n${at}`, said);
    again();
    document.getElementById("news").textContent = said;
  });
}
