// What was left out of the folder that was just sent, said on the page that the upload led to (upload.js remembers it).

const kept = /** @type {string[]} */ (JSON.parse(sessionStorage.getItem("left-out") ?? "[]"));
const place = document.querySelector("[data-left-out]");
if (place instanceof HTMLElement && kept[0] === location.href && kept[1]) {
  place.textContent = kept[1];
  place.hidden = false;
}
