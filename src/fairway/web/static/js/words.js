// The translated sentences of scripts; the page carries them as JSON (template tag script_words).

/** @type {Record<string, string>} */
const words = JSON.parse(document.getElementById("words")?.textContent || "{}");

/**
 * A sentence in the page's language. `%s` takes the first value; `%1`, `%2` take them by number.
 * @param {string} key
 * @param {...(string|number)} values
 * @returns {string}
 */
export function say(key, ...values) {
  return (words[key] ?? key).replace(/%(s|\d)/g, (_, which) => String(values[which === "s" ? 0 : Number(which) - 1] ?? ""));
}

/** Numbers as this language writes them. */
export const number = new Intl.NumberFormat(document.documentElement.lang || "en");

/**
 * Bytes in the largest unit that keeps a whole part; units of 1024, as the template tag `bytes`.
 * @param {number} size
 */
export function bytes(size) {
  let unit = 0;
  while (size >= 1024 && unit < 4) { size /= 1024; unit += 1; }
  const digits = unit === 0 || size >= 100 ? 0 : 1;
  return `${size.toLocaleString(document.documentElement.lang || "en", { maximumFractionDigits: digits, minimumFractionDigits: digits })} ${say("units").split(" ")[unit]}`;
}

/**
 * Say something to people who listen instead of look.
 * @param {string} text
 */
export function announce(text) {
  const place = document.querySelector("[data-announce]");
  if (place) place.textContent = text;
}

/**
 * @param {string} name of the sprite
 * @returns {SVGElement}
 */
export function icon(name) {
  const sprite = document.querySelector("[data-sprite]")?.getAttribute("data-sprite")
    ?? document.querySelector("svg.icon > use")?.getAttribute("href")?.split("#")[0] ?? "";
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `${sprite}#${name}`);
  svg.append(use);
  return svg;
}
