// form[data-confirm="name"]: sent only after the name was typed; it goes along as "confirm" and the server checks it again.
// With data-tick-name and data-tick-label the dialog has a box, ticked at first; it goes along as "yes" or "no".
import { clueOf, restore } from "./focus.js";

const dialog = /** @type {HTMLDialogElement | null} */ (document.querySelector("[data-confirm-dialog]"));
/** @type {{form: HTMLFormElement, submitter: HTMLElement | null, clue: import("./focus.js").Clue | null} | null} */
let pending = null;

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!(form instanceof HTMLFormElement) || !form.dataset.confirm || !dialog) return;
  if (form.elements.namedItem("confirm")) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  ask(form, event.submitter);
}, true);

/**
 * @param {HTMLFormElement} form
 * @param {HTMLElement | null} submitter
 */
function ask(form, submitter) {
  if (!dialog) return;
  pending = { form, submitter, clue: submitter ? clueOf(submitter) : null };
  const label = submitter?.textContent?.trim() || submitter?.getAttribute("aria-label") || "";
  const find = (/** @type {string} */ selector) => /** @type {HTMLElement} */ (dialog.querySelector(selector));
  find("h2").textContent = label;
  find("[data-confirm-consequence]").textContent = form.dataset.consequence ?? "";
  find("[data-confirm-name]").textContent = form.dataset.confirm ?? "";
  find("[data-confirm-go]").textContent = label;
  find("[data-confirm-tick]").hidden = !form.dataset.tickName;
  find("[data-confirm-tick] label").textContent = form.dataset.tickLabel ?? "";
  tick().checked = true;
  const input = /** @type {HTMLInputElement} */ (find("input"));
  input.value = "";
  check();
  dialog.showModal();
  input.focus();
}

function tick() {
  return /** @type {HTMLInputElement} */ (dialog?.querySelector("[data-confirm-tick] input"));
}

function check() {
  const input = dialog?.querySelector("input");
  const go = /** @type {HTMLButtonElement | null} */ (dialog?.querySelector("[data-confirm-go]") ?? null);
  if (go && input) go.disabled = !pending || input.value.trim() !== pending.form.dataset.confirm;
}

dialog?.addEventListener("input", check);
dialog?.querySelector("[data-confirm-cancel]")?.addEventListener("click", () => dialog.close());
dialog?.addEventListener("close", () => {
  if (pending?.clue) restore(pending.clue, pending.submitter); // the page may have been drawn anew meanwhile
  pending = null;
});
dialog?.querySelector("form")?.addEventListener("submit", (event) => {
  event.preventDefault();
  const input = dialog.querySelector("input");
  if (!pending || !input || input.value.trim() !== pending.form.dataset.confirm) return;
  const { form, submitter } = pending;
  send(form, "confirm", input.value.trim());
  if (form.dataset.tickName) send(form, form.dataset.tickName, tick().checked ? "yes" : "no");
  if (!form.isConnected) { // the page was drawn anew while the dialog was open; a browser sends nothing from outside it
    form.hidden = true;
    document.body.append(form);
  }
  pending = null;
  dialog.close();
  form.requestSubmit(/** @type {HTMLElement | null} */ (submitter));
});

/**
 * @param {HTMLFormElement} form
 * @param {string} name
 * @param {string} value
 */
function send(form, name, value) {
  const field = document.createElement("input");
  field.type = "hidden";
  field.name = name;
  field.value = value;
  form.append(field);
}
