// One stream per page. Elements with data-live="topic" are replaced by the fragment the server sends for that topic.
//
// Messages (server-sent events, `id:` = number of the event in the chain):
//   event: fragment   data: {"topic": "home:matrix", "html": "<section …>"}   swap it
//   event: changed    data: {"topic": "home:matrix"}                          fetch this page's fragment again, swap it
//   event: hello      data: {}                                                the stream stands
// The browser resumes by itself with Last-Event-ID; a stream we closed (hidden tab) goes on with ?after=.
import { clueOf, restore } from "./focus.js";
import { say } from "./words.js";

const HIDDEN_FOR = 30000; // milliseconds; a hidden tab gives its connection back, browsers allow only six per host

/** @type {EventSource | null} */
let stream = null;
let last = document.body.dataset.liveFrom ?? "";
/** @type {number | undefined} */
let hiddenTimer;
let openTopics = "";

function topics() {
  const found = new Set([...document.querySelectorAll("[data-live]")].flatMap((node) => (node.getAttribute("data-live") ?? "").split(" ")));
  found.delete("");
  return [...found].sort().join(",");
}

/** @param {"on"|"off"|"paused"} state */
function show(state) {
  for (const node of document.querySelectorAll("[data-live-state]")) {
    if (node.getAttribute("data-state") === state) continue;
    node.setAttribute("data-state", state);
    const word = node.querySelector("span");
    if (word) word.textContent = say(`live.${state}`);
  }
}

function open() {
  const url = document.body.dataset.liveUrl;
  openTopics = topics();
  if (!url || stream) return;
  const address = new URL(url, location.href);
  address.searchParams.set("topics", openTopics);
  if (last) address.searchParams.set("after", last);
  stream = new EventSource(address);
  stream.addEventListener("open", () => show("on"));
  stream.addEventListener("hello", remember);
  stream.addEventListener("error", () => {
    show("off");
    if (stream?.readyState === EventSource.CLOSED) { close(); setTimeout(open, 3000 + Math.random() * 2000); }
  });
  stream.addEventListener("fragment", (event) => {
    remember(event);
    const { topic, html } = JSON.parse(event.data);
    for (const node of document.querySelectorAll(`[data-live~="${CSS.escape(topic)}"]`)) swap(node, html);
  });
  stream.addEventListener("changed", (event) => {
    remember(event);
    const { topic } = JSON.parse(event.data);
    for (const node of document.querySelectorAll(`[data-live~="${CSS.escape(topic)}"]`)) refetch(node);
  });
}

/** @param {MessageEvent} event */
function remember(event) {
  if (event.lastEventId) last = event.lastEventId;
}

function close() {
  stream?.close();
  stream = null;
}

/**
 * Put new HTML in an element's place. Open menus, open <details>, focus and typed text are kept: nobody loses work to an update.
 * @param {Element} node
 * @param {string} html
 */
export function swap(node, html) {
  const box = document.createElement("template");
  box.innerHTML = html.trim();
  const fresh = box.content.firstElementChild;
  if (!fresh) return;
  if (node.contains(document.activeElement) && document.activeElement?.matches("input, textarea, select")) return;
  if (node.querySelector("details.menu[open]")) { later(node, html); return; }
  const opened = [...node.querySelectorAll("details[open][id]")].map((details) => details.id);
  const focused = document.activeElement && node.contains(document.activeElement) ? clueOf(document.activeElement) : null;
  node.replaceWith(fresh);
  for (const id of opened) document.getElementById(id)?.setAttribute("open", "");
  if (focused) restore(focused);
  // @ts-ignore htmx is a classic script
  globalThis.htmx?.process(fresh);
  fresh.dispatchEvent(new CustomEvent("fairway:swapped", { bubbles: true }));
}

/** @type {WeakMap<Element, string>} */
const delayed = new WeakMap();

/**
 * A menu is open in it: wait until it is closed; only the newest waits.
 * @param {Element} node
 * @param {string} html
 */
function later(node, html) {
  const isWaiting = delayed.has(node);
  delayed.set(node, html);
  if (isWaiting) return;
  node.querySelector("details.menu[open]")?.addEventListener("toggle", () => {
    const newest = delayed.get(node);
    delayed.delete(node);
    if (newest !== undefined && node.isConnected) swap(node, newest);
  }, { once: true });
}

/** @param {Element} node */
export async function refetch(node) {
  try {
    const answer = await fetch(node.getAttribute("data-live-url") ?? location.href, {
      headers: { "HX-Request": "true", "HX-Target": node.id, Accept: "text/html" },
    });
    if (answer.ok && !answer.redirected) swap(node, await answer.text());
  } catch {
    show("off");
  }
}

export function startLive() {
  if (!document.body.dataset.liveUrl) return;
  if (!topics()) {
    for (const node of document.querySelectorAll("[data-live-state]")) node.setAttribute("hidden", "");
    return;
  }
  open();
  document.addEventListener("visibilitychange", () => {
    clearTimeout(hiddenTimer);
    if (document.hidden) hiddenTimer = setTimeout(() => { close(); show("paused"); }, HIDDEN_FOR);
    else if (!stream) open();
  });
  document.addEventListener("fairway:swapped", () => {
    if (stream && topics() !== openTopics) { close(); open(); }
  });
  addEventListener("pagehide", close);
  addEventListener("pageshow", (event) => { if (event.persisted) open(); });
}
