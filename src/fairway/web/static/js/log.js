// The log viewer: keeps every line, draws only those in sight. 100,000 lines scroll as ten do.
import { parse, plain } from "./ansi.js";
import { copy } from "./copy.js";
import { announce, icon, number, say } from "./words.js";

/** @typedef {{n: number, at: string, step: string, stream: string, text: string, plain?: string, low?: string}} Line */
/** @typedef {{line: number} | {step: string, at: string}} Entry */

const ROW = 20; // pixels; css/log.css says the same (--row)
const SPARE = 12; // rows drawn above and below what is in sight
const LEAVES_BOTTOM = 24; // pixels from the end at which following stops

class Log {
  /** @type {Line[]} */ lines = [];
  /** @type {Entry[]} what is listed: lines and the heads of steps */ entries = [];
  /** @type {number[]} rows before each entry */ rows = [0];
  /** @type {Set<string>} */ folded = new Set();
  /** @type {Map<number, HTMLElement>} */ drawn = new Map();
  /** @type {number[]} entries that match the search */ matches = [];
  match = -1;
  query = "";
  onlyMatches = false;
  follows = true;
  wraps = false;
  columns = 80;
  isComplete = false;
  isWaitingForFrame = false;
  /** @type {[number, number]} */ marked = [0, 0];

  /** @param {HTMLElement} root */
  constructor(root) {
    const find = (/** @type {string} */ selector) => /** @type {HTMLElement} */ (root.querySelector(selector));
    this.root = root;
    this.view = find("[data-log-view]");
    this.space = find(".log-space");
    this.list = find(".log-lines");
    this.note = find("[data-log-note]");
    this.steps = JSON.parse(root.querySelector("#log-steps")?.textContent ?? "{}") ?? {};
    this.url = root.dataset.url ?? "";
    this.stream = root.dataset.stream ?? "";
    this.listen(find);
    this.measure();
    new ResizeObserver(() => { this.measure(); if (this.wraps) this.rebuild(); else this.draw(); }).observe(this.view);
    this.readHash();
    this.setWrap(innerWidth < 720);
    this.load();
  }

  /** @param {(selector: string) => HTMLElement} find */
  listen(find) {
    const on = (/** @type {string} */ name, /** @type {() => void} */ act) => find(`[data-log-${name}]`)?.addEventListener("click", act);
    on("follow", () => this.setFollow(!this.follows));
    on("wrap", () => this.setWrap(!this.wraps));
    on("only", () => this.setOnly(!this.onlyMatches));
    on("next", () => this.go(1));
    on("previous", () => this.go(-1));
    on("copy", () => this.copyShown());
    this.view.addEventListener("scroll", () => this.scrolled(), { passive: true });
    this.list.addEventListener("click", (event) => this.clicked(event));
    this.search = /** @type {HTMLInputElement} */ (find("[data-log-search]"));
    this.matchNote = find("[data-log-matches]");
    /** @type {number | undefined} */
    let timer;
    this.search.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(() => this.look(), 120); });
    this.search.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      this.go(event.shiftKey ? -1 : 1);
    });
    addEventListener("hashchange", () => { this.readHash(); this.showMarked(); });
    document.addEventListener("click", (event) => {
      const step = event.target instanceof Element ? event.target.closest("[data-log-step]") : null;
      if (step) this.showStep(step.getAttribute("data-log-step") ?? "");
    });
  }

  // --- getting lines

  async load() {
    try {
      for (let after = 0, more = true; more;) {
        const answer = await fetch(this.at(this.url, after), { headers: { Accept: "application/json" } });
        if (!answer.ok) throw new Error(String(answer.status));
        const page = await answer.json();
        this.append(page.lines);
        this.isComplete = page.is_complete;
        more = page.next !== null && page.next !== undefined && page.next > after;
        after = page.next ?? after;
      }
    } catch {
      return this.tell(say("log.failed"));
    }
    this.showMarked();
    if (this.isComplete || !this.stream) this.finish();
    else this.connect();
  }

  /** @param {string} url @param {number} after */
  at(url, after) {
    const address = new URL(url, location.href);
    address.searchParams.set("after", String(after));
    return address;
  }

  get last() {
    return this.lines.length ? this.lines[this.lines.length - 1].n : 0;
  }

  connect() {
    const source = new EventSource(this.at(this.stream, this.last));
    source.addEventListener("log", (event) => this.append(JSON.parse(event.data)));
    source.addEventListener("complete", () => { source.close(); this.isComplete = true; this.finish(); });
    source.addEventListener("error", () => {
      if (source.readyState !== EventSource.CLOSED) return;
      setTimeout(() => this.connect(), 3000);
    });
    addEventListener("pagehide", () => source.close(), { once: true });
    this.refreshNote();
  }

  finish() {
    this.refreshNote();
    if (this.isComplete && this.lines.length) announce(say("log.complete"));
  }

  /** @param {Line[]} fresh */
  append(fresh) {
    for (const line of fresh) {
      if (line.n <= this.last) continue; // a resumed stream may repeat itself
      this.lines.push(line);
      this.list1(this.lines.length - 1);
    }
    this.frame();
  }

  // --- what is listed

  /** List line number `index` unless it is folded away or filtered out. @param {number} index */
  list1(index) {
    const line = this.lines[index];
    const before = this.lines[index - 1];
    if (line.step && (!before || before.step !== line.step)) this.push({ step: line.step, at: line.at }, 1);
    const isMatch = this.query !== "" && this.low(line).includes(this.query);
    if (this.folded.has(line.step) && !isMatch) return;
    if (this.onlyMatches && this.query && !isMatch) return;
    if (isMatch) this.matches.push(this.entries.length);
    this.push({ line: index }, this.height(line));
  }

  /** @param {Entry} entry @param {number} height in rows */
  push(entry, height) {
    this.entries.push(entry);
    this.rows.push(this.rows[this.rows.length - 1] + height);
  }

  rebuild() {
    this.entries = [];
    this.rows = [0];
    this.matches = [];
    for (let index = 0; index < this.lines.length; index += 1) this.list1(index);
    this.clear();
    this.frame();
  }

  /** @param {Line} line */
  plain(line) { return (line.plain ??= plain(line.text)); }

  /** @param {Line} line */
  low(line) { return (line.low ??= this.plain(line).toLowerCase()); }

  /** @param {Line} line rows it takes */
  height(line) {
    return this.wraps ? Math.max(1, Math.ceil(this.plain(line).length / this.columns)) : 1;
  }

  // --- drawing

  measure() {
    const probe = document.createElement("span");
    probe.className = "log-text log-probe";
    probe.textContent = "0".repeat(100);
    this.view.append(probe);
    const width = probe.getBoundingClientRect().width / 100 || 7.2;
    probe.remove();
    const gutter = parseFloat(getComputedStyle(this.view).getPropertyValue("--gutter")) || 80;
    this.columns = Math.max(20, Math.floor((this.view.clientWidth - gutter - 16) / width));
  }

  frame() {
    if (this.isWaitingForFrame) return;
    this.isWaitingForFrame = true;
    requestAnimationFrame(() => { this.isWaitingForFrame = false; this.draw(); });
  }

  draw() {
    const total = this.rows[this.rows.length - 1];
    this.space.style.height = `${total * ROW}px`;
    if (this.follows) this.view.scrollTop = this.view.scrollHeight;
    const top = this.view.scrollTop / ROW;
    const first = Math.max(0, this.find(top) - SPARE);
    const last = Math.min(this.entries.length - 1, this.find(top + this.view.clientHeight / ROW) + SPARE);
    for (const [index, node] of this.drawn) if (index < first || index > last) { node.remove(); this.drawn.delete(index); }
    let place = this.list.firstChild;
    for (let index = first; index <= last; index += 1) {
      let node = this.drawn.get(index);
      if (!node) { node = this.node(index); this.drawn.set(index, node); }
      if (node === place) place = place.nextSibling;
      else this.list.insertBefore(node, place);
    }
    this.list.style.transform = `translateY(${(this.rows[first] ?? 0) * ROW}px)`;
    this.refreshNote();
    const count = this.root.querySelector("[data-log-count]");
    if (count) count.textContent = this.lines.length ? say("log.lines", number.format(this.lines.length)) : "";
    this.refreshMatches();
  }

  /** The entry that holds this row (binary search). @param {number} row */
  find(row) {
    let low = 0, high = this.entries.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.rows[middle] <= row) low = middle; else high = middle - 1;
    }
    return low;
  }

  clear() {
    this.drawn.clear();
    this.list.replaceChildren();
  }

  /** @param {number} index */
  node(index) {
    const entry = this.entries[index];
    return "step" in entry ? this.stepNode(entry) : this.lineNode(entry.line, index);
  }

  /** @param {{step: string, at: string}} entry */
  stepNode(entry) {
    const node = document.createElement("li");
    node.className = "log-step";
    const button = document.createElement("button");
    button.type = "button";
    button.dataset.fold = entry.step;
    button.setAttribute("aria-expanded", String(!this.folded.has(entry.step)));
    button.append(icon(this.folded.has(entry.step) ? "chevron-right" : "chevron-down"), this.steps[entry.step] ?? entry.step);
    node.append(button, this.timeNode(entry.at));
    return node;
  }

  /** @param {number} at of the line @param {number} index of the entry */
  lineNode(at, index) {
    const line = this.lines[at];
    const node = document.createElement("li");
    node.className = "log-line";
    if (line.stream !== "stdout") node.dataset.stream = line.stream;
    if (line.n >= this.marked[0] && line.n <= this.marked[1]) node.classList.add("is-marked");
    if (this.matches[this.match] === index) node.classList.add("is-match");
    if (this.wraps) node.style.height = `${this.height(line) * ROW}px`;
    const link = document.createElement("a");
    link.href = `#L${line.n}`;
    link.textContent = String(line.n);
    link.tabIndex = -1; // forty tab stops in sight would bar the way; a match of the search links its line, too
    const text = document.createElement("span");
    text.className = "log-text";
    this.fill(text, line);
    node.append(link, this.timeNode(line.at), text);
    return node;
  }

  /** @param {string} at */
  timeNode(at) {
    const time = document.createElement("time");
    time.dateTime = at;
    time.textContent = new Date(at).toTimeString().slice(0, 8);
    return time;
  }

  /** The line's coloured pieces, with the search's finds marked. @param {HTMLElement} place @param {Line} line */
  fill(place, line) {
    const finds = this.finds(line);
    let at = 0;
    for (const { text, classes } of parse(line.text)) {
      let from = 0;
      while (from < text.length) {
        const find = finds.find(([, end]) => end > at + from);
        const inside = find !== undefined && find[0] <= at + from;
        const until = find === undefined ? text.length : Math.min(text.length, (inside ? find[1] : find[0]) - at);
        place.append(piece(text.slice(from, until), classes, inside));
        from = until;
      }
      at += text.length;
    }
  }

  /** @param {Line} line @returns {[number, number][]} */
  finds(line) {
    if (!this.query) return [];
    /** @type {[number, number][]} */
    const found = [];
    const low = this.low(line);
    for (let at = low.indexOf(this.query); at >= 0; at = low.indexOf(this.query, at + this.query.length)) found.push([at, at + this.query.length]);
    return found;
  }

  refreshNote() {
    if (this.entries.length) return this.tell("");
    if (this.query && this.onlyMatches && this.lines.length) return this.tell(say("log.no_match"));
    if (this.isComplete || !this.note.querySelector(".skeleton")) this.tell(say("log.none"));
  }

  /** @param {string} text */
  tell(text) {
    this.note.hidden = !text;
    if (text) this.note.textContent = text;
  }

  // --- moving

  scrolled() {
    const left = this.view.scrollHeight - this.view.clientHeight - this.view.scrollTop;
    const atEnd = left < LEAVES_BOTTOM;
    if (this.follows && !atEnd && !this.isWaitingForFrame) this.setFollow(false);
    else if (!this.follows && atEnd && left < 2 && !this.isComplete) this.setFollow(true);
    this.frame();
  }

  /** @param {boolean} follows */
  setFollow(follows) {
    this.follows = follows;
    this.root.querySelector("[data-log-follow]")?.setAttribute("aria-pressed", String(follows));
    if (follows) this.frame();
  }

  /** @param {boolean} wraps */
  setWrap(wraps) {
    this.wraps = wraps;
    this.root.classList.toggle("is-wrapped", wraps);
    this.root.querySelector("[data-log-wrap]")?.setAttribute("aria-pressed", String(wraps));
    this.rebuild();
  }

  /** @param {boolean} only */
  setOnly(only) {
    this.onlyMatches = only;
    this.root.querySelector("[data-log-only]")?.setAttribute("aria-pressed", String(only));
    this.match = -1;
    this.rebuild();
  }

  /** @param {number} index of the entry */
  scrollTo(index) {
    this.setFollow(false);
    this.view.scrollTop = Math.max(0, (this.rows[index] - this.view.clientHeight / ROW / 2 + 1) * ROW);
    this.draw();
  }

  /** @param {string} step */
  showStep(step) {
    this.folded.delete(step);
    this.rebuild();
    const index = this.entries.findIndex((entry) => "step" in entry && entry.step === step);
    if (index < 0) return;
    this.setFollow(false);
    this.view.scrollTop = this.rows[index] * ROW;
    this.draw();
    this.view.scrollIntoView({ block: "nearest" });
  }

  /** @param {MouseEvent} event */
  clicked(event) {
    const target = /** @type {Element} */ (event.target);
    const fold = target.closest("[data-fold]");
    if (fold) {
      const step = fold.getAttribute("data-fold") ?? "";
      if (!this.folded.delete(step)) this.folded.add(step);
      this.setFollow(false);
      return this.rebuild();
    }
    const link = target.closest("a[href^='#L']");
    if (!link) return;
    event.preventDefault();
    const n = Number(link.getAttribute("href")?.slice(2));
    const start = event.shiftKey && this.marked[0] ? Math.min(this.marked[0], n) : n;
    const end = event.shiftKey && this.marked[0] ? Math.max(this.marked[0], n) : n;
    history.replaceState(null, "", start === end ? `#L${start}` : `#L${start}-L${end}`);
    this.readHash();
    this.clear();
    this.draw();
  }

  readHash() {
    const found = /^#L(\d+)(?:-L(\d+))?$/.exec(location.hash);
    this.marked = found ? [Number(found[1]), Number(found[2] ?? found[1])] : [0, 0];
    if (found) this.setFollow(false);
  }

  showMarked() {
    if (!this.marked[0]) return;
    const line = this.lines.findIndex(({ n }) => n >= this.marked[0]);
    if (line < 0) return;
    this.folded.delete(this.lines[line].step);
    this.rebuild();
    this.scrollTo(this.entries.findIndex((entry) => "line" in entry && entry.line === line));
    this.root.scrollIntoView({ block: "nearest" });
  }

  // --- searching

  look() {
    this.query = this.search.value.trim().toLowerCase();
    this.match = -1;
    this.rebuild();
    if (this.query && this.matches.length) this.go(1);
  }

  /** @param {1 | -1} step */
  go(step) {
    if (!this.matches.length) return;
    this.match = (this.match + step + this.matches.length) % this.matches.length;
    const entry = this.entries[this.matches[this.match]];
    if ("line" in entry) history.replaceState(null, "", `#L${this.lines[entry.line].n}`);
    this.clear();
    this.scrollTo(this.matches[this.match]);
  }

  refreshMatches() {
    this.root.classList.toggle("is-searching", this.query !== "");
    const text = !this.query ? "" : this.match < 0 ? say("log.matches", number.format(this.matches.length))
      : say("log.match_of", number.format(this.match + 1), number.format(this.matches.length));
    if (this.matchNote.textContent !== text) this.matchNote.textContent = text;
  }

  async copyShown() {
    const text = this.entries.flatMap((entry) => ("line" in entry ? [this.plain(this.lines[entry.line])] : [])).join("\n");
    if (await copy(text)) announce(say("copied"));
  }
}

/** @param {string} text @param {string} classes @param {boolean} isFind */
function piece(text, classes, isFind) {
  const node = document.createElement(isFind ? "mark" : "span");
  if (classes) node.className = classes;
  node.textContent = text;
  return node;
}

for (const root of document.querySelectorAll("[data-log]")) new Log(/** @type {HTMLElement} */ (root));
