// Elements from data. Data becomes text or an attribute, never markup.

const SVG = "http://www.w3.org/2000/svg";

function fill(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children.flat(Infinity)) {
    if (child !== null && child !== undefined && child !== false) made.append(child);
  }
  return made;
}

/** An element: `h("p", {class: "muted"}, "text", child)`. */
export const h = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);

/** The same, of a drawing. */
export const s = (tag, attributes, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);

/** What stands for something that is not known. */
export const unknown = () => h("span", { title: "unknown" }, h("span", { "aria-hidden": "true" }, "-"), h("span", { class: "vh" }, "unknown"));

/** An integer, perhaps a string, with its thousands apart. */
export function count(value) {
  if (value === null || value === undefined) return unknown();
  const text = typeof value === "number" ? String(Math.round(value)) : String(value);
  return text.replace(/\B(?=(\d{3})+$)/g, "\u202f");
}

/** A number of the server's, short. */
export const number = (value, digits = 1) => (typeof value === "number" ? value.toFixed(digits) : unknown());

/** A text as it is: prices and sizes are texts. */
export const text = (value) => (value === null || value === undefined || value === "" ? unknown() : String(value));

/** 0..1 as a percentage that never rounds up to 100. */
export function share(value) {
  if (typeof value !== "number") return unknown();
  return value >= 1 ? "100 %" : `${(Math.floor(value * 10000) / 100).toFixed(2)} %`;
}

/** A time of the server's (RFC 3339), to the second or the millisecond, as text. */
export function time(value, parts = 19) {
  return typeof value === "string" ? value.slice(0, parts).replace("T", " ") : unknown();
}

/** Seconds in words. */
export function lasted(seconds) {
  if (typeof seconds !== "number") return unknown();
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return seconds < 172800 ? `${(seconds / 3600).toFixed(1)} h` : `${Math.round(seconds / 86400)} d`;
}

/** Bytes in words. */
export function bytes(value) {
  let left = Number(value);
  if (value === null || value === undefined || Number.isNaN(left)) return unknown();
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let unit = 0;
  for (; left >= 1024 && unit < units.length - 1; unit += 1) left /= 1024;
  return `${unit === 0 ? left : left.toFixed(1)} ${units[unit]}`;
}

const GRADES = { green: "good", yellow: "warn", red: "bad" };

/** A grade: the word, and its colour. */
export const grade = (value, more = "") =>
  h("span", { class: `grade ${GRADES[value] ?? ""}` }, value ?? "no grade", more);

/** A colour for 0..100. */
export const tint = (value) => (typeof value !== "number" ? "void" : value >= 90 ? "good" : value >= 70 ? "warn" : "bad");

/**
 * A table in a box that scrolls by itself.
 * `columns`: [title, (item) => cell, class]; the first column heads its row.
 */
export function table(caption, columns, items, empty = "There is none.", classes = "") {
  if (items.length === 0) return h("p", { class: "muted" }, `${caption}: ${empty}`);
  const row = (item) => h("tr", {}, columns.map(([, cell, kind], at) =>
    h(at === 0 ? "th" : "td", { scope: at === 0 && "row", class: kind }, cell(item))));
  return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    h("table", { class: classes || null }, h("caption", {}, caption),
      h("thead", {}, h("tr", {}, columns.map(([title, , kind]) => h("th", { scope: "col", class: kind }, title)))),
      h("tbody", {}, items.map(row))));
}

/** Pairs of a word and its value. */
export const facts = (pairs) =>
  h("dl", { class: "facts" }, pairs.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));

/** Make `old` what `made` is, touching only what differs: focus, selection and scrolling stay. */
export function become(old, made) {
  if (old.nodeType !== made.nodeType || old.nodeName !== made.nodeName) {
    old.replaceWith(made);
    return;
  }
  if (old.nodeType === Node.TEXT_NODE) {
    if (old.data !== made.data) old.data = made.data;
    return;
  }
  for (const { name } of [...old.attributes]) if (!made.hasAttribute(name) && name !== "open") old.removeAttribute(name);
  for (const { name, value } of [...made.attributes]) {
    if (old.getAttribute(name) !== value && !(name === "open" && old.nodeName === "DETAILS")) old.setAttribute(name, value);
  }
  const before = [...old.childNodes];
  const after = [...made.childNodes];
  after.forEach((child, at) => (at < before.length ? become(before[at], child) : old.append(child)));
  before.slice(after.length).forEach((child) => child.remove());
}
