// The pages work without it: it counts the cooldown down, goes on once a page need not wait any more, copies, sends a
// code once it is complete, and keeps a form from being sent twice.
"use strict";

(function () {
  const all = (selector, act) => document.querySelectorAll(selector).forEach(act);

  // For screen readers, once: a line that is there from the start.
  function say(what) {
    const line = document.querySelector("[data-says]");
    if (line) line.textContent = line.dataset[what] || "";
  }

  // A wait in words, in the page's language; in those of the server where the browser knows no others.
  function inWords(left, unit, words) {
    const [seconds, name] = unit;
    try {
      const language = document.documentElement.lang || "en";
      const told = new Intl.RelativeTimeFormat(language).format(Math.ceil(left / seconds), name);
      return "(" + told + ")";
    } catch (e) {
      return words.replace(/\d+/, Math.ceil(left / seconds));
    }
  }

  function countDown(button) {
    const text = button.querySelector("[data-countdown-text]");
    const words = text ? text.textContent : "";
    const wait = Number(button.dataset.countdown);
    const end = Date.now() + wait * 1000;
    // What the server has written it in.
    const unit = wait < 90 ? [1, "second"] : wait <= 89 * 60 ? [60, "minute"] : [3600, "hour"];

    function tick() {
      const left = Math.ceil((end - Date.now()) / 1000);
      button.disabled = left > 0;
      if (text) {
        text.hidden = left <= 0;
        text.textContent = inWords(Math.max(left, 0), unit, words);
      }
      if (left > 0) setTimeout(tick, 250);
      else if (!button.closest("[hidden]")) say(button.name === "action" ? "resend" : "fallback");
    }

    tick();
  }

  all("button[data-countdown]", function (button) {
    if (Number(button.dataset.countdown) > 0) countDown(button);
  });

  // What is offered to whoever has waited for a while.
  all("[data-reveal-after]", function (element) {
    setTimeout(function () {
      element.hidden = false;
      say("fallback");
    }, Number(element.dataset.revealAfter) * 1000);
  });

  // On the way back a browser fills in what was typed before: a code is typed anew.
  window.addEventListener("pageshow", function () {
    all("input[name=token]", function (input) {
      input.value = input.defaultValue;
    });
  });

  // The link of an error goes to its field, and leaves the address as it is.
  all("[data-summary] a", function (link) {
    link.addEventListener("click", function (event) {
      const field = document.getElementById(link.hash.slice(1));
      if (!field) return;
      event.preventDefault();
      field.focus();
    });
  });

  // A code that is complete is sent: typed, pasted, or filled in by the browser. Once: a wrong one is corrected.
  all("input[data-submit-when-full]", function (input) {
    const full = Number(input.dataset.submitWhenFull);
    let sent = false;
    input.addEventListener("input", function () {
      const digits = input.value.replace(/[\s-]/g, "");
      if (sent || digits.length !== full || !/^\p{Nd}+$/u.test(digits)) return;
      sent = true;
      input.form.requestSubmit();
    });
  });

  // Web OTP: a browser that can reads the code off the text message, if its owner agrees.
  all("form[data-web-otp]", function (form) {
    const input = form.querySelector("input[name=token]");
    // After a wrong code the message is an old one.
    if (!input || form.querySelector("[data-summary]") || !("OTPCredential" in window)) return;
    const stop = new AbortController();
    form.addEventListener("submit", () => stop.abort());
    navigator.credentials
      .get({ otp: { transport: ["sms"] }, signal: stop.signal })
      .then(function (found) {
        if (!found || input.value) return;
        input.value = found.code;
        input.dispatchEvent(new Event("input", { bubbles: true }));
      })
      // Refused, or typed meanwhile.
      .catch(() => {});
  });

  // The country follows a typed calling code. One of several with the same code stays if it is chosen.
  all("select[name=country_code]", function (select) {
    const number = select.form.querySelector("input[name=phone_number]");
    if (!number) return;
    const main = JSON.parse(select.dataset.mainCountries || "{}");
    const codes = [...select.options].map((option) => (option.text.match(/\(\+(\d+)\)/) || [])[1] || "");
    number.addEventListener("input", function () {
      const typed = number.value.replace(/[^\d+]/g, "").replace(/^00/, "+");
      if (!typed.startsWith("+")) return;
      const fits = (code) => code !== "" && typed.startsWith("+" + code);
      const longest = codes.filter(fits).reduce((a, b) => (b.length > a.length ? b : a), "");
      if (!longest || codes[select.selectedIndex] === longest) return;
      select.selectedIndex = codes.indexOf(longest);
      if (main[longest]) select.value = main[longest];
    });
  });

  function goOnOnceAnswered(form) {
    async function ask() {
      try {
        const answer = await fetch(form.dataset.waitsFor, { headers: { Accept: "application/json" } });
        const told = await answer.json();
        if (told.ready) return form.requestSubmit();
        if (told.over) return window.location.reload();
      } catch (e) {
        // No connection, or no answer of ours: the next one may be. The button is there all the same.
      }
      setTimeout(ask, 2000);
    }

    setTimeout(ask, 2000);
  }

  all("form[data-waits-for]", goOnOnceAnswered);

  all("button[data-print]", function (button) {
    button.hidden = false;
    button.addEventListener("click", () => window.print());
  });

  // What a button copies is the text of the element that it names, without its spaces. Of a list, a line for each.
  all("button[data-copy]", function (button) {
    const source = document.getElementById(button.dataset.copy);
    const told = document.getElementById(button.dataset.copy + "_copied");

    function text() {
      const parts = source.children.length ? [...source.children] : [source];
      return parts.map((part) => part.textContent.replace(/\s+/g, "")).join("\n");
    }

    function selectIt() {
      const range = document.createRange();
      range.selectNodeContents(source);
      const selection = window.getSelection();
      selection.removeAllRanges();
      selection.addRange(range);
    }

    button.hidden = false;
    button.addEventListener("click", async function () {
      told.textContent = "";
      try {
        await navigator.clipboard.writeText(text());
        told.textContent = told.dataset.copied;
      } catch (e) {
        // No clipboard, or not allowed: it is selected, for the person to copy.
        selectIt();
        told.textContent = told.dataset.selected;
      }
    });
  });

  // The form is marked, not the button disabled: a disabled button would not be posted.
  document.addEventListener("submit", function (event) {
    const form = event.target;
    if (form.dataset.sent || event.defaultPrevented) return event.preventDefault();
    form.dataset.sent = "1";
    const button = event.submitter || form.querySelector("button[type=submit]");
    if (button) button.setAttribute("aria-disabled", "true");
    say("busy");
  });

  // A page that the back button brings again may be sent again.
  window.addEventListener("pageshow", function () {
    all("form", function (form) {
      delete form.dataset.sent;
    });
    all("[aria-disabled]", (button) => button.removeAttribute("aria-disabled"));
    say("nothing");
  });
})();
