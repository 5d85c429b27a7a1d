// Keep a key that cannot leave this browser, and sign with it: to register the browser, and to approve or deny.
"use strict";

(function () {
  const ALGORITHM = { name: "ECDSA", namedCurve: "P-256" };
  const SIGNING = { name: "ECDSA", hash: "SHA-256" };

  function say(what) {
    document.querySelectorAll("[data-push-says]").forEach(function (element) {
      element.hidden = element.dataset.pushSays !== what;
    });
  }

  // The number is shown, and signed, in ASCII. Keyboards of other scripts have digits of their own.
  function inASCII(text) {
    const isDigit = (code) => /\p{Nd}/u.test(String.fromCodePoint(code));
    return text.replace(/\p{Nd}/gu, function (digit) {
      const code = digit.codePointAt(0);
      let first = code;
      while (isDigit(first - 1)) first -= 1;
      return String((code - first) % 10);
    });
  }

  // The keys, by their public key

  function keys(mode, act) {
    return new Promise(function (resolve, reject) {
      const opening = indexedDB.open("twilio-2fa-push", 1);
      opening.onupgradeneeded = () => opening.result.createObjectStore("keys", { keyPath: "public_key" });
      opening.onerror = () => reject(opening.error);
      opening.onsuccess = function () {
        const transaction = opening.result.transaction("keys", mode);
        const request = act(transaction.objectStore("keys"));
        transaction.oncomplete = function () {
          opening.result.close();
          resolve(request.result);
        };
        transaction.onerror = transaction.onabort = () => reject(transaction.error);
      };
    });
  }

  const find = (publicKey) => keys("readonly", (store) => store.get(publicKey));
  const all = () => keys("readonly", (store) => store.getAll());
  const put = (kept) => keys("readwrite", (store) => store.put(kept));

  async function make() {
    const pair = await crypto.subtle.generateKey(ALGORITHM, false, ["sign", "verify"]);
    const publicKey = base64(await crypto.subtle.exportKey("spki", pair.publicKey));
    await put({ public_key: publicKey, private_key: pair.privateKey, factor: "" });
    return publicKey;
  }

  // Signatures

  function base64(buffer) {
    return btoa(String.fromCharCode(...new Uint8Array(buffer)));
  }

  function base64url(buffer) {
    return base64(buffer).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  }

  async function sign(kept, text) {
    return new Uint8Array(await crypto.subtle.sign(SIGNING, kept.private_key, new TextEncoder().encode(text)));
  }

  // An integer of DER: no needless zeros in front, and one where it would be negative otherwise.
  function integer(bytes) {
    let start = 0;
    while (start < bytes.length - 1 && bytes[start] === 0) start += 1;
    const digits = [...bytes.slice(start)];
    if (digits[0] > 127) digits.unshift(0);
    return [2, digits.length, ...digits];
  }

  // WebCrypto's signature is r and s, one after the other. Twilio takes a factor's in DER.
  function der(raw) {
    const body = [...integer(raw.slice(0, 32)), ...integer(raw.slice(32))];
    return new Uint8Array([48, body.length, ...body]);
  }

  async function jwt(kept, payload) {
    const encode = (value) => base64url(new TextEncoder().encode(JSON.stringify(value)));
    const text = encode({ typ: "JWT", alg: "ES256" }) + "." + encode(payload);
    return text + "." + base64url(await sign(kept, text));
  }

  async function post(href, values) {
    const answer = await fetch(href, {
      method: "POST",
      headers: { "Content-Type": "application/json", Accept: "application/json" },
      body: JSON.stringify(values),
    });
    return { status: answer.status, ...(await answer.json()) };
  }

  // Register: the page with the name, and the page that confirms

  function fillBeforeSubmit(form, field, fill, problem) {
    let busy = false;
    async function fillFirst(event) {
      if (field.value) return;
      event.preventDefault();
      // The form is not on its way: nothing else may send it, or take it for sent.
      event.stopImmediatePropagation();
      if (busy) return;
      busy = true;
      try {
        field.value = await fill();
      } catch (e) {
        say(problem);
      } finally {
        busy = false;
      }
      if (field.value) form.requestSubmit();
    }

    form.addEventListener("submit", fillFirst, { capture: true });
  }

  function register(field) {
    // On the way back a browser fills in the last key. Another one is made.
    window.addEventListener("pageshow", () => (field.value = ""));
    fillBeforeSubmit(field.form, field, make, "unsupported");
  }

  function confirm(form) {
    const asked = JSON.parse(form.dataset.ceremony);
    async function signed() {
      const kept = await find(asked.public_key);
      const signature = base64(der(await sign(kept, asked.sign)));
      await put({ ...kept, factor: asked.sign });
      return JSON.stringify({ signature: signature });
    }
    fillBeforeSubmit(form, form.elements.token, signed, "lost");
  }

  // Approve by itself, where the site allows it

  async function approveSilently(asked) {
    const kept = await find(asked.key);
    if (!kept) return;
    const payload = { ...asked.sign, status: "approved" };
    await post(asked.href, { answer: await jwt(kept, payload), number: asked.number });
  }

  // Approve or deny

  function approvals(page) {
    const list = page.querySelector("[data-push-requests]");
    const template = page.querySelector("[data-push-request]");
    const shown = new Map();
    let nonce = page.dataset.nonce;
    let last = "";

    async function tell(values) {
      const told = await post(page.dataset.answer, values);
      nonce = told.nonce || nonce;
      return told;
    }

    function close(id, says) {
      const element = shown.get(id);
      if (element) element.remove();
      shown.set(id, null);
      last = says;
      say(says);
    }

    function show(asked, kept) {
      const form = template.content.cloneNode(true).querySelector("form");
      const field = form.elements.number;
      const error = form.querySelector("[data-push-error]");
      const details = form.querySelector("[data-push-details]");
      field.id = "number-" + asked.id;
      error.id = "error-" + asked.id;
      field.setAttribute("aria-describedby", error.id);
      form.querySelector("[data-push-label]").htmlFor = field.id;
      form.querySelector("[data-push-message]").textContent = asked.message;
      asked.details.forEach(function (detail) {
        const term = document.createElement("dt");
        const value = document.createElement("dd");
        term.textContent = detail.label;
        value.textContent = detail.value;
        details.append(term, value);
      });

      function complain(text) {
        error.textContent = text;
        error.hidden = !text;
        field.classList.toggle("is-invalid", Boolean(text));
        field.setAttribute("aria-invalid", String(Boolean(text)));
        if (text) field.focus();
      }

      let busy = false;
      async function answer(act) {
        if (busy) return;
        busy = true;
        complain("");
        try {
          const told = await act();
          if (told.status === "approved" || told.status === "denied") close(asked.id, told.status);
          else if (told.error_code === "approval_denied") close(asked.id, "denied");
          else if (told.error_code === "verification_expired") close(asked.id, "over");
          else complain(told.display || error.dataset.failed);
        } catch (e) {
          complain(error.dataset.failed);
        } finally {
          busy = false;
        }
      }

      async function approve() {
        const number = inASCII(field.value.trim());
        const hidden = { hidden_details: { number: number } };
        const payload = { ...asked.sign, ...(asked.hides ? hidden : {}), status: "approved" };
        return tell({ answer: await jwt(kept, payload), number: number });
      }

      async function deny() {
        const told = await tell({ answer: await jwt(kept, { ...asked.sign, status: "denied" }) });
        // It is denied. What Twilio wants to have signed holds the number as well, which is told only now.
        if (told.sign) await tell({ answer: await jwt(kept, { ...told.sign, status: "denied" }) }).catch(() => {});
        return told;
      }

      form.addEventListener("submit", function (event) {
        event.preventDefault();
        event.stopPropagation();
        if (field.value.trim()) answer(approve);
        else complain(error.dataset.empty);
      });
      form.querySelector("[data-push-deny]").addEventListener("click", () => answer(deny));
      shown.set(asked.id, form);
      list.append(form);
      return form;
    }

    // Notifications, where the site sends them

    const offer = page.querySelector("[data-push-notify]");
    const canNotify = page.dataset.vapid && "serviceWorker" in navigator && "PushManager" in window;

    function decode(text) {
      return Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
    }

    async function subscribe() {
      if ((await Notification.requestPermission()) !== "granted") throw new Error("not allowed");
      await navigator.serviceWorker.register(page.dataset.worker);
      const worker = await navigator.serviceWorker.ready;
      const key = decode(page.dataset.vapid);
      const options = { userVisibleOnly: true, applicationServerKey: key };
      const subscription = (await worker.pushManager.subscribe(options)).toJSON();
      for (const kept of (await all()).filter((kept) => kept.factor)) {
        const proof = await jwt(kept, { factor: kept.factor, nonce: nonce, subscription: subscription });
        const told = await post(page.dataset.subscribe, { proof: proof });
        nonce = told.nonce || nonce;
        if (told.notified) offer.hidden = true;
      }
      if (!offer.hidden) throw new Error("refused");
    }

    offer.querySelector("button").addEventListener("click", function () {
      const failed = offer.querySelector("[data-push-notify-failed]");
      failed.hidden = true;
      subscribe().catch(() => (failed.hidden = false));
    });

    async function ask() {
      const mine = (await all()).filter((kept) => kept.factor);
      const found = new Set();
      let known = 0;
      let others = 0;
      for (const kept of mine) {
        const told = await post(page.dataset.pending, { proof: await jwt(kept, { factor: kept.factor, nonce: nonce }) });
        nonce = told.nonce || nonce;
        if (told.error_code === "twilio_rate_limited") throw new Error("too many");
        if (told.error_code === "user_not_allowed") others += 1;
        if (told.error_code === "stale_nonce") known += 1;
        if (!told.requests) continue;
        known += 1;
        if (canNotify && !told.notified) offer.hidden = false;
        for (const asked of told.requests) {
          found.add(asked.id);
          if (shown.has(asked.id)) continue;
          last = "";
          const form = show(asked, kept);
          if (list.children.length === 1) form.elements.number.focus();
        }
      }
      for (const [id, form] of shown) if (form && !found.has(id)) close(id, "over");
      if (list.children.length) say(last);
      else say(last || (known ? "nothing" : others ? "other" : "unknown"));
      // Nobody knows its keys: a tab that is left open does not have to ask that often.
      return mine.length && !known && !others ? 30000 : 3000;
    }

    async function again() {
      if (!page.isConnected) return;
      let wait = 3000;
      try {
        wait = await ask();
      } catch (e) {
        // No connection, or no answer of ours.
        say(e instanceof DOMException ? "unsupported" : "offline");
      }
      setTimeout(again, wait);
    }

    again();
  }

  const field = document.querySelector("input[name=public_key]");
  const form = document.querySelector("form[data-ceremony]");
  const silent = document.getElementById("twilio-2fa-push-silent");
  const page = document.querySelector("[data-push-approvals]");

  if (!window.isSecureContext || !window.crypto.subtle || !window.indexedDB) {
    say(window.isSecureContext ? "unsupported" : "insecure");
    return;
  }
  if (field) register(field);
  else if (form) confirm(form);
  else if (silent) approveSilently(JSON.parse(silent.textContent)).catch(() => {});
  else if (page) approvals(page);
})();
