"""The state of a wizard in the session."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest

from ..process import session_data
from ..process.sealed import seal, unseal
from .kept_forms import is_stale

# The purpose for which the secret of a new device is sealed.
NEW_DEVICE = "new device"


def seal_secret(secret: dict[str, Any]) -> str:
    """Seal the secret of a new device, so that the session can store it."""
    return seal(secret, NEW_DEVICE)


class WizardState:
    """The entries that one mount of a wizard keeps in the session.

    Never store a token here, or a number or address in plain text. `changed` is called after each change.
    """

    def __init__(self, request: HttpRequest, mount: str, changed: Callable[[], None]) -> None:
        self.request = request
        self.mount = mount
        self.changed = changed
        self._entries: dict[str, Any] | None = None

    def get(self, name: str) -> Any:
        """Return an entry, or None."""
        if self._entries is None:
            found = session_data.read_part(self.request, "wizards").get(self.mount)
            self._entries = dict(found) if isinstance(found, dict) else {}
        return self._entries.get(name)

    def update(self, **changes: Any) -> None:
        """Change entries. None removes one. Write the session only if something is different."""
        self._entries = None
        self.changed()
        wizards = session_data.read_part(self.request, "wizards")
        held = wizards.get(self.mount)
        before = held if isinstance(held, dict) else {}
        entries = {k: v for k, v in {**before, **changes}.items() if v is not None}
        if entries == wizards.get(self.mount, {}):
            return
        # Empty parts are left out: URLs of devices that do not exist must not fill the session.
        wizards = {k: _fresh(v) for k, v in {**wizards, self.mount: entries}.items() if v}
        session_data.write(self.request, wizards=wizards)

    def clear(self, *names: str) -> None:
        """Remove entries."""
        self.update(**dict.fromkeys(names))

    @property
    def secret(self) -> dict[str, Any]:
        """The secret of the device that is being registered. Empty if there is none."""
        held = unseal(self.get("secret"), NEW_DEVICE)
        return held if isinstance(held, dict) else {}


def _fresh(entries: Any) -> Any:
    """Return a mount's entries without a form that was posted too long ago."""
    if isinstance(entries, dict) and "again" in entries and is_stale(entries["again"]):
        return {k: v for k, v in entries.items() if k != "again"}
    return entries
