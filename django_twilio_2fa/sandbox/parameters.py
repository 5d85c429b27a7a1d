"""Read the parameters of a request. An invalid value is an error 60200 that names the parameter."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from datetime import datetime, timezone
from typing import Any

from ..moments import stored
from .twilio_errors import invalid

HEX = r"[0-9a-fA-F]{32}"
LONGEST = 5456
TRUE, FALSE = ("true", "1"), ("false", "0")

Values = Mapping[str, Any]


def text(values: Values, name: str, *, longest: int = LONGEST, required: bool = False) -> str:
    """Return a parameter as text. Empty if it is missing."""
    value = values.get(name)
    if value is None or value == "":
        if required:
            raise invalid(name, "is required")
        return ""
    if not isinstance(value, str | int | float) or len(str(value)) > longest:
        raise invalid(name)
    return str(value)


def sid(values: Values, name: str, prefix: str, *, required: bool = False) -> str:
    """Return a SID with this prefix. Empty if it is missing."""
    found = text(values, name, required=required)
    if found and not re.fullmatch(prefix + HEX, found):
        raise invalid(name, f"is not a SID that begins with {prefix}")
    return found


def one_of(values: Values, name: str, choices: Collection[str], *, required: bool = False) -> str:
    found = text(values, name, required=required)
    if found and found not in choices:
        raise invalid(name, f"has to be one of {', '.join(choices)}")
    return found


def integer(values: Values, name: str, least: int, most: int, *, required: bool = False) -> int | None:
    """Return an integer. None if it is missing."""
    found = text(values, name, longest=20, required=required)
    if not found:
        return None
    if not re.fullmatch(r"-?[0-9]+", found) or not least <= int(found) <= most:
        raise invalid(name, f"has to be a number from {least} to {most}")
    return int(found)


def flag(values: Values, name: str) -> bool | None:
    """Return a Boolean. None if it is missing."""
    found = text(values, name).lower()
    if found and found not in (*TRUE, *FALSE):
        raise invalid(name, "has to be true or false")
    return found in TRUE if found else None


def items(values: Values, name: str) -> list[str]:
    """Return the values of a parameter that may be repeated."""
    found = values.get(name)
    if found is None or found == "":
        return []
    return [str(item) for item in found] if isinstance(found, list | tuple) else [str(found)]


def moment(values: Values, name: str) -> datetime | None:
    """Return a time in ISO 8601, as the database stores it. None if it is missing."""
    found = text(values, name)
    if not found:
        return None
    try:
        # Python 3.10 does not accept Z.
        parsed = datetime.fromisoformat(re.sub(r"[zZ]$", "+00:00", found))
        return stored(parsed if parsed.tzinfo else parsed.replace(tzinfo=timezone.utc))
    except (ValueError, OverflowError):
        raise invalid(name, "is not a time in ISO 8601") from None


def json_object(values: Values, name: str, *, longest: int = LONGEST) -> dict[str, Any] | None:
    """Return a parameter that is a JSON object as text. None if it is missing."""
    value = values.get(name)
    if value is None or value == "":
        return None
    try:
        found = value if isinstance(value, dict) else json.loads(text(values, name, longest=longest))
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise invalid(name, "has to be a JSON object")
    return found
