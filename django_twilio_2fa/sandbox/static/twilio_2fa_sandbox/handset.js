// Brings new messages in; without it the page refreshes by itself or by its link.
"use strict";

(function () {
  const box = document.getElementById("messages");
  const address = new URL(window.location.href);
  address.searchParams.set("fragment", "1");
  let shown = "";

  async function refresh() {
    try {
      const answer = await fetch(address, { headers: { Accept: "text/html" } });
      const html = answer.ok ? await answer.text() : shown;
      if (shown && html !== shown) box.innerHTML = html;
      shown = html;
    } catch {
      // The server is away for a moment; the next time will tell.
    }
    setTimeout(refresh, Number(box.dataset.refresh));
  }

  refresh();
})();
