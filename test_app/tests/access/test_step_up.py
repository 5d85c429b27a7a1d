"""`max_age`, `methods` and `if_registered`, and forms that are posted before verification."""

from __future__ import annotations

import re
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import path

from django_twilio_2fa.models import Device
from django_twilio_2fa.process import kept_post
from django_twilio_2fa.testing import verify

from ..people import EMAIL, Person
from . import urls

STEP_UPS = ["/step-up/", "/step-up/async/", "/step-up/class/"]
POST_ONLY = ["/step-up/post-only/", "/step-up/post-only-class/"]
FORM = {"amount": "100", "to": "Ann <b>&</b> Ben", "note": "two\nlines"}
FROM_FORM = {"HTTP_REFERER": "http://testserver/page/?draft=1"}


class Visitor(Person):
    """A person who posts a form and follows the response as a browser does."""

    def sends(self, to: str, data: Any = None, **headers: Any) -> Visitor:
        self.answer = self.client.post(to, FORM if data is None else data, **{**FROM_FORM, **headers})
        return self

    def verifies(self) -> Visitor:
        assert self.answer.status_code == 302, self.answer
        self.page = self.client.get(self.answer["Location"], follow=True)
        self.picks("sms").types_the_code()
        return self


@pytest.fixture
def user(pat: Person) -> Visitor:
    """Return Pat, who verified an hour ago."""
    visitor = Visitor("pat")
    verify(visitor.client, ago=3600)
    return visitor


class TestMaxAge:
    @pytest.mark.parametrize("path", STEP_UPS)
    def test_an_old_verification_is_not_enough(self, guards: Any, user: Visitor, path: str) -> None:
        assert user.opens("/guarded/").path == "/guarded/"
        assert user.opens(path).is_at("start")
        assert user.picks("sms").types_the_code().path == path
        assert ["/guarded/", path] == urls.RUN

    @pytest.mark.parametrize("path", [*STEP_UPS, *POST_ONLY])
    def test_a_form_posted_before_verification_is_kept(self, guards: Any, user: Visitor, path: str) -> None:
        user.sends(path).verifies()
        assert urls.RUN == []
        assert user.is_at("again")
        assert "Your answers are still here" in user.text
        assert user.presses_the_button().page.status_code == 200
        assert user.path == path
        assert [path] == urls.RUN
        assert user.page.content.decode() == f"{path} {FORM}"

    @pytest.mark.parametrize("path", STEP_UPS)
    def test_a_kept_form_is_sent_once(self, guards: Any, user: Visitor, path: str) -> None:
        user.sends(path).verifies().presses_the_button()
        assert "posted" not in user.client.session["twilio_2fa"]
        assert user.opens("/2fa/again/").path == "/"

    def test_another_form_leaves_a_kept_form_alone(self, guards: Any, user: Visitor) -> None:
        user.sends("/step-up/").verifies()
        user.client.post("/step-up/class/", {"other": "form"})
        assert user.opens("/2fa/again/").is_at("again")

    def test_each_tab_comes_back_to_its_own_form(self, guards: Any, user: Visitor) -> None:
        first = user.sends("/step-up/").answer["Location"]
        second = user.sends("/step-up/", {"amount": "7"}).answer["Location"]
        user.opens(second).picks("sms").types_the_code()
        assert 'value="7"' in user.page.content.decode()
        user.opens(parse_qs(urlsplit(first).query)["next"][0])
        assert 'value="100"' in user.page.content.decode()
        assert user.presses_the_button().page.content.decode() == f"/step-up/ {FORM}"

    def test_at_most_three_forms_are_kept(self, guards: Any, user: Visitor) -> None:
        ways = [user.sends("/step-up/", {"n": str(n)}).answer["Location"] for n in range(4)]
        user.opens(ways[3]).picks("sms").types_the_code()
        backs = [parse_qs(urlsplit(way).query)["next"][0] for way in ways]
        assert [user.opens(back).is_at("again") for back in backs] == [False, True, True, True]

    def test_a_kept_form_can_be_discarded(self, guards: Any, user: Visitor) -> None:
        user.sends("/step-up/").verifies()
        href = re.findall(r'href="([^"]+)"[^>]*>Do not send it', user.page.content.decode())
        assert unescape(href[0]) == "/page/?draft=1"

    def test_the_middleware_keeps_a_posted_form(self, site: Any, pat: Person) -> None:
        visitor = Visitor("pat").sends("/page/").verifies()
        assert visitor.is_at("again")
        assert visitor.presses_the_button().page.content.decode() == f"/page/ {FORM}"

    def test_a_visitor_returns_to_the_form_after_log_in(self, guards: Any, db: None) -> None:
        answer = Client().post("/step-up/post-only/", FORM, **FROM_FORM)
        assert answer["Location"] == "/login/?next=/page/%3Fdraft%3D1"


class TestFormsThatAreNotKept:
    """Forms that are not kept. The user returns to the page with the form."""

    def comes_back(self, visitor: Visitor, to: str = "/page/") -> None:
        visitor.verifies()
        assert visitor.path == to
        assert "posted" not in visitor.client.session["twilio_2fa"]

    @pytest.mark.parametrize(
        "name", ["password", "new_password1", "card_number", "cvc", "token", "otp", "code", "pin", "secret"]
    )
    def test_a_form_with_a_secret_is_not_kept(self, guards: Any, user: Visitor, name: str) -> None:
        self.comes_back(user.sends("/step-up/post-only/", {**FORM, name: "1234"}))

    @pytest.mark.parametrize("name", ["postcode", "country_code_list", "encoded", "shopping"])
    def test_fields_with_similar_names_are_not_secret(self, guards: Any, user: Visitor, name: str) -> None:
        assert user.sends("/step-up/", {**FORM, name: "1234"}).verifies().is_at("again")

    def test_an_uploaded_file_is_not_kept(self, guards: Any, user: Visitor) -> None:
        self.comes_back(user.sends("/step-up/", {"file": SimpleUploadedFile("a.txt", b"a")}))

    @pytest.mark.parametrize(("engine", "length"), [("db", 60_000), ("signed_cookies", 2_000)])
    def test_an_oversized_form_is_not_kept(self, guards: Any, pat: Person, engine: str, length: int) -> None:
        guards.SESSION_ENGINE = f"django.contrib.sessions.backends.{engine}"
        visitor = Visitor("pat")
        self.comes_back(visitor.sends("/step-up/", {"text": "x" * length}))

    def test_a_body_that_is_not_a_form_is_not_kept(self, guards: Any, user: Visitor) -> None:
        user.answer = user.client.post("/step-up/", "<a/>", content_type="text/xml", **FROM_FORM)
        self.comes_back(user)

    def test_no_form_is_kept_without_a_csrf_check(self, guards: Any, user: Visitor, monkeypatch: Any) -> None:
        # Without Django's CSRF check, another site may have sent the form.
        guards.MIDDLEWARE = [m for m in guards.MIDDLEWARE if "Csrf" not in m]
        visitor = Visitor("pat")
        visitor.client.cookies.update(user.client.cookies)
        self.comes_back(visitor.sends("/step-up/"))

    def test_a_form_that_cannot_be_read_causes_no_error(self, guards: Any, user: Visitor) -> None:
        guards.DATA_UPLOAD_MAX_NUMBER_FIELDS = 2
        guards.MIDDLEWARE = [m for m in guards.MIDDLEWARE if "Csrf" not in m]
        assert user.sends("/step-up/").answer.status_code in (302, 400)

    def test_a_referrer_on_another_host_is_not_followed(self, guards: Any, user: Visitor) -> None:
        user.sends("/step-up/", {"password": "x"}, HTTP_REFERER="https://evil.example/form")
        self.comes_back(user, "/")

    def test_a_referrer_with_two_slashes_stays_on_this_host(self, guards: Any, user: Visitor) -> None:
        user.sends("/step-up/", HTTP_REFERER="http://testserver//evil.example/form?a=b").verifies()
        assert user.page.context["back"] == "/%2Fevil.example/form?a=b"

    def test_a_kept_form_can_be_read_by_its_user_only(self, guards: Any, user: Visitor, demo: Person) -> None:
        user.sends("/step-up/")
        kept = user.client.session["twilio_2fa"]["posted"]
        # Encrypted text and times never contain a space.
        assert "Ann <b>" not in str(kept)
        session = user.client.session
        session["_auth_user_id"], hash_ = str(demo.user.pk), demo.user.get_session_auth_hash()
        session["_auth_user_hash"] = hash_
        session.save()
        assert kept_post.read(user.client.get("/open/").wsgi_request) is None
        assert not user.opens("/2fa/again/").is_at("again")

    def test_a_kept_form_is_gone_after_ten_minutes(
        self, guards: Any, user: Visitor, monkeypatch: Any
    ) -> None:
        user.sends("/step-up/").verifies()
        session = user.client.session
        [kept] = session["twilio_2fa"]["posted"].values()
        kept["at"] -= kept_post.LIFETIME + 1
        session.save()
        assert user.opens("/2fa/again/").path == "/"

    @pytest.mark.parametrize(
        "kept",
        [
            "x",
            {"id": "x"},
            {"id": {"at": "x"}},
            {"id": {"at": 9**11, "sealed": "forged"}},
            {"id": {"at": 9**11}},
        ],
    )
    def test_a_forged_kept_form_is_ignored(self, guards: Any, user: Visitor, kept: Any) -> None:
        session = user.client.session
        session["twilio_2fa"]["posted"] = kept
        session.save()
        assert user.opens("/2fa/again/").path == "/"


class TestMethods:
    def test_only_the_required_methods_are_offered(self, guards: Any, sam: Person) -> None:
        sam.opens("start").picks("sms").types_the_code()
        assert sam.opens("/strong/").is_at("start")
        assert [method for method, _detail in sam.choices] == ["email"]
        assert sam.picks("sms").is_at("start")
        assert sam.picks("email").types_the_code(EMAIL).path == "/strong/"

    def test_other_pages_offer_all_methods(self, guards: Any, sam: Person) -> None:
        sam.opens("/strong/")
        assert len(sam.opens("start").choices) > 1

    def test_a_user_without_a_required_method_registers_one(self, guards: Any, pat: Person) -> None:
        pat.opens("start").picks("sms").types_the_code()
        pat.opens("/strong/")
        assert pat.path == "/2fa/add/register/"
        pat.posts(email=EMAIL).types_the_code(EMAIL)
        assert pat.is_at("start")
        assert pat.picks("email").types_the_code(EMAIL).path == "/strong/"

    def test_a_user_without_a_device_registers_a_required_method(self, guards: Any, demo: Person) -> None:
        demo.opens("/strong/")
        assert demo.is_at("register")
        demo.posts(email=EMAIL).types_the_code(EMAIL)
        assert demo.path == "/strong/"


class TestIfRegistered:
    def test_only_users_with_a_device_are_asked(self, guards: Any, pat: Person, demo: Person) -> None:
        assert demo.opens("/if-registered/").path == "/if-registered/"
        assert pat.opens("/if-registered/").is_at("start")
        assert pat.picks("sms").types_the_code().path == "/if-registered/"

    def test_visitors_are_redirected_to_the_log_in_page(self, guards: Any, db: None) -> None:
        assert Client().get("/if-registered/")["Location"].startswith("/login/")


SCRIPTS: dict[str, dict[str, str]] = {
    "JSON": {"HTTP_ACCEPT": "application/json"},
    "a vendor's JSON": {"HTTP_ACCEPT": "application/vnd.api+json, */*"},
    "htmx": {"HTTP_HX_REQUEST": "true", "HTTP_ACCEPT": "*/*"},
    "htmx with HTML": {"HTTP_HX_REQUEST": "true", "HTTP_ACCEPT": "text/html"},
    "XMLHttpRequest": {"HTTP_X_REQUESTED_WITH": "XMLHttpRequest", "HTTP_ACCEPT": "text/html"},
    "fetch": {"HTTP_SEC_FETCH_DEST": "empty", "HTTP_ACCEPT": "*/*"},
}
PEOPLE: dict[str, dict[str, str]] = {
    "a browser": {
        "HTTP_ACCEPT": "text/html,application/xhtml+xml,*/*;q=0.8",
        "HTTP_SEC_FETCH_DEST": "document",
    },
    "Turbo": {"HTTP_ACCEPT": "text/html, application/xhtml+xml", "HTTP_SEC_FETCH_DEST": "empty"},
    "curl": {"HTTP_ACCEPT": "*/*"},
    "no headers": {},
}


class TestScripts:
    @pytest.mark.parametrize("headers", SCRIPTS.values(), ids=SCRIPTS)
    @pytest.mark.parametrize(
        "where", ["/guarded/", "/guarded/async/", "/guarded/async-class/", "/step-up/class/"]
    )
    def test_a_script_gets_403_with_the_address(
        self, guards: Any, pat: Person, headers: Any, where: str
    ) -> None:
        answer = pat.client.get(where, **headers, HTTP_REFERER="http://testserver/page/")
        assert answer.status_code == 403
        assert answer.json() == {
            "detail": "Check it is you before you go on.",
            "error_code": "two_factor_required",
            "url": "/2fa/start/?next=%2Fpage%2F",
        }
        assert answer.headers.get("HX-Redirect") == (
            answer.json()["url"] if "HTTP_HX_REQUEST" in headers else None
        )

    @pytest.mark.parametrize("headers", SCRIPTS.values(), ids=SCRIPTS)
    def test_a_visitors_script_gets_401(self, guards: Any, db: None, headers: Any) -> None:
        answer = Client().get("/guarded/", **headers)
        assert answer.status_code == 401
        assert answer.json()["url"] == "/login/?next=/"
        assert answer.json()["error_code"] == "user_unauthenticated"

    @pytest.mark.parametrize("headers", PEOPLE.values(), ids=PEOPLE)
    def test_a_browser_is_redirected_to_the_wizard(self, guards: Any, pat: Person, headers: Any) -> None:
        assert pat.client.get("/guarded/", **headers).status_code == 302

    @pytest.mark.parametrize("headers", [*SCRIPTS.values(), *PEOPLE.values()])
    def test_the_rest_framework_gets_403(self, site: Any, pat: Person, headers: Any) -> None:
        assert pat.client.get("/data/", **headers).status_code == 403
        verify(pat.client)
        assert pat.client.get("/data/", **headers).status_code == 200

    def test_the_permission_says_where_to_verify(self, guards: Any, pat: Person) -> None:
        answer = pat.client.get("/permitted/", HTTP_REFERER="http://testserver/page/")
        assert answer.status_code == 403
        assert answer.json()["error_code"] == "two_factor_required"
        assert answer.json()["url"] == "/2fa/start/?next=%2Fpage%2F"
        pat.opens("start").picks("sms").types_the_code()
        assert pat.client.get("/permitted/").status_code == 200
        assert pat.client.get("/permitted/by-email/").status_code == 403
        assert (
            pat.client.get("/permitted/", HTTP_AUTHORIZATION="Basic cGF0OnBhdA==").json().get("url") is None
        )

    def test_a_posted_json_body_gets_403(self, guards: Any, pat: Person) -> None:
        answer = pat.client.post("/step-up/", {"a": 1}, content_type="application/json")
        assert answer.status_code == 403

    def test_htmx_returns_to_the_current_page(self, guards: Any, pat: Person) -> None:
        told = {"HTTP_HX_REQUEST": "true", "HTTP_HX_CURRENT_URL": "http://testserver/page/?tab=2"}
        answer = pat.client.post("/step-up/", FORM, **told)
        assert answer["HX-Redirect"] == "/2fa/start/?next=%2Fpage%2F%3Ftab%3D2"
        elsewhere = {**told, "HTTP_HX_CURRENT_URL": "https://evil.example/"}
        assert pat.client.get("/step-up/", **elsewhere)["HX-Redirect"] == "/2fa/start/?next=%2F"


def test_a_guarded_disallowed_redirect_url_does_not_loop(guards: Any, pat: Person) -> None:
    guards.TWILIO_2FA_ALLOW_USER_CB = False
    guards.TWILIO_2FA_DISALLOWED_REDIRECT_URL = "/guarded/"
    assert pat.client.get("/guarded/").status_code == 403
    guards.TWILIO_2FA_DISALLOWED_REDIRECT_URL = "/page/"
    assert pat.opens("/guarded/").path == "/page/"


def test_without_the_form_page_users_return_to_the_referrer(
    guards: Any, pat: Person, monkeypatch: Any
) -> None:
    from django.urls import clear_url_caches, include

    from django_twilio_2fa.views import VerificationWizardView

    kept = [p for p in urls.urlpatterns if str(p.pattern) != "2fa/"]
    wizard = path("2fa/", include(VerificationWizardView.urls(), namespace="twilio_2fa"))
    monkeypatch.setattr(urls, "urlpatterns", [*kept, wizard])
    clear_url_caches()
    try:
        visitor = Visitor("pat").sends("/step-up/post-only/").verifies()
        assert visitor.path == "/page/"
    finally:
        monkeypatch.undo()
        clear_url_caches()
        assert Device.objects.exists()
