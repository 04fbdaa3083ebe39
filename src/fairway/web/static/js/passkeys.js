// form[data-passkey="create" | "get"]: before it is sent, the browser is asked for a passkey; its answer goes along as
// "credential", and the server verifies it. What to ask comes from the address in data-options.

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!(form instanceof HTMLFormElement) || !form.dataset.passkey) return;
  const field = /** @type {HTMLInputElement} */ (form.elements.namedItem("credential"));
  if (field.value) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  if (form.dataset.asking) return;
  form.dataset.asking = "1";
  tell(form, "");
  ask(form)
    .then((answer) => {
      field.value = answer;
      form.requestSubmit(/** @type {HTMLElement | null} */ (event.submitter));
    })
    .catch((problem) => tell(form, problem instanceof Refused ? problem.message : form.dataset.stopped ?? ""))
    .finally(() => delete form.dataset.asking);
}, true);

// Back to a page that was left: what was answered works once.
addEventListener("pageshow", () => {
  for (const field of document.querySelectorAll("form[data-passkey] [name=credential]")) {
    /** @type {HTMLInputElement} */ (field).value = "";
  }
});

class Refused extends Error {}

/**
 * @param {HTMLFormElement} form
 * @returns {Promise<string>}
 */
async function ask(form) {
  if (!window.PublicKeyCredential) throw new Refused(form.dataset.none ?? "");
  const answer = await fetch(form.dataset.options ?? "", { method: "POST", body: new FormData(form), redirect: "error" });
  const asked = await answer.json();
  if (!answer.ok) throw new Refused(asked.error);
  const options = asked.publicKey;
  options.challenge = decoded(options.challenge);
  if (options.user) options.user.id = decoded(options.user.id);
  for (const one of [...(options.excludeCredentials ?? []), ...(options.allowCredentials ?? [])]) one.id = decoded(one.id);
  const found = form.dataset.passkey === "create"
    ? await navigator.credentials.create({ publicKey: options })
    : await navigator.credentials.get({ publicKey: options });
  return JSON.stringify(plain(/** @type {PublicKeyCredential} */ (found)));
}

/**
 * The browser's answer as JSON, as WebAuthn level 3 writes it; browsers of before 2025 have no toJSON.
 * @param {PublicKeyCredential} found
 */
function plain(found) {
  const given = /** @type {any} */ (found.response);
  /** @type {Record<string, string>} */
  const response = {};
  for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (given[name]) response[name] = encoded(given[name]);
  }
  return { id: found.id, rawId: encoded(found.rawId), type: found.type, response, clientExtensionResults: {} };
}

/** @param {string} text */
function decoded(text) {
  return Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (one) => one.charCodeAt(0));
}

/** @param {ArrayBuffer} bytes */
function encoded(bytes) {
  const text = btoa(String.fromCharCode(...new Uint8Array(bytes)));
  return text.replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

/**
 * @param {HTMLFormElement} form
 * @param {string} sentence
 */
function tell(form, sentence) {
  const place = /** @type {HTMLElement | null} */ (form.querySelector("[data-passkey-problem]"));
  if (!place) return;
  place.hidden = !sentence;
  const words = place.querySelector("span");
  if (words) words.textContent = sentence;
}
