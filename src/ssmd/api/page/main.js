// The page: which view is shown, in which colours, for whom.

import { h } from "./dom.js";
import { forget, key } from "./net.js";
import { trouble } from "./panel.js";
import { archive } from "./views/archive.js";
import { feed } from "./views/feed.js";
import { instrument } from "./views/instrument.js";
import { instruments } from "./views/instruments.js";
import { overview } from "./views/overview.js";
import { quality } from "./views/quality.js";
import { search } from "./views/search.js";
import { server, watch } from "./watch.js";

const VIEWS = { "": overview, feed, instruments, instrument, quality, archive, search };
const main = document.getElementById("main");
let leaving = new AbortController();
let begun = false;

/** `#/feed?feed=x`: the view's name, and its words. */
function place() {
  const [name, query] = location.hash.replace(/^#\/?/, "").split("?");
  return [name, Object.fromEntries(new URLSearchParams(query ?? ""))];
}

function show() {
  if (location.hash !== "" && !location.hash.startsWith("#/")) return;
  leaving.abort(new DOMException("The view was left.", "AbortError"));
  leaving = new AbortController();
  const [name, words] = place();
  const title = h("h1", { tabindex: "-1" }, "");
  main.replaceChildren(title);
  const heading = (text) => {
    title.textContent = text;
    document.title = `${text} - SSMD`;
  };
  for (const each of document.querySelectorAll("#nav a")) {
    const own = each.getAttribute("href").slice(2);
    if (own === name || (own === "instruments" && name === "instrument") || (own === "" && name === "feed")) each.setAttribute("aria-current", "page");
    else each.removeAttribute("aria-current");
  }
  const view = Object.hasOwn(VIEWS, name) ? VIEWS[name] : null;
  if (view === null) {
    heading("No such view");
    main.append(h("p", {}, "There is no such view. ", h("a", { href: "#/" }, "Go to the overview.")));
  } else {
    view(main, words, { signal: leaving.signal, heading });
  }
  if (begun) title.focus();
  begun = true;
}

const THEMES = { auto: "dark", dark: "light", light: "auto" };

function colours(theme) {
  const button = document.getElementById("theme");
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  button.textContent = `Colours: ${theme}`;
  button.setAttribute("aria-label", `Colours: ${theme === "auto" ? "as the system has them" : theme}`);
}

const chosen = () => (Object.hasOwn(THEMES, localStorage.getItem("ssmd.theme") ?? "") ? localStorage.getItem("ssmd.theme") : "auto");

colours(chosen());
document.getElementById("theme").addEventListener("click", () => {
  localStorage.setItem("ssmd.theme", THEMES[chosen()]);
  colours(chosen());
});
document.getElementById("forget").addEventListener("click", () => {
  forget();
  location.reload();
});
document.addEventListener("ssmd-key", () => {
  document.getElementById("forget").hidden = key() === null;
});
document.getElementById("skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});
window.addEventListener("hashchange", show);
show();
watch();
server().catch((error) => {
  if (main.childElementCount < 2) main.append(trouble(error, "", () => location.reload()));
});
