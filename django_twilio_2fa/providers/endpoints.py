"""Define the classes for endpoints of a method: URLs that take and return JSON."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from django.http import HttpRequest

LONGEST_TEXT = 8000
"""The maximum number of characters of a value in a request."""


class Proven(NamedTuple):
    """The caller of an endpoint, proven by the values of the request."""

    by: str
    """A text that identifies the caller, such as the value of their device. Requests are counted by it."""
    about: Any = None
    """Any other data for `Endpoint.answer`."""


class Value(NamedTuple):
    """A value of a response, for the OpenAPI schema."""

    type: type
    """`str`, `int`, `bool`, `dict`, or `list` for a list of objects."""
    help: str = ""
    optional: bool = False
    """True if some responses do not have the value."""


@dataclass(frozen=True)
class Endpoint:
    """A URL for callers who prove their identity by the values they send, for example by a signature.

    Callers do not have to be signed in, and need no CSRF token.
    """

    name: str
    """The name in the method's namespace, and the end of the URL: `<method>/<name>/`."""
    limit: str
    """The limit of `LIMITS` that counts the requests of one caller."""
    prove: Callable[[dict[str, str]], Proven]
    """Return the caller, from the values of a request. Raises an error of this package without a proof."""
    answer: Callable[[HttpRequest, Proven], dict[str, Any]]
    """Return the response, as JSON values. Raises errors of this package."""
    takes: dict[str, str] = field(default_factory=dict)
    """The names of the values of a request, each with its meaning. All values are strings, and optional."""
    returns: dict[str, Value] = field(default_factory=dict)
    """The values of a response."""
    always: Callable[[], dict[str, Any]] = dict
    """Return additional values of every response. Errors of the API have them in `data`."""
    help: str = ""
    """The purpose of the endpoint: a sentence for the OpenAPI schema."""
