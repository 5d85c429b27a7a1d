"""Another method, which is offered where a code does not arrive."""

from __future__ import annotations

from typing import Any

from ..models.verifications import Verification
from ..process import waiting
from ..process.choices import Fallback
from ..process.methods import Methods
from .state import WizardState


class Fallbacks:
    """Finds the method that is offered before a resend, once a request for each send."""

    def __init__(self, available: Methods, state: WizardState, methods: tuple[str, ...] | None) -> None:
        self.available = available
        self.state = state
        self.methods = methods
        self._found: dict[Any, Fallback | None] = {}

    def get(self, row: Verification) -> Fallback | None:
        """Return another method for a verification. None if this wizard has none."""
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
        """Return the method that the user picked during the cooldown of another one. Empty if none."""
        wish = self.state.get("wish")
        if not isinstance(wish, dict) or wish.get("verification") != str(row.public_id):
            return ""
        method = str(wish.get("method"))
        return "" if method == row.method or (self.methods and method not in self.methods) else method

    def wait_to_resend(self, row: Verification) -> int:
        """Return in how many seconds the code may be sent again."""
        other = self.get(row)
        if other is not None and other.resends:
            # It would not be offered if anything but the cooldown stood in its way.
            return int(row.can_resend_in())
        return int(waiting.wait_to_resend(self.available, row))
