// SPDX-License-Identifier: Apache-2.0
//
// The aggregator's token, where it wants one: asked for once, kept as long as the tab, sent as a header (and as the first
// message of the live feed). Never in an address.
import { text } from "./i18n.js";
import { element } from "./view.js";

const NAME = "darkscope-token";
const FORM = /^[\x21-\x7e]+$/; // what a header can carry
let token = "";
try {
  token = sessionStorage.getItem(NAME) ?? "";
  if (!FORM.test(token)) token = "";
} catch { /* no storage: asked for again when the page is loaded again */ }

export const getToken = () => token;

/** As fetch, with the token. Where it is wanted and wrong or missing, a person is asked.
 * @param {URL} url @param {RequestInit} [options] @returns {Promise<Response>} */
export async function fetchWithToken(url, options = {}) {
  for (;;) {
    const shown = token;
    const headers = shown ? { authorization: `Bearer ${shown}` } : undefined;
    const response = await fetch(url, { ...options, headers, credentials: "same-origin" });
    if (response.status !== 401) return response;
    if (shown === token) await askForToken(Boolean(shown));
    options.signal?.throwIfAborted();
  }
}

/** One question at a time, whoever needs the answer. @type {Promise<void> | null} */
let asked = null;

/** @param {boolean} wasWrong */
function askForToken(wasWrong) {
  asked ??= new Promise((resolve) => {
    const input = /** @type {HTMLInputElement} */ (element("input", {
      type: "password", name: "token", required: true, autocomplete: "current-password", size: 32,
    }));
    const dialog = /** @type {HTMLDialogElement} */ (element("dialog", { className: "token", "aria-label": text("signIn") },
      element("form", { method: "dialog" },
        element("h2", {}, text("signIn")),
        element("p", {}, text("signInHelp")),
        element("label", {}, text("token"), input),
        element("p", { className: "error", role: "alert" }, wasWrong ? text("tokenWrong") : ""),
        element("button", { type: "submit" }, text("signIn")))));
    dialog.addEventListener("cancel", (event) => event.preventDefault()); // there is nothing behind it
    dialog.addEventListener("close", () => dialog.showModal()); // nor at the second Escape
    dialog.querySelector("form")?.addEventListener("submit", (event) => {
      event.preventDefault();
      const entered = input.value.trim();
      if (!FORM.test(entered)) {
        /** @type {HTMLElement} */ (dialog.querySelector(".error")).textContent = text("tokenForm");
        return;
      }
      token = entered;
      try {
        sessionStorage.setItem(NAME, token);
      } catch { /* as above */ }
      dialog.remove();
      asked = null;
      resolve();
    });
    document.body.append(dialog);
    dialog.showModal();
    input.focus();
  });
  return asked;
}
