// The keyboard's place on the page is never lost. Where what had the focus is replaced, hidden or taken away (a live fragment, a
// dialog, a row, a message), and where a form was sent, it goes on with the same thing, or the nearest heading.

/**
 * How to find something again on a page that was drawn anew: `what` finds it, best first, by its `words` among several;
 * `around` is what it lay in, nearest first.
 * @typedef {{what: string[], words: string, around: string[], isSeen: boolean}} Clue
 */

const PRESSABLE = "a[href], button, summary, input:not([type=hidden]), select, textarea, [tabindex]";
const KEY = "fairway-focus";
const FORGET_AFTER = 60000; // milliseconds; an answer that took longer is no longer about what was pressed

/** @type {{element: Element, clue: Clue} | null} */
let last = null;

/** @param {Element} element @returns {Clue} */
export function clueOf(element) {
  const around = [];
  for (let box = element.parentElement; box && box !== document.body; box = box.parentElement) {
    if (box.id) around.push(`#${CSS.escape(box.id)}`);
  }
  return { what: selectorsOf(element), words: wordsOf(element), around, isSeen: element.matches(":focus-visible") };
}

/** @param {Element} element */
function wordsOf(element) {
  return (element.getAttribute("aria-label") ?? element.textContent ?? "").trim().replace(/\s+/g, " ").slice(0, 200);
}

/** @param {Element} element @returns {string[]} the last of them finds everything of its kind */
function selectorsOf(element) {
  const tag = element.localName;
  const by = (/** @type {Element} */ one, /** @type {string} */ name) =>
    one.hasAttribute(name) ? `[${name}="${CSS.escape(one.getAttribute(name) ?? "")}"]` : "";
  const value = element.matches("button, [type=radio], [type=checkbox]") ? by(element, "value") : "";
  const itself = `${tag}${by(element, "href")}${by(element, "name")}${value}`;
  const found = element.id ? [`#${CSS.escape(element.id)}`] : [];
  const form = element.closest("form[method=post]");
  if (form) {
    const hidden = [...form.querySelectorAll("input[type=hidden][name]")].filter((one) => !/csrf|as_of|confirm/.test(one.getAttribute("name") ?? ""));
    const same = hidden.map((one) => `:has(> input${by(one, "name")}${by(one, "value")})`).join("");
    found.push(`form[method=post]${by(form, "action")}${same} ${itself}`);
  }
  return [...found, itself, tag];
}

/** Whether it can have the focus now. @param {Element | null} element @returns {element is HTMLElement | SVGElement} */
function isThere(element) {
  if (!(element instanceof HTMLElement || element instanceof SVGElement) || !element.isConnected || element.matches(":disabled")) return false;
  return element.checkVisibility ? element.checkVisibility({ visibilityProperty: true }) : element.getClientRects().length > 0;
}

/** @param {Element | null} element what it is inside of, when that is closed @returns {Element | null} */
function reachable(element) {
  if (!element || isThere(element)) return element;
  const closed = element.closest("details:not([open])");
  return closed?.querySelector(":scope > summary") ?? null;
}

/** @param {Clue} clue @returns {HTMLElement | SVGElement} the same, or its nearest neighbour, or the page itself */
function found(clue) {
  const boxes = clue.around.map((one) => document.querySelector(one)).filter((one) => one !== null);
  for (const place of [...boxes, document]) { // the same in the same place first: a page may have several
    for (const selector of clue.what) {
      const all = [...place.querySelectorAll(selector)];
      const same = all.map((one) => (wordsOf(one) === clue.words ? reachable(one) : null)).find(isThere);
      if (same) return same;
    }
  }
  for (const selector of clue.what.slice(0, -2)) { // it may say something else by now
    const other = reachable(document.querySelector(selector));
    if (isThere(other)) return other;
  }
  for (const box of boxes) {
    if (box.id === "main" || box instanceof HTMLDialogElement) continue;
    const near = [...box.querySelectorAll("h1, h2, h3"), ...box.querySelectorAll(PRESSABLE)].find(isThere);
    if (near) return near;
  }
  const title = document.querySelector("main h1");
  return isThere(title) ? title : /** @type {HTMLElement} */ (document.querySelector("main") ?? document.body);
}

/** Give the focus to what the clue is about, or its neighbour; to `itself` where it is still there. @param {Clue} clue @param {Element | null} [itself] */
export function restore(clue, itself = null) {
  const same = reachable(itself);
  const place = isThere(same) ? same : found(clue);
  if (!place.matches(PRESSABLE)) place.setAttribute("tabindex", "-1");
  place.focus(/** @type {FocusOptions} */ ({ focusVisible: clue.isSeen }));
}

function isLost() {
  return document.activeElement === null || document.activeElement === document.body;
}

function remember() {
  if (isLost() || !document.activeElement || document.activeElement.id === "main") return;
  const element = document.activeElement;
  last = { element, clue: clueOf(element) };
}

/** What had the focus is gone, and nothing took it over: people who left it by themselves are left alone. */
function look() {
  if (!last || !isLost() || isThere(last.element)) return;
  const { clue } = last;
  last = null;
  restore(clue);
  remember();
}

/** Before a form is sent: where the next page goes on. @param {SubmitEvent} event */
function keep(event) {
  const pressed = event.submitter ?? document.activeElement;
  if (event.defaultPrevented || !(pressed instanceof Element) || pressed === document.body) return;
  sessionStorage.setItem(KEY, JSON.stringify({ at: Date.now(), clue: clueOf(pressed) }));
}

/** After one was sent: the first field that is wrong, else what was pressed. Where a page says what comes first, that. */
function goOn() {
  const kept = sessionStorage.getItem(KEY);
  sessionStorage.removeItem(KEY);
  if (!kept || !isLost()) return;
  const { at, clue } = /** @type {{at: number, clue: Clue}} */ (JSON.parse(kept));
  if (Date.now() - at > FORGET_AFTER) return;
  const wrong = [...document.querySelectorAll("main [aria-invalid=true]")].find(isThere);
  if (wrong) wrong.focus();
  else restore(clue);
}

export function startFocus() {
  document.addEventListener("focusin", remember);
  document.addEventListener("pointerdown", (event) => {
    const pressed = event.target instanceof Element ? event.target.closest(PRESSABLE) : null;
    last = pressed ? { element: pressed, clue: clueOf(pressed) } : null; // a press beside everything leaves on purpose
  }, true);
  addEventListener("submit", keep);
  new MutationObserver(look).observe(document.body, { childList: true, subtree: true, attributes: true, attributeFilter: ["open", "hidden", "disabled"] });
  goOn();
}
