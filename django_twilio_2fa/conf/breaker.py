"""The rules of the breaker, with their defaults and what each means."""

from __future__ import annotations

from typing import Any

BREAKER: dict[str, tuple[Any, str]] = {
    "sends": (25, "So many codes have to be sent to a place before its conversion counts."),
    "conversion": (0.1, "The share of codes that has to be entered."),
    "minutes": (60, "How long registrations are stopped. Each time again, for twice as long, up to a day."),
    "countries": (5, "Numbers of so many countries may be entered at one client address in a day or two."),
    "numbers": (
        5,
        "So many numbers that differ in the last two digits may be entered there.",
    ),
}
