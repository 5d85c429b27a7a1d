"""Requests by scripts in a remembered browser, which guarded views accept without a redirect."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import AsyncClient

from django_twilio_2fa.models import TrustedBrowser
from django_twilio_2fa.testing import register_device

from ..access import urls as guarded_site
from ..loops import result_of
from ..people import PHONE, Person
from .people import cookie_of, cookies_of, copy_of, has_cookie, signs_in_again, trusts

MIDDLEWARE = "django_twilio_2fa.middleware.TwoFactorMiddleware"
JSON = {"HTTP_ACCEPT": "application/json"}
SCRIPTS = {"json": JSON, "htmx": {"HTTP_HX_REQUEST": "true"}, "fetch": {"HTTP_SEC_FETCH_DEST": "empty"}}
GUARDED_BY_THE_VIEW = ["/guarded/", "/guarded/async/", "/guarded/async-class/", "/guarded/async-method/"]
GUARDED_BY_THE_MIDDLEWARE = ["/page/", "/class/", "/async/", "/async-class/", "/data/"]


@pytest.fixture(autouse=True)
def site(settings: Any, no_cooldown: None) -> Any:
    """Remember browsers and add the middleware. Return the settings of the site."""
    settings.TWILIO_2FA_TRUSTED_BROWSER_AGE = timedelta(days=30)
    settings.MIDDLEWARE = [*(m for m in settings.MIDDLEWARE if m != MIDDLEWARE), MIDDLEWARE]
    return settings


@pytest.fixture
def trusted(pat: Person, site: Any) -> Person:
    """Return a user in a remembered browser, after signing in again."""
    found = signs_in_again(trusts(pat))
    site.ROOT_URLCONF = guarded_site.__name__
    return found


@pytest.mark.parametrize("path", GUARDED_BY_THE_VIEW)
@pytest.mark.parametrize("script", SCRIPTS)
def test_a_guarded_view_lets_a_script_in(trusted: Person, path: str, script: str) -> None:
    before = cookie_of(trusted).value
    assert trusted.client.get(path, **SCRIPTS[script]).status_code == 200
    assert cookie_of(trusted).value != before
    assert trusted.client.get(path, **SCRIPTS[script]).status_code == 200


@pytest.mark.parametrize("path", GUARDED_BY_THE_MIDDLEWARE)
def test_the_middleware_lets_a_script_in(trusted: Person, site: Any, path: str) -> None:
    site.TWILIO_2FA_REQUIRED_CB = True
    before = cookie_of(trusted).value
    assert trusted.client.get(path, **JSON).status_code == 200
    assert cookie_of(trusted).value != before
    assert cookie_of(trusted)["httponly"]


def test_the_decorator_alone_renews_the_cookie(trusted: Person, site: Any) -> None:
    site.MIDDLEWARE = [m for m in site.MIDDLEWARE if m != MIDDLEWARE]
    for path in GUARDED_BY_THE_VIEW:
        # A test client keeps the middleware of its first request.
        again = copy_of(trusted)
        before = cookie_of(again).value
        assert again.client.get(path, **JSON).status_code == 200
        assert cookie_of(again).value != before
        trusted = again


def test_the_permission_needs_the_middleware_to_let_a_script_in(trusted: Person, site: Any) -> None:
    before = cookie_of(trusted).value
    assert trusted.client.get("/permitted/", **JSON).json() == {"data": True}
    assert cookie_of(trusted).value != before
    site.MIDDLEWARE = [m for m in site.MIDDLEWARE if m != MIDDLEWARE]
    other = copy_of(trusted)
    assert other.client.get("/permitted/", **JSON).status_code == 403
    assert TrustedBrowser.objects.count() == 1


def test_a_guarded_view_accepts_a_form_at_once(trusted: Person) -> None:
    assert b"owl" in trusted.client.post("/guarded/", {"bird": "owl"}).content


@pytest.mark.parametrize("path", ["/step-up/", "/strong/", "/step-up/class/", "/permitted/by-email/"])
def test_stricter_views_still_ask_for_a_code(trusted: Person, path: str) -> None:
    assert trusted.client.get(path, **JSON).status_code == 403
    assert not trusted.is_verified


def test_a_copied_cookie_lets_no_script_in(trusted: Person) -> None:
    thief = copy_of(trusted)
    assert trusted.client.get("/guarded/", **JSON).status_code == 200
    assert thief.client.get("/guarded/", **JSON).status_code == 403
    assert not has_cookie(thief)
    assert not TrustedBrowser.objects.exists()


def test_the_cookie_of_another_user_lets_no_script_in(trusted: Person, sam: Person) -> None:
    sam.client.cookies.load(cookies_of(trusted.client))
    assert sam.client.get("/guarded/", **JSON).status_code == 403
    assert TrustedBrowser.objects.count() == 1


def test_a_user_whom_the_site_refuses_is_not_let_in(trusted: Person, site: Any) -> None:
    site.TWILIO_2FA_ALLOW_USER_CB = lambda user: False
    assert trusted.client.get("/guarded/", **JSON).status_code == 403
    assert not trusted.is_verified


def test_a_user_who_still_needs_a_phone_is_not_let_in(trusted: Person, site: Any) -> None:
    site.TWILIO_2FA_USER_MUST_HAVE_PHONE = True
    trusted.user.twilio_2fa_devices.update(kind="email", value="pat@example.com")
    assert trusted.client.get("/guarded/", **JSON).status_code == 403


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("path", ["/guarded/async/", "/guarded/async-class/", "/async/", "/guarded/"])
def test_scripts_are_let_in_under_asgi(site: Any, path: str) -> None:
    register_device(get_user_model().objects.create_user("pat", password="pat"), PHONE)
    person = signs_in_again(trusts(Person("pat")))
    site.ROOT_URLCONF = guarded_site.__name__
    site.TWILIO_2FA_REQUIRED_CB = True
    before = cookie_of(person)

    async def go() -> Any:
        client = AsyncClient()
        client.cookies.update(person.client.cookies)
        return await client.get(path, headers={"accept": "application/json"})

    answer = result_of(go)
    assert answer.status_code == 200
    assert answer.cookies[before.key].value != before.value
