"""Dresses for the pages: each folder here has templates and static files of a site, and no code.

A site puts such templates into a folder of its own that `DIRS` names. This demo has several, so it has a
loader that looks into the folder that the visitor has picked.
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
    """Lets the templates of the dress in the visitor's cookie come first."""

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
    """Django's, with a cache for each dress."""

    def cache_key(self, template_name: str, skip: Any = None) -> str:
        return f"{worn.get()}:{super().cache_key(template_name, skip)}"


def shown(request: HttpRequest) -> dict[str, Any]:
    """A context processor, for the menu."""
    return {"dresses": DRESSES, "dress": worn.get()}
