// Small conveniences of forms: no double submit, filters that apply themselves, rows that can be added, answers of htmx that failed.
import { say } from "./words.js";
import { toast } from "./toasts.js";

// One press, one request: a second press of the same button while the first is on its way is ignored.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!(form instanceof HTMLFormElement) || form.method !== "post" || event.defaultPrevented) return;
  if (form.dataset.sent) return event.preventDefault();
  form.dataset.sent = "1";
  event.submitter?.setAttribute("aria-disabled", "true");
});
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) {
    form.removeAttribute("data-sent");
    for (const button of form.querySelectorAll("button[aria-disabled]")) button.removeAttribute("aria-disabled");
  }
});

// form[data-auto]: a filter form; empty fields stay out of the address.
document.addEventListener("change", (event) => {
  const form = event.target instanceof Element ? event.target.closest("form[data-auto]") : null;
  if (form instanceof HTMLFormElement) form.requestSubmit();
});
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!(form instanceof HTMLFormElement) || !form.matches("[data-auto]")) return;
  for (const field of form.elements) {
    if ((field instanceof HTMLInputElement || field instanceof HTMLSelectElement) && !field.value) field.disabled = true;
  }
});

// [data-add-row="template id"]: append a copy of the template to its table, with a fresh number for `__n__`.
document.addEventListener("click", (event) => {
  const target = event.target instanceof Element ? event.target : null;
  const add = target?.closest("[data-add-row]");
  if (add) addRow(add.getAttribute("data-add-row") ?? "");
  const drop = target?.closest("[data-drop-row]");
  if (drop) {
    const row = drop.closest("[data-row]");
    const next = row?.nextElementSibling ?? row?.previousElementSibling;
    const addAgain = row?.closest("[data-rows]")?.parentElement?.querySelector("[data-add-row]");
    row?.remove();
    /** @type {HTMLElement | null | undefined} */ (next?.querySelector("input, button") ?? addAgain)?.focus();
  }
  const reveal = target?.closest("[data-reveal]");
  if (reveal) {
    const place = document.getElementById(reveal.getAttribute("data-reveal") ?? "");
    if (place) {
      place.hidden = false;
      reveal.setAttribute("hidden", "");
      /** @type {HTMLElement | null} */ (place.matches("input") ? place : place.querySelector("input, textarea"))?.focus();
    }
  }
});

/** @param {string} id of the template */
function addRow(id) {
  const model = /** @type {HTMLTemplateElement | null} */ (document.getElementById(id));
  const place = model?.parentElement?.querySelector("[data-rows]");
  if (!model || !place) return;
  const number = Number(model.dataset.next ?? "0");
  model.dataset.next = String(number + 1);
  const count = model.parentElement?.querySelector("[data-row-count]");
  if (count instanceof HTMLInputElement) count.value = String(number + 1);
  const copy = document.importNode(model.content, true);
  for (const node of copy.querySelectorAll("*")) {
    for (const attribute of node.attributes) attribute.value = attribute.value.replaceAll("__n__", String(number));
  }
  place.append(copy);
  /** @type {HTMLElement | null | undefined} */ (place.lastElementChild?.querySelector("input, select"))?.focus();
}

document.addEventListener("htmx:responseError", () => toast(say("request.failed"), "error"));
document.addEventListener("htmx:sendError", () => toast(say("request.offline"), "error"));

// A variable marked secret is typed hidden; the address preview follows the name and the environment chosen.
document.addEventListener("change", (event) => {
  const box = event.target;
  if (!(box instanceof HTMLInputElement)) return;
  if (box.name.startsWith("secret-")) {
    box.closest("[data-row]")?.querySelector("textarea[name^=value-]")?.classList.toggle("veiled", box.checked);
  }
});
document.addEventListener("input", (event) => {
  const place = /** @type {HTMLElement | null} */ (document.querySelector("[data-address]"));
  if (!place || !(event.target instanceof HTMLInputElement)) return;
  if (event.target.name === "name") place.dataset.slug = slug(event.target.value);
  const chosen = document.querySelector("input[name=environment]:checked");
  place.textContent = (chosen?.getAttribute("data-host") ?? "").replace("%s", place.dataset.slug ?? "");
});

/** As fairway.shared.names.slug_from. @param {string} text */
function slug(text) {
  const plain = text.normalize("NFKD").replace(/[^\x00-\x7f]/g, "").toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-+|-+$/g, "");
  if (!plain) return "app";
  return (/^[a-z]/.test(plain) ? plain : `app-${plain}`).slice(0, 40).replace(/-+$/, "");
}
