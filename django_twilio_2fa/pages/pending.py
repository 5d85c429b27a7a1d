"""The verifications that a page may be about."""

from __future__ import annotations

from typing import Any

from .. import errors
from ..installed import get_providers
from ..models import Status, Verification
from .step import Wizard


class PendingVerifications:
    """Reads each verification once a request."""

    def __init__(self, wizard: Wizard) -> None:
        self.wizard = wizard
        self._rows: dict[str, Verification] = {}

    def get(self, public_id: Any = None) -> Verification | None:
        """Return the pending verification with an id, or else the session's. None if it is over."""
        id = str(public_id or self.wizard.state.get("verification") or "")
        if not id:
            return None
        if id not in self._rows:
            try:
                self._rows[id] = self.wizard.verifier.get(id)
            except errors.VerificationNotFound:
                return None
        row = self._rows[id]
        if row.status != Status.PENDING or not self.wizard.takes(row):
            return None
        methods = self.wizard.methods
        allowed = methods is None or row.method in methods
        return row if allowed and row.method in get_providers() else None

    def posted(self) -> Verification | None:
        """Return the pending verification whose form was posted. Two tabs may have different ones."""
        request = self.wizard.request
        id = request.POST.get("verification", "") if request.method == "POST" else ""
        return self.get(id) if id else None

    def known(self, public_id: Any) -> Verification | None:
        """Return a verification that this request has read, whatever has become of it."""
        return self._rows.get(str(public_id or ""))
