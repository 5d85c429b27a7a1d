"""Respond to a request whose user has to verify first: redirect to the pages, and back afterwards."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode, urlsplit

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect, JsonResponse
from django.urls import NoReverseMatch, get_script_prefix
from django.utils.http import escape_leading_slashes
from django.utils.translation import gettext_lazy as _

from .. import errors
from ..process import kept_post, session_data
from ..process.session_data import subject_of
from ..reverse import on_this_site, reverse, site_url
from ..session import get_verifier
from ..state import Methods
from .exempt import class_of
from .first_page import first_page_url

CODE = "two_factor_required"
SENTENCE = _("Check it is you before you go on.")
NOT_SENT = _("Your form was not sent, because we had to check it is you first. Send it again.")
READS = ("GET", "HEAD")


def redirect_to_verification(request: HttpRequest, methods: Methods = None) -> HttpResponseRedirect:
    """Redirect to the sign-in page or to the wizard. From there the user comes back to this page."""
    path = request.get_full_path()
    if not request.user.is_authenticated:
        return redirect_to_login(path)
    return HttpResponseRedirect(verification_url(request, path, methods))


def refuse(
    request: HttpRequest,
    view: Any = None,
    methods: Methods = None,
    *,
    strict: bool = False,
    site_wide: bool = False,
) -> HttpResponseBase:
    """Return the response to a refused request: a redirect, or a 401 or 403 for a script.

    `view`: the view or its class. `strict`: skipping registration is not enough. `site_wide`: every page of
    the site would refuse the user. Raises `PermissionDenied` for a user whom the site does not let verify, if
    `site_wide` or if the redirect would lead back to this page.
    """
    signed_in = subject_of(request) is not None
    if signed_in:
        _refuse_hopeless(request, site_wide)
    if wants_data(request, view):
        back = page_of(request)
        url = verification_url(request, back, methods, strict) if signed_in else redirect_to_login(back).url
        return data_response(request, url, signed_in=signed_in)
    back = way_back(request, view, signed_in=signed_in)
    if not signed_in:
        return redirect_to_login(back)
    return HttpResponseRedirect(verification_url(request, back, methods, strict))


def verification_url(request: HttpRequest, back: str, methods: Methods = None, strict: bool = False) -> str:
    """Return the URL of the wizard, which leads back to `back`. `methods`: the methods that it offers."""
    asks_more = methods is not None or strict
    verifier = get_verifier(request, create=asks_more)
    url = first_page_url(request, verifier.registered)
    if asks_more:
        names = None if methods is None else [*methods]
        session_data.write(request, asked={"next": back, "methods": names, "strict": strict})
    if methods is not None:
        usable = {choice.provider.name for choice in verifier.choices()}
        if verifier.registered() and not usable & {*methods}:
            # The user has to register one of these methods first.
            url = _url_of_adding(request) or url
    return f"{url}?{urlencode({'next': back})}"


def _url_of_adding(request: HttpRequest) -> str:
    try:
        return reverse("adding:index", request=request)
    except NoReverseMatch:
        return ""


def _refuse_hopeless(request: HttpRequest, site_wide: bool) -> None:
    """Raise `PermissionDenied` if the site does not let the user verify and would redirect them to here."""
    verifier = get_verifier(request)
    try:
        verifier.authorize()
    except errors.UserNotAllowed as e:
        elsewhere = site_url(verifier.resolve("DISALLOWED_REDIRECT_URL"))
        if site_wide or urlsplit(elsewhere).path == request.path:
            raise PermissionDenied(e.display) from e


# Scripts


def wants_data(request: HttpRequest, view: Any = None) -> bool:
    """Return whether a script has sent the request. It would mistake the wizard's page for its response."""
    headers = request.headers
    if "HX-Request" in headers or headers.get("X-Requested-With") == "XMLHttpRequest":
        return True
    if hasattr(class_of(view), "authentication_classes"):  # a view of Django REST framework
        return True
    return wants_json(request) or (
        headers.get("Sec-Fetch-Dest") == "empty" and "html" not in headers.get("Accept", "")
    )


def wants_json(request: HttpRequest) -> bool:
    """Return whether a request accepts JSON and no HTML, or sends JSON."""
    accepted = [
        part.partition(";")[0].strip().lower() for part in request.headers.get("Accept", "").split(",")
    ]
    if any(kind in ("text/html", "application/xhtml+xml") for kind in accepted):
        return False
    is_json = any(kind == "application/json" or kind.endswith("+json") for kind in accepted)
    return is_json or request.content_type == "application/json"


def data_response(request: HttpRequest, url: str, *, signed_in: bool) -> HttpResponse:
    """Return a 403, or a 401 for a visitor, with the URL where a person can go on."""
    error = errors.UserUnauthenticated()
    about = {
        "detail": str(SENTENCE) if signed_in else error.display,
        "error_code": CODE if signed_in else error.code,
        "url": url,
    }
    response = JsonResponse(about, status=403 if signed_in else 401)
    if "HX-Request" in request.headers:
        # htmx follows this header at any status, and fully loads the page.
        response["HX-Redirect"] = url
    return response


def page_of(request: HttpRequest) -> str:
    """Return the URL of the page from which a script or form was sent. The site's root if unknown."""
    for url in (request.headers.get("HX-Current-URL", ""), request.headers.get("Referer", "")):
        if found := on_this_site(request, url):
            parts = urlsplit(found)
            # A path that begins with two slashes would be the URL of another host.
            path = escape_leading_slashes(parts.path)
            return f"{path}?{parts.query}" if parts.query else path
    return get_script_prefix()


# Forms


def way_back(request: HttpRequest, view: Any, *, signed_in: bool) -> str:
    """Return the URL to go to after verifying: this page, or the page to submit the form again."""
    if request.method in READS:
        return request.get_full_path()
    back = page_of(request)
    if back == get_script_prefix() and hasattr(class_of(view), "get"):
        back = request.get_full_path()
    if signed_in:
        session_data.get_flow(request, create=True)
        if form := kept_post.keep(request, back):
            try:
                return f"{reverse('again', request=request)}?{urlencode({'form': form})}"
            except NoReverseMatch:
                pass
    messages.warning(request, str(NOT_SENT), fail_silently=True)
    return back
