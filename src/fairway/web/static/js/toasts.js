// Messages at the edge of the window. Errors stay until they are closed.

const STAYS = 6000; // milliseconds; long enough to read two lines

/**
 * @param {string} text
 * @param {"info"|"success"|"warning"|"error"} [level]
 */
export function toast(text, level = "info") {
  const place = document.querySelector("[data-toasts]");
  const model = place?.querySelector("template");
  if (!place || !model) return;
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
  if (node.dataset.toast === "error") return;
  let timer = setTimeout(() => node.remove(), STAYS);
  node.addEventListener("pointerenter", () => clearTimeout(timer));
  node.addEventListener("focusin", () => clearTimeout(timer));
  node.addEventListener("pointerleave", () => { timer = setTimeout(() => node.remove(), STAYS); });
}

document.addEventListener("click", (event) => {
  const button = event.target instanceof Element ? event.target.closest("[data-toast-close]") : null;
  button?.closest(".toast")?.remove();
});
for (const node of document.querySelectorAll(".toast")) leaveLater(/** @type {HTMLElement} */ (node));
