"""What all pages of the kit share: who may see them, where they are, and what every template gets."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.db import connections, transaction
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

from .. import errors, session, tables
from ..reverse import site_url
from ..verifier import Verifier
from .stylesheets import stylesheets

View = Callable[..., HttpResponseBase]

logger = logging.getLogger("django.security.csrf")


class FormCheck(CsrfViewMiddleware):
    """Django's check of each form, with a page of ours for what fails it.

    Mostly that is a form that was open while its user signed out, or in again, in another tab.
    """

    def _reject(self, request: HttpRequest, reason: str) -> HttpResponseBase:
        response = stale_page(request)
        log_response(
            "Forbidden (%s): %s", reason, request.path, response=response, request=request, logger=logger
        )
        return response


form_checked = decorator_from_middleware(FormCheck)


def uncounted_by_host(view: View) -> View:
    """Not in a transaction of the host's `ATOMIC_REQUESTS`: what is counted has to stay counted."""
    view = tables.explained()(view)
    for alias in connections:
        view = transaction.non_atomic_requests(using=alias)(view)
    return view


def protected(view: View) -> View:
    """What holds for every page, put around the view so that a subclass's `dispatch` cannot lose it."""
    for decorate in (
        form_checked,
        never_cache,
        xframe_options_deny,
        sensitive_post_parameters("token", "phone_number", "email"),
        # From the site's middleware alone, which would answer first, with a page that helps nobody.
        csrf_exempt,
    ):
        view = decorate(view)
    return uncounted_by_host(view)


class PageMixin:
    """Guards and furnishes a page; stands before one of Django's views."""

    request: HttpRequest
    kwargs: dict[str, Any]
    verifier: Verifier

    def enter(self, request: HttpRequest) -> HttpResponseBase | None:
        """Let the user in, or say where they go instead."""
        if not request.user.is_authenticated:
            # What was typed into a form is not to be lost without a word.
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
        """The namespace that this page is mounted under."""
        match = self.request.resolver_match
        return match.namespace if match else "twilio_2fa"

    @property
    def home_namespace(self) -> str:
        """The namespace of the wizard that proves: a mount of its own within it goes back to it."""
        return self.namespace

    def get_next_url(self) -> str:
        """Where the user wants to go afterwards; empty unless it is on this site."""
        url = self.request.GET.get("next", "")
        safe = url_has_allowed_host_and_scheme(
            url, allowed_hosts={self.request.get_host()}, require_https=self.request.is_secure()
        )
        return url if safe and url.isprintable() else ""

    def url(self, name: str, namespace: str | None = None, **kwargs: Any) -> str:
        """The address of a page of this mount, with `next`; empty if it has no such page."""
        return self.url_with_next(name, namespace, then=self.get_next_url(), **kwargs)

    def url_with_next(self, name: str, namespace: str | None = None, *, then: str, **kwargs: Any) -> str:
        """The address of a page that goes on to `then`."""
        try:
            url = reverse(f"{namespace or self.namespace}:{name}", kwargs=kwargs)
        except NoReverseMatch:
            return ""
        return f"{url}?{urlencode({'next': then})}" if then else url

    def go(self, name: str) -> HttpResponseRedirect:
        """Redirect to a page of this mount."""
        return HttpResponseRedirect(self.url(name))

    def get_site_url(self) -> str:
        """Where to go on when there is nowhere else to: `LOGIN_REDIRECT_URL`, else the site's root.

        The root, too, where that is no page (as Django's default is not on many sites), or is one of ours.
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
        """Where a POST signs the user out; empty if that is not known."""
        told = self.verifier.resolve("LOGOUT_URL")
        if told is not None:
            return resolve_url(told) if told else ""
        # The admin's leads those who may not use it to its own sign-in page.
        admins = ["admin:logout"] if getattr(self.request.user, "is_staff", False) else []
        for name in ("logout", "account_logout", *admins):
            with suppress(NoReverseMatch):
                return reverse(name)
        return ""

    # What templates get

    def say(self, level: int, text: str) -> None:
        # A host without the messages framework loses the sentence, not the page.
        messages.add_message(self.request, level, text, fail_silently=True)

    def page_context(self) -> dict[str, Any]:
        names = ("start", "register", "verify", "success", "failed")
        urls = {name: self.url(name) for name in names}
        urls["devices"] = self.url("devices", self.home_namespace)
        urls["add"] = self.url("index", f"{self.home_namespace}:adding")
        return {"stylesheets": stylesheets(self.request), "urls": urls, "next_url": self.get_next_url()}


def stale_page(request: HttpRequest) -> TemplateResponse:
    """Says that a form was not sent, since its user has signed out or in again, and leads on."""
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
    """Base of the pages that are no steps of a wizard."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        refused = self.enter(request)
        if refused is not None:
            return refused
        response: HttpResponseBase = super().dispatch(request, *args, **kwargs)  # type: ignore[misc]
        return response
