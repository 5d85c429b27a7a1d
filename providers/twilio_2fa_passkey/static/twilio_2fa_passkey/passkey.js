// Ask the browser for a passkey when the form is sent, and send its answer along.
"use strict";

(function begin() {
  const passkey = window.twilio2faPasskey;
  const form = document.querySelector("form[data-ceremony]");
  if (!passkey) return document.addEventListener("twilio-2fa-passkey", begin, { once: true });
  if (!form) return;
  const options = JSON.parse(form.dataset.ceremony).publicKey;
  const button = form.querySelector("button[type=submit]");

  function say(what) {
    document.querySelectorAll("[data-passkey-says]").forEach(function (element) {
      element.hidden = element.dataset.passkeySays !== what;
    });
  }

  // A canceled dialog and one that took too long have the same name.
  const PROBLEMS = { NotAllowedError: "canceled", AbortError: "canceled", InvalidStateError: "known" };
  let busy = false;

  async function answer() {
    busy = true;
    say("waiting");
    try {
      const credential = await (options.user ? passkey.create(options) : passkey.get(options, {}));
      form.elements.token.value = passkey.asJSON(credential);
    } catch (e) {
      say(PROBLEMS[e.name] || "failed");
      button.focus();
      return;
    } finally {
      busy = false;
    }
    form.requestSubmit();
  }

  const problem = passkey.problem();
  if (problem) {
    say(problem);
    button.hidden = true;
    return;
  }

  function answerFirst(event) {
    if (form.elements.token.value) return;
    event.preventDefault();
    // The form is not on its way: nothing else may send it, or take it for sent.
    event.stopImmediatePropagation();
    if (!busy) answer();
  }

  form.addEventListener("submit", answerFirst, { capture: true });
  // Before this, the form is posted without a passkey.
  form.dataset.ready = "";
})();
