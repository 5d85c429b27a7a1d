"""The verifications that a page may be about."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest

from .. import errors
from ..installed import get_providers
from ..models import Status, Verification
from ..verifier import Verifier
from .state import WizardState


class PendingVerifications:
    """Reads each verification once a request. `takes` says which ones the wizard is for."""

    def __init__(
        self,
        request: HttpRequest,
        verifier: Verifier,
        state: WizardState,
        takes: Callable[[Verification], bool],
    ) -> None:
        self.request = request
        self.verifier = verifier
        self.state = state
        self.takes = takes
        self._rows: dict[str, Verification] = {}

    def get(self, public_id: Any = None) -> Verification | None:
        """Return the pending verification with an id, or else the session's. None if it is over."""
        id = str(public_id or self.state.get("verification") or "")
        if not id:
            return None
        if id not in self._rows:
            try:
                self._rows[id] = self.verifier.get(id)
            except errors.VerificationNotFound:
                return None
        row = self._rows[id]
        usable = row.status == Status.PENDING and self.takes(row) and row.method in get_providers()
        return row if usable else None

    def posted(self) -> Verification | None:
        """Return the pending verification whose form was posted. Two tabs may have different ones."""
        id = self.request.POST.get("verification", "") if self.request.method == "POST" else ""
        return self.get(id) if id else None

    def known(self, public_id: Any) -> Verification | None:
        """Return a verification that this request has read, whatever has become of it."""
        return self._rows.get(str(public_id or ""))
