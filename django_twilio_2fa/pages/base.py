"""Base of all pages: guards, addresses, and the context of every template."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.middleware.csrf import CsrfViewMiddleware
from django.shortcuts import resolve_url
from django.template.response import TemplateResponse
from django.urls import NoReverseMatch, Resolver404, get_script_prefix, resolve, reverse
from django.utils.decorators import decorator_from_middleware
from django.utils.functional import cached_property
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.log import log_response
from django.views.decorators.cache import never_cache
from django.views.decorators.clickjacking import xframe_options_deny
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_post_parameters

from .. import errors, session
from ..process.database import outside_host_transaction
from ..reverse import site_url
from ..verifier import Verifier
from .stylesheets import stylesheets

View = Callable[..., HttpResponseBase]

logger = logging.getLogger("django.security.csrf")


class FormCheck(CsrfViewMiddleware):
    """Django's CSRF check, with a page of ours for a form that fails it.

    Mostly the user has signed out, or in again, in another tab while the form was open.
    """

    def _reject(self, request: HttpRequest, reason: str) -> HttpResponseBase:
        response = stale_page(request)
        log_response(
            "Forbidden (%s): %s", reason, request.path, response=response, request=request, logger=logger
        )
        return response


form_checked = decorator_from_middleware(FormCheck)


def protected(view: View) -> View:
    """Add the guards of every page around a view, where a subclass's `dispatch` cannot lose them."""
    for decorate in (
        form_checked,
        never_cache,
        xframe_options_deny,
        sensitive_post_parameters("token", "phone_number", "email"),
        # Exempt from the site's middleware only. It would answer first, with Django's own page.
        csrf_exempt,
    ):
        view = decorate(view)
    return outside_host_transaction(view)


class PageMixin:
    """Base of all pages. Comes before one of Django's views in the bases of a class."""

    request: HttpRequest
    kwargs: dict[str, Any]
    verifier: Verifier

    def enter(self, request: HttpRequest) -> HttpResponseBase | None:
        """Let the user in: set `verifier` and return None. Otherwise return the answer."""
        if not request.user.is_authenticated:
            # A user whose form was not accepted is told so.
            return (
                stale_page(request)
                if request.method == "POST"
                else redirect_to_login(request.get_full_path())
            )
        self.verifier = session.get_verifier(request, create=True)
        try:
            self.verifier.authorize()
        except errors.UserNotAllowed:
            return HttpResponseRedirect(site_url(self.verifier.resolve("DISALLOWED_REDIRECT_URL")))
        return None

    # Addresses

    @cached_property
    def namespace(self) -> str:
        """The namespace under which this page is mounted."""
        match = self.request.resolver_match
        return match.namespace if match else "twilio_2fa"

    @property
    def home_namespace(self) -> str:
        """The namespace of the wizard that verifies. Those that add and change are within it."""
        return self.namespace

    def get_next_url(self) -> str:
        """Return where the user wants to go afterwards. Empty unless it is on this site."""
        url = self.request.GET.get("next", "")
        safe = url_has_allowed_host_and_scheme(
            url, allowed_hosts={self.request.get_host()}, require_https=self.request.is_secure()
        )
        return url if safe and url.isprintable() else ""

    def url(self, name: str, namespace: str | None = None, **kwargs: Any) -> str:
        """Return the address of a page of this mount, with `next`. Empty if there is no such page."""
        return self.url_with_next(name, namespace, then=self.get_next_url(), **kwargs)

    def url_with_next(self, name: str, namespace: str | None = None, *, then: str, **kwargs: Any) -> str:
        """Return the address of a page that leads on to `then`."""
        try:
            url = reverse(f"{namespace or self.namespace}:{name}", kwargs=kwargs)
        except NoReverseMatch:
            return ""
        return f"{url}?{urlencode({'next': then})}" if then else url

    def go(self, name: str) -> HttpResponseRedirect:
        """Redirect to a page of this mount."""
        return HttpResponseRedirect(self.url(name))

    def get_site_url(self) -> str:
        """Return where to go on when nothing else is known: `LOGIN_REDIRECT_URL`, else the site's root.

        Also the root where that is no page (as Django's default is not on many sites), or is one of ours.
        """
        root = get_script_prefix()
        try:
            url = resolve_url(settings.LOGIN_REDIRECT_URL)
        except NoReverseMatch:
            return root
        parts = urlsplit(url)
        if parts.scheme or parts.netloc:
            return url
        try:
            match = resolve("/" + parts.path.removeprefix(root).lstrip("/"))
        except Resolver404:
            return root
        view = getattr(match.func, "view_class", None)
        return root if isinstance(view, type) and issubclass(view, PageMixin) else url

    def get_sign_out_url(self) -> str:
        """Return the address where a POST signs the user out. Empty if that is not known."""
        url = self.verifier.resolve("LOGOUT_URL")
        if url is not None:
            return resolve_url(url) if url else ""
        # The admin's leads users without access to its own sign-in page.
        admins = ["admin:logout"] if getattr(self.request.user, "is_staff", False) else []
        for name in ("logout", "account_logout", *admins):
            with suppress(NoReverseMatch):
                return reverse(name)
        return ""

    # What templates get

    def say(self, level: int, text: str) -> None:
        # A site without the messages framework loses the sentence, not the page.
        messages.add_message(self.request, level, text, fail_silently=True)

    def page_context(self) -> dict[str, Any]:
        names = ("start", "register", "verify", "success", "failed")
        urls = {name: self.url(name) for name in names}
        urls["devices"] = self.url("devices", self.home_namespace)
        urls["add"] = self.url("index", f"{self.home_namespace}:adding")
        return {"stylesheets": stylesheets(self.request), "urls": urls, "next_url": self.get_next_url()}


def stale_page(request: HttpRequest) -> TemplateResponse:
    """Return the page for a form that was not sent because its user has signed out, or in again."""
    page, match = PageMixin(), request.resolver_match
    page.request = request
    kwargs = dict(match.kwargs) if match else {}
    if kwargs.pop("step", None) is not None:
        # To the beginning of its wizard.
        href = page.url("index", **kwargs)
    else:
        href = page.url(match.url_name or "", **kwargs) if match else ""
    user = getattr(request, "user", None)
    context = {
        "stylesheets": stylesheets(request),
        "go_on_href": href or page.url("index", "twilio_2fa") or request.path,
        "signed_in_as": user.get_username() if user is not None and user.is_authenticated else "",
    }
    return TemplateResponse(request, "twilio_2fa/stale.html", context, status=403)


class PageView(PageMixin):
    """Base of the pages outside the wizards."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        refused = self.enter(request)
        if refused is not None:
            return refused
        response: HttpResponseBase = super().dispatch(request, *args, **kwargs)  # type: ignore[misc]
        return response
