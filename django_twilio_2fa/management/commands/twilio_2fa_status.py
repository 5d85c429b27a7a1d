"""Show a user's devices, locks, remembered browsers and last verifications."""

from __future__ import annotations

from typing import Any

from ...process import administration
from ..users import UserCommand


class Command(UserCommand):
    help = "Shows a user's devices, locks, remembered browsers and last verifications, masked."

    def act(self, user: Any, options: dict[str, Any]) -> dict[str, Any]:
        return administration.status(user)

    def as_text(self, result: dict[str, Any]) -> str:
        lines = [f"{result['username']} (key {result['user']})"]
        for lock in result["locks"]:
            lines.append(f"locked until {lock['until'] or 'somebody unlocks them'}")
        for device in result["devices"]:
            used = device["last_used_at"] or "never"
            known = " ".join(filter(None, (device["kind"], device["value"], device["name"])))
            lines.append(f"device {device['id']}: {known}, last used {used}")
        if not result["devices"]:
            lines.append("no devices")
        for browser in result["browsers"]:
            name = browser["name"] or "unknown"
            lines.append(f"browser {browser['id']}: {name}, last used {browser['last_used_at']}")
        for row in result["verifications"]:
            lines.append(
                " ".join(
                    filter(None, (row["at"], row["method"], row["value"], row["status"], row["browser"]))
                )
            )
        return "\n".join(lines)
