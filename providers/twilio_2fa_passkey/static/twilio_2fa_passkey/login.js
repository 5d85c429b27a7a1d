// Log in with a passkey: by the button, or by picking one among what the browser fills in as user name.
"use strict";

(function () {
  const passkey = window.twilio2faPasskey;
  const box = document.querySelector("[data-passwordless]");
  const form = box && box.closest("form");
  if (!passkey || !form) return;
  const button = box.querySelector("[data-passwordless-button]");
  const SOON = 30; // seconds before what was asked is over
  let waiting = null; // ends the request that waits for a passkey to be picked
  let timer = 0;
  let sent = false;

  function say(what) {
    box.querySelectorAll("[data-passwordless-says]").forEach(function (element) {
      element.hidden = element.dataset.passwordlessSays !== what;
    });
  }

  async function begin() {
    const body = new URLSearchParams({ passwordless: "begin" });
    const token = form.elements.csrfmiddlewaretoken;
    if (token) body.set("csrfmiddlewaretoken", token.value);
    // Not form.action, which a field of that name would hide.
    const response = await fetch(form.getAttribute("action") || window.location.href, {
      method: "POST",
      body: body,
      headers: { Accept: "application/json" },
      credentials: "same-origin",
    });
    if (!response.ok || response.redirected) throw new Error("refused");
    return response.json();
  }

  function send(asked, credential) {
    if (sent) return;
    sent = true;
    clearTimeout(timer);
    form.elements.passwordless.value = asked.id;
    form.elements.passwordless_answer.value = passkey.asJSON(credential);
    // The fields for the password need not be filled in: the browser's own check is left out.
    HTMLFormElement.prototype.submit.call(form);
  }

  function stopWaiting() {
    clearTimeout(timer);
    if (waiting) waiting.abort();
    waiting = null;
  }

  // Offer passkeys among what the browser fills in, where it can.
  async function offer() {
    const able = window.PublicKeyCredential.isConditionalMediationAvailable;
    if (!able || !(await able.call(window.PublicKeyCredential))) return;
    stopWaiting();
    const mine = new AbortController();
    waiting = mine;
    try {
      const asked = await begin();
      if (waiting !== mine) return;
      timer = setTimeout(renew, Math.max(1, asked.expires_in - SOON) * 1000);
      const more = { mediation: "conditional", signal: mine.signal };
      const credential = await passkey.get(asked.ceremony.publicKey, more);
      if (credential && waiting === mine) send(asked, credential);
    } catch (e) {
      // Nobody has asked for it: the button says what is wrong.
    }
  }

  // What was asked is nearly over. A page that nobody looks at waits until somebody does.
  function renew() {
    if (!document.hidden) offer();
    else document.addEventListener("visibilitychange", renew, { once: true });
  }

  async function use() {
    stopWaiting();
    button.disabled = true;
    say("waiting");
    try {
      const asked = await begin();
      send(asked, await passkey.get(asked.ceremony.publicKey, {}));
    } catch (e) {
      // A canceled dialog and one that took too long have the same name.
      say(e.name === "NotAllowedError" || e.name === "AbortError" ? "canceled" : "failed");
      button.disabled = false;
      button.focus();
      offer();
    }
  }

  const problem = passkey.problem();
  if (problem) {
    say(problem);
    return;
  }
  button.hidden = false;
  button.addEventListener("click", use);
  // Back from another page: what was sent is over.
  window.addEventListener("pageshow", function (event) {
    if (!event.persisted) return;
    sent = button.disabled = false;
    form.elements.passwordless.value = form.elements.passwordless_answer.value = "";
    say("");
    offer();
  });
  // A password that is sent while a passkey could be picked goes alone.
  form.addEventListener("submit", stopWaiting);
  offer();
})();
