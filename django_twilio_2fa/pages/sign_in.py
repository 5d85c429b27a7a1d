"""The common part of the pages that sign users in only after they are verified."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlencode, urlsplit

from django.conf import settings
from django.http import HttpRequest

from .. import browsers, session
from ..access.first_page import first_page_url
from ..conf import conf
from ..process import signing_in
from ..process.devices import Registered
from ..process.session_data import subject_of
from ..reverse import on_this_site, view_at


class SignInMixin:
    """Delay the sign-in until the user is verified. A mixin for Django's views that call `login`."""

    request: HttpRequest
    _verifies_before_sign_in: ClassVar[bool] = True  # for `manage.py check`
    _registered: Sequence[Registered] = ()
    """The devices that `needs_verification` has read."""

    def begin_to_sign_in(self, user: Any, to: str) -> str:
        """Begin to sign in a user, who goes to `to` afterwards. Returns the URL of the wizard.

        `user.backend` is the path of the backend that has authenticated the user. Without it, the site has to
        have one backend only, as for Django's `login`. Raises ValueError otherwise.
        """
        if not hasattr(user, "backend"):
            user.backend = only_backend()
        here = on_this_site(self.request, to)
        signing_in.begin(self.request, user, to="" if here else to)
        with signing_in.as_subject(self.request, user):
            return self.get_verification_url(beyond_our_pages(here))

    @contextmanager
    def _as_user(self, user: Any) -> Iterator[None]:
        """Set `request.user` to the user who is signing in, since a site's `get_success_url` may use it."""
        before = self.request.user
        self.request.user = user
        try:
            yield
        finally:
            self.request.user = before

    def recognizes_browser(self, user: Any) -> bool:
        """Verify the session if the browser is remembered for the user. Returns whether it is."""
        with signing_in.as_subject(self.request, user):
            return browsers.lets_in(self.request)

    def needs_verification(self, user: Any) -> bool:
        """Return whether the user has to verify before they are signed in."""
        with signing_in.as_subject(self.request, user):
            verifier = session.get_verifier(self.request)
            self._registered = verifier.registered()
            if self._registered:
                return True
            required = conf.resolve("REQUIRED_CB", user=subject_of(self.request), request=self.request)
            return bool(required) and not verifier.may_skip_registration()

    def get_verification_url(self, to: str) -> str:
        """Return the URL of the wizard, which leads to `to`. Override it to use another wizard."""
        url = first_page_url(self.request, lambda: self._registered)
        return f"{url}?{urlencode({'next': to})}" if to else url


def only_backend() -> str:
    """Return the path of the site's authentication backend. Raises ValueError if it has several."""
    first, *others = settings.AUTHENTICATION_BACKENDS
    if others:
        raise ValueError("This site has more than one authentication backend. Name the backend of the user.")
    return str(first)


def beyond_our_pages(url: str) -> str:
    """Return the URL in `next` of a page that would ask to verify again. Other URLs are unchanged."""
    view = getattr(view_at(url), "view_class", None)
    if getattr(view, "is_two_factor_page", False) and getattr(view, "takes_signing_in", False):
        return parse_qs(urlsplit(url).query).get("next", [""])[0]
    return url
