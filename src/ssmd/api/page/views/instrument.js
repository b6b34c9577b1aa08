// One instrument: its price, its book and trades as they come, and how complete it is.

import { h, table, text, time } from "../dom.js";
import { calendar, line } from "../charts.js";
import { Problem, events, get, pages, wait } from "../net.js";
import { panel } from "../panel.js";
import { feedsOf } from "./instruments.js";

const HOUR_MS = 3600000;
const SHOWN = 30;
const DEPTH = 10;

export async function instrument(main, words, context) {
  const { signal, heading } = context;
  const name = words.instrument ?? "";
  heading(name);
  const feed = words.feed ?? (await found(name, signal));
  if (signal.aborted) return;
  const end = words.last && Date.parse(words.last) < Date.now() - HOUR_MS ? Date.parse(words.last) + 1000 : null;
  const asked = { feed, instrument: name };
  main.append(h("p", { class: "muted" }, feed ? ["Feed ", h("a", { href: `#/feed?${new URLSearchParams({ feed })}` }, feed), ". "] : "No feed records it. ",
    end === null ? "" : `It was silent for more than an hour: what is shown ends at ${time(words.last)}.`));
  const needs = { signal, needs: "datasets:read" };
  const range = (ms) => ({ start: new Date((end ?? Date.now()) - ms).toISOString(), end: end === null ? null : new Date(end).toISOString() });
  panel(main, "Price", () => price(asked, range(3 * HOUR_MS), signal), { ...needs, every: 15000 });
  const pair = h("div", { class: "pair" });
  main.append(pair);
  panel(pair, "Book", () => book(asked, end, signal), { ...needs, every: 2000 });
  panel(pair, "Trades", () => trades(asked, range, signal), { ...needs, every: 2000 });
  panel(main, "Condition", () => condition(asked, signal), { ...needs, every: 60000 });
  if (feed) live(main, feed, name, signal);
}

/** A feed that records the instrument's venue; null when none does, or nobody says. */
async function found(name, signal) {
  try {
    const venue = name.split(":")[0];
    return (await feedsOf(signal)).find((each) => each.venue === venue)?.feed ?? null;
  } catch {
    return null;
  }
}

async function price(asked, range, signal) {
  const told = await get("/v1/data/bars", { ...asked, ...range, width: "1m", limit: 500 }, signal);
  const points = told.items.map((each) => ({ at: each.ts, value: each.close === null ? null : Number(each.close), shown: each.close }));
  return h("div", {}, missing(told), line("Last price of each minute", points));
}

const missing = (told) => (told.incomplete ?? []).length > 0 && h("p", { class: "problem" }, `Incomplete: ${told.incomplete.slice(0, 5).join(" ")}`);

async function book(asked, end, signal) {
  const at = new Date(end ?? Date.now()).toISOString();
  const told = await get("/v1/data/book", { ...asked, at, depth: DEPTH }, signal);
  const side = (name) => told.items.filter((each) => each.side === name);
  const columns = [["Price", (each) => text(each.price), "num"], ["Size", (each) => text(each.size), "num"]];
  const proved = told.items.length === 0 ? "" : told.items.every((each) => each.book_ok) ? "Proved whole." : "Not proved whole.";
  return h("div", {}, h("p", { class: "muted" }, proved, " ", told.items.length ? ["As of ", time(told.items[0].ts_recv, 23)] : ""),
    table("Asks, the best first", columns, side("ask"), "none.", "asks"), table("Bids, the best first", columns, side("bid"), "none.", "bids"));
}

/** The newest trades: of the last minutes, or of the last hour when those were quiet. */
async function trades(asked, range, signal) {
  let kept = [];
  for (const ms of [2 * 60000, HOUR_MS]) {
    for await (const items of pages("/v1/data/trades", { ...asked, ...range(ms), limit: 1000 }, signal)) kept = [...kept, ...items].slice(-SHOWN);
    if (kept.length > 0) break;
  }
  return table("The newest trades first", [
    ["Received", (each) => time(each.ts_recv, 23).toString().slice(11), "time"], ["Price", (each) => text(each.price), "num"],
    ["Size", (each) => text(each.size), "num"], ["Side", (each) => text(each.side)],
  ], kept.reverse(), "none within an hour.");
}

async function condition(asked, signal) {
  if (!asked.feed) return h("p", { class: "muted" }, "No feed records it.");
  const items = [];
  for await (const more of pages("/v1/datasets/condition", { ...asked, start: new Date(Date.now() - 14 * 24 * HOUR_MS).toISOString(), per: "hour", limit: 1000 }, signal)) items.push(...more);
  return items.length ? calendar(items) : h("p", { class: "muted" }, "Nothing is known of the last 14 days.");
}

/** Messages as they come, resumed after a break where it ended. */
async function live(main, feed, name, signal) {
  const state = h("p", { class: "muted", role: "status" }, "Connecting ...");
  const rows = h("tbody", {});
  main.append(h("section", { class: "panel", "aria-labelledby": "live" }, h("h2", { id: "live" }, "Messages as they come"), state,
    h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Messages as they come" },
      h("table", {}, h("caption", {}, "The newest first, as the venue sent them"),
        h("thead", {}, h("tr", {}, ["Received", "Type", "Message"].map((each) => h("th", { scope: "col" }, each)))), rows))));
  let last = null;
  const say = (text_) => { if (state.textContent !== text_) state.textContent = text_; };
  while (!signal.aborted) {
    try {
      for await (const event of events(`/v1/live/${encodeURIComponent(feed)}`, { instrument: name }, signal, { last })) {
        last = event.id ?? last;
        if (event.event === "message") {
          row(rows, JSON.parse(event.data));
          say("Live.");
        } else if (event.event === "heartbeat" || event.event === "seam") say("Live; silent for now.");
        else if (event.event === "skipped") say(`${JSON.parse(event.data).count} messages were skipped: this page was too slow.`);
        else if (event.event === "closed") say(`The server ended it: ${JSON.parse(event.data).reason}. Connecting again ...`);
      }
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof Problem && error.status < 500 && error.status !== 429) {
        say(error.status === 403 ? `Your key may not see this: it takes the scope live:read. ${error.message}` : `${error.message} ${error.remedy}`);
        return;
      }
      say("The stream broke off. Connecting again ...");
    }
    await wait(1500, signal).catch(() => {});
  }
}

function row(rows, each) {
  const payload = each.payload ?? each.text ?? each.b64 ?? "";
  const said = typeof payload === "string" ? payload : JSON.stringify(payload);
  rows.prepend(h("tr", {}, h("td", { class: "time" }, String(each.ts_recv ?? "").slice(11, 23)), h("td", {}, text(each.type)), h("td", { class: "raw" }, said.slice(0, 400))));
  while (rows.childElementCount > SHOWN) rows.lastChild.remove();
}
