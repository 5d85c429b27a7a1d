"""The rules of the breaker, each with its default and its meaning."""

from __future__ import annotations

from typing import Any

BREAKER: dict[str, tuple[Any, str]] = {
    "sends": (
        25,
        "The number of codes that must be sent to a group of numbers before its conversion counts.",
    ),
    "conversion": (0.1, "The share of sent codes that users have to enter."),
    "minutes": (
        60,
        "The number of minutes of a stop. It doubles with each further stop of the same numbers, up to a "
        "day, but not for a client address.",
    ),
    "countries": (
        5,
        "The number of countries whose numbers may be entered at one client address in a day or two.",
    ),
    "numbers": (
        5,
        "The number of phone numbers of one block of a hundred that may be entered at one client "
        "address in a day or two.",
    ),
}
