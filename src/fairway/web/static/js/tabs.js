// [role=tablist]: arrow keys move between tabs (WAI-ARIA tabs pattern). Tabs that are links need no script.

document.addEventListener("click", (event) => {
  const tab = event.target instanceof Element ? event.target.closest("[role=tab]") : null;
  if (tab instanceof HTMLElement) select(tab);
});

document.addEventListener("keydown", (event) => {
  const tab = event.target instanceof Element ? event.target.closest("[role=tab]") : null;
  if (!tab) return;
  const tabs = /** @type {HTMLElement[]} */ ([...(tab.closest("[role=tablist]")?.querySelectorAll("[role=tab]") ?? [])]);
  const at = tabs.indexOf(/** @type {HTMLElement} */ (tab));
  const next = { ArrowRight: at + 1, ArrowLeft: at - 1 + tabs.length, Home: 0, End: tabs.length - 1 }[event.key];
  if (next === undefined) return;
  event.preventDefault();
  const target = tabs[next % tabs.length];
  select(target);
  target.focus();
});

/** @param {HTMLElement} tab */
export function select(tab) {
  for (const other of tab.closest("[role=tablist]")?.querySelectorAll("[role=tab]") ?? []) {
    const isChosen = other === tab;
    other.setAttribute("aria-selected", String(isChosen));
    other.setAttribute("tabindex", isChosen ? "0" : "-1");
    const panel = document.getElementById(other.getAttribute("aria-controls") ?? "");
    if (panel) panel.hidden = !isChosen;
  }
  tab.dispatchEvent(new CustomEvent("fairway:tab", { bubbles: true }));
}
