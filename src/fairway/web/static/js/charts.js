// The charts of the page “Metrics”: uPlot draws lines, this module adds marks, words, keys, tables and the newest values.
import { bytes, icon, number, say } from "./words.js";

/** @typedef {{label: string, tone: string, values: (number|null)[], dash: boolean}} Line */
/** @typedef {{key: string, title: string, unit: string, lines: Line[]}} ChartData */
/** @typedef {{kind: string, at: string, from: number, until: number|null, tone: string, text: string, url: string}} Mark */
/** @typedef {{service: string, cpu: string, memory: string, instances: string}} Figure */
/** @typedef {{step: number, since: number, until: number, at: number[], charts: ChartData[], marks: Mark[], figures: Figure[]}} Data */

const NEAR = 8; // pixels between the cursor and a mark that is told
const HEIGHT = 176;
const LEAST = 1 / 6; // of the period that a chart shows at least; it begins where something is known
const SLOWEST = 60; // seconds between two looks for new values
const SHAPES = { deployment: "▲", restart: "↻", stop: "■", start: "▶", scale: "◆", freeze: "❄" };
const language = document.documentElement.lang || "en";
const hours = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const seconds = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const days = new Intl.DateTimeFormat(language, { month: "short", day: "numeric" });
const moments = new Intl.DateTimeFormat(language, { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const exactly = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short", hourCycle: "h23" });
const percent = new Intl.NumberFormat(language, { style: "percent", maximumFractionDigits: 1 });
const digits = (/** @type {number} */ value) => value.toLocaleString(language, { maximumFractionDigits: Math.abs(value) < 1 ? 3 : Math.abs(value) < 10 ? 2 : 1 });

/**
 * A value with its unit.
 * @param {string} unit
 * @param {number|null|undefined} value
 * @param {string} key of the chart
 */
function inWords(unit, value, key) {
  if (value === null || value === undefined) return "–";
  if (unit === "bytes") return key === "bytes" ? say("chart.per_second", bytes(value)) : bytes(value);
  if (unit === "share") return percent.format(value);
  if (unit === "seconds") return value < 1 ? `${digits(value * 1000)} ms` : `${digits(value)} s`;
  return unit === "cores" ? say(value < 2 ? "chart.cores_few" : "chart.cores", digits(value)) : say("chart.per_second", digits(value));
}

/** @param {number} at @param {number} step */
function when(at, step) {
  return (step < 60 ? seconds : step < 7200 ? moments : exactly).format(at * 1000);
}

class Chart {
  /** @type {any} */ plot = null;
  /** @type {number|null} the point that is told; null: the newest */ chosen = null;

  /** @param {HTMLElement} root @param {Data} data */
  constructor(root, data) {
    const find = (/** @type {string} */ name) => /** @type {HTMLElement} */ (root.querySelector(`[data-chart-${name}]`));
    this.root = root;
    this.canvas = find("canvas");
    this.legend = find("legend");
    this.note = find("note");
    this.when = find("when");
    this.table = find("table");
    this.details = /** @type {HTMLDetailsElement} */ (this.table.closest("details"));
    this.key = root.dataset.chart ?? "";
    this.data = data;
    Object.assign(this.canvas, { tabIndex: 0, role: "slider" });
    this.canvas.addEventListener("keydown", (event) => this.pressed(event));
    this.canvas.addEventListener("blur", () => this.choose(null));
    this.details.addEventListener("toggle", () => this.fillTable());
    new ResizeObserver(() => this.plot?.setSize(this.size())).observe(this.canvas);
    this.show(data);
  }

  /** @returns {ChartData} */
  get own() {
    return this.data.charts.find((one) => one.key === this.key) ?? { key: this.key, title: "", unit: "", lines: [] };
  }

  /** @param {string} tone */
  colour(tone) {
    const probe = document.createElement("i");
    probe.hidden = true;
    probe.style.color = `var(--tone-${tone})`;
    this.canvas.append(probe);
    const colour = getComputedStyle(probe).color;
    probe.remove();
    return colour;
  }

  size() {
    return { width: Math.max(this.canvas.clientWidth, 100), height: HEIGHT };
  }

  columns() {
    return [this.data.at, ...this.own.lines.map((line) => line.values)];
  }

  /** @param {Data} data */
  show(data) {
    const before = this.plot && this.own.lines.map((line) => line.label + line.tone).join();
    this.data = data;
    if (this.plot && before === this.own.lines.map((line) => line.label + line.tone).join()) this.plot.setData(this.columns());
    else this.build();
    this.tell();
    this.fillTable();
  }

  build() {
    this.plot?.destroy();
    const axis = { stroke: this.colour("axis"), font: `11px ${getComputedStyle(this.canvas).fontFamily}`, ticks: { show: false } };
    const grid = { stroke: this.colour("grid"), width: 1 };
    const { unit, lines, key } = this.own;
    this.legend.replaceChildren(...lines.map((line) => this.entry(line)));
    const colours = lines.map((line) => this.colour(line.tone));
    const tones = Object.fromEntries(["ok", "run", "warn", "bad", "idle"].map((tone) => [tone, this.colour(tone)]));
    // @ts-ignore uPlot is a classic script
    this.plot = new globalThis.uPlot({
      ...this.size(),
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, points: { size: 6 } },
      scales: {
        x: { time: true, range: () => [this.data.at[beginning(this.data)], Math.max(this.data.until, this.data.since + this.data.step)] },
        y: { range: (/** @type {any} */ _, /** @type {number} */ __, /** @type {number|null} */ most) => [0, (most || (unit === "share" ? 0.01 : 0.1)) * 1.08] },
      },
      axes: [
        { ...axis, grid: { show: false }, size: 26, space: 64, values: (/** @type {any} */ _, /** @type {number[]} */ splits, /** @type {any} */ ___, /** @type {any} */ ____, /** @type {number} */ increment) => splits.map((at) => tick(at, increment)) },
        { ...axis, grid, size: 62, space: 32, gap: 6, incrs: unit === "bytes" ? Array.from({ length: 50 }, (_, power) => 2 ** power) : undefined,
          values: (/** @type {any} */ _, /** @type {number[]} */ splits) => splits.map((value) => short(unit, value, key)) },
      ],
      series: [{}, ...lines.map((line, index) => ({
        stroke: colours[index], width: line.dash ? 1.25 : 1.75, dash: line.dash ? [5, 4] : undefined, spanGaps: false,
        points: { show: (/** @type {any} */ _, /** @type {number} */ series) => isSparse(lines[series - 1]), size: 4 },
      }))],
      hooks: {
        drawClear: [(/** @type {any} */ plot) => this.drawFreezes(plot, tones)],
        draw: [(/** @type {any} */ plot) => this.drawMarks(plot, tones)],
        setCursor: [(/** @type {any} */ plot) => this.pointed(plot)],
      },
    }, this.columns(), this.canvas);
  }

  /** @param {Line} line */
  entry(line) {
    const item = document.createElement("li");
    const swatch = document.createElement("i");
    swatch.className = line.dash ? "swatch dashed" : "swatch";
    swatch.style.color = `var(--tone-${line.tone})`;
    const value = document.createElement("b");
    item.append(swatch, line.label, " ", value);
    return item;
  }

  /** @param {any} plot @param {Record<string, string>} tones */
  drawFreezes(plot, tones) {
    const { ctx, bbox } = plot;
    ctx.save();
    for (const mark of this.data.marks.filter((one) => one.until !== null)) {
      const [from, to] = [mark.from, mark.until ?? mark.from].map((at) => Math.min(Math.max(plot.valToPos(at, "x", true), bbox.left), bbox.left + bbox.width));
      ctx.globalAlpha = 0.14;
      ctx.fillStyle = tones[mark.tone];
      ctx.fillRect(from, bbox.top, Math.max(to - from, 2), bbox.height);
    }
    ctx.restore();
  }

  /** @param {any} plot @param {Record<string, string>} tones */
  drawMarks(plot, tones) {
    const { ctx, bbox } = plot;
    const ratio = devicePixelRatio || 1;
    ctx.save();
    ctx.font = `${11 * ratio}px sans-serif`;
    ctx.textAlign = "center";
    for (const mark of this.data.marks.filter((one) => one.until === null)) {
      const x = plot.valToPos(mark.from, "x", true);
      if (x < bbox.left || x > bbox.left + bbox.width) continue;
      ctx.strokeStyle = ctx.fillStyle = tones[mark.tone];
      ctx.lineWidth = ratio;
      ctx.setLineDash([3 * ratio, 3 * ratio]);
      ctx.beginPath();
      ctx.moveTo(x, bbox.top + 12 * ratio);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
      ctx.fillText(SHAPES[/** @type {keyof SHAPES} */ (mark.kind)] ?? "▲", x, bbox.top + 10 * ratio);
    }
    ctx.restore();
  }

  /** @param {any} plot the pointer moved over it, or left it */
  pointed(plot) {
    const index = plot.cursor.idx;
    if (plot.cursor.left < 0) this.chosen = document.activeElement === this.canvas ? this.chosen : null;
    else this.chosen = index ?? null;
    this.tell(plot.cursor.left < 0 ? null : plot.cursor.left);
  }

  /** @param {KeyboardEvent} event */
  pressed(event) {
    const [first, last] = [beginning(this.data), this.data.at.length - 1];
    const now = this.chosen ?? this.newest();
    const page = Math.max(1, Math.round(this.data.at.length / 12));
    /** @type {Record<string, number>} */
    const moves = { ArrowLeft: now - 1, ArrowRight: now + 1, ArrowDown: now - 1, ArrowUp: now + 1, PageDown: now - page, PageUp: now + page, Home: first, End: last };
    if (!(event.key in moves)) return;
    event.preventDefault();
    this.choose(Math.min(Math.max(moves[event.key], first), last));
  }

  /** @param {number|null} index */
  choose(index) {
    this.chosen = index;
    const left = index === null ? -10 : this.plot.valToPos(this.data.at[index], "x");
    this.plot.setCursor({ left, top: -10 }, false);
    this.tell();
  }

  newest() {
    for (let index = this.data.at.length - 1; index > 0; index -= 1) {
      if (this.own.lines.some((line) => line.values[index] !== null)) return index;
    }
    return this.data.at.length - 1;
  }

  /**
   * Say the values of the chosen point, or the newest ones, and what happened there.
   * @param {number|null} left where the pointer is, in pixels
   */
  tell(left = null) {
    const { lines, unit, title } = this.own;
    const index = this.chosen ?? this.newest();
    const at = this.data.at[index];
    const values = lines.map((line) => inWords(unit, line.values[index], this.key));
    [...this.legend.querySelectorAll("b")].forEach((node, place) => { node.textContent = values[place] ?? ""; });
    this.when.textContent = this.chosen === null ? "" : when(at, this.data.step);
    const happened = this.chosen === null ? [] : this.marksAt(at, left);
    this.note.textContent = happened.map((mark) => `${SHAPES[/** @type {keyof SHAPES} */ (mark.kind)] ?? ""} ${mark.text}`).join(" · ");
    const spoken = [when(at, this.data.step), ...lines.map((line, place) => `${line.label}: ${line.values[index] === null ? say("chart.nothing") : values[place]}`), ...happened.map((mark) => mark.text)];
    const attributes = { "aria-label": say("chart.keys", title), "aria-valuemin": String(beginning(this.data)), "aria-valuemax": String(this.data.at.length - 1), "aria-valuenow": String(index), "aria-valuetext": spoken.join("; ") };
    for (const [name, value] of Object.entries(attributes)) this.canvas.setAttribute(name, value);
  }

  /** @param {number} at @param {number|null} left */
  marksAt(at, left) {
    const { step, marks } = this.data;
    return marks.filter((mark) => {
      if (mark.until !== null) return mark.from < at + step && mark.until > at;
      if (left !== null) return Math.abs(this.plot.valToPos(mark.from, "x") - left) <= NEAR;
      return mark.from >= at && mark.from < at + step;
    });
  }

  fillTable() {
    if (!this.details.open) return;
    const { lines, unit } = this.own;
    const table = document.createElement("table");
    const head = table.createTHead().insertRow();
    for (const [place, title] of [say("chart.time"), ...lines.map((line) => line.label), say("chart.happened")].entries()) {
      const cell = document.createElement("th");
      cell.scope = "col";
      cell.textContent = title;
      if (place > lines.length) cell.className = "words";
      head.append(cell);
    }
    const body = table.createTBody();
    for (let index = this.data.at.length - 1; index >= 0; index -= 1) {
      const happened = this.marksAt(this.data.at[index], null).filter((mark) => mark.until === null);
      if (!happened.length && lines.every((line) => line.values[index] === null)) continue;
      const row = body.insertRow();
      const time = document.createElement("th");
      time.scope = "row";
      time.textContent = when(this.data.at[index], this.data.step);
      row.append(time);
      for (const line of lines) row.insertCell().textContent = inWords(unit, line.values[index], this.key);
      const words = row.insertCell();
      words.className = "words";
      words.textContent = happened.map((mark) => mark.text).join(" · ");
    }
    this.table.replaceChildren(table);
  }
}

/** The index of the first point that is drawn: an application that has just begun is no dot at the edge. @param {Data} data */
function beginning(data) {
  const known = data.charts.flatMap((chart) => chart.lines.map((line) => line.values.findIndex((value) => value !== null))).filter((index) => index >= 0);
  const marked = data.marks.map((mark) => data.at.findIndex((at) => at + data.step > mark.from)).filter((index) => index >= 0);
  return Math.max(0, Math.min(Math.floor(data.at.length * (1 - LEAST)), ...known, ...marked) - 1);
}

/** @param {number} at @param {number} increment */
function tick(at, increment) {
  const moment = new Date(at * 1000);
  const isMidnight = moment.getHours() === 0 && moment.getMinutes() === 0;
  return increment >= 86400 || isMidnight ? days.format(moment) : hours.format(moment);
}

/** @param {string} unit @param {number} value @param {string} key */
function short(unit, value, key) {
  if (unit === "cores" || unit === "rate") return digits(value);
  return value === 0 && unit !== "share" ? number.format(0) : inWords(unit, value, key === "bytes" ? "" : key);
}

/** Whether a lonely point would not be seen as a line. @param {Line|undefined} line */
function isSparse(line) {
  return line !== undefined && !line.dash && line.values.filter((value) => value !== null).length < 13;
}

/** @param {Mark[]} marks */
function showHappened(marks) {
  const list = document.querySelector("[data-happened]");
  if (!list || !marks.length) return;
  list.replaceChildren(...[...marks].reverse().map((mark) => {
    const item = document.createElement("li");
    item.dataset.tone = mark.tone;
    const time = document.createElement("time");
    time.dateTime = mark.at;
    time.dataset.exact = "";
    time.textContent = exactly.format(new Date(mark.at));
    const words = document.createElement(mark.url ? "a" : "span");
    if (words instanceof HTMLAnchorElement) words.href = mark.url;
    words.textContent = mark.text;
    item.append(time, words);
    return item;
  }));
}

/** @param {Figure[]} figures */
function showFigures(figures) {
  for (const one of figures) {
    const node = document.querySelector(`[data-figure="${CSS.escape(one.service)}"]`);
    for (const name of /** @type {const} */ (["cpu", "memory", "instances"])) {
      const place = node?.querySelector(`[data-figure-${name}]`);
      if (place) place.textContent = one[name];
    }
  }
}

/** @param {HTMLElement} root */
function start(root) {
  /** @type {Data} */
  let data = JSON.parse(document.getElementById("chart-data")?.textContent ?? "{}");
  const charts = [...root.querySelectorAll("[data-chart]")].map((node) => new Chart(/** @type {HTMLElement} */ (node), data));

  async function refresh() {
    if (document.hidden) return;
    try {
      const answer = await fetch(root.dataset.url ?? "", { cache: "no-cache", headers: { Accept: "application/json" } });
      if (!answer.ok || answer.redirected) throw new Error(String(answer.status));
      /** @type {Data} */
      const newer = await answer.json();
      if (newer.charts.map((one) => one.key).join() !== data.charts.map((one) => one.key).join()) { location.reload(); return; }
      if (JSON.stringify(newer.marks) !== JSON.stringify(data.marks)) showHappened(newer.marks);
      data = newer;
      for (const chart of charts) chart.show(data);
      showFigures(data.figures);
    } catch {
      for (const chart of charts) if (chart.chosen === null) chart.note.replaceChildren(icon("alert"), ` ${say("chart.off")}`);
    }
  }

  const redraw = () => { for (const chart of charts) { chart.build(); chart.tell(); } };
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  new MutationObserver(redraw).observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
  document.addEventListener("visibilitychange", () => void refresh());
  setInterval(() => void refresh(), Math.min(data.step, SLOWEST) * 1000);
}

/** Nothing is there yet: load the page again as soon as there is. @param {HTMLElement} waiting */
function waitFor(waiting) {
  setInterval(async () => {
    if (document.hidden) return;
    try {
      const answer = await fetch(waiting.dataset.url ?? "", { cache: "no-cache", headers: { Accept: "application/json" } });
      if (answer.ok && !answer.redirected && (await answer.json()).charts.length) location.reload();
    } catch { /* it is asked again */ }
  }, 10_000);
}

const waiting = /** @type {HTMLElement|null} */ (document.querySelector("[data-charts-soon]"));
if (waiting) waitFor(waiting);
const root = /** @type {HTMLElement|null} */ (document.querySelector("[data-charts]"));
if (root) start(root);
