// The whole flow over the API, in plain JavaScript.
"use strict";

(function () {
  const main = document.getElementById("api");
  const api = main.dataset.api.replace(/send\/$/, "");
  const cookie = () => (document.cookie.match(/csrftoken=([^;]+)/) || [])[1] || "";

  async function ask(path, values) {
    const options = values === undefined ? {} : { method: "POST", body: JSON.stringify(values) };
    options.headers = { "Content-Type": "application/json", "X-CSRFToken": cookie() };
    const answer = await fetch(path, options);
    return { ok: answer.ok, ...(await answer.json()) };
  }

  function element(tag, text, attributes) {
    const made = Object.assign(document.createElement(tag), attributes || {});
    made.textContent = text;
    return made;
  }

  function show(...children) {
    main.replaceChildren(...children);
    const first = main.querySelector("input, button");
    if (first) first.focus();
  }

  function form(label, type, button, act) {
    const made = document.createElement("form");
    const field = element("input", "", { id: "value", type: type, required: type === "tel", className: "form-control" });
    field.autocomplete = type === "tel" ? "tel" : "one-time-code";
    field.inputMode = type === "tel" ? "tel" : "numeric";
    const wrong = element("p", "", { className: "text-danger", id: "value-error" });
    wrong.setAttribute("role", "alert");
    field.setAttribute("aria-describedby", wrong.id);
    made.append(element("label", label, { htmlFor: "value", className: "form-label" }), field, wrong);
    made.append(element("button", button, { className: "btn btn-primary" }));
    made.addEventListener("submit", async function (event) {
      event.preventDefault();
      const told = await act(field.value);
      if (told.ok) return;
      wrong.textContent = told.display + triesLeft(told);
      field.classList.add("is-invalid");
      field.setAttribute("aria-invalid", "true");
      field.focus();
    });
    return made;
  }

  function triesLeft(told) {
    const left = told.data ? told.data.attempts_left : undefined;
    if (left === undefined) return "";
    return left === 1 ? " You can try 1 more time." : ` You can try ${left} more times.`;
  }

  function link(text, act) {
    const made = element("button", text, { type: "button", className: "btn btn-link" });
    made.addEventListener("click", act);
    return made;
  }

  // A passkey is asked for, or made, by the browser, and its answer goes back as it is.
  function answer(sent) {
    const asked = sent.ceremony.publicKey;
    const made = Boolean(asked.user);
    const wrong = element("p", "", { className: "text-danger" });
    wrong.setAttribute("role", "alert");
    const button = element("button", made ? "Create it" : "Use it", { className: "btn btn-primary" });
    button.addEventListener("click", async function () {
      let credential;
      try {
        credential = made
          ? await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(asked) })
          : await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(asked) });
      } catch (e) {
        wrong.textContent = "Your browser has no passkey for us. Try again.";
        return;
      }
      const answered = { verification_id: sent.verification_id, answer: credential.toJSON() };
      const told = await ask(`${api}verify/`, answered);
      if (told.ok) await finish(told.display);
      else start(told.display);
    });
    show(element("p", sent.display), wrong, button);
  }

  // `again` sends the code again. Not there for a number that is being registered.
  function enter(sent, again) {
    if (sent.ceremony) return answer(sent);
    // Too soon for another, or nobody knows whether it went out: the code may be here all the same.
    const id = sent.verification_id || sent.data.verification_id;
    if (!id) return start(sent.display);
    show(
      element("p", sent.display),
      form("Code", "text", "Verify", async function (code) {
        const told = await ask(`${api}verify/`, { verification_id: id, code: code });
        if (told.ok) await finish(told.display);
        else if (told.blocking) start(told.display);
        return told;
      }),
      ...(again ? [link("Send the code again", async () => enter(await again(), again))] : []),
      link("Try another way", () => start()),
      link("Cancel this check", async function () {
        await ask(`${api}cancel/`, { verification_id: id });
        start();
      })
    );
  }

  async function finish(display) {
    const secret = await ask(main.dataset.secret);
    const done = element("p", display, { tabIndex: -1 });
    show(done, element("p", secret.secret, { id: "secret", className: "lead" }));
    done.focus();
  }

  async function start(display) {
    const told = await ask(`${api}verification-methods/`);
    const methods = Object.values(told.verification_methods || {});
    const buttons = methods.map(function (method) {
      const button = element("button", `${method.label} ${method.obfuscated}`, { className: "btn btn-outline-primary" });
      const send = () => ask(`${api}send/`, { method: method.value });
      button.addEventListener("click", async () => enter(await send(), send));
      return button;
    });
    if (!methods.length) {
      const passkey = element("button", "Create a passkey", { className: "btn btn-outline-primary" });
      passkey.addEventListener("click", async () => enter(await ask(`${api}register/`, { method: "passkey" })));
      buttons.push(
        form("Phone number, with + and the country", "tel", "Send code", async function (number) {
          const sent = await ask(`${api}set-phone-number/`, { phone_number: number });
          if (sent.ok) enter(sent);
          return sent;
        }),
        passkey
      );
    }
    show(element("p", display || (methods.length ? "How do you want to get your code?" : "Set up how you get codes")), ...buttons);
  }

  // The password first. Whoever need not verify, or is remembered in this browser, is signed in at once.
  function signIn() {
    const made = document.createElement("form");
    const fields = ["username", "password"].map(function (name) {
      const field = element("input", "", { id: name, name: name, required: true, className: "form-control" });
      field.type = name === "password" ? "password" : "text";
      field.autocomplete = name === "password" ? "current-password" : "username";
      made.append(element("label", name === "password" ? "Password" : "Username", { htmlFor: name, className: "form-label mt-2" }), field);
      return field;
    });
    const wrong = element("p", "", { className: "text-danger" });
    wrong.setAttribute("role", "alert");
    made.append(wrong, element("button", "Sign in", { className: "btn btn-primary" }));
    made.addEventListener("submit", async function (event) {
      event.preventDefault();
      const values = Object.fromEntries(fields.map((field) => [field.name, field.value]));
      const told = await ask(main.dataset.login, values);
      if (told.ok || told.error_code === "two_factor_required") await start();
      else wrong.textContent = told.detail;
    });
    show(element("p", "Sign in to try the demo."), made);
  }

  if (main.dataset.user) start();
  else signIn();
})();
