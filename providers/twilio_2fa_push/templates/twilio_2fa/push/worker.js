// Show a notification when the site asks, and open the page of approvals from it.
"use strict";

self.addEventListener("push", function (event) {
  const told = event.data ? event.data.json() : {};
  const shown = { tag: told.tag, requireInteraction: true, data: { url: told.url } };
  event.waitUntil(self.registration.showNotification(told.title || "", shown));
});

self.addEventListener("notificationclick", function (event) {
  event.notification.close();
  const url = event.notification.data.url || self.registration.scope;

  async function open() {
    const windows = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
    const found = windows.find((window) => window.url === url);
    return found ? found.focus() : self.clients.openWindow(url);
  }

  event.waitUntil(open());
});
