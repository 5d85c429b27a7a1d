"""Unusual or careless setups of a site. None of them bypasses verification or locks users out."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import markcoroutinefunction
from django.conf.urls.i18n import i18n_patterns, is_language_prefix_patterns_used
from django.contrib.auth import get_user_model
from django.contrib.auth.forms import AuthenticationForm
from django.http import HttpRequest, HttpResponse
from django.test import AsyncClient
from django.urls import clear_script_prefix, clear_url_caches, path, re_path, set_script_prefix

from django_twilio_2fa.access import TwoFactorRequiredMixin, two_factor_required
from django_twilio_2fa.models import TrustedBrowser
from django_twilio_2fa.sandbox import messages
from django_twilio_2fa.testing import register_device, verify
from django_twilio_2fa.views import TwoFactorLoginView, TwoFactorPasswordResetConfirmView

from ..browsers.people import cookies_of
from ..loops import result_of
from ..people import PHONE, Person
from . import urls
from .test_login import PASSWORDS, opens_reset
from .visitors import TEMPLATE, CarelessBackend, Visitor


def cms(request: HttpRequest, slug: str) -> HttpResponse:
    """Serve every page of a content management system with one view."""
    return urls.page(request)


def sign_in(request: HttpRequest) -> HttpResponse:
    return urls.page(request)


class SetsUser:
    """A middleware that sets the user itself, as for a token in a header. It reads no session."""

    sync_capable = async_capable = True

    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response
        markcoroutinefunction(self)

    async def __call__(self, request: Any) -> Any:
        request.user = await get_user_model().objects.aget(username="pat")
        return await self.get_response(request)


class FormWithoutBackend(AuthenticationForm):
    """A form that finds the user itself, so `user.backend` is not set."""

    def get_user(self) -> Any:
        return get_user_model().objects.get(username="sam")


@pytest.fixture
def route(monkeypatch: Any) -> Any:
    """Return a function that adds routes before the site's, and removes the route named "login"."""

    def add(*routes: Any) -> None:
        kept = [p for p in urls.urlpatterns if getattr(p, "name", "") != "login"]
        monkeypatch.setattr(urls, "urlpatterns", [*routes, *kept])
        forget()

    def forget() -> None:
        clear_url_caches()
        is_language_prefix_patterns_used.cache_clear()

    yield add
    monkeypatch.undo()
    forget()


class TestLoginUrl:
    """The page of `LOGIN_URL`: only this page is exempt."""

    def test_other_pages_of_the_log_in_view_are_not_exempt(self, site: Any, pat: Person, route: Any) -> None:
        route(re_path(r"^cms/(?P<slug>.*)$", cms))
        site.LOGIN_URL = "/cms/sign-in/"
        assert pat.opens("/cms/payroll/").is_at("start")
        assert pat.opens("/cms/sign-in/").path == "/cms/sign-in/"

    def test_login_url_is_matched_in_every_language(self, site: Any, pat: Person, route: Any) -> None:
        site.LANGUAGES = [("en", "English"), ("de", "Deutsch")]
        site.MIDDLEWARE = ["django.middleware.locale.LocaleMiddleware", *site.MIDDLEWARE]
        route(*i18n_patterns(path("sign-in/", sign_in), path("payroll/", urls.page)))
        site.LOGIN_URL = "/en/sign-in/"
        assert pat.opens("/de/payroll/").is_at("start")
        assert pat.opens("/en/sign-in/").path == "/en/sign-in/"
        assert pat.opens("/de/sign-in/").path == "/de/sign-in/"

    @pytest.mark.parametrize(("login_url", "exempt"), [("/app/sign-in/", True), ("/sign-in/", False)])
    def test_login_url_is_matched_below_the_script_name(
        self, site: Any, pat: Person, route: Any, login_url: str, exempt: bool
    ) -> None:
        # `LOGIN_URL` includes `SCRIPT_NAME`, the path that the site is served below.
        route(path("sign-in/", sign_in))
        site.LOGIN_URL = login_url
        set_script_prefix("/app/")
        try:
            answer = pat.client.get("/sign-in/", SCRIPT_NAME="/app")
            assert (answer.status_code == 200) is exempt
            assert pat.client.get("/page/", SCRIPT_NAME="/app")["Location"].startswith("/app/2fa/start/")
        finally:
            clear_script_prefix()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("path", ["/guarded/async/", "/guarded/async-class/", "/async/", "/who/async/"])
def test_another_middleware_may_set_the_user_under_asgi(site: Any, path: str) -> None:
    pat = Person(get_user_model().objects.create_user("pat", password="pat").username)
    register_device(pat.user)
    site.MIDDLEWARE = [*site.MIDDLEWARE[:-1], f"{__name__}.SetsUser", site.MIDDLEWARE[-1]]

    async def go() -> Any:
        client = AsyncClient()
        client.cookies.update(pat.client.cookies)
        return await client.get(path)

    before = result_of(go)
    assert before.get("Location", "").startswith("/2fa/start/") or before.json()["verified"] is False
    verify(pat.client)
    assert result_of(go).status_code == 200


class TestTheLogInPage:
    def test_a_user_without_a_backend_uses_the_only_backend(self, visitor: Visitor, route: Any) -> None:
        view = TwoFactorLoginView.as_view(template_name=TEMPLATE, authentication_form=FormWithoutBackend)
        route(path("in/bare/", view))
        assert visitor.signs_in("/in/bare/").is_at("start")
        visitor.picks("sms").types_the_code()
        assert visitor.is_signed_in

    def test_a_missing_backend_among_several_raises_value_error(
        self, visitor: Visitor, logins: Any, route: Any
    ) -> None:
        backend = "django.contrib.auth.backends.ModelBackend"
        logins.AUTHENTICATION_BACKENDS = [backend, f"{CarelessBackend.__module__}.CarelessBackend"]
        view = TwoFactorLoginView.as_view(template_name=TEMPLATE, authentication_form=FormWithoutBackend)
        route(path("in/bare/", view))
        with pytest.raises(ValueError, match="backend"):
            visitor.signs_in("/in/bare/")

    def test_a_remembered_browser_does_not_admit_a_refused_user(self, visitor: Visitor, logins: Any) -> None:
        logins.TWILIO_2FA_TRUSTED_BROWSER_AGE = timedelta(days=30)
        visitor.signs_in().picks("sms").posts(token=messages.last_code(PHONE), trust_browser="on")
        again = Visitor("sam")
        again.client.cookies.load(cookies_of(visitor.client))
        logins.TWILIO_2FA_ALLOW_USER_CB = lambda user: False
        again.signs_in()
        assert not again.is_signed_in
        logins.TWILIO_2FA_ALLOW_USER_CB = lambda user: True
        again.signs_in()
        assert again.is_signed_in

    def test_a_refused_api_request_does_not_end_a_half_way_log_in(self, visitor: Visitor) -> None:
        visitor.signs_in()
        for endpoint in ("devices", "browsers", "activity"):
            assert visitor.client.get(f"/api/2fa/{endpoint}/").status_code == 401
        assert visitor.client.get("/api/2fa/verification-methods/").status_code == 200
        visitor.opens("start").picks("sms").types_the_code()
        assert visitor.is_signed_in


class TestPasswordReset:
    view = staticmethod(
        TwoFactorPasswordResetConfirmView.as_view(success_url="/page/", post_reset_login=True)
    )

    def test_a_reset_opens_beside_djangos_login_required_middleware(
        self, visitor: Visitor, logins: Any, monkeypatch: Any
    ) -> None:
        pytest.importorskip("django", minversion="5.1")
        required = "django.contrib.auth.middleware.LoginRequiredMiddleware"
        logins.MIDDLEWARE = [*logins.MIDDLEWARE, required]
        opens_reset(visitor, monkeypatch, self.view).posts(**PASSWORDS)
        assert visitor.is_at("start")
        assert not visitor.is_signed_in
        assert visitor.picks("sms").types_the_code().path == "/page/"

    def test_a_verified_user_who_opens_anothers_link_is_signed_out(
        self, visitor: Visitor, pat: Person, monkeypatch: Any
    ) -> None:
        verify(pat.client)
        visitor.client = pat.client
        opens_reset(visitor, monkeypatch, self.view).posts(**PASSWORDS)
        assert visitor.client.get("/who/").json() == {"user": "", "verified": False}

    def test_a_password_reset_forgets_remembered_browsers(
        self, visitor: Visitor, logins: Any, monkeypatch: Any
    ) -> None:
        logins.TWILIO_2FA_TRUSTED_BROWSER_AGE = timedelta(days=30)
        visitor.signs_in().picks("sms").posts(token=messages.last_code(PHONE), trust_browser="on")
        again = Visitor("sam")
        again.client.cookies.load(cookies_of(visitor.client))
        opens_reset(again, monkeypatch, self.view).posts(**PASSWORDS)
        assert again.is_at("start")
        assert not again.is_signed_in
        assert not TrustedBrowser.objects.exists()


class TestInvalidRequirements:
    """Requirements that nobody can meet: an error when the view is defined, instead of an endless prompt."""

    @pytest.mark.parametrize("max_age", [0, -1, timedelta(0)])
    def test_max_age_of_zero_or_less_raises_value_error(self, max_age: Any) -> None:
        with pytest.raises(ValueError, match="max_age"):
            two_factor_required(max_age=max_age)

    def test_methods_given_as_a_string_raise_type_error(self) -> None:
        with pytest.raises(TypeError, match=r'methods=\["email"\]'):
            two_factor_required(methods="email")

    def test_the_mixin_after_the_view_class_raises_type_error(self) -> None:
        with pytest.raises(TypeError, match="WrongView has to name TwoFactorRequiredMixin before"):

            class WrongView(urls.PageView, TwoFactorRequiredMixin):
                pass


def test_a_device_registered_during_a_log_in_is_required(logins: Any, demo: Person) -> None:
    # An attacker who has only the password registers a phone. Meanwhile, the user registers one.
    logins.TWILIO_2FA_REQUIRED_CB = True
    thief = Visitor("demo").signs_in().picks("sms").registers("202 555 0199")
    assert thief.is_at("verify")
    register_device(demo.user)
    thief.types_the_code("+12025550199")
    assert not thief.is_signed_in
    assert [d.value for d in demo.user.twilio_2fa_devices.all()] == [PHONE]
