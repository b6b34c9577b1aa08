// Drawings, each with its words: a picture alone says nothing to who cannot see it.

import { h, number, s, table, text, tint, time } from "./dom.js";

const WIDTH = 600;
const HEIGHT = 160;

/** Pieces of a line: it is broken where a value is not known. */
function path(values, low, high, width, height) {
  const span = high - low || 1;
  const step = values.length > 1 ? width / (values.length - 1) : 0;
  let down = false;
  return values.map((value, at) => {
    if (value === null) {
      down = false;
      return "";
    }
    const place = `${(at * step).toFixed(1)} ${(height - 3 - ((value - low) / span) * (height - 6)).toFixed(1)}`;
    const made = `${down ? "L" : "M"}${place}${down ? "" : "h0.1"}`;
    down = true;
    return made;
  }).join("");
}

const extent = (values) => {
  const known = values.filter((each) => each !== null);
  return known.length ? [known.reduce((a, b) => Math.min(a, b)), known.reduce((a, b) => Math.max(a, b))] : null;
};

/** A small line of a rate, from zero. */
export function spark(points, name) {
  const values = points.map((each) => each.rate ?? null);
  const range = extent(values);
  if (range === null) return h("span", { class: "muted" }, "not known yet");
  const said = `${name}: ${number(range[0])} to ${number(range[1])} messages a second`;
  return s("svg", { class: "spark", viewBox: "0 0 120 24", preserveAspectRatio: "none", role: "img", "aria-label": said },
    s("path", { d: path(values, 0, range[1], 120, 24) }));
}

/** A line over time, with its values as a table below. `points`: [{at, value, shown}]. */
export function line(name, points, { zero = false, unit = "" } = {}) {
  const values = points.map((each) => (Number.isFinite(each.value) ? each.value : null));
  const range = extent(values);
  if (range === null) return h("p", { class: "muted" }, `${name}: nothing is known of that time.`);
  const [low, high] = [zero ? 0 : range[0], range[1]];
  const known = points.filter((_, at) => values[at] !== null);
  const least = known.find((each) => each.value === range[0]);
  const most = known.find((each) => each.value === range[1]);
  const said = `${name}: ${points.length} points, lowest ${least.shown}, highest ${most.shown}, last ${known.at(-1).shown}${unit}`;
  return h("figure", {},
    s("svg", { class: "chart", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": said },
      s("path", { d: path(values, low, high, WIDTH, HEIGHT) })),
    h("figcaption", { class: "muted" }, `${said}; ${time(points[0].at)} to ${time(points.at(-1).at)}.`),
    h("details", {}, h("summary", {}, "As a table"),
      table(name, [["Time", (each) => time(each.at), "time"], ["Value", (each) => text(each.shown), "num"]], points.slice(-120))));
}

/** When things happened, as ticks between two times (ms); a table tells the same. */
export function ticks(name, times, since, until) {
  const said = `${name}: ${times.length} between ${new Date(since).toISOString().slice(0, 16)} and ${new Date(until).toISOString().slice(0, 16)}`;
  const d = times.map((each) => `M${(((each - since) / (until - since)) * WIDTH).toFixed(1)} 4v16`).join("");
  return s("svg", { class: "spark", viewBox: `0 0 ${WIDTH} 24`, preserveAspectRatio: "none", role: "img", "aria-label": said },
    s("path", { d: `M0 22h${WIDTH}${d}` }));
}

const marks = (caption, heads, rows) =>
  h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    h("table", { class: "marks" }, h("caption", {}, caption),
      h("thead", {}, h("tr", {}, h("td", {}), heads.map((each) => h("th", { scope: "col" }, each)))),
      h("tbody", {}, rows)));

/** Scores of feeds over days. */
export const heat = (told) => marks("Scores of feeds by day; a dash is a day without a score.", told.dates.map((each) => each.slice(5)),
  told.feeds.map((feed, row) => h("tr", {}, h("th", { scope: "row" }, feed),
    told.dates.map((_, at) => {
      const value = told.cells[row]?.[at] ?? null;
      return h("td", { class: tint(value) }, value === null ? "-" : Math.floor(value));
    }))));

const CONDITIONS = {
  complete: ["C", "good"], quiet: ["Q", "good"], repaired: ["R", "good"], venue_paused: ["P", "void"],
  degraded: ["D", "warn"], lost: ["L", "bad"], unknown: ["?", "void"], not_wanted: ["-", "void"],
};

const mark = (condition) => CONDITIONS[condition] ?? [condition.slice(0, 1).toUpperCase(), "void"];

/** Conditions of hours, a row a day. `items`: [{start, condition}]. */
export function calendar(items) {
  const days = new Map();
  for (const each of items) {
    const day = each.start.slice(0, 10);
    if (!days.has(day)) days.set(day, new Array(24).fill(null));
    days.get(day)[Number(each.start.slice(11, 13))] = each.condition;
  }
  const met = [...new Set(items.map((each) => each.condition))];
  const hours = Array.from({ length: 24 }, (_, hour) => String(hour).padStart(2, "0"));
  return h("div", {},
    marks("Condition of each hour, a row a day.", hours, [...days].sort().reverse().map(([day, row]) =>
      h("tr", {}, h("th", { scope: "row" }, day), row.map((condition) => {
        const [letter, kind] = condition === null ? ["", "void"] : mark(condition);
        return h("td", { class: kind, title: condition ?? "not told" }, h("span", { "aria-hidden": "true" }, letter),
          h("span", { class: "vh" }, condition ?? "not told"));
      })))),
    h("p", {}, met.map((each) => [h("span", { class: `grade ${mark(each)[1]}` }, `${mark(each)[0]} ${each}`), " "])));
}
