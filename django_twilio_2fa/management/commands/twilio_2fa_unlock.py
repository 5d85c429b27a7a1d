"""Unlock a user who has entered too many wrong codes."""

from __future__ import annotations

from typing import Any

from ...process import administration
from ..users import UserCommand


class Command(UserCommand):
    help = "Lifts the locks of a user and forgets their wrong codes."

    def act(self, user: Any, options: dict[str, Any]) -> dict[str, Any]:
        return {"locks": administration.unlock(user)}

    def as_text(self, result: dict[str, Any]) -> str:
        return f"{result['locks']} locks lifted."
