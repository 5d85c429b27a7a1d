"""End the verification of a user in every session."""

from __future__ import annotations

from typing import Any

from ...process import administration
from ..users import UserCommand


class Command(UserCommand):
    help = (
        "Ends the verification of a user in every session, and forgets all of their browsers. "
        "They stay signed in, and have to verify again."
    )

    def act(self, user: Any, options: dict[str, Any]) -> dict[str, Any]:
        return {"verifications": administration.revoke(user)}

    def as_text(self, result: dict[str, Any]) -> str:
        return f"{result['verifications']} verifications ended."
