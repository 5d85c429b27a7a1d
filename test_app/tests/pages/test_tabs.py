"""Forms that were opened before the user signed out, or in again, in another tab."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from django_twilio_2fa.models import Device, Verification
from django_twilio_2fa.sandbox.models import SandboxMessage

from ..helpers import same_browser
from ..people import Person

TYPED = {"country_code": "US", "phone_number": "202 555 0147"}
# How the site checks CSRF tokens: in a cookie, in the session, or only in the views.
WAYS = ["cookie", "session", "no middleware"]


class Browser:
    """A browser with CSRF checks, whose tabs share the cookies."""

    def __init__(self) -> None:
        self.client = Client(enforce_csrf_checks=True)

    def opens(self, path: str) -> dict[str, str]:
        """Open a page. Return the hidden fields of its form."""
        self.page: Any = self.client.get(path, follow=True)
        found = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', self.page.content.decode())
        return dict(reversed(found))

    def posts(self, path: str, form: dict[str, str]) -> Any:
        return self.client.post(path, form)

    def signs_in(self, name: str) -> None:
        form = {**self.opens("/accounts/in/"), "username": name, "password": name}
        assert self.posts("/accounts/in/", form).status_code == 302

    def signs_out(self) -> None:
        assert self.posts("/accounts/out/", self.opens("/accounts/in/")).status_code == 302


@pytest.fixture(params=WAYS)
def browser(request: Any, db: None, settings: Any) -> Browser:
    for name in ("ann", "bob"):
        get_user_model().objects.create_user(name, password=name)
    settings.ROOT_URLCONF = "tests.accounts"
    settings.CSRF_USE_SESSIONS = request.param == "session"
    if request.param == "no middleware":
        settings.MIDDLEWARE = [m for m in settings.MIDDLEWARE if "Csrf" not in m]
    browser = Browser()
    browser.signs_in("ann")
    return browser


def register_form(browser: Browser, then: str = "/secret/") -> tuple[str, dict[str, str]]:
    """Return the path and the data of the register form, with a number entered."""
    start = f"/2fa/start/?next={then}"
    browser.posts(start, {**browser.opens(start), "method": "sms"})
    register = f"/2fa/register/?next={then}"
    return register, {**browser.opens(register), **TYPED}


def is_ours(answer: Any) -> bool:
    return answer.status_code == 403 and "twilio_2fa/stale.html" in [t.name for t in answer.templates]


def nothing_was_sent() -> bool:
    return not (SandboxMessage.objects.exists() or Verification.objects.exists() or Device.objects.exists())


def test_an_open_form_works_while_the_user_stays_signed_in(browser: Browser) -> None:
    answer = browser.posts(*register_form(browser))
    assert answer["Location"] == "/2fa/verify/?next=%2Fsecret%2F"
    assert SandboxMessage.objects.get().to == "+12025550147"


def test_a_form_after_a_sign_out_shows_the_stale_page(browser: Browser) -> None:
    path, form = register_form(browser)
    browser.signs_out()
    answer = browser.posts(path, form)
    assert is_ours(answer)
    assert "You are signed out." in answer.content.decode()
    assert "<title>This page is out of date \N{EN DASH} testserver</title>" in answer.content.decode()
    assert "no-store" in answer["Cache-Control"]
    assert nothing_was_sent()
    # The link leads through the sign-in page to the page that the user wanted.
    href = answer.context["go_on_href"]
    assert href == "/2fa/?next=%2Fsecret%2F"
    assert browser.client.get(href)["Location"] == "/login/?next=/2fa/%3Fnext%3D%252Fsecret%252F"


@pytest.mark.parametrize("name", ["bob", "ann"])
@pytest.mark.parametrize("signs_out", [True, False])
def test_a_form_after_another_sign_in_sends_nothing(browser: Browser, name: str, signs_out: bool) -> None:
    # Signing in gives the browser another CSRF token, also if the user is the same.
    path, form = register_form(browser)
    if signs_out:
        browser.signs_out()
    browser.signs_in(name)
    answer = browser.posts(path, form)
    assert is_ours(answer)
    assert f"You are signed in as {name}." in answer.content.decode()
    assert nothing_was_sent()
    assert browser.client.get(answer.context["go_on_href"], follow=True).status_code == 200


def test_the_stale_page_leads_back_to_the_page_or_wizard(sam: Person) -> None:
    device = Device.objects.first().pk
    strict = same_browser(sam.client, enforce_csrf_checks=True)
    for path, href in {
        "/2fa/devices/": "/2fa/devices/",
        f"/2fa/remove/{device}/?next=/secret/": f"/2fa/remove/{device}/?next=%2Fsecret%2F",
        f"/2fa/change/{device}/verify/": f"/2fa/change/{device}/",
        "/2fa/add/register/?next=/": "/2fa/add/?next=%2F",
        "/2fa/verify/?next=https://evil.example/": "/2fa/",
    }.items():
        answer = strict.post(path, {})
        assert is_ours(answer)
        assert answer.context["go_on_href"] == href


def test_without_csrf_checks_a_form_acts_only_for_the_same_user(sam: Person, pat: Person) -> None:
    # A form names a verification or a device, and other users cannot use these.
    sam.opens("start").picks("sms")
    row = Verification.objects.get()
    device = str(Device.objects.get(user=sam.user, kind="email").pk)
    before = Verification.objects.values().get()
    for path, form in {
        "verify": {"token": "123456", "verification": str(row.public_id)},
        f"/2fa/remove/{device}/": {},
        "devices": {"action": "rename", "device": device, "name": "mine"},
    }.items():
        pat.posts(path, **form)
    assert Verification.objects.values().get() == before
    assert Device.objects.get(pk=device).name == ""
