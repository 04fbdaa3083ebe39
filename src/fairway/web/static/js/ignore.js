// What .gitignore, .dockerignore and .fairwayignore leave out of a folder, as shared/packing.py decides it for the command line.
// Patterns are matched without regular expressions: those of a stranger could keep the page busy for hours.

/** @typedef {{segments: string[], isOut: boolean, isFolder: boolean}} Pattern */
/** @typedef {{base: string, file: string, weak: Pattern[], strong: Pattern[]}} Rules */

const HISTORY = new Set([".git", ".hg", ".svn"]);
const LITTER = new Set(["__MACOSX", ".DS_Store", "Icon\r", "Thumbs.db", "desktop.ini"]);
const CACHES = new Set(["__pycache__", ".tox", ".mypy_cache", ".pytest_cache", ".ruff_cache"]);
const ALWAYS_IN = new Set(["Dockerfile", ".dockerignore", "compose.yaml", "compose.yml", "Procfile"]);

/** @param {string} path */
export function isIgnoreFile(path) {
  return /(^|\/)\.gitignore$|^\.(docker|fairway)ignore$/.test(path);
}

/** A text file as editors write it, with a byte-order mark or without (shared/source_text.py). @param {ArrayBuffer} content */
export function textOf(content) {
  const [first, second, third, fourth] = new Uint8Array(content);
  const isLittle = first === 0xff && second === 0xfe && third === 0 && fourth === 0;
  if (isLittle || (first === 0 && second === 0 && third === 0xfe && fourth === 0xff)) return wideTextOf(new DataView(content), isLittle);
  const encoding = first === 0xff && second === 0xfe ? "utf-16le" : first === 0xfe && second === 0xff ? "utf-16be" : "utf-8";
  return new TextDecoder(encoding).decode(content);
}

/** UTF-32 behind its mark, which no TextDecoder reads. @param {DataView} view @param {boolean} isLittle */
function wideTextOf(view, isLittle) {
  let text = "";
  for (let at = 4; at + 4 <= view.byteLength; at += 4) {
    const sign = view.getUint32(at, isLittle);
    text += sign > 0x10ffff ? "\ufffd" : String.fromCodePoint(sign);
  }
  return text;
}

/**
 * Why nothing of a file or folder is sent, before any ignore file is asked: "history", "litter", "again" (the build makes it
 * again), or "" where the ignore files decide.
 * @param {string} path
 * @param {boolean} isFolder
 * @param {(path: string) => boolean} exists whether the chosen folder has that file
 * @param {string} strong the text of .fairwayignore, which may bring back what would be made again
 */
export function never(path, isFolder, exists, strong) {
  const name = path.slice(path.lastIndexOf("/") + 1);
  if (HISTORY.has(name)) return "history";
  if (LITTER.has(name) || (name.startsWith("._") && name.length > 2)) return "litter";
  const beside = path.slice(0, path.length - name.length);
  const isAgain = isFolder && (CACHES.has(name) || (name === "node_modules" && exists(`${beside}package.json`)) || exists(`${path}/pyvenv.cfg`));
  return isAgain && verdict(patterns(strong), `${path}/any`) !== false ? "again" : "";
}

/**
 * @param {Map<string, string>} texts of the ignore files, by their paths
 * @returns {(path: string) => string} the name of the ignore file that leaves a file out, "" where none does
 */
export function leaves(texts) {
  const top = { base: "", file: ".dockerignore", weak: patterns(texts.get(".dockerignore") ?? "", anchored), strong: patterns(texts.get(".fairwayignore") ?? "") };
  /** @type {Rules[]} */
  const inner = [];
  for (const [path, text] of texts) {
    if (path.endsWith(".gitignore")) inner.push({ base: path.slice(0, -".gitignore".length), file: ".gitignore", weak: patterns(text), strong: [] });
  }
  const rules = [top, ...inner.sort((a, b) => a.base.length - b.base.length)];
  return (path) => {
    if (ALWAYS_IN.has(path)) return "";
    const here = rules.filter(({ base }) => path.startsWith(base));
    for (const kind of /** @type {const} */ (["strong", "weak"])) {
      for (const one of here.toReversed()) {
        const said = verdict(one[kind], path.slice(one.base.length));
        if (said !== null) return said ? (kind === "strong" ? ".fairwayignore" : one.file) : "";
      }
    }
    return "";
  };
}

/** @param {string} text @param {(line: string) => string} [change] @returns {Pattern[]} */
function patterns(text, change = (line) => line) {
  const found = [];
  for (const line of text.split(/\r\n|\r|\n/)) {
    const one = pattern(change(line));
    if (one) found.push(one);
  }
  return found;
}

/** In a .dockerignore every pattern starts at the top. @param {string} line */
function anchored(line) {
  const bare = line.trim();
  if (!bare || line.startsWith("#")) return "";
  const [sign, rest] = bare.startsWith("!") ? ["!", bare.slice(1).trim()] : ["", bare];
  return `${sign}/${rest.replace(/^\.\//, "").replace(/^\/+/, "")}`;
}

/** @param {string} line @returns {Pattern | null} */
function pattern(line) {
  let words = line.replace(/(?<!\\)\s+$/, "");
  if (!words || words.startsWith("#")) return null;
  const isOut = !words.startsWith("!");
  if (!isOut) words = words.slice(1);
  const isFolder = words.endsWith("/");
  if (isFolder) words = words.slice(0, -1);
  if (!words || words === "/" || /(?<!\\)(\\\\)*\\$/.test(words)) return null; // nothing, or an escape of nothing
  const isFromTop = words.includes("/");
  const segments = words.replace(/^\//, "").split("/");
  return { segments: isFromTop ? segments : ["**", ...segments], isOut, isFolder };
}

/** True: left out, false: kept, null: nothing is said. @param {Pattern[]} all @param {string} path */
function verdict(all, path) {
  const names = path.split("/");
  let said = /** @type {boolean | null} */ (null);
  let weight = 0;
  for (const one of all) {
    const found = reach(one, names);
    if (!found) continue;
    if ((one.isOut && found === 1) || found >= weight) [said, weight] = [one.isOut, found];
  }
  return said;
}

/** 2: the pattern names the file, 1: a folder above it, 0: neither. @param {Pattern} one @param {string[]} names */
function reach(one, names) {
  let open = new Set([0]); // how much of the pattern what was read of the path may have used
  const last = one.segments.length;
  let folder = 0;
  for (let at = 0; at < names.length; at += 1) {
    const next = new Set();
    const begun = spread(open, one.segments);
    for (const used of begun) {
      if (one.segments[used] === "**") next.add(used);
      else if (used < last && matches(one.segments[used], names[at])) next.add(used + 1);
    }
    open = next;
    const isWhole = open.has(last) || (one.segments[last - 1] === "**" && begun.has(last - 1));
    if (isWhole && at === names.length - 1) return one.isFolder ? folder : 2;
    if (open.has(last)) folder = 1;
  }
  return folder;
}

/** “**” may stand for no folder at all. @param {Set<number>} open @param {string[]} segments */
function spread(open, segments) {
  const found = new Set(open);
  for (const used of found) if (segments[used] === "**" && used < segments.length - 1) found.add(used + 1);
  return found;
}

/** One name and one glob. @param {string} glob @param {string} name */
function matches(glob, name) {
  let [at, here, star, back] = [0, 0, -1, 0];
  while (here < name.length) {
    const [fits, next] = glob[at] === "*" ? [false, at] : one(glob, at, name[here]);
    if (fits) [at, here] = [next, here + 1];
    else if (glob[at] === "*") [star, back, at] = [at, here, at + 1];
    else if (star >= 0) [at, here, back] = [star + 1, back + 1, back + 1];
    else return false;
  }
  while (glob[at] === "*") at += 1;
  return at === glob.length;
}

/** Whether the glob's character, class or escape at `at` fits, and where the next begins. @param {string} glob @param {number} at @param {string} letter @returns {[boolean, number]} */
function one(glob, at, letter) {
  if (at >= glob.length) return [false, at];
  if (glob[at] === "?") return [true, at + 1];
  if (glob[at] === "\\" && at + 1 < glob.length) return [glob[at + 1] === letter, at + 2];
  const end = glob[at] === "[" ? glob.indexOf("]", at + (/[!^]/.test(glob[at + 1] ?? "") ? 3 : 2)) : -1;
  if (end < 0) return [glob[at] === letter, at + 1];
  const isNot = /[!^]/.test(glob[at + 1]);
  const members = glob.slice(at + (isNot ? 2 : 1), end);
  let isIn = false;
  for (let number = 0; number < members.length; number += 1) {
    if (members[number + 1] === "-" && number + 2 < members.length) {
      isIn ||= members[number] <= letter && letter <= members[number + 2];
      number += 2;
    } else isIn ||= members[number] === letter;
  }
  return [isIn !== isNot, end + 1];
}
