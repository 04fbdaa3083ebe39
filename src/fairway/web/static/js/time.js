// Relative times and running clocks stay right without asking the server. “t” shows exact times everywhere.
import { say } from "./words.js";

const KEY = "fairway.exact-times";

/**
 * As the template tag `ago` says it.
 * @param {Date} at
 * @param {number} now milliseconds
 */
export function ago(at, now) {
  const seconds = (now - at.getTime()) / 1000;
  const size = Math.abs(seconds);
  if (size < 45) return say(seconds >= 0 ? "ago.now" : "ago.soon");
  const prefix = seconds >= 0 ? "ago." : "ago.in_";
  const minutes = Math.round(size / 60), hours = Math.round(size / 3600), days = Math.round(size / 86400);
  if (minutes < 60) return say(`${prefix}minutes`, minutes);
  if (hours < 36) return say(`${prefix}hours`, hours);
  return say(`${prefix}days`, days);
}

/**
 * As the template tag `duration` says it.
 * @param {number} seconds
 */
export function duration(seconds) {
  const language = document.documentElement.lang || "en";
  if (seconds < 10) return `${Math.max(seconds, 0).toLocaleString(language, { minimumFractionDigits: 1, maximumFractionDigits: 1 })} s`;
  const whole = Math.floor(seconds);
  const two = (/** @type {number} */ n) => String(n).padStart(2, "0");
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`;
  return `${Math.floor(whole / 3600)} h ${two(Math.floor((whole % 3600) / 60))} min`;
}

const exactly = new Intl.DateTimeFormat(document.documentElement.lang || "en", {
  year: "numeric", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23", timeZoneName: "short",
});

function isExact() {
  return localStorage.getItem(KEY) === "1";
}

export function toggleExactTimes() {
  localStorage.setItem(KEY, isExact() ? "0" : "1");
  showTimes();
}

function showTimes() {
  const now = Date.now();
  const whole = isExact();
  for (const node of document.querySelectorAll("time[data-ago]")) {
    const at = new Date(node.getAttribute("datetime") ?? "");
    const text = whole ? exactly.format(at) : ago(at, now);
    if (node.textContent !== text) node.textContent = text;
    node.setAttribute("title", exactly.format(at));
  }
  for (const node of document.querySelectorAll("time[data-exact]")) {
    const text = exactly.format(new Date(node.getAttribute("datetime") ?? ""));
    if (node.textContent !== text) node.textContent = text;
  }
}

function tick() {
  const now = Date.now();
  for (const node of document.querySelectorAll("[data-elapsed]")) {
    const seconds = (now - new Date(node.getAttribute("data-elapsed") ?? "").getTime()) / 1000;
    node.textContent = duration(seconds < 10 ? seconds : Math.floor(seconds));
  }
  for (const bar of document.querySelectorAll("progress[data-since]")) {
    const element = /** @type {HTMLProgressElement} */ (bar);
    const seconds = (now - new Date(element.dataset.since ?? "").getTime()) / 1000;
    element.classList.toggle("over", seconds > element.max);
    element.value = Math.min(seconds, element.max);
  }
}

/** The server draws days and proposes times in the reader's zone: it is told once, and again when a traveller arrives. */
function tellZone() {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (!zone || document.cookie.split("; ").includes(`fairway_zone=${zone}`)) return;
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `fairway_zone=${zone}; Path=/; Max-Age=31536000; SameSite=Lax${secure}`;
}

export function startClocks() {
  tellZone();
  showTimes();
  tick();
  setInterval(tick, 1000);
  setInterval(showTimes, 15000);
  document.addEventListener("fairway:swapped", () => { showTimes(); tick(); });
  document.addEventListener("visibilitychange", () => { if (!document.hidden) { showTimes(); tick(); } });
  document.addEventListener("keydown", (event) => {
    const typing = event.target instanceof Element && event.target.closest("input, textarea, select, [contenteditable], dialog");
    if (event.key === "t" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) toggleExactTimes();
  });
}
