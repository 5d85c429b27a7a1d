"""The other method that is offered if a code does not arrive."""

from __future__ import annotations

from typing import Any

from ..models.verifications import Verification
from ..process import waiting
from ..process.choices import Fallback
from ..process.methods import Methods
from .state import WizardState


class Fallbacks:
    """Find the method to offer before a resend, at most once per request for each send."""

    def __init__(self, available: Methods, state: WizardState, methods: tuple[str, ...] | None) -> None:
        self.available = available
        self.state = state
        self.methods = methods
        self._found: dict[Any, Fallback | None] = {}

    def get(self, row: Verification) -> Fallback | None:
        """Return another method for a verification. None if this wizard offers none."""
        key = (row.pk, row.method, row.sends)
        if key not in self._found:
            self._found[key] = self._find(row)
        return self._found[key]

    def _find(self, row: Verification) -> Fallback | None:
        if (wish := self.wish(row)) and (wished := waiting.wished(self.available, row, wish)):
            return wished
        failing = self.state.get("failing") == row.method
        found = waiting.fallback(self.available, row, failing=failing)
        if found is None or (self.methods is not None and found.choice.provider.name not in self.methods):
            return None
        return found

    def wish(self, row: Verification) -> str:
        """Return the method that the user picked during another method's cooldown. Empty if there is none."""
        wish = self.state.get("wish")
        if not isinstance(wish, dict) or wish.get("verification") != str(row.public_id):
            return ""
        method = str(wish.get("method"))
        return "" if method == row.method or (self.methods and method not in self.methods) else method

    def wait_to_resend(self, row: Verification) -> int:
        """Return the seconds until the code may be sent again."""
        other = self.get(row)
        if other is not None and other.resends:
            # The other method is offered only if nothing except the cooldown prevents a send.
            return int(row.can_resend_in())
        return int(waiting.wait_to_resend(self.available, row))
