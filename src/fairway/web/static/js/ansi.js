// Terminal output as coloured text: SGR sequences become class names, everything else a terminal would obey is dropped.

/** @typedef {{text: string, classes: string}} Segment */

const SEQUENCE = /\x1b\[([0-?]*)[ -/]*([@-~])|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[PX^_][^\x1b]*(?:\x1b\\)?|\x1b[ -/]*[0-~]?|[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f\x9b]/g;

// Source: the xterm palette's first sixteen, to which every other colour is brought back: our sixteen are legible in both themes.
const PALETTE = [
  [0, 0, 0], [205, 0, 0], [0, 205, 0], [205, 205, 0], [0, 0, 238], [205, 0, 205], [0, 205, 205], [229, 229, 229],
  [127, 127, 127], [255, 0, 0], [0, 255, 0], [255, 255, 0], [92, 92, 255], [255, 0, 255], [0, 255, 255], [255, 255, 255],
];

/**
 * @param {number} r
 * @param {number} g
 * @param {number} b
 */
function nearest(r, g, b) {
  let best = 0, distance = Infinity;
  PALETTE.forEach(([pr, pg, pb], index) => {
    const d = (r - pr) ** 2 + (g - pg) ** 2 + (b - pb) ** 2;
    if (d < distance) { distance = d; best = index; }
  });
  return best;
}

/** @param {number} n one of 256 */
function of256(n) {
  if (n < 16) return n;
  if (n > 231) { const v = 8 + (n - 232) * 10; return nearest(v, v, v); }
  const level = (/** @type {number} */ i) => (i ? 55 + i * 40 : 0);
  const at = n - 16;
  return nearest(level(Math.floor(at / 36)), level(Math.floor(at / 6) % 6), level(at % 6));
}

/** What is switched on while reading a line. */
class Pen {
  /** @type {number | null} */ fg = null;
  /** @type {number | null} */ bg = null;
  /** @type {Set<string>} */ on = new Set();

  get classes() {
    let names = [...this.on];
    const [fg, bg] = this.on.has("a-inverse") ? [this.bg, this.fg] : [this.fg, this.bg];
    if (fg !== null) names.push(`a-fg${fg}`);
    if (bg !== null) names.push(`a-bg${bg}`);
    return names.join(" ");
  }

  /** @param {string} parameters */
  apply(parameters) {
    const codes = parameters.split(/[;:]/).map((part) => (part === "" ? 0 : Number(part)));
    while (codes.length) this.code(/** @type {number} */ (codes.shift()), codes);
  }

  /**
   * @param {number} code
   * @param {number[]} rest
   */
  code(code, rest) {
    const styles = { 1: "a-bold", 2: "a-dim", 3: "a-italic", 4: "a-underline", 7: "a-inverse", 9: "a-strike" };
    const ends = { 22: ["a-bold", "a-dim"], 23: ["a-italic"], 24: ["a-underline"], 27: ["a-inverse"], 29: ["a-strike"] };
    if (code === 0) { this.fg = this.bg = null; this.on.clear(); }
    else if (code in styles) this.on.add(styles[/** @type {keyof typeof styles} */ (code)]);
    else if (code in ends) for (const name of ends[/** @type {keyof typeof ends} */ (code)]) this.on.delete(name);
    else if (code >= 30 && code <= 37) this.fg = code - 30;
    else if (code >= 40 && code <= 47) this.bg = code - 40;
    else if (code >= 90 && code <= 97) this.fg = code - 82;
    else if (code >= 100 && code <= 107) this.bg = code - 92;
    else if (code === 39) this.fg = null;
    else if (code === 49) this.bg = null;
    else if (code === 38) this.fg = extended(rest);
    else if (code === 48) this.bg = extended(rest);
  }
}

/** @param {number[]} rest @returns {number | null} */
function extended(rest) {
  const kind = rest.shift();
  if (kind === 5) return of256(rest.shift() ?? 0);
  if (kind === 2) return nearest(rest.shift() ?? 0, rest.shift() ?? 0, rest.shift() ?? 0);
  return null;
}

/** A progress bar that redraws its line with carriage returns: only the last drawing is left. @param {string} line */
function lastDrawing(line) {
  const text = line.replace(/\r+$/, "");
  return text.slice(text.lastIndexOf("\r") + 1);
}

/** The text alone. @param {string} line */
export function plain(line) {
  return lastDrawing(line).replace(SEQUENCE, "");
}

/**
 * @param {string} line
 * @returns {Segment[]}
 */
export function parse(line) {
  const text = lastDrawing(line);
  const pen = new Pen();
  /** @type {Segment[]} */
  const segments = [];
  let from = 0;
  const take = (/** @type {number} */ until) => { if (until > from) segments.push({ text: text.slice(from, until), classes: pen.classes }); };
  for (const match of text.matchAll(SEQUENCE)) {
    take(match.index);
    if (match[2] === "m") pen.apply(match[1]);
    from = match.index + match[0].length;
  }
  take(text.length);
  return segments;
}
