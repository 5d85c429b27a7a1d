"""Format URLs, times and pages of lists as Twilio does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from ..moments import aware
from .parameters import integer, text
from .twilio_errors import invalid

ORIGIN = "https://verify.twilio.com"
BASE = f"{ORIGIN}/v2/Services"
DEFAULT_PAGE_SIZE, LARGEST_PAGE = 50, 1000

Values = Mapping[str, Any]
Body = dict[str, Any]
Result = tuple[int, Body | None] | tuple[int, Body | None, dict[str, str]]


def iso(moment: datetime) -> str:
    return aware(moment).strftime("%Y-%m-%dT%H:%M:%SZ")


def iso_or_none(moment: datetime | None) -> str | None:
    return iso(moment) if moment else None


def moved(value: Any, origin: str) -> Any:
    """Return a body in which the URLs of resources have another origin than Twilio's."""
    if isinstance(value, list):
        return [moved(item, origin) for item in value]
    if not isinstance(value, dict):
        return value
    return {name: _moved_field(name, found, origin) for name, found in value.items()}


def _moved_field(name: str, value: Any, origin: str) -> Any:
    if name == "links" and isinstance(value, dict):
        return {key: _moved_field("url", address, origin) for key, address in value.items()}
    if isinstance(value, str) and (name == "url" or name.endswith("_page_url")):
        return origin + value.removeprefix(ORIGIN) if value.startswith(f"{ORIGIN}/") else value
    return moved(value, origin)


def page(values: Values, rows: Any, key: str, url: str, body: Callable[[Any], Body]) -> Result:
    """Return a page of a list, with the URLs of the first, previous and next page.

    `PageToken` is the position at which the page begins. The URLs include the filters of the request.
    """
    size = integer(values, "PageSize", 1, LARGEST_PAGE) or DEFAULT_PAGE_SIZE
    number = integer(values, "Page", 0, 10**6) or 0
    token = text(values, "PageToken").removeprefix("PA")
    if token and not (token.isascii() and token.isdecimal() and len(token) < 10):
        raise invalid("PageToken")
    begin = int(token) if token else number * size
    found = list(rows[begin : begin + size + 1])
    filters = {k: v for k, v in values.items() if k not in ("PageSize", "Page", "PageToken")}

    def address(number: int, begin: int | None = None) -> str:
        about: Body = {**filters, "PageSize": size, "Page": number}
        if begin is not None:
            about["PageToken"] = f"PA{begin}"
        return f"{url}?{urlencode(about, doseq=True)}"

    return 200, {
        key: [body(row) for row in found[:size]],
        "meta": {
            "page": number,
            "page_size": size,
            "first_page_url": address(0),
            "previous_page_url": address(number - 1, max(begin - size, 0)) if begin and number else None,
            "url": address(number, begin if token else None),
            "next_page_url": address(number + 1, begin + size) if len(found) > size else None,
            "key": key,
        },
    }
