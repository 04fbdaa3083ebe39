// [data-copy]: a button that copies its value and says so.
import { announce, icon, say } from "./words.js";
import { toast } from "./toasts.js";

/**
 * @param {string} text
 * @returns {Promise<boolean>} whether it is on the clipboard now
 */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyBySelection(text); // pages served over plain HTTP have no clipboard API
  }
}

/** @param {string} text */
function copyBySelection(text) {
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "sr";
  document.body.append(area);
  area.select();
  const isDone = document.execCommand("copy");
  area.remove();
  return isDone;
}

document.addEventListener("click", async (event) => {
  const button = event.target instanceof Element ? event.target.closest("[data-copy]") : null;
  if (!button) return;
  event.preventDefault();
  const isDone = await copy(button.getAttribute("data-copy") ?? "");
  if (!isDone) return toast(say("copy.failed"), "warning");
  announce(say("copied"));
  const drawing = button.querySelector(".icon");
  if (!drawing) return;
  const check = icon("check");
  drawing.replaceWith(check);
  setTimeout(() => check.replaceWith(drawing), 1500);
});
