// The pages work without it: it counts the cooldown down, goes on once a page need not wait any more, copies, and
// keeps a form from being sent twice.
"use strict";

(function () {
  function countDown(button) {
    const text = button.querySelector("[data-countdown-text]");
    const end = Date.now() + Number(button.dataset.countdown) * 1000;
    const words = text ? text.textContent : "";
    // What they were written in: seconds, minutes or hours, as the server has it.
    const wait = Number(button.dataset.countdown);
    const unit = wait < 90 ? 1 : wait <= 89 * 60 ? 60 : 3600;

    function tick() {
      const left = Math.ceil((end - Date.now()) / 1000);
      button.disabled = left > 0;
      if (text) {
        text.hidden = left <= 0;
        text.textContent = words.replace(/\d+/, Math.ceil(left / unit));
      }
      if (left > 0) setTimeout(tick, 250);
    }

    tick();
  }

  document.querySelectorAll("button[data-countdown]").forEach(function (button) {
    if (Number(button.dataset.countdown) > 0) countDown(button);
  });

  // What is offered to whoever has waited for a while.
  document.querySelectorAll("[data-reveal-after]").forEach(function (element) {
    setTimeout(function () {
      element.hidden = false;
    }, Number(element.dataset.revealAfter) * 1000);
  });

  // On the way back a browser fills in what was typed before: a code is typed anew.
  window.addEventListener("pageshow", function () {
    document.querySelectorAll("input[name=token]").forEach(function (input) {
      input.value = input.defaultValue;
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

  document.querySelectorAll("form[data-waits-for]").forEach(goOnOnceAnswered);

  document.querySelectorAll("button[data-print]").forEach(function (button) {
    button.hidden = false;
    button.addEventListener("click", function () {
      window.print();
    });
  });

  // What a button copies is the text of the element that it names, without its spaces.
  document.querySelectorAll("button[data-copy]").forEach(function (button) {
    const source = document.getElementById(button.dataset.copy);
    const told = document.getElementById(button.dataset.copy + "_copied");

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
        await navigator.clipboard.writeText(source.textContent.replace(/\s+/g, ""));
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
    if (event.target.dataset.sent) event.preventDefault();
    event.target.dataset.sent = "1";
  });

  // A page that the back button brings again may be sent again.
  window.addEventListener("pageshow", function () {
    document.querySelectorAll("form").forEach(function (form) {
      delete form.dataset.sent;
    });
  });
})();
