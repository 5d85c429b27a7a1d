"""Redirects from Django's log-in page straight to the wizard."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from demo.urls import urlpatterns as demo_patterns
from django.contrib.auth import SESSION_KEY
from django.contrib.auth.decorators import permission_required
from django.contrib.auth.mixins import PermissionRequiredMixin
from django.contrib.auth.signals import user_logged_in
from django.contrib.auth.views import LoginView
from django.db import OperationalError, connection
from django.http import HttpRequest, HttpResponse
from django.test import AsyncClient
from django.urls import clear_script_prefix, path, set_script_prefix
from django.views.generic import View

from django_twilio_2fa.access import (
    TwoFactorRequiredMixin,
    two_factor_exempt,
    two_factor_required,
)
from django_twilio_2fa.access.requirement import Requirement
from django_twilio_2fa.contacts import PhoneNumber
from django_twilio_2fa.models import Device, TrustedBrowser
from django_twilio_2fa.sandbox import messages
from django_twilio_2fa.testing import verify

from ..browsers.people import cookie_of, cookies_of, has_cookie, trusts
from ..people import NAVIGATION, PHONE, Person

LOGIN = "/login/"
HEADERS = {name.removeprefix("HTTP_").replace("_", "-"): value for name, value in NAVIGATION.items()}


def page(request: HttpRequest) -> HttpResponse:
    return HttpResponse("shown")


class Page(TwoFactorRequiredMixin, View):
    def get(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse("shown")


class OfOwnRule(Page):
    def get_two_factor_requirement(self) -> Requirement:
        return Requirement(max_age=60 if hasattr(self, "request") else None)


class OfOwnSetup(Page):
    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)


class OfOwnDispatch(Page):
    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return super().dispatch(request, *args, **kwargs)


class ForStaff(PermissionRequiredMixin, Page):
    permission_required = "auth.add_user"


needs_permission = permission_required("auth.add_user", raise_exception=True)

urlpatterns = [
    *demo_patterns,
    path("function/", two_factor_required(page)),
    path("if-registered/", two_factor_required(if_registered=True)(page)),
    path("option/", Page.as_view(two_factor_if_registered=True)),
    path("fresh/", two_factor_required(max_age=60)(page)),
    path("methods/", Page.as_view(two_factor_methods=["totp"])),
    path("own-rule/", OfOwnRule.as_view()),
    path("own-setup/", OfOwnSetup.as_view()),
    path("own-dispatch/", OfOwnDispatch.as_view()),
    path("for-staff/", ForStaff.as_view()),
    path("with-permission/", needs_permission(two_factor_required(page))),
    path("class-with-permission/", needs_permission(Page.as_view())),
    path("open/", page),
    path("exempt/", two_factor_exempt(page)),
    path("other-login/", LoginView.as_view(success_url_allowed_hosts={"elsewhere.example"})),
]

pytestmark = pytest.mark.urls(__name__)


def to_verify(page: str) -> str:
    return f"/2fa/verify/?next={page.replace('/', '%2F')}"


@pytest.fixture
def trusts_this(pat: Person, settings: Any) -> Person:
    """Return a user whose browser is remembered and whose session has ended."""
    settings.TWILIO_2FA_TRUSTED_BROWSER_AGE = timedelta(days=30)
    cookies = cookies_of(trusts(pat).client)
    pat.client.logout()
    pat.client.cookies.load(cookies)
    return pat


@pytest.fixture
def logs_in(pat: Person) -> Callable[..., str]:
    """Return a function that logs in, and returns the URL that the log-in page redirects to."""
    if SESSION_KEY in pat.client.session:
        pat.client.logout()

    def logs_in(to: str, page: str = LOGIN, headers: dict[str, Any] = NAVIGATION) -> str:
        form = {"username": "pat", "password": "pat", "next": to}
        response = pat.client.post(page, form, **headers)
        assert response.status_code == 302
        return str(response.headers["Location"])

    return logs_in


@pytest.mark.parametrize("to", ["/secret/", "/function/", "/if-registered/", "/option/", "/secret/?a=b"])
def test_a_log_in_leads_straight_to_the_code(pat: Person, logs_in: Any, to: str) -> None:
    url = logs_in(to)
    assert url == to_verify(to).replace("?a", "%3Fa").replace("=b", "%3Db")
    assert pat.has_got() == 0
    pat.navigates(url)
    assert pat.has_got() == 1
    pat.posts(token=messages.last_code(PHONE))
    assert (pat.page.request["PATH_INFO"], pat.page.status_code) == (to.partition("?")[0], 200)
    assert pat.client.session["_auth_user_id"] == str(pat.user.pk)


@pytest.mark.parametrize("to", ["/open/", "/2fa/start/", "/nowhere/", "/", "/other-login/", "/transfer/"])
def test_other_pages_are_opened_directly_after_a_log_in(logs_in: Any, to: str) -> None:
    assert logs_in(to) == to


@pytest.mark.parametrize(
    "to",
    [
        "/own-rule/",
        "/own-setup/",
        "/own-dispatch/",
        "/for-staff/",
        "/with-permission/",
        "/class-with-permission/",
    ],
)
def test_a_page_with_an_earlier_check_is_opened_directly(logs_in: Any, to: str) -> None:
    assert logs_in(to) == to


@pytest.mark.parametrize("to", ["/fresh/", "/methods/"])
def test_a_page_with_max_age_or_methods_is_opened_directly(logs_in: Any, to: str) -> None:
    assert logs_in(to) == to


def test_a_log_in_leads_to_the_code_if_everybody_has_to_verify(settings: Any, logs_in: Any) -> None:
    settings.TWILIO_2FA_REQUIRED_CB = True
    assert logs_in("/open/") == to_verify("/open/")
    assert logs_in("/exempt/", page="/other-login/") == "/exempt/"
    assert logs_in("/other-login/", page="/other-login/") == "/other-login/"


def test_required_cb_is_not_called_at_a_log_in(settings: Any, logs_in: Any) -> None:
    asked = []

    def required(request: HttpRequest, **kwargs: Any) -> bool:
        asked.append(request.path)
        return True

    settings.TWILIO_2FA_REQUIRED_CB = required
    assert logs_in("/open/") == "/open/"
    assert logs_in("/secret/", page="/other-login/") == to_verify("/secret/")
    assert asked == []


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {**NAVIGATION, "HTTP_SEC_FETCH_SITE": "cross-site"},
        {**NAVIGATION, "HTTP_SEC_FETCH_MODE": "cors", "HTTP_SEC_FETCH_DEST": "empty"},
    ],
)
def test_only_a_browser_navigation_is_led_to_the_wizard(logs_in: Any, headers: dict[str, Any]) -> None:
    assert logs_in("/secret/", headers=headers) == "/secret/"


@pytest.mark.parametrize("to", ["http://testserver/secret/", "//elsewhere.example/secret/"])
def test_a_log_in_redirect_to_a_full_url_is_left_alone(logs_in: Any, to: str) -> None:
    assert logs_in(to, page="/other-login/") == to


def test_a_failed_log_in_stays_at_the_form(pat: Person) -> None:
    pat.client.logout()
    response = pat.client.post(LOGIN, {"username": "pat", "password": "no", "next": "/secret/"}, **NAVIGATION)
    assert response.status_code == 200
    assert pat.has_got() == 0


def test_a_user_without_a_device_opens_the_page_directly(pat: Person, logs_in: Any) -> None:
    Device.objects.filter(user=pat.user).delete()
    assert logs_in("/secret/") == "/secret/"


def test_a_user_with_two_devices_is_led_to_start(pat: Person, logs_in: Any) -> None:
    Device.objects.register(pat.user, PhoneNumber("+12025550147"))
    assert logs_in("/secret/") == "/2fa/start/?next=%2Fsecret%2F"


def test_a_user_who_may_not_verify_opens_the_page_directly(settings: Any, logs_in: Any) -> None:
    settings.TWILIO_2FA_ALLOW_USER_CB = lambda user, **kwargs: False
    assert logs_in("/secret/") == "/secret/"


def test_a_verified_user_who_logs_in_again_opens_the_page(pat: Person) -> None:
    verify(pat.client)
    form = {"username": "pat", "password": "pat", "next": "/secret/"}
    response = pat.client.post("/other-login/", form, **NAVIGATION, follow=True)
    assert response.redirect_chain == [("/secret/", 302)]
    assert response.status_code == 200


def test_a_log_in_in_a_remembered_browser_opens_the_page(
    settings: Any, trusts_this: Person, logs_in: Any
) -> None:
    before = cookie_of(trusts_this).value
    assert logs_in("/secret/") == "/secret/"
    # The cookie has its new token, and the session is verified.
    assert cookie_of(trusts_this).value != before
    assert trusts_this.opens("/secret/").page.redirect_chain == []
    assert trusts_this.has_got() == 1


def test_a_log_in_in_a_forgotten_browser_leads_to_the_code(trusts_this: Person, logs_in: Any) -> None:
    TrustedBrowser.objects.all().delete()
    assert logs_in("/secret/") == to_verify("/secret/")
    assert not has_cookie(trusts_this)


def test_a_log_in_under_asgi_leads_straight_to_the_code(pat: Person) -> None:
    form = {"username": "pat", "password": "pat", "next": "/secret/"}

    async def logs_in() -> Any:
        return await AsyncClient().post(LOGIN, form, headers=HEADERS)

    response = async_to_sync(logs_in)()
    assert response.headers["Location"] == to_verify("/secret/")


def test_a_log_in_below_a_script_name_leads_to_the_code(logs_in: Any) -> None:
    set_script_prefix("/below/")
    try:
        url = logs_in("/below/secret/", headers={**NAVIGATION, "SCRIPT_NAME": "/below"})
    finally:
        clear_script_prefix()
    assert url == "/below/2fa/verify/?next=%2Fbelow%2Fsecret%2F"


def test_a_log_in_without_a_request_is_left_alone(pat: Person) -> None:
    user_logged_in.send(type(pat.user), request=None, user=pat.user)


def test_a_query_that_fails_does_not_undo_a_log_in(pat: Person, logs_in: Any) -> None:
    def fails(execute: Any, sql: str, *args: Any) -> Any:
        if Device._meta.db_table in sql:
            raise OperationalError("disk I/O error")
        return execute(sql, *args)

    with connection.execute_wrapper(fails):
        assert logs_in("/secret/") == "/secret/"
    assert SESSION_KEY in pat.client.session
    assert pat.navigates("/secret/").is_at("verify")
