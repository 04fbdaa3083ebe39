// A tar archive (POSIX ustar, with pax records for long or non-ASCII names) as a Blob of the files themselves:
// nothing is read into memory, the browser streams it from disk while it uploads.

/** @typedef {{path: string, file: File, isExecutable?: boolean}} Member */

const BLOCK = 512;
const encoder = new TextEncoder();

/**
 * @param {Uint8Array} block
 * @param {string} text
 * @param {number} offset
 * @param {number} length
 */
function put(block, text, offset, length) {
  block.set(encoder.encode(text).slice(0, length), offset);
}

/** @param {number} value @param {number} length */
function octal(value, length) {
  return value.toString(8).padStart(length - 1, "0") + "\0";
}

/**
 * @param {string} name
 * @param {number} size
 * @param {number} mode
 * @param {number} time seconds
 * @param {string} type "0" file, "x" pax header
 */
function header(name, size, mode, time, type) {
  const block = new Uint8Array(BLOCK);
  put(block, name, 0, 100);
  put(block, octal(mode, 8), 100, 8);
  put(block, octal(0, 8), 108, 8);
  put(block, octal(0, 8), 116, 8);
  put(block, size > 0o77777777777 ? octal(0, 12) : octal(size, 12), 124, 12);
  put(block, octal(time, 12), 136, 12);
  put(block, "        ", 148, 8);
  put(block, type, 156, 1);
  put(block, "ustar\0" + "00", 257, 8);
  const sum = block.reduce((total, byte) => total + byte, 0);
  put(block, sum.toString(8).padStart(6, "0") + "\0 ", 148, 8);
  return block;
}

/** One record of a pax header; its length counts itself. @param {string} key @param {string} value */
function record(key, value) {
  const rest = encoder.encode(` ${key}=${value}\n`).length;
  let length = rest + 1;
  while (String(length).length + rest !== length) length = String(length).length + rest;
  return `${length} ${key}=${value}\n`;
}

/** @param {number} size */
function padding(size) {
  return new Uint8Array((BLOCK - (size % BLOCK)) % BLOCK);
}

/** @param {string} path */
function isPlain(path) {
  return path.length <= 100 && /^[\x20-\x7e]*$/.test(path);
}

/**
 * @param {Member[]} members
 * @returns {Blob}
 */
export function tar(members) {
  /** @type {BlobPart[]} */
  const parts = [];
  for (const { path, file, isExecutable } of members) {
    const time = Math.floor(file.lastModified / 1000);
    if (!isPlain(path)) {
      const records = encoder.encode(record("path", path));
      parts.push(header("pax", records.length, 0o644, time, "x"), records, padding(records.length));
    }
    const short = isPlain(path) ? path : path.replace(/[^\x20-\x7e]/g, "_").slice(-100);
    parts.push(header(short, file.size, isExecutable ? 0o755 : 0o644, time, "0"), file, padding(file.size));
  }
  parts.push(new Uint8Array(2 * BLOCK));
  return new Blob(parts, { type: "application/x-tar" });
}
