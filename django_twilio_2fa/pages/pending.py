"""The verifications that a page can show."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest

from .. import errors
from ..models.verifications import Status, Verification
from ..providers.installed import get_providers
from .state import WizardState


class PendingVerifications:
    """The verifications of a request. Each is read once.

    `find`: the verifier's `get`. `takes`: returns whether a verification belongs to this
    wizard.
    """

    def __init__(
        self,
        request: HttpRequest,
        find: Callable[[str], Verification],
        state: WizardState,
        takes: Callable[[Verification], bool],
    ) -> None:
        self.request = request
        self._find = find
        self.state = state
        self.takes = takes
        self._rows: dict[str, Verification] = {}
        self._others: set[str] = set()

    def get(self, public_id: Any = None) -> Verification | None:
        """Return the pending verification with an id, or else the session's. None if it has ended."""
        id = str(public_id or self.state.get("verification") or "")
        if not id:
            return None
        if id not in self._rows:
            try:
                row = self._rows[id] = self._find(id)
            except errors.VerificationNotFound:
                return None
            if not (self.takes(row) and row.method in get_providers()):
                self._others.add(id)
        row = self._rows[id]
        return row if row.status == Status.PENDING and id not in self._others else None

    def add(self, row: Verification) -> None:
        """Keep a verification that this request has begun, so that it is not read again."""
        self._rows[str(row.public_id)] = row

    def posted(self) -> Verification | None:
        """Return the pending verification whose form was posted. Two tabs may have different ones."""
        id = self.request.POST.get("verification", "") if self.request.method == "POST" else ""
        return self.get(id) if id else None

    def known(self, public_id: Any) -> Verification | None:
        """Return a verification that this request has read, whatever its status is."""
        return self._rows.get(str(public_id or ""))
