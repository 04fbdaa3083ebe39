// The command palette: Ctrl-K (or “/”), type, Enter. Its entries come from the server once per opening.
import { icon, say } from "./words.js";
import { setTheme } from "./theme.js";
import { toggleExactTimes } from "./time.js";

/** @typedef {{group: string, label: string, hint?: string, url?: string, icon?: string, keywords?: string, run?: () => void}} Item */

const LONGEST = 60; // entries shown at once; typing narrows better than scrolling

const dialog = /** @type {HTMLDialogElement | null} */ (document.querySelector("dialog[data-palette]"));
const input = dialog?.querySelector("input") ?? null;
const list = dialog?.querySelector("ul") ?? null;
const note = /** @type {HTMLElement | null} */ (dialog?.querySelector(".palette-note") ?? null);
/** @type {Item[]} */
let items = [];
/** @type {Item[]} */
let shown = [];
let chosen = 0;

/** @returns {Item[]} */
function own() {
  const group = say("palette.display");
  return [
    { group, label: say("palette.theme.light"), icon: "sun", run: () => setTheme("light") },
    { group, label: say("palette.theme.dark"), icon: "moon", run: () => setTheme("dark") },
    { group, label: say("palette.theme.system"), icon: "monitor", run: () => setTheme("") },
    { group, label: say("palette.times"), icon: "clock", hint: "t", run: toggleExactTimes },
  ];
}

async function load() {
  if (!dialog) return;
  if (!items.length) {
    items = own(); // at once: who types and presses Enter does not wait for the server
    filter();
  }
  try {
    const answer = await fetch(dialog.dataset.palette ?? "", { headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error(String(answer.status));
    items = [...(await answer.json()).items, ...own()];
    filter();
  } catch {
    items = own();
    filter();
    tell(say("palette.failed"));
  }
}

/**
 * How well an entry fits: every word must occur; beginnings count more. Below 0: not at all.
 * @param {Item} item
 * @param {string[]} words
 */
export function score(item, words) {
  const label = item.label.toLowerCase();
  const rest = `${label} ${item.hint ?? ""} ${item.keywords ?? ""} ${item.group}`.toLowerCase();
  let total = 0;
  for (const word of words) {
    if (label.startsWith(word)) total += 4;
    else if (label.includes(` ${word}`) || label.includes(`-${word}`)) total += 3;
    else if (label.includes(word)) total += 2;
    else if (rest.includes(word)) total += 1;
    else return -1;
  }
  return total;
}

function filter() {
  const words = (input?.value ?? "").toLowerCase().split(/\s+/).filter(Boolean);
  const scored = items.map((item, index) => ({ item, index, points: score(item, words) })).filter((entry) => entry.points >= 0);
  if (words.length) scored.sort((a, b) => b.points - a.points || a.index - b.index);
  shown = scored.slice(0, LONGEST).map((entry) => entry.item);
  chosen = 0;
  draw(words.length > 0);
}

/** @param {string} text */
function tell(text) {
  if (!note) return;
  note.textContent = text;
  note.hidden = !text;
}

/** @param {boolean} isFlat whether groups are left out (results are ordered by fit) */
function draw(isFlat) {
  if (!list) return;
  list.replaceChildren();
  let group = "";
  shown.forEach((item, index) => {
    if (!isFlat && item.group !== group) {
      group = item.group;
      const head = document.createElement("li");
      head.className = "palette-group";
      head.setAttribute("role", "presentation");
      head.textContent = group;
      list.append(head);
    }
    list.append(entry(item, index));
  });
  list.hidden = shown.length === 0;
  tell(shown.length || !items.length ? "" : say("palette.none"));
  mark();
}

/**
 * @param {Item} item
 * @param {number} index
 */
function entry(item, index) {
  const node = document.createElement("li");
  node.className = "palette-item";
  node.id = `palette-${index}`;
  node.setAttribute("role", "option");
  const label = document.createElement("span");
  label.textContent = item.label;
  label.className = "clip";
  node.append(icon(item.icon ?? "chevron-right"), label);
  if (item.hint) {
    const hint = document.createElement("small");
    hint.textContent = item.hint;
    node.append(hint);
  }
  node.addEventListener("pointermove", () => { if (chosen !== index) { chosen = index; mark(); } });
  node.addEventListener("click", () => act(item));
  return node;
}

function mark() {
  for (const node of list?.querySelectorAll("[role=option]") ?? []) {
    node.setAttribute("aria-selected", String(node.id === `palette-${chosen}`));
  }
  input?.setAttribute("aria-activedescendant", shown.length ? `palette-${chosen}` : "");
}

/** @param {Item | undefined} item */
function act(item) {
  if (!item) return;
  dialog?.close();
  if (item.run) item.run();
  else if (item.url) location.assign(item.url);
}

function skeleton() {
  for (let line = 0; line < 5; line += 1) {
    const bar = document.createElement("li");
    bar.className = "skeleton";
    bar.setAttribute("role", "presentation");
    list?.append(bar);
  }
}

export function openPalette() {
  if (!dialog || !input || dialog.open) return;
  input.value = "";
  list?.replaceChildren();
  tell("");
  if (items.length) filter();
  else skeleton();
  dialog.showModal();
  input.focus();
  load();
}

export function startPalette() {
  if (!dialog || !input) return;
  document.addEventListener("keydown", (event) => {
    const typing = event.target instanceof Element && event.target.closest("input, textarea, select, [contenteditable]");
    const isShortcut = (event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey)) || (event.key === "/" && !typing);
    if (!isShortcut) return;
    event.preventDefault();
    openPalette();
  });
  document.addEventListener("click", (event) => {
    if (event.target instanceof Element && event.target.closest("[data-palette-open]")) openPalette();
    else if (event.target === dialog) dialog.close();
  });
  input.addEventListener("input", filter);
  input.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && shown.length) {
      event.preventDefault();
      chosen = (chosen + step + shown.length) % shown.length;
      mark();
      document.getElementById(`palette-${chosen}`)?.scrollIntoView({ block: "nearest" });
    } else if (event.key === "Enter") {
      event.preventDefault();
      act(shown[chosen]);
    }
  });
}
