// Whether the server is there, and how all feeds stand: one stream for the whole page.

import { Problem, events, get, key, wait } from "./net.js";

const SILENT_MS = 2200;
const PROBE_MS = 1500;
const OLD_S = 10;
const clock = () => `${new Date().toISOString().slice(11, 19)} UTC`;

let latest = null;
let heardAt = performance.now();
let heardClock = clock();
let gone = null;
let denied = null;
const listeners = new Set();

/** The newest status of all feeds; null while there is none, or when it may not be seen. */
export const status = () => (gone === null ? latest : null);

/** Have `call` called after each new status, until the signal ends. */
export function onStatus(call, signal) {
  listeners.add(call);
  signal.addEventListener("abort", () => listeners.delete(call), { once: true });
}

function heard() {
  heardAt = performance.now();
  heardClock = clock();
  if (gone === null) return;
  gone = null;
  document.dispatchEvent(new Event("ssmd-back"));
  banner();
}

function banner() {
  const box = document.getElementById("banner");
  const word = document.getElementById("word");
  const old = gone === null && latest !== null && typeof latest.stale_s === "number" && latest.stale_s > OLD_S;
  let said = "";
  if (gone !== null) said = `The server is gone since ${gone}. What is shown is from then. Trying again ...`;
  else if (old) said = "What is shown is stale: the server has not heard from the services of late.";
  if (box.textContent !== said) box.textContent = said;
  box.hidden = said === "";
  const now = gone !== null ? "Not connected." : denied !== null ? `Connected; how feeds stand is not told: ${denied}` : `Connected; heard at ${heardClock}.`;
  if (word.textContent !== now) word.textContent = now;
}

async function probe() {
  try {
    const answer = await fetch("/health", { cache: "no-store", signal: AbortSignal.timeout(PROBE_MS) });
    if (!answer.ok) throw new Error("not well");
    heard();
    return true;
  } catch {
    gone ??= heardClock;
    banner();
    return false;
  }
}

/** Say what changed, once: a screen reader hears of events, not of every second. */
function news(before, now) {
  const was = new Map((before?.feeds ?? []).map((each) => [each.feed, each]));
  const said = [];
  for (const each of now.feeds ?? []) {
    const old = was.get(each.feed);
    if (old === undefined) continue;
    if (old.up !== each.up) said.push(`${each.feed} is ${each.up ? "up again" : "down"}.`);
    else if (old.grade !== each.grade && each.grade !== null) said.push(`${each.feed} is ${each.grade} now.`);
  }
  if (said.length) document.getElementById("news").textContent = said.join(" ");
}

async function follow(cut) {
  for await (const event of events("/v1/operations/watch", {}, cut.signal, { heard })) {
    if (event.event !== "status") continue;
    const now = JSON.parse(event.data);
    denied = null;
    news(latest, now);
    latest = now;
    banner();
    for (const call of [...listeners]) call();
  }
}

/** Watch for as long as the page is open. */
export async function watch() {
  let tries = 0;
  let cut = new AbortController();
  let probing = false;
  setInterval(async () => {
    banner();
    if (probing || document.getElementById("ask").open || performance.now() - heardAt < SILENT_MS) return;
    probing = true;
    if (!(await probe())) cut.abort();
    probing = false;
  }, 400);
  document.addEventListener("ssmd-key", () => cut.abort());
  for (;;) {
    cut = new AbortController();
    const began = performance.now();
    try {
      await follow(cut);
    } catch (error) {
      if (error instanceof Problem) {
        denied = error.status === 403 ? "your key lacks the scope quality:read." : error.message;
        latest = null;
      }
    }
    if (performance.now() - began > 5000) tries = 0;
    await probe();
    tries += 1;
    await wait(denied === null ? Math.min(4000, 250 * 2 ** Math.min(tries, 4)) : 5000);
  }
}

/** What the server is: {version, keys}. */
export async function server() {
  const told = await get("/v1/version");
  document.getElementById("forget").hidden = key() === null;
  return told;
}
