"""Themes for the pages ("dresses"): each folder has the templates and static files of a theme, and no code.

A site has one theme, in a folder that `DIRS` names. This demo has several, so its template loader uses the
folder of the theme that the visitor has picked.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.loaders import cached, filesystem

HERE = Path(__file__).resolve().parent
COOKIE = "demo_dress"
DRESSES = {
    "": "Default",
    "bootstrap": "A Bootstrap theme",
    "tailwind": "Utility classes, no framework",
    "htmx": "Default, with htmx",
}

worn: ContextVar[str] = ContextVar("worn", default="")


class DressMiddleware:
    """Use the theme in the visitor's cookie during a request."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        name = request.COOKIES.get(COOKIE, "")
        before = worn.set(name if name in DRESSES else "")
        try:
            return self.get_response(request)
        finally:
            worn.reset(before)


class DressLoader(filesystem.Loader):
    def get_dirs(self) -> list[str | Path]:
        return [HERE / worn.get() / "templates"] if worn.get() else []


class CachedLoader(cached.Loader):
    """Django's cached loader, with a separate cache for each theme."""

    def cache_key(self, template_name: str, skip: Any = None) -> str:
        return f"{worn.get()}:{super().cache_key(template_name, skip)}"


def shown(request: HttpRequest) -> dict[str, Any]:
    """Return the themes and the current theme, for the menu. This is a context processor."""
    return {"dresses": DRESSES, "dress": worn.get()}
