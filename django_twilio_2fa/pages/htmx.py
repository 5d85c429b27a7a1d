"""Support htmx: it swaps one of this package's pages for another, and fully loads all other pages."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.http.response import HttpResponseRedirectBase

from ..reverse import is_own, view_at

View = Callable[..., HttpResponseBase]


def whole_elsewhere(view: View) -> View:
    """Make htmx fully load a page when the user moves between this package's pages and other pages.

    Other pages have their own stylesheets and scripts, which htmx does not load when it swaps the body.
    """

    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        headers = request.headers
        # When the user goes back in the history, htmx ignores the response's headers.
        if "HX-Request" not in headers or "HX-History-Restore-Request" in headers:
            return view(request, *args, **kwargs)
        comes_from = view_at(headers.get("HX-Current-URL", ""))
        comes_from_elsewhere = "HX-Boosted" in headers and not is_own(comes_from)
        if comes_from_elsewhere and request.method == "GET":
            return _load(request.get_full_path())
        response = view(request, *args, **kwargs)
        if not isinstance(response, HttpResponseRedirectBase):
            return response
        if not comes_from_elsewhere and is_own(view_at(response.url)):
            return response
        return _load(response.url, response)

    marked: Any = answer
    marked.is_two_factor_page = True
    return answer


def _load(url: str, response: HttpResponse | None = None) -> HttpResponse:
    """Return a response that makes htmx fully load a page. It keeps the cookies of a redirect."""
    loading = HttpResponse()
    if response is not None:
        loading.cookies = response.cookies
    loading["HX-Redirect"] = url
    return loading
