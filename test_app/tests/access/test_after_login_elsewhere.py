"""Redirects after a log-in on sites whose URLs depend on more than the path."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
from django.conf.urls.i18n import i18n_patterns
from django.contrib.auth import SESSION_KEY, login
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import clear_script_prefix, include, path, set_script_prefix
from django.views.generic import View

from django_twilio_2fa.access import TwoFactorRequiredMixin, two_factor_required

from ..people import NAVIGATION, Person
from .test_after_login import to_verify


def page(request: HttpRequest, **kwargs: Any) -> HttpResponse:
    return HttpResponse("shown")


class OfOneOwner(TwoFactorRequiredMixin, View):
    @property
    def two_factor_methods(self) -> Any:  # type: ignore[override]
        return ["totp"] if hasattr(self, "request") else None


class OtherURLs:
    """A middleware that sets `request.urlconf` for requests with the header `X-URLs`."""

    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> Any:
        request.urlconf = request.headers.get("X-URLs") and "demo.urls"
        if not request.urlconf:
            del request.urlconf
        return self.get_response(request)


protected = two_factor_required(page)
LOGIN = path("login/", LoginView.as_view())
WIZARD = path("2fa/", include("django_twilio_2fa.urls"))
REST = path("<path:rest>", protected)


@pytest.fixture
def logs_in(pat: Person, settings: Any) -> Callable[..., str]:
    """Return a function that logs in on a site with the given URLs, and returns the URL of the redirect."""
    pat.client.logout()

    def logs_in(to: str, urls: list[Any], page: str = "/login/", **headers: Any) -> str:
        settings.ROOT_URLCONF = tuple(urls)
        form = {"username": "pat", "password": "pat", "next": to}
        response = pat.client.post(page, form, **NAVIGATION, **headers)
        assert response.status_code == 302
        return str(response.headers["Location"])

    return logs_in


@pytest.mark.parametrize("page", ["/login/", "/t/other/login/"])
def test_the_wizard_with_the_pages_url_parameters_is_found(logs_in: Any, page: str) -> None:
    tenant = [path("secret/", protected), LOGIN, WIZARD]
    urls = [LOGIN, path("t/<slug:tenant>/", include(tenant))]
    found = logs_in("/t/acme/secret/", urls, page)
    assert found == "/t/acme/2fa/verify/?next=%2Ft%2Facme%2Fsecret%2F"


def test_a_site_without_a_wizard_for_the_page_logs_in_as_before(logs_in: Any, caplog: Any) -> None:
    urls = [
        LOGIN,
        path("secret/", protected),
        path("t/<slug:tenant>/2fa/", include("django_twilio_2fa.urls")),
    ]
    assert logs_in("/secret/", urls) == "/secret/"
    assert [r for r in caplog.records if r.levelno >= logging.ERROR] == []


def test_a_path_beyond_ascii_is_matched_before_a_catch_all(logs_in: Any) -> None:
    assert logs_in("/\u00fcber/", [LOGIN, WIZARD, path("\u00fcber/", page), REST]) == "/%C3%BCber/"


def test_a_path_of_another_application_is_left_alone(logs_in: Any) -> None:
    set_script_prefix("/below/")
    try:
        found = logs_in("/secret/", [LOGIN, WIZARD, path("secret/", protected)], SCRIPT_NAME="/below")
    finally:
        clear_script_prefix()
    assert found == "/secret/"


def test_a_page_in_another_language_is_left_alone(logs_in: Any) -> None:
    urls = [LOGIN, WIZARD, *i18n_patterns(path("open/", page)), REST]
    assert logs_in("/de/open/", urls) == "/de/open/"
    assert logs_in("/secret/", urls) == to_verify("/secret/")


def test_a_request_with_its_own_urlconf_is_left_alone(settings: Any, logs_in: Any) -> None:
    settings.MIDDLEWARE = [f"{__name__}.OtherURLs", *settings.MIDDLEWARE]
    urls = [LOGIN, WIZARD, path("secret/", protected)]
    assert logs_in("/secret/", urls, HTTP_X_URLS="other") == "/secret/"
    assert logs_in("/secret/", urls) == to_verify("/secret/")


def test_a_log_in_redirect_to_an_api_view_is_left_alone(settings: Any, logs_in: Any) -> None:
    settings.TWILIO_2FA_REQUIRED_CB = True
    assert logs_in("/api/verified/", [*include("demo.urls")[0].urlpatterns]) == "/api/verified/"


def test_a_page_with_a_computed_requirement_is_opened_directly(logs_in: Any) -> None:
    assert logs_in("/own/", [LOGIN, WIZARD, path("own/", OfOneOwner.as_view())]) == "/own/"


@pytest.mark.parametrize(
    ("status", "headers"), [(302, {}), (201, {"Location": "/"}), (307, {"Location": "/"})]
)
def test_other_responses_to_a_log_in_are_left_alone(
    pat: Person, settings: Any, caplog: Any, status: int, headers: dict[str, str]
) -> None:
    def sign_up(request: HttpRequest) -> HttpResponse:
        login(request, pat.user, settings.AUTHENTICATION_BACKENDS[0])
        return HttpResponse(status=status, headers=headers)

    settings.ROOT_URLCONF = (path("sign-up/", sign_up), path("", protected), WIZARD)
    client = Client()
    response = client.post("/sign-up/", **NAVIGATION)
    assert (response.status_code, response.headers.get("Location")) == (status, headers.get("Location"))
    assert SESSION_KEY in client.session
    assert [r for r in caplog.records if r.levelno >= logging.ERROR] == []
