// How good each feed is, and how that went.

import { count, grade, h, number, table, text } from "../dom.js";
import { heat, line } from "../charts.js";
import { get, pages } from "../net.js";
import { panel } from "../panel.js";

const MOST = 2000;

export function quality(main, _words, { signal, heading }) {
  heading("Quality");
  const all = { signal, needs: "quality:read", every: 60000 };
  const scores = async () => {
    const found = [];
    for await (const items of pages("/v1/quality/scores", { limit: 500 }, signal)) {
      found.push(...items);
      if (found.length >= MOST) break;
    }
    return found.sort((a, b) => (a.date < b.date ? -1 : a.date > b.date ? 1 : 0));
  };
  panel(main, "Scores", async () => {
    const newest = new Map((await scores()).map((each) => [each.feed, each]));
    return table("The newest verdict on each feed", [
      ["Feed", (each) => text(each.feed)], ["Day", (each) => text(each.date), "time"], ["Grade", (each) => grade(each.grade)],
      ["Score", (each) => number(each.score, 0), "num"], ["Checks", (each) => count((each.checks ?? []).length), "num"],
      ["Worst", (each) => worst(each.checks ?? [])],
    ], [...newest.values()], "no day was judged yet; `ssmd dq` judges.");
  }, all);
  panel(main, "Heat map", async () => {
    const told = await get("/v1/quality/heatmap", {}, signal);
    return told.feeds.length ? heat(told) : h("p", { class: "muted" }, "No day was judged yet.");
  }, all);
  panel(main, "Trends", async () => {
    const feeds = new Map();
    for (const each of await scores()) {
      if (!feeds.has(each.feed)) feeds.set(each.feed, []);
      feeds.get(each.feed).push({ at: each.date, value: each.score, shown: text(each.score) });
    }
    if (feeds.size === 0) return h("p", { class: "muted" }, "No day was judged yet.");
    return h("div", { class: "pair" }, [...feeds].map(([feed, points]) => h("div", {}, h("h3", {}, feed), line(`Score of ${feed}`, points))));
  }, all);
}

function worst(checks) {
  const scored = checks.filter((each) => typeof each.score === "number").sort((a, b) => a.score - b.score);
  return scored.length ? `${scored[0].name} (${scored[0].score})` : text(null);
}
