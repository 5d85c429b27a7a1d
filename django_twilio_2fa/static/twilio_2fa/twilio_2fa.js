// The pages work without it: it counts the cooldown down, goes on once a page need not wait any more, copies, sends a
// code once it is complete, and keeps a form from being sent twice. What is swapped in later works as well.
"use strict";

(function () {
  const acts = [];

  // Act once on each element that fits, now or when it is swapped in.
  function each(selector, act) {
    const done = new WeakSet();
    function once(element) {
      if (done.has(element)) return;
      done.add(element);
      act(element);
    }
    acts.push([selector, once]);
    document.querySelectorAll(selector).forEach(once);
  }

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
      if (!button.isConnected) return;
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

  each("button[data-countdown]", function (button) {
    if (Number(button.dataset.countdown) > 0) countDown(button);
  });

  // What is offered to whoever has waited for a while.
  each("[data-reveal-after]", function (element) {
    setTimeout(function () {
      if (!element.isConnected) return;
      element.hidden = false;
      say("fallback");
    }, Number(element.dataset.revealAfter) * 1000);
  });

  // On the way back a browser fills in what was typed before: a code is typed anew.
  window.addEventListener("pageshow", function () {
    document.querySelectorAll("input[name=token]").forEach(function (input) {
      input.value = input.defaultValue;
    });
  });

  // The link of an error goes to its field, and leaves the address as it is.
  each("[data-summary] a", function (link) {
    link.addEventListener("click", function (event) {
      const field = document.getElementById(link.hash.slice(1));
      if (!field) return;
      event.preventDefault();
      field.focus();
    });
  });

  // A code that is complete is sent: typed, pasted, or filled in by the browser. Once: a wrong one is corrected.
  each("input[data-submit-when-full]", function (input) {
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
  let stop = new AbortController();
  each("form[data-web-otp]", function (form) {
    const input = form.querySelector("input[name=token]");
    // After a wrong code the message is an old one.
    if (!input || form.querySelector("[data-summary]") || !("OTPCredential" in window)) return;
    stop.abort(); // of a form that was swapped for this one
    stop = new AbortController();
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
  each("select[name=country_code]", function (select) {
    const number = select.form.querySelector("input[name=phone_number]");
    if (!number) return;
    const main = JSON.parse(select.dataset.mainCountries || "{}");
    const codes = [...select.options].map((option) => (option.text.match(/\+(\d+)\D*$/) || [])[1] || "");
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
      if (!form.isConnected) return;
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

  each("form[data-waits-for]", goOnOnceAnswered);

  each("button[data-print]", function (button) {
    button.hidden = false;
    button.addEventListener("click", () => window.print());
  });

  // What a button copies is the text of the element that it names, without its spaces. Of a list, a line for each.
  each("button[data-copy]", function (button) {
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

  // A form is sent once. It is marked, and the button not disabled: a disabled button would not be posted.
  function markSent(form, button) {
    form.dataset.sent = "1";
    button = button || form.querySelector("button[type=submit]");
    if (button) button.setAttribute("aria-disabled", "true");
    say("busy");
  }

  // What was sent may be sent again.
  function unmarkAll() {
    document.querySelectorAll("form[data-sent]").forEach((form) => delete form.dataset.sent);
    document.querySelectorAll("[aria-disabled]").forEach((button) => button.removeAttribute("aria-disabled"));
    say("nothing");
  }

  let submitter = null;
  document.addEventListener(
    "submit",
    function (event) {
      submitter = event.submitter;
      if (!event.target.dataset.sent) return;
      event.preventDefault();
      event.stopImmediatePropagation();
    },
    true,
  );
  document.addEventListener("submit", function (event) {
    if (!event.defaultPrevented) markSent(event.target, event.submitter);
  });
  // A page that the back button brings again.
  window.addEventListener("pageshow", unmarkAll);

  // htmx 2 and 4, whose events have different names: it sends forms and swaps pages where a site lets it.

  function on(names, act) {
    names.forEach((name) => document.addEventListener(name, act));
  }

  on(["htmx:beforeRequest", "htmx:before:request"], function (event) {
    if (event.target instanceof HTMLFormElement) markSent(event.target, submitter);
  });
  on(["htmx:error"], unmarkAll);
  // A page that says what is wrong is shown like any other.
  on(["htmx:beforeSwap"], function (event) {
    const told = event.detail;
    if (!told.boosted || told.xhr.status < 400) return;
    told.shouldSwap = true;
    told.isError = false;
  });
  // A page of ours may have ended since: the server says what is shown now.
  on(["htmx:historyCacheMiss", "htmx:before:history:restore"], function (event) {
    event.preventDefault();
    window.location.reload();
  });

  // The focus goes where the browser would have put it on a new page, or else to the heading, which is read out.
  function focusOnNew(page) {
    const first = page.querySelector("[autofocus]") || page.querySelector("h1");
    if (!first) return;
    if (first.matches("h1")) first.tabIndex = -1;
    first.focus();
  }

  function prepare(added) {
    for (const [selector, act] of acts) {
      if (added.matches(selector)) act(added);
      added.querySelectorAll(selector).forEach(act);
    }
    if (added.matches("main, body") || added.querySelector("main")) focusOnNew(added);
  }

  new MutationObserver(function (changes) {
    for (const change of changes) {
      for (const added of change.addedNodes) {
        if (added instanceof Element && added.isConnected) prepare(added);
      }
    }
  }).observe(document.documentElement, { childList: true, subtree: true });
})();
