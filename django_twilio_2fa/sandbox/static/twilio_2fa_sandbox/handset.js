// Brings new messages in; without it the page refreshes by itself or by its link.
"use strict";

(function () {
  const box = document.getElementById("messages");
  const news = document.getElementById("news");
  const address = new URL(window.location.href);
  address.searchParams.set("fragment", "1");
  let shown = "";

  const ids = (root) => [...root.querySelectorAll("[id]")].map((element) => element.id);

  // What stays keeps its place on the page, so that a selection in it stays, too: only what is new is put in.
  function update(html) {
    const made = document.createElement("template");
    made.innerHTML = html;
    const before = ids(box);
    const after = ids(made.content);
    const added = after.filter((id) => !before.includes(id)).length;
    const pairs = (selector) => [box, made.content].map((root) => [...root.querySelectorAll(selector)]);
    const [lists, newLists] = pairs("ol.messages");
    const [codes, newCodes] = pairs("[data-authenticator]");
    const same = lists.length === newLists.length && codes.length === newCodes.length;
    if (lists.length && same && before.every((id) => after.includes(id))) {
      codes.forEach((code, n) => (code.textContent = newCodes[n].textContent));
      const isNew = (item) => !ids(item).some((id) => before.includes(id));
      lists.forEach((list, n) => list.prepend(...[...newLists[n].children].filter(isNew)));
    } else {
      box.replaceChildren(made.content);
    }
    if (added) news.textContent = added === 1 ? "1 new message" : added + " new messages";
  }

  async function refresh() {
    try {
      const answer = await fetch(address, { headers: { Accept: "text/html" } });
      const html = answer.ok ? await answer.text() : shown;
      if (shown && html !== shown) update(html);
      shown = html;
    } catch {
      // The server is away for a moment; the next time will tell.
    }
    setTimeout(refresh, Number(box.dataset.refresh));
  }

  refresh();
})();
