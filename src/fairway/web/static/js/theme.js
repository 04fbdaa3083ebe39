// Light, dark, or as the system says. The choice is a cookie, so that the server draws the next page right at once.

/** @returns {string} "light", "dark" or "" */
function chosen() {
  return document.documentElement.dataset.theme ?? "";
}

/** @param {string} theme "light", "dark" or "" for the system's */
export function setTheme(theme) {
  if (theme) document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `fairway_theme=${theme}; Path=/; Max-Age=${theme ? 31536000 : 0}; SameSite=Lax${secure}`;
  mark();
}

function mark() {
  for (const button of document.querySelectorAll("[data-theme-set]")) {
    button.setAttribute("aria-pressed", String(button.getAttribute("data-theme-set") === chosen()));
  }
}

document.addEventListener("click", (event) => {
  const button = event.target instanceof Element && event.target.closest("[data-theme-set]");
  if (button) setTheme(button.getAttribute("data-theme-set") ?? "");
});
mark();
