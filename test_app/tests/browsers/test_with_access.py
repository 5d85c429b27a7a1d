"""Remembered browsers with the middleware, the log-in page, step-up, and ended verifications."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from demo.urls import urlpatterns as demo_patterns
from django.http import HttpRequest, HttpResponse
from django.urls import path

from django_twilio_2fa.access import two_factor_required
from django_twilio_2fa.models import TrustedBrowser
from django_twilio_2fa.views import TwoFactorLoginView

from ..people import Person
from .people import SECRET, cookies_of, signs_in_again, trusts

STEP_UP, LONG_AGO, STRONG = "/step-up/", "/long-ago/", "/strong/"


@two_factor_required(max_age=3600)
def step_up(request: HttpRequest) -> HttpResponse:
    return HttpResponse("stepped up")


@two_factor_required(methods=("sms",))
def strong(request: HttpRequest) -> HttpResponse:
    return HttpResponse("strong")


@two_factor_required(max_age=timedelta(days=40_000))
def long_ago(request: HttpRequest) -> HttpResponse:
    return HttpResponse("verified at some time")


def state(request: HttpRequest) -> HttpResponse:
    found: Any = request.two_factor  # type: ignore[attr-defined]
    told = (found.verified, found.trusted_browser, found.method, found.verified_at, found.age)
    return HttpResponse(repr(told))


urlpatterns = [
    path("sign-in/", TwoFactorLoginView.as_view(template_name="registration/login.html")),
    path("step-up/", step_up),
    path("long-ago/", long_ago),
    path("strong/", strong),
    path("state/", state),
    *demo_patterns,
]


@pytest.fixture(autouse=True)
def remembered_for_a_month(settings: Any, no_cooldown: None) -> None:
    settings.TWILIO_2FA_TRUSTED_BROWSER_AGE = timedelta(days=30)
    settings.ROOT_URLCONF = __name__
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "django_twilio_2fa.middleware.TwoFactorMiddleware"]


@pytest.fixture
def trusted(pat: Person) -> Person:
    """Return a user in a remembered browser, after signing in again."""
    return signs_in_again(trusts(pat))


def signs_in(person: Person, to: str = SECRET) -> Person:
    """Sign out, and sign in on the log-in page of the same browser."""
    cookies = cookies_of(person.client)
    person.client.logout()
    person.client.cookies.load(cookies)
    return person.posts(f"/sign-in/?next={to}", username="pat", password="pat", next=to)


def test_the_log_in_page_asks_nothing_in_a_remembered_browser(trusted: Person) -> None:
    before = cookies_of(trusted.client)
    signs_in(trusted)
    assert (trusted.path, trusted.page.status_code) == (SECRET, 200)
    assert [status for _url, status in trusted.page.redirect_chain] == [302]
    assert cookies_of(trusted.client) != before
    assert signs_in(trusted).path == SECRET


def test_the_log_in_page_asks_for_a_code_in_other_browsers(trusted: Person) -> None:
    trusted.client.cookies.clear()
    assert signs_in(trusted).is_at("start")
    assert "_auth_user_id" not in trusted.client.session


def test_the_log_in_page_ignores_a_cookie_of_another_user(trusted: Person, sam: Person) -> None:
    sam.client.logout()
    sam.client.cookies.load(cookies_of(trusted.client))
    sam.posts("/sign-in/", username="sam", password="sam")
    assert sam.is_at("start")
    assert "_auth_user_id" not in sam.client.session


def test_a_wrong_password_does_not_renew_the_token(trusted: Person) -> None:
    before = TrustedBrowser.objects.get().digest
    trusted.client.logout()
    trusted.posts("/sign-in/", username="pat", password="wrong")
    assert TrustedBrowser.objects.get().digest == before


def test_the_middleware_asks_nothing_in_a_remembered_browser(trusted: Person, settings: Any) -> None:
    settings.TWILIO_2FA_REQUIRED_CB = lambda user: True
    assert trusted.opens("/").path == "/"
    assert trusted.page.status_code == 200


@pytest.mark.parametrize("page", [STEP_UP, LONG_AGO, STRONG])
def test_step_up_and_methods_ask_for_a_code_without_a_detour(trusted: Person, page: str) -> None:
    assert trusted.opens(page).is_at("start")
    assert len(trusted.page.redirect_chain) <= 2
    assert trusted.picks("sms").types_the_code().path == page


@pytest.mark.parametrize("page", [STEP_UP, LONG_AGO, STRONG])
def test_a_session_that_was_let_in_still_has_to_step_up(trusted: Person, page: str) -> None:
    trusted.opens(SECRET)
    assert trusted.opens(page).is_at("start")
    assert trusted.picks("sms").types_the_code().path == page


def test_the_state_says_that_the_browser_let_the_user_in(trusted: Person) -> None:
    trusted.opens(SECRET)
    told = trusted.client.get("/state/").content.decode()
    assert told == "(True, True, 'trusted_browser', None, None)"


def test_a_forgotten_browsers_sessions_end_at_the_recheck(trusted: Person, settings: Any) -> None:
    settings.TWILIO_2FA_VERIFIED_RECHECK = 0
    trusted.opens(SECRET)
    TrustedBrowser.objects.get()
    from django_twilio_2fa.browsers import end_browsers

    end_browsers(trusted.user)
    assert trusted.opens(SECRET).is_at("start")


def test_revoke_ends_sessions_at_the_recheck(pat: Person, settings: Any) -> None:
    from io import StringIO

    from django.core.management import call_command

    settings.TWILIO_2FA_VERIFIED_RECHECK = 0
    assert pat.opens(SECRET).picks("sms").types_the_code().path == SECRET
    call_command("twilio_2fa_revoke", "pat", stdout=StringIO())
    assert pat.opens(SECRET).is_at("start")
