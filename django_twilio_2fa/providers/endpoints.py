"""Declare endpoints of a method: URLs that take and return JSON."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from django.http import HttpRequest

LONGEST_TEXT = 8000
"""Characters of a value that an endpoint takes."""


class Proven(NamedTuple):
    """Whose request it is."""

    by: str
    """A text that names the caller, such as the value of their device. Requests are limited by it."""
    about: Any = None
    """Anything else that `Endpoint.answer` needs to know."""


class Value(NamedTuple):
    """A value of a response, for the OpenAPI schema."""

    type: type
    """`str`, `int`, `bool`, `dict`, or `list` for a list of objects."""
    help: str = ""
    optional: bool = False
    """Whether some responses lack it."""


@dataclass(frozen=True)
class Endpoint:
    """A URL for callers who prove who they are by what they send, for example by a signature.

    They do not have to be signed in, and need no CSRF token.
    """

    name: str
    """Its name in the method's namespace, and the end of its URL: `<method>/<name>/`."""
    limit: str
    """The limit of `LIMITS` that counts the requests of one caller."""
    prove: Callable[[dict[str, str]], Proven]
    """Return whose request it is, by its values. Raises an error of this package if they prove nothing."""
    answer: Callable[[HttpRequest, Proven], dict[str, Any]]
    """Return the response, as JSON values. Raises errors of this package."""
    takes: dict[str, str] = field(default_factory=dict)
    """The values of a request, which are texts, each with its meaning. All may be left out."""
    returns: dict[str, Value] = field(default_factory=dict)
    """The values of a response."""
    always: Callable[[], dict[str, Any]] = dict
    """Return what each response has in addition. Errors of the API have it in `data`."""
    help: str = ""
    """What it is for: a sentence for the OpenAPI schema."""
