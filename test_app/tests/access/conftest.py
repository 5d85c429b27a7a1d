"""Fixtures for a site with the middleware."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.urls import clear_url_caches
from twilio_2fa_passkey.testing import SoftwareAuthenticator

from ..passkeys import with_passkey
from ..people import Person
from . import urls
from .visitors import LOGINS, Visitor

MIDDLEWARE = "django_twilio_2fa.middleware.TwoFactorMiddleware"


def is_asked(user: Any) -> bool:
    """Return whether the site requires this user to verify."""
    return user.username != "guest"


@pytest.fixture
def site(db: None, settings: Any) -> Iterator[Any]:
    """Return the settings of a site that requires verification of all users except guests."""
    settings.ROOT_URLCONF = f"{__package__}.urls"
    settings.MIDDLEWARE = [*(m for m in django_settings.MIDDLEWARE if m != MIDDLEWARE), MIDDLEWARE]
    settings.TWILIO_2FA_REQUIRED_CB = is_asked
    urls.RUN.clear()
    yield settings
    urls.RUN.clear()


@pytest.fixture
def guards(site: Any) -> Any:
    """Return the settings of the same site, where only the views require verification."""
    site.TWILIO_2FA_REQUIRED_CB = None
    return site


@pytest.fixture
def logins(guards: Any, monkeypatch: Any) -> Any:
    """Return the settings of the site with log-in pages of this package."""
    guards.LOGIN_REDIRECT_URL = "/page/"
    guards.LOGIN_URL = "/in/"
    kept = [p for p in urls.urlpatterns if getattr(p, "name", "") != "login"]
    monkeypatch.setattr(urls, "urlpatterns", [*LOGINS, *kept])
    clear_url_caches()
    yield guards
    monkeypatch.undo()
    clear_url_caches()


@pytest.fixture
def visitor(logins: Any, sam: Person) -> Visitor:
    """Return Sam, who has a phone and an e-mail address, and has not signed in."""
    return Visitor("sam")


@pytest.fixture
def site_login(logins: Any) -> Any:
    """Return the settings of the same site, where passkeys log in without a password."""
    logins.TWILIO_2FA_ALLOWED_METHODS = ["passkey", "sms"]
    logins.TWILIO_2FA_PASSWORDLESS_LOGIN = True
    return logins


@pytest.fixture
def phone() -> SoftwareAuthenticator:
    return SoftwareAuthenticator()


@pytest.fixture
def ann(site_login: Any, phone: SoftwareAuthenticator) -> Visitor:
    """Return Ann, who has a passkey on her phone, and has not signed in."""
    with_passkey("ann", phone)
    return Visitor("ann")
