"""Base of all pages: guards, URLs, and the context of every template."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any, ClassVar
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.middleware.csrf import CsrfViewMiddleware
from django.shortcuts import resolve_url
from django.template.response import TemplateResponse
from django.urls import NoReverseMatch, reverse
from django.utils.decorators import decorator_from_middleware
from django.utils.functional import cached_property
from django.utils.log import log_response
from django.views.decorators.cache import never_cache
from django.views.decorators.clickjacking import xframe_options_deny
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_post_parameters

from .. import browsers, errors, session
from ..conf import conf
from ..process import session_data, signing_in
from ..process.tables import outside_host_transaction
from ..reverse import home_url, on_this_site, site_url
from ..stylesheets import stylesheets
from ..verifier import Verifier
from .htmx import whole_elsewhere

View = Callable[..., HttpResponseBase]

logger = logging.getLogger("django.security.csrf")


class FormCheck(CsrfViewMiddleware):
    """Django's CSRF check, with this package's own page for a form that fails it.

    Usually, the user has signed out or in again in another tab while the form was open.
    """

    def _reject(self, request: HttpRequest, reason: str) -> HttpResponseBase:
        response = stale_page(request)
        log_response(
            "Forbidden (%s): %s", reason, request.path, response=response, request=request, logger=logger
        )
        return response


form_checked = decorator_from_middleware(FormCheck)


def protected(view: View) -> View:
    """Wrap a view in the guards that every page needs. A subclass that overrides `dispatch` keeps them."""
    for decorate in (
        whole_elsewhere,
        form_checked,
        never_cache,
        xframe_options_deny,
        sensitive_post_parameters("token", "phone_number", "email"),
        # Exempt from the site's CSRF middleware only, which would respond first with Django's own page.
        csrf_exempt,
    ):
        view = decorate(view)
    found: Any = outside_host_transaction(view)
    # For TwoFactorMiddleware and LoginRequiredMiddleware: users sign in and verify on these pages.
    found.two_factor_exempt, found.login_required = True, False
    return found  # type: ignore[no-any-return]


class PageMixin:
    """Base of all pages. Put it before one of Django's views in the base classes."""

    request: HttpRequest
    kwargs: dict[str, Any]
    verifier: Verifier

    is_two_factor_page: ClassVar[bool] = True
    takes_signing_in: ClassVar[bool] = False
    """True if the page also verifies users from `TwoFactorLoginView`, who are not signed in yet."""

    signed_in_to: str = ""
    """The URL to go to after this request has signed the user in. Empty for `next`."""

    has_new_flow: bool = False
    """True if this request has created the flow id. The session cannot be verified then."""

    def enter(self, request: HttpRequest) -> HttpResponseBase | None:
        """Check that the user may open the page, and set `verifier`. Otherwise return a redirect."""
        comes = request.user.is_authenticated or (self.takes_signing_in and signing_in.resume(request))
        if not comes:
            # After a POST, a page explains why the form was not accepted.
            return (
                stale_page(request)
                if request.method == "POST"
                else redirect_to_login(request.get_full_path())
            )
        self.verifier = session.get_verifier(request)
        try:
            self.verifier.authorize()
        except errors.UserNotAllowed:
            return HttpResponseRedirect(site_url(self.verifier.resolve("DISALLOWED_REDIRECT_URL")))
        # A new flow id discards the data of an earlier user of the same session.
        if not self.verifier.subject.flow and (self.needs_flow() or session_data.read(request)):
            self.verifier = session.get_verifier(request, create=True)
            self.has_new_flow = True
        return None

    def needs_flow(self) -> bool:
        """Return whether this request needs a flow id. Without one, the session is not written."""
        return True

    def sign_in(self) -> None:
        """Sign in a user who came from `TwoFactorLoginView` and is verified now."""
        self.signed_in_to = signing_in.finish(self.request)
        self.verifier = session.get_verifier(self.request)

    @property
    def is_signing_in(self) -> bool:
        """True if the user is not signed in yet."""
        return hasattr(self.request, "twilio_2fa_signing_in")

    # URLs

    @cached_property
    def namespace(self) -> str:
        """The URL namespace of this page."""
        match = self.request.resolver_match
        return match.namespace if match else "twilio_2fa"

    @property
    def home_namespace(self) -> str:
        """The URL namespace of the main wizard. It contains the namespaces of the other wizards."""
        return self.namespace

    def get_next_url(self) -> str:
        """Return the URL in `next`. Empty if there is none, or if it is not on this site."""
        return self._next_url

    @cached_property
    def _next_url(self) -> str:
        return on_this_site(self.request, self.request.GET.get("next", ""))

    def asked_methods(self, methods: tuple[str, ...] | None) -> tuple[str, ...] | None:
        """Return the methods out of `methods` that count for the page at `next`. None for all."""
        asked = session_data.read_part(self.request, "asked")
        names = asked.get("methods")
        if not isinstance(names, list) or asked.get("next") != self.get_next_url():
            return methods
        return tuple(name for name in names if methods is None or name in methods)

    def is_asked_strictly(self) -> bool:
        """Return whether the page at `next` asks for more than a verified session."""
        asked = session_data.read_part(self.request, "asked")
        return bool(asked.get("strict")) and asked.get("next") == self.get_next_url()

    def may_skip(self) -> bool:
        """Return whether the user may skip registration and then open the page at `next`."""
        if self.is_signing_in or not self.verifier.may_skip_registration():
            return False
        return not self.is_asked_strictly() or bool(self.verifier.resolve("REGISTER_OPTIONAL"))

    def url(self, name: str, namespace: str | None = None, **kwargs: Any) -> str:
        """Return the URL of a page in this namespace, with `next`. Empty if there is no such page."""
        return self.url_with_next(name, namespace, then=self.get_next_url(), **kwargs)

    def url_with_next(self, name: str, namespace: str | None = None, *, then: str, **kwargs: Any) -> str:
        """Return the URL of a page, with `then` as `next`."""
        try:
            url = reverse(f"{namespace or self.namespace}:{name}", kwargs=kwargs)
        except NoReverseMatch:
            return ""
        return f"{url}?{urlencode({'next': then})}" if then else url

    def proof_url(self, namespace: str, then: str) -> str:
        """Return the URL where the user verifies again, even in a remembered browser."""
        url = self.url_with_next("start", namespace, then=then)
        if not url or not browsers.are_remembered():
            return url
        return f"{url}{'&' if '?' in url else '?'}{browsers.FRESH}=1"

    def redirect(self, name: str) -> HttpResponseRedirect:
        """Redirect to a page in this namespace, or to its first page if there is no such page."""
        return HttpResponseRedirect(self.url(name) or self.url("index"))

    def get_site_url(self) -> str:
        """Return the URL of the link to the site. By default, `reverse.home_url`."""
        return home_url()

    def get_sign_out_url(self) -> str:
        """Return the URL to sign out by POST. Empty if there is none."""
        url = self.verifier.resolve("LOGOUT_URL")
        if url is not None:
            return resolve_url(url) if url else ""
        # The admin's page would redirect users without access to the admin's own log-in page.
        admins = ["admin:logout"] if getattr(self.request.user, "is_staff", False) else []
        for name in ("logout", "account_logout", *admins):
            with suppress(NoReverseMatch):
                return reverse(name)
        return ""

    def get_help_url(self) -> str:
        """Return the URL of the site's help for users who have lost their device. Empty if there is none."""
        url = self.verifier.resolve("HELP_URL")
        return resolve_url(url) if url else ""

    # The context of the templates

    def add_message(self, level: int, text: str) -> None:
        # Without the messages framework, only the message is lost: the page still works.
        messages.add_message(self.request, level, text, fail_silently=True)

    def page_context(self) -> dict[str, Any]:
        user = self.verifier.user
        return {
            "stylesheets": stylesheets(self.request),
            "urls": PageUrls(self),
            "next_url": self.get_next_url(),
            "site_name": site_name(self.request, user),
            "account_name": user.get_username() if user is not None else "",
            "is_signing_in": self.is_signing_in,
            "help_href": self.get_help_url(),
            "site_href": self.get_site_url(),
            "sign_out_href": self.get_sign_out_url(),
        }


def site_name(request: HttpRequest, user: Any = None) -> str:
    """Return the name of the site on the pages: `SERVICE_NAME`, or the host."""
    return conf.resolve("SERVICE_NAME", user=user, request=request) or request.get_host()


class PageUrls(Mapping[str, str]):
    """The URLs of the pages by their names. Each is looked up when a template asks for it."""

    NAMES = ("start", "register", "verify", "success", "failed", "devices", "add")

    def __init__(self, page: PageMixin) -> None:
        self._page = page

    def __getitem__(self, name: str) -> str:
        if name not in self.NAMES:
            raise KeyError(name)
        home = self._page.home_namespace
        if name == "add":
            return self._page.url("index", f"{home}:adding")
        return self._page.url(name, home if name == "devices" else None)

    def __iter__(self) -> Iterator[str]:
        return iter(self.NAMES)

    def __len__(self) -> int:
        return len(self.NAMES)


def stale_page(request: HttpRequest) -> TemplateResponse:
    """Return the page for a form that was refused because its user has signed out, or in again."""
    page, match = PageMixin(), request.resolver_match
    page.request = request
    kwargs = dict(match.kwargs) if match else {}
    if kwargs.pop("step", None) is not None:
        # The link goes to the first page of the wizard.
        href = page.url("index", **kwargs)
    else:
        href = page.url(match.url_name or "", **kwargs) if match else ""
    user = getattr(request, "user", None)
    user = user if user is not None and user.is_authenticated else None
    context = {
        "stylesheets": stylesheets(request),
        "site_name": site_name(request, user),
        "go_on_href": href or page.url("index", "twilio_2fa") or request.path,
        "signed_in_as": user.get_username() if user is not None else "",
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
