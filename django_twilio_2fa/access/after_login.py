"""Redirect from a log-in to the wizard if the next page requires verification."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.urls import NoReverseMatch, ResolverMatch
from django.utils.translation import get_language, get_language_from_path

from .. import errors
from ..conf import conf
from ..reverse import match_at, on_this_site
from ..session import get_verifier
from .exempt import is_exempt
from .first_page import first_page_url, is_navigation
from .refusal import wants_data
from .requirement import Requirement, SiteRequirement

logger = logging.getLogger(__name__)


def lead_on(request: HttpRequest, response: Any) -> None:
    """Change the redirect after a log-in to lead to the wizard, if the next page requires verification.

    This saves the user a request. The redirect is changed only if a person has sent the log-in form, the user
    has a device, and the page asks this user to verify before it does anything else. In all other cases, the
    page decides when it is opened.
    """
    if response.status_code != 302 or not is_navigation(request):
        return
    try:
        if url := _wizard_before(request, response.headers.get("Location", "")):
            response.headers["Location"] = url
    except Exception as e:
        # The log-in itself has succeeded. The next page makes the same checks, and shows the error.
        logger.error("The redirect after a log-in could not be changed: %s", type(e).__name__)


def _wizard_before(request: HttpRequest, to: str) -> str:
    """Return the URL of the wizard if the page at `to` would redirect to the wizard. Otherwise empty."""
    match = _match_of(request, to)
    if match is None or wants_data(request, match.func):
        return ""
    requirement = _requirement_at(match)
    if requirement is None or requirement.is_strict or requirement.is_met(request):
        return ""
    verifier = get_verifier(request)
    try:
        verifier.authorize()
    except errors.UserNotAllowed:
        return ""
    registered = verifier.registered()
    if not registered or requirement.is_recognized(request):
        return ""
    with _opening(request, match), suppress(NoReverseMatch):
        return f"{first_page_url(request, lambda: registered)}?{urlencode({'next': to})}"
    return ""


def _match_of(request: HttpRequest, to: str) -> ResolverMatch | None:
    """Return the match of a path. None if a request for the path could resolve to another view."""
    if not to.startswith("/") or not on_this_site(request, to) or hasattr(request, "urlconf"):
        return None
    if get_language_from_path(to) not in (None, get_language()):
        return None
    return match_at(to)


@contextmanager
def _opening(request: HttpRequest, match: ResolverMatch) -> Iterator[None]:
    """Set `request.resolver_match` to the page's, because `reverse` takes URL parameters from it."""
    before, request.resolver_match = request.resolver_match, match
    try:
        yield
    finally:
        request.resolver_match = before


def _requirement_at(match: ResolverMatch) -> Requirement | None:
    """Return what the middleware or the view requires first at a page. None if that is uncertain."""
    # A callback is not called: it might use the path of the request, which is still the log-in page's.
    if conf.REQUIRED_CB is True and not is_exempt(match.func, match):
        return SiteRequirement()
    return _requirement_of(match.func)


def _requirement_of(view: Any) -> Requirement | None:
    """Return the requirement that the decorator or the mixin checks first. None if a view has none."""
    guarded, requirement = getattr(view, "_two_factor_requirement", (None, None))
    if guarded is view:
        return requirement
    of_class = getattr(getattr(view, "view_class", None), "_two_factor_requirement_of", None)
    # If another decorator wraps the view, the other decorator runs first.
    return of_class(view.view_initkwargs) if of_class and not hasattr(view, "__wrapped__") else None
