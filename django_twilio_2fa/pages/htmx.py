"""Answer htmx: it swaps a page of ours for another one, and loads any other page whole."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.http.response import HttpResponseRedirectBase

from ..reverse import is_own, view_at

View = Callable[..., HttpResponseBase]


def whole_elsewhere(view: View) -> View:
    """Make htmx load a whole page where a page of ours would be swapped for another one, or the reverse.

    The page of a site has stylesheets and scripts of its own, which htmx does not load with its body.
    """

    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        headers = request.headers
        # Going back in the history, htmx reads no header.
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
    """Return an answer on which htmx loads the page, with the cookies of a redirect."""
    loading = HttpResponse()
    if response is not None:
        loading.cookies = response.cookies
    loading["HX-Redirect"] = url
    return loading
