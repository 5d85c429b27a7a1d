"""The middleware: the users who have to verify, and the views that are exempt."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from asgiref.sync import iscoroutinefunction
from django.contrib.auth import get_user_model
from django.core.exceptions import ImproperlyConfigured
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpResponse
from django.test import AsyncClient, Client, RequestFactory

from django_twilio_2fa.access import get_two_factor
from django_twilio_2fa.middleware import TwoFactorMiddleware
from django_twilio_2fa.models import Device
from django_twilio_2fa.testing import register_device, verify

from ..conf.shows import shows
from ..loops import result_of
from ..people import Person
from . import urls

EVERY = ["/page/", "/class/", "/async/", "/async-class/", "/", "/not-open/", "/guarded-login/"]
MISLEADING = ["/static/secrets/", "/media/login/logout/2fa/", "/page/?next=/2fa/static/", "/private/urls.py"]
OPEN = ["/sandbox/", "/open/", "/open/async/", "/open/class/", "/open/method/", "/files/urls.py"]
OURS = [
    "/2fa/start/",
    "/2fa/devices/",
    "/2fa/add/",
    "/login/",
    "/second-login/",
    "/sandbox/",
    "/admin/login/",
]


def get(person: Person, path: str, **headers: Any) -> Any:
    return person.client.get(path, **headers)


@shows("REQUIRED_CB")
class TestRequiredUsers:
    def test_a_required_user_verifies_and_returns_to_the_page(self, site: Any, pat: Person) -> None:
        pat.opens("/page/?a=1&b=2")
        assert pat.is_at("start")
        pat.picks("sms").types_the_code()
        assert (pat.path, pat.page.request["QUERY_STRING"]) == ("/page/", "a=1&b=2")

    def test_visitors_and_users_not_required_are_let_through(self, site: Any) -> None:
        assert Client().get("/page/").status_code == 200
        get_user_model().objects.create_user("guest")
        assert Person("guest").opens("/page/").path == "/page/"

    @pytest.mark.parametrize("value", [None, False])
    def test_without_required_cb_nobody_has_to_verify(self, site: Any, pat: Person, value: Any) -> None:
        site.TWILIO_2FA_REQUIRED_CB = value
        assert pat.opens("/page/").path == "/page/"
        assert pat.client.get("/who/").json() == {"user": "pat", "verified": False}

    def test_required_cb_true_requires_all_users_to_verify(self, site: Any, pat: Person) -> None:
        site.TWILIO_2FA_REQUIRED_CB = True
        assert pat.opens("/page/").is_at("start")

    def test_a_failing_required_cb_requires_verification(self, site: Any, pat: Person) -> None:
        site.TWILIO_2FA_REQUIRED_CB = lambda user: 1 / 0
        assert pat.opens("/page/").is_at("start")

    def test_required_cb_may_depend_on_the_request(self, site: Any, pat: Person) -> None:
        site.TWILIO_2FA_REQUIRED_CB = lambda user, request: request.path != "/class/"
        assert pat.opens("/class/").path == "/class/"
        assert pat.opens("/page/").is_at("start")

    def test_required_cb_is_not_called_for_a_verified_user(self, site: Any, pat: Person) -> None:
        verify(pat.client)
        site.TWILIO_2FA_REQUIRED_CB = lambda user: 1 / 0
        assert pat.opens("/page/").path == "/page/"

    def test_a_user_without_a_device_registers_first(self, site: Any, demo: Person) -> None:
        demo.opens("/page/").picks("sms").registers().types_the_code()
        assert demo.posts(action="skip").path == "/page/"

    def test_a_disallowed_user_gets_403_and_no_redirect_loop(self, site: Any, pat: Person) -> None:
        site.TWILIO_2FA_ALLOW_USER_CB = False
        assert get(pat, "/page/").status_code == 403
        assert get(pat, "/").status_code == 403
        assert urls.RUN == []


class TestGuardedAndExemptViews:
    @pytest.mark.parametrize("path", EVERY + MISLEADING)
    def test_a_guarded_page_is_not_shown_before_verification(self, site: Any, pat: Person, path: str) -> None:
        answer = get(pat, path)
        assert answer.status_code == 302
        assert answer["Location"].startswith("/2fa/start/?next=")
        assert urls.RUN == []
        verify(pat.client)
        answer = get(pat, path)
        assert answer.status_code == 200
        answer.close()

    @pytest.mark.parametrize("path", OPEN + OURS)
    def test_an_exempt_view_is_open_to_unverified_users(self, site: Any, pat: Person, path: str) -> None:
        answer = pat.opens(path).page
        assert answer.status_code == 200
        assert answer.request["PATH_INFO"] == path or path.startswith("/2fa/")
        answer.close()

    def test_the_verification_api_is_exempt(self, site: Any, pat: Person) -> None:
        assert pat.client.post("/api/2fa/verification-methods/").status_code == 200

    def test_unverified_users_can_sign_out(self, site: Any, pat: Person) -> None:
        assert pat.client.post("/logout/").status_code in (200, 302)
        assert "_auth_user_id" not in pat.client.session
        pat.client.force_login(pat.user)
        pat.client.post("/second-logout/")
        assert "_auth_user_id" not in pat.client.session
        pat.client.force_login(pat.user)
        pat.user.is_staff = True
        pat.user.save()
        pat.client.post("/admin/logout/")
        assert "_auth_user_id" not in pat.client.session

    def test_two_factor_required_holds_on_an_exempt_view(self, site: Any, pat: Person) -> None:
        assert get(pat, "/guarded/open/").status_code == 302

    @pytest.mark.parametrize("url", ["page", "/class/", "/class/?a=b"])
    def test_the_page_that_login_url_names_is_exempt(self, site: Any, pat: Person, url: str) -> None:
        from django.urls import clear_url_caches, path

        site.LOGIN_URL = url
        named = [path("named/", urls.page, name="page")]
        urls.urlpatterns += named
        clear_url_caches()
        try:
            assert get(pat, "/named/" if url == "page" else url).status_code == 200
            assert get(pat, "/page/").status_code == 302
        finally:
            urls.urlpatterns.remove(named[0])
            clear_url_caches()

    def test_pages_of_a_provider_are_exempt_from_the_middleware(self, site: Any, pat: Person) -> None:
        from django_twilio_2fa.access.exempt import is_exempt
        from django_twilio_2fa.urls import urlpatterns

        own = [r for r in urlpatterns if getattr(r, "app_name", "") == "link"]
        assert own
        assert all(is_exempt(p.callback) for r in own for p in r.url_patterns)

    def test_a_missing_page_returns_404(self, site: Any, pat: Person) -> None:
        assert get(pat, "/none/").status_code == 404

    def test_an_unverified_post_is_redirected(self, site: Any, pat: Person) -> None:
        assert pat.client.post("/page/", {"a": "1"}).status_code == 302
        assert urls.RUN == []


class TestAdmin:
    """The admin with the middleware: it does not redirect endlessly, and does not bypass verification."""

    def staff(self, person: Person) -> Person:
        get_user_model().objects.filter(pk=person.user.pk).update(is_staff=True, is_superuser=True)
        return person

    def test_staff_without_a_device_register_and_come_back(self, site: Any, demo: Person) -> None:
        self.staff(demo).opens("/admin/").picks("sms").registers().types_the_code()
        assert demo.opens("/admin/").path == "/admin/"

    def test_signing_in_at_the_admin_again_does_not_verify(self, site: Any, pat: Person) -> None:
        self.staff(pat)
        pat.client.post("/admin/login/?next=/admin/", {"username": "pat", "password": "pat"})
        assert pat.opens("/admin/").is_at("start")
        assert pat.opens("/page/").is_at("start")

    def test_verified_users_who_are_not_staff_are_refused(self, site: Any, pat: Person) -> None:
        verify(pat.client)
        pat.opens("/admin/")
        assert pat.path == "/admin/login/"
        assert "not authorized" in pat.text


class TestWithOtherMiddleware:
    def test_verification_works_with_login_required_middleware(self, site: Any, pat: Person) -> None:
        django = pytest.importorskip("django", minversion="5.1")
        assert django
        for at in (-1, len(site.MIDDLEWARE)):
            required = "django.contrib.auth.middleware.LoginRequiredMiddleware"
            site.MIDDLEWARE = [m for m in site.MIDDLEWARE if m != required]
            site.MIDDLEWARE.insert(at, required)
            site.MIDDLEWARE = [*site.MIDDLEWARE]
            visitor = Client()
            assert visitor.get("/page/")["Location"] == "/login/?next=/page/"
            assert visitor.get("/login/").status_code == 200
            person = Person("pat").opens("/page/")
            assert person.is_at("start")
            assert person.picks("sms").types_the_code().path == "/page/"
            person.user.twilio_2fa_verifications.all().delete()

    @pytest.mark.parametrize(
        ("page", "status"),
        [
            ("/sandbox/", 200),
            ("/sandbox/messages.json", 200),
            ("/sandbox/sna/unknown", 404),
            ("/2fa/push/", 200),
            ("/2fa/push/worker.js", 200),
            ("/2fa/push/webhook/", 405),
            ("/2fa/push/pending/", 405),
        ],
    )
    def test_public_pages_stay_open_with_login_required_middleware(
        self, site: Any, page: str, status: int
    ) -> None:
        # Users read codes and approve log-ins before they sign in. Twilio calls the webhook anonymously.
        pytest.importorskip("django", minversion="5.1")
        site.MIDDLEWARE = [*site.MIDDLEWARE, "django.contrib.auth.middleware.LoginRequiredMiddleware"]
        assert Client().get(page).status_code == status

    def test_a_page_of_a_provider_may_require_log_in(self) -> None:
        from django.urls import path

        from django_twilio_2fa.urls import _exempted

        def page(request: Any) -> HttpResponse:
            return HttpResponse()

        page.login_required = True  # type: ignore[attr-defined]
        [pattern] = _exempted([path("page/", page)])
        assert pattern.callback.login_required

    def test_a_missing_authentication_middleware_is_reported(self, settings: Any) -> None:
        settings.TWILIO_2FA_REQUIRED_CB = True
        middleware = TwoFactorMiddleware(lambda request: HttpResponse())
        request = RequestFactory().get("/")
        middleware(request)
        with pytest.raises(ImproperlyConfigured, match="AuthenticationMiddleware"):
            middleware.process_view(request, urls.page, (), {})

    def test_single_sign_on_users_verify_without_a_password(self, site: Any) -> None:
        user = get_user_model().objects.create_user("sso", password=None)
        assert not user.has_usable_password()
        register_device(user)
        person = Person("sso").opens("/page/").picks("sms").types_the_code()
        assert person.path == "/page/"


@pytest.mark.django_db(transaction=True)
class TestAsync:
    def walk(self, site: Any, path: str) -> tuple[Any, Any]:
        get_user_model().objects.create_user("pat", password="pat")
        pat = Person("pat")
        register_device(pat.user)

        async def go() -> Any:
            client = AsyncClient()
            client.cookies.update(pat.client.cookies)
            return await client.get(path)

        before = result_of(go)
        ran = list(urls.RUN)
        verify(pat.client)
        after = result_of(go)
        assert ran == []
        return before, after

    @pytest.mark.parametrize("path", ["/page/", "/class/", "/async/", "/async-class/"])
    def test_the_middleware_works_under_asgi(self, site: Any, path: str) -> None:
        before, after = self.walk(site, path)
        assert before["Location"].startswith("/2fa/start/")
        assert after.status_code == 200

    @pytest.mark.parametrize(
        "path", ["/guarded/", "/guarded/async/", "/guarded/async-class/", "/guarded/async-method/"]
    )
    def test_the_decorator_and_the_mixin_work_under_asgi(self, guards: Any, path: str) -> None:
        before, after = self.walk(guards, path)
        assert before["Location"].startswith("/2fa/start/")
        assert after.status_code == 200

    def test_an_async_view_can_read_the_two_factor_state(self, guards: Any) -> None:
        before, after = self.walk(guards, "/who/async/")
        assert before.json() == {"user": "pat", "verified": False}
        assert after.json() == {"user": "pat", "verified": True}

    def test_a_verified_session_is_checked_without_a_thread(self, site: Any, monkeypatch: Any) -> None:
        get_user_model().objects.create_user("pat", password="pat")
        pat = Person("pat")
        verify(pat.client)
        loaded = pat.client.get("/open/").wsgi_request
        assert get_two_factor(loaded).verified
        threads: set[int] = set()

        async def view(request: Any) -> HttpResponse:
            threads.add(threading.get_ident())
            return HttpResponse()

        async def go() -> Any:
            middleware = TwoFactorMiddleware(view)
            assert iscoroutinefunction(middleware.process_view)
            request = ASGIRequest({"type": "http", "path": "/", "method": "GET", "headers": []}, None)
            request.user, request.session = loaded.user, loaded.session
            monkeypatch.setattr("asgiref.sync.SyncToAsync.__call__", None)
            assert await middleware.process_view(request, urls.async_page, (), {}) is None
            assert (await middleware(request)).status_code == 200
            assert threads == {threading.get_ident()}

        result_of(go)


class TestUsersAndBrowsers:
    def test_alternating_requests_of_two_users_do_not_mix(self, site: Any, pat: Person, demo: Person) -> None:
        verify(pat.client)
        for _ in range(100):
            assert pat.client.get("/who/").json() == {"user": "pat", "verified": True}
            assert demo.client.get("/who/").json() == {"user": "demo", "verified": False}

    @pytest.mark.django_db(transaction=True)
    def test_concurrent_requests_of_two_users_do_not_mix(self, site: Any) -> None:
        for name in ("pat", "demo"):
            get_user_model().objects.create_user(name, password=name)
        pat, demo = Person("pat"), Person("demo")
        verify(pat.client)
        expected = {"pat": True, "demo": False}

        async def ask(person: Person) -> tuple[str, bool]:
            client = AsyncClient()
            client.cookies.update(person.client.cookies)
            told = (await client.get("/who/async/")).json()
            assert told["user"] == person.user.username
            return told["user"], told["verified"]

        async def go() -> list[tuple[str, bool]]:
            return await asyncio.gather(*(ask(p) for _ in range(100) for p in (pat, demo)))

        answers = result_of(go)
        assert len(answers) == 200
        assert all(expected[user] is verified for user, verified in answers)

    def test_a_log_in_as_another_user_is_not_verified(self, site: Any, pat: Person, demo: Person) -> None:
        verify(pat.client)
        pat.client.post("/login/", {"username": "demo", "password": "demo"})
        assert pat.client.get("/who/").json() == {"user": "demo", "verified": False}
        pat.client.post("/login/", {"username": "pat", "password": "pat"})
        assert pat.client.get("/who/").json() == {"user": "pat", "verified": False}

    @pytest.mark.parametrize("to", ["//evil.example/", "https://evil.example/", "/\\evil.example"])
    def test_next_on_another_host_is_not_followed(self, site: Any, pat: Person, to: str) -> None:
        pat.page = pat.client.get("/2fa/start/", {"next": to})
        pat.picks("sms").types_the_code()
        assert pat.is_at("success")
        assert not any("evil" in url for url, _status in pat.page.redirect_chain)

    def test_removing_a_device_ends_access(self, site: Any, pat: Person) -> None:
        site.TWILIO_2FA_VERIFIED_RECHECK = 0
        pat.opens("start").picks("sms").types_the_code()
        assert pat.opens("/page/").path == "/page/"
        Device.objects.all().delete()
        assert pat.opens("/page/").is_at("start")
