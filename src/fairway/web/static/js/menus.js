// Menus are <details>: they open without scripts. This closes them as people expect: outside, Escape, another one opened.

/** @param {Element | null} [except] */
function closeAll(except = null) {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (menu !== except && !menu.contains(except)) menu.removeAttribute("open");
  }
}

document.addEventListener("click", (event) => {
  const inside = event.target instanceof Element ? event.target.closest("details.menu") : null;
  closeAll(inside);
});

document.addEventListener("keydown", (event) => {
  const open = document.querySelector("details.menu[open]");
  if (!open) return;
  if (event.key === "Escape") {
    open.removeAttribute("open");
    open.querySelector("summary")?.focus();
  } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    const items = /** @type {HTMLElement[]} */ ([...open.querySelectorAll(".float-item")]);
    if (!items.length || !open.contains(document.activeElement)) return;
    event.preventDefault();
    const at = items.indexOf(/** @type {HTMLElement} */ (document.activeElement));
    items[(at + (event.key === "ArrowDown" ? 1 : items.length - (at < 0 ? 0 : 1))) % items.length].focus();
  }
});

// A menu near the window's left edge would leave it: open it to the other side.
document.addEventListener("toggle", (event) => {
  const menu = event.target;
  if (!(menu instanceof HTMLDetailsElement) || !menu.open || !menu.matches(".menu")) return;
  const float = menu.querySelector(":scope > .float");
  if (!float) return;
  float.classList.remove("from-start", "up");
  const box = float.getBoundingClientRect();
  if (box.left < 8) float.classList.add("from-start");
  if (box.bottom > innerHeight - 8 && box.height < menu.getBoundingClientRect().top) float.classList.add("up");
}, true);
