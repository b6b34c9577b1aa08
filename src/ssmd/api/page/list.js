// A list of very many rows of which only those in sight are elements.

import { h } from "./dom.js";

const ROW = 32;
const BEYOND = 8;

/**
 * A grid with one tab stop: arrows, Page Up and Down, Home and End move in it, Enter follows a row's link.
 * `columns`: [title, (item) => text, class]; `link(item)` is where a row leads.
 */
export function list(name, columns, link) {
  const canvas = h("div", { class: "canvas", role: "rowgroup" });
  const view = h("div", { class: "view", role: "presentation" }, canvas);
  const head = h("div", { role: "rowgroup" }, h("div", { class: "row head", role: "row", "aria-rowindex": "1" },
    columns.map(([title, , kind]) => h("span", { role: "columnheader", class: kind }, title))));
  const grid = h("div", { role: "grid", "aria-label": name, "aria-rowcount": "1", "aria-colcount": columns.length }, head, view);
  const rows = new Map();
  let items = [];
  let active = 0;

  const make = (at) => {
    const item = items[at];
    const made = h("div", { class: "row", role: "row", tabindex: at === active ? "0" : "-1", "aria-rowindex": at + 2 },
      columns.map(([, cell, kind], place) => h("span", { role: "gridcell", class: kind },
        place === 0 ? h("a", { href: link(item), tabindex: "-1" }, cell(item)) : cell(item))));
    made.style.top = `${at * ROW}px`;
    return made;
  };

  const draw = () => {
    const first = Math.max(0, Math.floor(view.scrollTop / ROW) - BEYOND);
    const last = Math.min(items.length, Math.ceil((view.scrollTop + view.clientHeight) / ROW) + BEYOND);
    const held = grid.contains(document.activeElement) || items.length > 0 ? active : -1;
    for (const [at, row] of rows) {
      if ((at < first || at >= last) && at !== held) {
        row.remove();
        rows.delete(at);
      }
    }
    const add = (at) => {
      if (rows.has(at) || at < 0 || at >= items.length) return;
      const made = make(at);
      const next = [...rows.keys()].filter((each) => each > at).reduce((a, b) => Math.min(a, b), Infinity);
      canvas.insertBefore(made, rows.get(next) ?? null);
      rows.set(at, made);
    };
    for (let at = first; at < last; at += 1) add(at);
    add(held);
  };

  const go = (at) => {
    const to = Math.max(0, Math.min(items.length - 1, at));
    if (items.length === 0) return;
    rows.get(active)?.setAttribute("tabindex", "-1");
    active = to;
    if (to * ROW < view.scrollTop) view.scrollTop = to * ROW;
    else if ((to + 1) * ROW > view.scrollTop + view.clientHeight) view.scrollTop = (to + 1) * ROW - view.clientHeight;
    draw();
    const row = rows.get(to);
    row.setAttribute("tabindex", "0");
    row.focus({ preventScroll: true });
  };

  view.addEventListener("scroll", draw, { passive: true });
  grid.addEventListener("keydown", (event) => {
    const page = Math.max(1, Math.floor(view.clientHeight / ROW) - 1);
    const to = { ArrowDown: active + 1, ArrowUp: active - 1, PageDown: active + page, PageUp: active - page, Home: 0, End: items.length - 1 }[event.key];
    if (to !== undefined) {
      event.preventDefault();
      go(to);
    } else if (event.key === "Enter" && event.target.getAttribute("role") === "row") {
      event.target.querySelector("a").click();
    }
  });
  grid.addEventListener("focusin", (event) => {
    const row = event.target.closest(".canvas .row");
    if (row !== null) {
      rows.get(active)?.setAttribute("tabindex", "-1");
      active = Number(row.getAttribute("aria-rowindex")) - 2;
      row.setAttribute("tabindex", "0");
    }
  });

  /** Show these items; `fresh` begins at the top again. */
  const set = (now, fresh) => {
    items = now;
    grid.setAttribute("aria-rowcount", String(items.length + 1));
    canvas.style.height = `${items.length * ROW}px`;
    if (fresh) {
      for (const row of rows.values()) row.remove();
      rows.clear();
      active = 0;
      view.scrollTop = 0;
    }
    draw();
  };
  return { element: grid, set };
}
