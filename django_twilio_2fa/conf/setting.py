"""Define the class of settings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

PREFIX = "TWILIO_2FA_"

DEFAULT, RAISES = object(), object()
"""The values of `fallback` for the setting's default, and for an exception that is raised."""

BOOL: tuple[type, ...] = (bool,)
TEXT: tuple[type, ...] = (str,)
NAMES: tuple[type, ...] = (list, tuple, set, frozenset)
NUMBER: tuple[type, ...] = (int, float)
DURATION: tuple[type, ...] = (int, float, timedelta)
MAPPING: tuple[type, ...] = (dict,)
CALLBACK: tuple[type, ...] = ()
USER = ("user", "request")
REQUEST = ("request",)


@dataclass(frozen=True)
class Setting:
    """One setting with its default, the types that it accepts, and its documentation.

    `kinds`: the types of a plain value. `arguments`: the keywords that a callable in its place may accept,
    or empty if the setting cannot be a callable. `return_types`: the types that the callable may return, if
    these are not `kinds`. `fallback`: the result if the callable raises or returns anything else, which is
    the default or a value that denies access. `optional`: True if None is accepted.
    """

    name: str
    default: Any
    kinds: tuple[type, ...]
    doc: str
    arguments: tuple[str, ...] = ()
    optional: bool = False
    old_names: tuple[str, ...] = ()
    secret: bool = False
    group: str = "Behaviour"
    return_types: tuple[type, ...] = ()
    fallback: Any = DEFAULT

    full_name: str = field(init=False)
    """The name of the Django setting."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "full_name", PREFIX + self.name)
        # A setting whose default is None also accepts None.
        object.__setattr__(self, "optional", self.optional or self.default is None)


def group(title: str, settings: Iterable[Setting]) -> Iterator[Setting]:
    """Yield the settings with the title of their group, as in the documentation."""
    for setting in settings:
        yield replace(setting, group=title)
