// Messages at the edge of the window. What somebody has to know (errors, warnings, what is said only once) stays until it is
// closed; the rest leaves after a while, never under the pointer or the keyboard.

const STAYS = 6000; // milliseconds; long enough to read two lines
const LEAVES = "[data-toast=success]:not([data-stays]), [data-toast=info]:not([data-stays])";

/**
 * @param {string} text
 * @param {"info"|"success"|"warning"|"error"} [level]
 */
export function toast(text, level = "info") {
  const place = document.querySelector("[data-toasts]");
  const model = place?.querySelector("template");
  if (!place || !model) return;
  const shown = [...place.querySelectorAll("[data-toast]")].find((one) => one.querySelector("p")?.textContent === text);
  if (shown) return; // said already, and still there
  const node = model.content.firstElementChild?.cloneNode(true);
  if (!(node instanceof HTMLElement)) return;
  node.dataset.toast = level;
  if (level === "error") node.setAttribute("role", "alert");
  const tone = { error: "bad", warning: "warn", success: "ok", info: "" }[level];
  if (tone) node.dataset.tone = tone;
  const paragraph = node.querySelector("p");
  if (paragraph) paragraph.textContent = text;
  place.append(node);
  leaveLater(node);
}

/** @param {HTMLElement} node */
function leaveLater(node) {
  if (!node.matches(LEAVES)) return;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const wait = () => {
    clearTimeout(timer);
    timer = setTimeout(() => node.matches(":hover, :focus-within") ? wait() : node.remove(), STAYS);
  };
  for (const name of ["pointerenter", "focusin"]) node.addEventListener(name, () => clearTimeout(timer));
  for (const name of ["pointerleave", "focusout"]) node.addEventListener(name, wait);
  wait();
}

document.addEventListener("click", (event) => {
  const button = event.target instanceof Element ? event.target.closest("[data-toast-close]") : null;
  button?.closest(".toast")?.remove();
});
for (const node of document.querySelectorAll(".toast")) leaveLater(/** @type {HTMLElement} */ (node));
