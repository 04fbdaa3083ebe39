// Drop a folder, a zip or a tar; folders are packed here and sent with progress. Answers: 201 {"url"} or an error {"error"}.
import { isIgnoreFile, leaves, never, textOf } from "./ignore.js";
import { tar } from "./tar.js";
import { bytes, number, say } from "./words.js";

/** @typedef {import("./tar.js").Member} Member */

class Upload {
  /** @type {XMLHttpRequest | null} */ request = null;

  /** @param {HTMLFormElement} form */
  constructor(form) {
    const find = (/** @type {string} */ name) => /** @type {HTMLElement} */ (form.querySelector(`[data-upload-${name}]`));
    this.form = form;
    this.state = find("state");
    this.error = find("error");
    this.drop = /** @type {HTMLElement} */ (form.querySelector("[data-drop]"));
    this.bar = /** @type {HTMLProgressElement} */ (form.querySelector("progress"));
    this.find = find;
    /** @type {Map<string, string>} why each file or folder is not sent */
    this.skipped = new Map();
    find("folder").addEventListener("change", (event) => this.picked(/** @type {HTMLInputElement} */ (event.target)));
    find("file").addEventListener("change", (event) => this.one(/** @type {HTMLInputElement} */ (event.target).files?.[0]));
    find("cancel").addEventListener("click", () => { this.request?.abort(); this.rest(); });
    form.addEventListener("submit", (event) => event.preventDefault());
    this.listen();
    this.pickedEarly();
  }

  /** On a slow line a person has chosen before this script was there to hear of it. */
  pickedEarly() {
    const [folder, file] = ["folder", "file"].map((name) => /** @type {HTMLInputElement} */ (this.find(name)));
    if (folder.files?.length) this.picked(folder);
    else this.one(file.files?.[0]);
  }

  listen() {
    for (const name of ["dragenter", "dragover"]) this.drop.addEventListener(name, (event) => { event.preventDefault(); this.drop.classList.add("is-over"); });
    for (const name of ["dragleave", "drop"]) this.drop.addEventListener(name, () => this.drop.classList.remove("is-over"));
    this.drop.addEventListener("drop", (event) => { event.preventDefault(); this.dropped(event); });
    // a file dropped beside the field must not replace the page
    for (const name of ["dragover", "drop"]) addEventListener(name, (event) => event.preventDefault());
  }

  /** @param {DragEvent} event */
  async dropped(event) {
    const entries = [...(event.dataTransfer?.items ?? [])].map((item) => item.webkitGetAsEntry()).filter((entry) => entry !== null);
    if (entries.length !== 1) return this.fail(say("upload.many"));
    const entry = entries[0];
    if (entry.isFile) return this.one(await fileOf(/** @type {FileSystemFileEntry} */ (entry)));
    this.begin(entry.name, say("upload.packing"));
    const directory = /** @type {FileSystemDirectoryEntry} */ (entry);
    /** @type {Member[]} */
    const members = [];
    try {
      const inside = await entriesOf(directory);
      const words = inside.find(({ name, isFile }) => isFile && name === ".fairwayignore");
      const strong = words ? textOf(await (await fileOf(/** @type {FileSystemFileEntry} */ (words))).arrayBuffer()) : "";
      await this.walk(inside, "", strong, members);
    } catch {
      return this.fail(say("upload.failed"));
    }
    this.folder(entry.name, members);
  }

  /**
   * @param {FileSystemEntry[]} inside
   * @param {string} prefix
   * @param {string} strong
   * @param {Member[]} members
   */
  async walk(inside, prefix, strong, members) {
    const names = new Set(inside.map(({ name }) => prefix + name));
    for (const entry of inside) {
      const path = prefix + entry.name;
      const reason = never(path, entry.isDirectory, (file) => names.has(file), strong);
      if (reason) this.skipped.set(entry.isDirectory ? `${path}/` : path, reason);
      else if (entry.isFile) members.push({ path, file: await fileOf(/** @type {FileSystemFileEntry} */ (entry)) });
      else {
        const deeper = await entriesOf(/** @type {FileSystemDirectoryEntry} */ (entry));
        const again = never(path, true, (file) => deeper.some(({ name }) => `${path}/${name}` === file), strong);
        if (again) this.skipped.set(`${path}/`, again);
        else await this.walk(deeper, `${path}/`, strong, members);
      }
    }
  }

  /** @param {HTMLInputElement} input */
  async picked(input) {
    const files = [...(input.files ?? [])];
    if (!files.length) return this.fail(say("upload.empty"));
    const name = files[0].webkitRelativePath.split("/")[0];
    this.begin(name, say("upload.packing"));
    const all = files.map((file) => ({ path: file.webkitRelativePath.split("/").slice(1).join("/"), file }));
    const paths = new Set(all.map(({ path }) => path));
    try {
      const words = all.find(({ path }) => path === ".fairwayignore");
      const strong = words ? textOf(await words.file.arrayBuffer()) : "";
      await this.folder(name, all.filter(({ path }) => !this.isNever(path, paths, strong)));
    } catch {
      this.fail(say("upload.failed"));
    }
  }

  /** Whether a file, or a folder above it, is never sent. @param {string} path @param {Set<string>} paths @param {string} strong */
  isNever(path, paths, strong) {
    const parts = path.split("/");
    for (let end = 1; end <= parts.length; end += 1) {
      const [above, isFolder] = [parts.slice(0, end).join("/"), end < parts.length];
      const reason = never(above, isFolder, (file) => paths.has(file), strong);
      if (reason) this.skipped.set(isFolder ? `${above}/` : above, reason);
      if (reason) return true;
    }
    return false;
  }

  /**
   * @param {string} name
   * @param {Member[]} members
   */
  async folder(name, members) {
    try {
      members = await this.withoutIgnored(members);
    } catch {
      return this.fail(say("upload.failed"));
    }
    if (!members.length) return this.fail(say("upload.empty"));
    const skipped = this.find("skipped");
    skipped.hidden = !this.skipped.size;
    skipped.textContent = say("upload.skipped", told(this.skipped, members));
    try {
      await markExecutables(members);
    } catch {
      return this.fail(say("upload.failed"));
    }
    members.sort((a, b) => (a.path < b.path ? -1 : 1));
    this.send(tar(members), `${name}.tar`, name, say("upload.files", number.format(members.length), bytes(total(members))));
  }

  /** What the folder's own ignore files leave out is not sent. @param {Member[]} members */
  async withoutIgnored(members) {
    /** @type {Map<string, string>} */
    const texts = new Map();
    for (const { path, file } of members) if (isIgnoreFile(path)) texts.set(path, textOf(await file.arrayBuffer()));
    const isLeftOut = leaves(texts);
    return members.filter(({ path }) => {
      const file = isLeftOut(path);
      if (file) this.skipped.set(path, file);
      return !file;
    });
  }

  /** @param {File | undefined} file */
  one(file) {
    if (!file) return;
    this.begin(file.name, "");
    this.send(file, file.name, file.name.replace(/\.(zip|tar|tgz|tar\.\w+)$/i, ""), bytes(file.size));
  }

  /** @param {string} name @param {string} words */
  begin(name, words) {
    this.skipped.clear();
    this.error.hidden = true;
    this.drop.hidden = true;
    this.state.hidden = false;
    this.find("name").textContent = name;
    this.find("amount").textContent = "";
    this.find("words").textContent = words;
    this.bar.removeAttribute("value");
  }

  /**
   * @param {Blob} body
   * @param {string} filename
   * @param {string} name
   * @param {string} amount
   */
  send(body, filename, name, amount) {
    const most = Number(this.form.dataset.max);
    if (most && body.size > most) return this.fail(say("upload.too_big", bytes(most)));
    this.find("amount").textContent = amount;
    const data = new FormData();
    const token = this.form.querySelector("[name=csrfmiddlewaretoken]");
    if (token instanceof HTMLInputElement) data.set(token.name, token.value);
    data.set("name", name);
    data.set("archive", body, filename);
    const request = new XMLHttpRequest(); // fetch cannot tell how much it has sent
    this.request = request;
    request.open("POST", this.form.action);
    request.setRequestHeader("Accept", "application/json");
    request.upload.addEventListener("progress", (event) => this.progress(event));
    request.addEventListener("load", () => this.answered(request));
    request.addEventListener("error", () => this.fail(say("upload.failed")));
    request.send(data);
  }

  /** @param {ProgressEvent} event */
  progress(event) {
    this.bar.max = event.total;
    this.bar.value = event.loaded;
    this.find("words").textContent = event.loaded < event.total ? say("upload.sending", bytes(event.loaded), bytes(event.total)) : say("upload.checking");
  }

  /** @param {XMLHttpRequest} request */
  answered(request) {
    let answer = /** @type {{url?: string, error?: string}} */ ({});
    try { answer = JSON.parse(request.responseText); } catch { /* an answer that is not ours says nothing */ }
    if (request.status < 300 && answer.url) {
      const skipped = this.skipped.size ? this.find("skipped").textContent ?? "" : "";
      sessionStorage.setItem("left-out", JSON.stringify([new URL(answer.url, location.href).href, skipped]));
      location.assign(answer.url);
    } else this.fail(answer.error ?? say("upload.failed"));
  }

  /** @param {string} sentence */
  fail(sentence) {
    this.rest();
    this.error.hidden = false;
    const place = this.error.querySelector("div");
    if (place) place.textContent = sentence;
  }

  rest() {
    this.state.hidden = true;
    this.drop.hidden = false;
    for (const input of this.form.querySelectorAll("input[type=file]")) /** @type {HTMLInputElement} */ (input).value = "";
  }
}

/**
 * What is left out, by its reason: the first of them, and how many more. Of a folder that nothing is sent of, only the folder.
 * @param {Map<string, string>} skipped
 * @param {Member[]} members
 */
function told(skipped, members) {
  const open = new Set(members.flatMap(({ path }) => folders(path)));
  /** @type {Map<string, Set<string>>} */
  const reasons = new Map();
  for (const [path, reason] of skipped) {
    const names = reasons.get(reason) ?? new Set();
    reasons.set(reason, names.add(folders(path).find((folder) => !open.has(folder)) ?? path));
  }
  return [...reasons].sort().map(([reason, names]) => {
    const all = [...names].sort();
    const more = all.length - 5;
    const words = ["history", "litter", "again"].includes(reason) ? say(`upload.${reason}`) : reason;
    return `${all.slice(0, 5).join(", ")}${more > 0 ? ` + ${number.format(more)}` : ""} (${words})`;
  }).join("; ");
}

/** The folders above a path, from the top, each ending with a slash. @param {string} path */
function folders(path) {
  const parts = path.replace(/\/$/, "").split("/");
  return parts.slice(1).map((_, at) => `${parts.slice(0, at + 1).join("/")}/`);
}

/** @param {FileSystemDirectoryEntry} directory @returns {Promise<FileSystemEntry[]>} */
async function entriesOf(directory) {
  const reader = directory.createReader();
  const all = [];
  for (;;) {
    /** @type {FileSystemEntry[]} */
    const batch = await new Promise((resolve, reject) => reader.readEntries(resolve, reject)); // at most 100 at a time
    if (!batch.length) return all;
    all.push(...batch);
  }
}

/** @param {FileSystemFileEntry} entry @returns {Promise<File>} */
function fileOf(entry) {
  return new Promise((resolve, reject) => entry.file(resolve, reject));
}

/** @param {Member[]} members */
function total(members) {
  return members.reduce((sum, { file }) => sum + file.size, 0);
}

/** Browsers hide file modes: what begins with “#!” is a program. @param {Member[]} members */
async function markExecutables(members) {
  for (const member of members) {
    if (!/(^|\/)[^./]+$|\.(sh|py|rb|pl|js)$/.test(member.path) || member.file.size < 2) continue;
    const start = new Uint8Array(await member.file.slice(0, 2).arrayBuffer());
    member.isExecutable = start[0] === 0x23 && start[1] === 0x21;
  }
}

for (const form of document.querySelectorAll("form[data-upload]")) new Upload(/** @type {HTMLFormElement} */ (form));
