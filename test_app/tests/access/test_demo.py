"""The pages of the demo that require verification."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.test import Client

from django_twilio_2fa.sandbox import messages
from django_twilio_2fa.testing import verify

from ..browsers.people import cookies_of
from ..people import PHONE, Person


def test_the_demo_keeps_a_posted_form(pat: Person) -> None:
    assert pat.opens("/transfer/").is_at("start")
    pat.picks("sms").types_the_code()
    assert pat.path == "/transfer/"
    pat = Person("pat")
    verify(pat.client, ago=600)
    assert pat.posts("/transfer/", amount="100").is_at("start")
    assert pat.picks("sms").types_the_code(PHONE).is_at("again")
    assert "Sent: 100" in pat.presses_the_button().text


def test_the_demo_asks_for_more_than_a_text_message(sam: Person) -> None:
    sam.opens("start").picks("sms").types_the_code()
    assert sam.opens("/keys/").path.startswith("/2fa/")


def test_the_demo_requires_only_users_with_a_device(demo: Person, pat: Person) -> None:
    assert demo.opens("/profile/").path == "/profile/"
    assert pat.opens("/profile/").is_at("start")


def test_the_demo_asks_a_returning_user_for_no_code(pat: Person, settings: Any) -> None:
    # All features are on: the middleware, the log-in page, the admin, and remembered browsers.
    settings.TWILIO_2FA_REQUIRED_CB = settings.TWILIO_2FA_REQUIRED_IN_ADMIN = True
    settings.TWILIO_2FA_TRUSTED_BROWSER_AGE = timedelta(days=30)
    pat.user.is_staff = pat.user.is_superuser = True
    pat.user.save()
    pat.client = Client()
    pat.opens("/login/verified/").posts(username="pat", password="pat").picks("sms")
    pat.posts(token=messages.last_code(PHONE), trust_browser="on")
    for log_in in ("/login/verified/", "/login/", "/admin/login/"):
        cookies = cookies_of(pat.client)
        pat.client = Client()
        pat.client.cookies.load(cookies)
        pat.posts(log_in, username="pat", password="pat", next="/secret/")
        assert pat.path == "/secret/"
        for page in ("/", "/secret/", "/profile/", "/admin/", "/api/verified/"):
            assert pat.opens(page).page.status_code == 200
            assert pat.path == page
    assert pat.has_got(PHONE) == 1


def test_the_demo_has_a_log_in_page_that_verifies(pat: Person) -> None:
    pat.client = Client()
    pat.opens("/login/verified/").posts(username="pat", password="pat")
    assert pat.is_at("start")
    assert "_auth_user_id" not in pat.client.session
    assert pat.picks("sms").types_the_code().path == "/"
    assert pat.is_verified
