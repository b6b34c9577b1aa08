// Questions to the server: JSON, and streams of events, with the key of this tab.

const KEY = "ssmd.key";
let asking = null;

/** Why the server did not give what was asked for. */
export class Problem extends Error {
  constructor(status, told) {
    super(told.detail ?? `The server answered ${status}.`);
    this.status = status;
    this.code = told.code ?? "";
    this.remedy = told.remedy ?? "";
  }
}

export const key = () => sessionStorage.getItem(KEY);
export const forget = () => sessionStorage.removeItem(KEY);

/** Ask the person for a key, once, however many questions wait for it. */
function person(why) {
  asking ??= new Promise((resolve) => {
    const dialog = document.getElementById("ask");
    const box = document.getElementById("ask-key");
    const form = document.getElementById("ask-form");
    document.getElementById("ask-why").textContent = `${why} It is kept for this tab alone, until it is closed.`;
    const stay = (event) => event.preventDefault();
    dialog.addEventListener("cancel", stay);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      sessionStorage.setItem(KEY, box.value.trim());
      box.value = "";
      dialog.removeEventListener("cancel", stay);
      dialog.close();
      asking = null;
      document.dispatchEvent(new Event("ssmd-key"));
      resolve();
    }, { once: true });
    dialog.showModal();
    box.focus();
  });
  return asking;
}

function address(path, words) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(words ?? {})) {
    if (value !== null && value !== undefined && value !== "") query.append(name, value);
  }
  return query.size ? `${path}?${query}` : path;
}

async function told(response) {
  try {
    return await response.json();
  } catch {
    return {};
  }
}

/** An answer that is well; asks for a key as often as the server does. */
async function answered(url, headers, signal) {
  for (;;) {
    const used = key();
    const sent = used === null ? headers : { ...headers, Authorization: `Bearer ${used}` };
    const response = await fetch(url, { headers: sent, signal, cache: "no-cache" });
    if (response.ok) return response;
    const problem = new Problem(response.status, await told(response));
    if (response.status !== 401) throw problem;
    if (used === key()) {
      forget();
      await person(used === null ? "" : `${problem.message}`);
    }
    signal?.throwIfAborted();
  }
}

/** JSON of a path. `words` become the query; an empty one is left out. */
export async function get(path, words, signal) {
  const response = await answered(address(path, words), { Accept: "application/json" }, signal);
  return response.json();
}

/** All items of a list, page by page. */
export async function* pages(path, words, signal) {
  let cursor = null;
  do {
    const page = await get(path, { ...words, cursor }, signal);
    yield page.items;
    cursor = page.next;
  } while (cursor);
}

/**
 * Events of a stream until it ends: {event, id, data}. EventSource cannot carry a key.
 * `heard` is called whenever bytes come, comments too.
 */
export async function* events(path, words, signal, { last = null, heard = () => {} } = {}) {
  const headers = { Accept: "text/event-stream" };
  if (last !== null) headers["Last-Event-ID"] = last;
  const response = await answered(address(path, words), headers, signal);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      heard();
      const blocks = (rest + value).replace(/\r/g, "").split("\n\n");
      rest = blocks.pop();
      for (const block of blocks) {
        const event = parsed(block);
        if (event !== null) yield event;
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

function parsed(block) {
  const found = { event: "message", id: null, data: [] };
  for (const line of block.split("\n")) {
    const at = line.indexOf(":");
    if (at === 0) continue;
    const name = at < 0 ? line : line.slice(0, at);
    const value = at < 0 ? "" : line.slice(at + 1).replace(/^ /, "");
    if (name === "data") found.data.push(value);
    else if (name === "event" || name === "id") found[name] = value;
  }
  if (found.data.length === 0 && found.id === null && found.event === "message") return null;
  return { ...found, data: found.data.join("\n") };
}

/** A wait that ends early, with the signal's error, when it is aborted. */
export function wait(ms, signal) {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, ms);
    if (signal?.aborted) stop();
    else signal?.addEventListener("abort", stop, { once: true });
  });
}
