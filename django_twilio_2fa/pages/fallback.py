"""Another method, which is offered where a code does not arrive."""

from __future__ import annotations

from typing import Any

from .. import errors
from ..models import Verification
from ..process.methods import Fallback
from .step import Wizard, choice_context


class Fallbacks:
    """Finds the method that is offered before a resend, once a request for each send."""

    def __init__(self, wizard: Wizard) -> None:
        self.wizard = wizard
        self.verifier = wizard.verifier
        self._found: dict[Any, Fallback | None] = {}

    def get(self, row: Verification) -> Fallback | None:
        """Return another method for a verification. None if this wizard has none."""
        key = (row.pk, row.method, row.sends)
        if key not in self._found:
            self._found[key] = self._find(row)
        return self._found[key]

    def _find(self, row: Verification) -> Fallback | None:
        if (wish := self.wish(row)) and (wished := self.verifier.wished(row, wish)):
            return wished
        failing = self.wizard.state.get("failing") == row.method
        found = self.verifier.fallback(row, failing=failing)
        methods = self.wizard.methods
        if found is None or (methods is not None and found.choice.provider.name not in methods):
            return None
        return found

    def wish(self, row: Verification) -> str:
        """Return the method that the user picked during the cooldown of another one. Empty if none."""
        wish = self.wizard.state.get("wish")
        if not isinstance(wish, dict) or wish.get("verification") != str(row.public_id):
            return ""
        method, methods = str(wish.get("method")), self.wizard.methods
        return "" if method == row.method or (methods and method not in methods) else method

    def context(self, row: Verification) -> dict[str, Any] | None:
        """Return the choice to show. `after` is in how many seconds it comes first."""
        found = self.get(row)
        if found is None:
            return None
        wait = row.can_resend_in() if found.resends else 0
        return {
            **choice_context(self.wizard, found.choice),
            "after": found.after,
            "resends": found.resends,
            "wait": wait,
            "wished": found.choice.provider.name == self.wish(row),
            "wait_in_words": errors.in_words(wait),
        }

    def wait_to_resend(self, row: Verification) -> int:
        """Return in how many seconds the code may be sent again."""
        other = self.get(row)
        if other is not None and other.resends:
            # It would not be offered if anything but the cooldown stood in its way.
            return int(row.can_resend_in())
        return int(self.verifier.wait_to_resend(row))
