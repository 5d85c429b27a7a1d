"""`TwoFactorLoginView`: it asks for the password first, and signs users in once they are verified."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.signals import user_logged_in
from django.contrib.auth.tokens import default_token_generator
from django.contrib.auth.views import PasswordResetConfirmView
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import clear_url_caches, path
from django.utils.http import urlsafe_base64_encode
from twilio_2fa_passkey.testing import SoftwareAuthenticator

from django_twilio_2fa.digests import digest
from django_twilio_2fa.models import Device, Verification
from django_twilio_2fa.process import signing_in
from django_twilio_2fa.sandbox import messages
from django_twilio_2fa.testing import register_device, verify
from django_twilio_2fa.views import TwoFactorLoginView, TwoFactorPasswordResetConfirmView

from ..helpers import heard, same_browser, wrong_code
from ..passkeys import answers, asked, with_passkey
from ..people import EMAIL, PHONE, Person
from . import urls
from .visitors import Visitor


class TestPasskeys:
    def test_a_passkey_signs_in_after_the_password(self, logins: Any) -> None:
        logins.TWILIO_2FA_ALLOWED_METHODS = ["passkey"]
        authenticator = SoftwareAuthenticator()
        with_passkey("ann", authenticator)
        visitor = Visitor("ann").signs_in()
        if not visitor.is_at("verify"):
            visitor.picks("passkey")
        assert not visitor.is_signed_in
        answers(visitor, authenticator.get(asked(visitor), challenge="AAAA"))
        assert not visitor.is_signed_in
        answers(visitor, authenticator.get(asked(visitor)))
        assert visitor.is_signed_in
        assert visitor.path == "/page/"

    def test_a_user_who_has_nothing_registers_a_passkey(self, logins: Any, demo: Person) -> None:
        logins.TWILIO_2FA_ALLOWED_METHODS = ["passkey"]
        visitor = Visitor("demo").signs_in()
        visitor.posts("start", method="passkey", device="").posts(name="My phone")
        answers(visitor, SoftwareAuthenticator().create(asked(visitor)))
        assert visitor.is_verified
        assert visitor.is_signed_in


class TestSigningIn:
    def test_nobody_is_signed_in_before_they_are_verified(self, visitor: Visitor) -> None:
        with heard(user_logged_in) as told:
            visitor.signs_in()
            assert visitor.is_at("start")
            assert not visitor.is_signed_in
            visitor.picks("sms")
            assert not visitor.is_signed_in
            assert told == []
            visitor.types_the_code()
        assert visitor.path == "/page/"
        assert [event["user"] for event in told] == [visitor.user]
        assert visitor.is_signed_in
        assert visitor.client.get("/who/").json() == {"user": "sam", "verified": True}
        visitor.user.refresh_from_db()
        assert visitor.user.last_login

    def test_a_wrong_password_shows_the_log_in_form_again(self, visitor: Visitor) -> None:
        visitor.signs_in(password="wrong")
        assert visitor.path == "/in/"
        assert visitor.opens("start").path == "/in/"

    def test_a_wrong_code_signs_nobody_in(self, visitor: Visitor) -> None:
        visitor.signs_in().picks("sms").types_a_wrong_code()
        assert visitor.is_at("verify")
        assert not visitor.is_signed_in
        assert visitor.types_the_code().path == "/page/"

    def test_next_is_followed(self, visitor: Visitor) -> None:
        visitor.signs_in("/in/?next=/class/%3Fa%3D1").picks("sms").types_the_code()
        assert (visitor.path, visitor.page.request["QUERY_STRING"]) == ("/class/", "a=1")

    @pytest.mark.parametrize("to", ["https://evil.example/", "//evil.example/"])
    def test_next_on_another_host_is_not_followed(self, visitor: Visitor, to: str) -> None:
        visitor.signs_in("/in/", next=to).picks("sms").types_the_code()
        assert visitor.path == "/page/"

    def test_a_redirect_to_an_allowed_host_is_followed(self, visitor: Visitor) -> None:
        visitor.signs_in("/in/elsewhere/").picks("sms")
        answer = visitor.client.post(visitor.path, {"token": messages.last_code(PHONE)})
        assert answer["Location"] == "https://other.example/in/"

    def test_a_log_in_from_a_guarded_page_returns_to_the_page(self, visitor: Visitor) -> None:
        visitor.opens("/guarded/")
        assert visitor.path == "/in/"
        visitor.signs_in(f"/in/?{visitor.page.request['QUERY_STRING']}").picks("sms").types_the_code()
        assert visitor.path == "/guarded/"

    def test_next_at_the_wizard_is_replaced_by_its_own_next(self, visitor: Visitor) -> None:
        visitor.opens("/2fa/start/?next=/class/")
        visitor.signs_in(f"/in/?{visitor.page.request['QUERY_STRING']}").picks("sms").types_the_code()
        assert visitor.path == "/class/"

    def test_next_at_an_api_endpoint_is_followed(self, visitor: Visitor) -> None:
        address = "/api/2fa/verification-methods/"
        visitor.signs_in(f"/in/?next={address}").picks("sms").types_the_code()
        assert visitor.path == address

    @pytest.mark.parametrize(("remember", "ends"), [("", True), ("on", False)])
    def test_remember_me_works(self, visitor: Visitor, remember: str, ends: bool) -> None:
        visitor.signs_in("/in/remembering/", remember=remember).picks("sms").types_the_code()
        assert visitor.client.session.get_expire_at_browser_close() is ends

    def test_remember_me_works_for_a_user_who_is_signed_in(self, visitor: Visitor) -> None:
        visitor.client.force_login(visitor.user)
        visitor.signs_in("/in/remembering/").picks("sms").types_the_code()
        assert visitor.client.session.get_expire_at_browser_close()

    def test_redirect_authenticated_user_waits_for_verification(self, visitor: Visitor) -> None:
        visitor.signs_in("/in/redirecting/")
        assert visitor.opens("/in/redirecting/").path == "/in/redirecting/"
        visitor.opens("start").picks("sms").types_the_code()
        assert visitor.opens("/in/redirecting/").path == "/page/"

    @pytest.mark.usefixtures("sessions_in_database")
    def test_the_session_key_changes_at_each_step_of_a_log_in(self, visitor: Visitor) -> None:
        # An attacker who has planted a session in a browser cannot use the session after either step.
        visitor.opens("/in/")
        visitor.client.session.save()
        session = visitor.client.session
        session["planted"] = True
        session.save()
        visitor.client.cookies["sessionid"] = session.session_key
        first = session.session_key
        visitor.signs_in()
        second = visitor.client.session.session_key
        visitor.picks("sms").types_the_code()
        third = visitor.client.session.session_key
        assert len({first, second, third}) == 3
        assert [s.pk for s in Session.objects.filter(pk__in=[first, second, third])] == [third]

    def test_verification_works_with_login_required_middleware(self, visitor: Visitor, logins: Any) -> None:
        import django

        if django.VERSION < (5, 1):
            pytest.skip("Django 5.1 has it first")
        logins.MIDDLEWARE = [*logins.MIDDLEWARE, "django.contrib.auth.middleware.LoginRequiredMiddleware"]
        assert visitor.signs_in().picks("sms").types_the_code().path == "/page/"

    def test_a_subclass_can_override_needs_verification(self, visitor: Visitor, monkeypatch: Any) -> None:
        monkeypatch.setattr(TwoFactorLoginView, "needs_verification", lambda self, user: False)
        assert visitor.signs_in().path == "/page/"
        assert visitor.is_signed_in

    def test_a_subclass_can_read_the_user_for_the_redirect(self, visitor: Visitor, demo: Person) -> None:
        assert visitor.signs_in("/in/own-page/").is_at("start")
        assert not visitor.is_signed_in
        for somebody in (visitor.picks("sms").types_the_code(), Visitor("demo").signs_in("/in/own-page/")):
            query = somebody.page.request["QUERY_STRING"]
            assert (somebody.path, query) == ("/class/", f"who={somebody.user.username}")


class TestUsersWithoutADevice:
    def test_users_without_a_device_are_signed_in_at_once(self, logins: Any, demo: Person) -> None:
        visitor = Visitor("demo").signs_in()
        assert visitor.path == "/page/"
        assert visitor.client.get("/who/").json() == {"user": "demo", "verified": False}

    def test_a_required_user_registers_before_signing_in(self, logins: Any, demo: Person) -> None:
        logins.TWILIO_2FA_REQUIRED_CB = True
        visitor = Visitor("demo").signs_in()
        assert visitor.is_at("start")
        assert not visitor.is_signed_in
        visitor.picks("sms").registers()
        assert not visitor.is_signed_in
        visitor.types_the_code()
        assert visitor.is_signed_in
        assert Device.objects.get().user == demo.user
        assert visitor.opens("/page/").path == "/page/"

    def test_optional_registration_is_offered_after_signing_in(self, logins: Any, demo: Person) -> None:
        logins.TWILIO_2FA_REQUIRED_CB = True
        logins.TWILIO_2FA_REGISTER_OPTIONAL = True
        visitor = Visitor("demo").signs_in()
        assert visitor.is_signed_in
        assert visitor.is_at("start")
        assert visitor.posts(action="skip").path == "/page/"

    def test_registration_cannot_be_skipped_before_signing_in(self, visitor: Visitor, logins: Any) -> None:
        visitor.signs_in()
        logins.TWILIO_2FA_REGISTER_OPTIONAL = True
        Device.objects.all().delete()
        assert visitor.posts("start", action="skip").is_at("start")
        assert not visitor.is_signed_in


class TestHalfWay:
    """A log-in with a right password and no second factor yet. It allows only verification."""

    @pytest.mark.parametrize(
        "page", ["devices", "/2fa/add/", "/2fa/change/", "again", "/guarded/", "/admin/"]
    )
    def test_a_half_way_log_in_opens_no_other_page(self, visitor: Visitor, page: str) -> None:
        visitor.signs_in()
        device = Device.objects.first()
        assert device
        assert visitor.opens(page).path in ("/in/", "/admin/login/")
        assert visitor.opens(f"/2fa/remove/{device.pk}/").path == "/in/"

    def test_a_half_way_log_in_opens_no_other_api_endpoint(self, visitor: Visitor) -> None:
        visitor.signs_in()
        for endpoint in ("devices", "browsers", "activity"):
            assert visitor.client.get(f"/api/2fa/{endpoint}/").status_code == 401

    def test_the_user_of_a_half_way_log_in_is_anonymous(self, visitor: Visitor) -> None:
        request = visitor.signs_in().client.get("/2fa/start/").wsgi_request
        assert not request.user.is_authenticated
        assert "_auth_user_id" not in visitor.client.session

    def later(self, visitor: Visitor, seconds: int) -> None:
        session = visitor.client.session
        session["twilio_2fa"]["signing_in"]["at"] -= seconds
        session.save()

    def test_a_half_way_log_in_lasts_ten_minutes(self, visitor: Visitor) -> None:
        visitor.signs_in().picks("sms")
        self.later(visitor, 600 - 60)
        assert visitor.opens("verify").is_at("verify")
        self.later(visitor, 120)
        code = messages.last_code(PHONE)
        visitor.posts("verify", token=code)
        assert not visitor.is_signed_in
        assert visitor.opens("start").path == "/in/"
        assert "signing_in" not in visitor.client.session["twilio_2fa"]

    def test_a_half_way_log_in_from_the_future_is_invalid(self, visitor: Visitor) -> None:
        self.later(visitor.signs_in(), -3600)
        assert visitor.opens("start").path == "/in/"

    @pytest.mark.parametrize("change", ["password", "is_active", "deleted", "backend"])
    def test_a_half_way_log_in_ends_if_user_or_backend_changes(
        self, visitor: Visitor, logins: Any, change: str
    ) -> None:
        visitor.signs_in().picks("sms")
        code = messages.last_code(PHONE)
        if change == "password":
            visitor.user.set_password("another")
            visitor.user.save()
        elif change == "is_active":
            get_user_model().objects.update(is_active=False)
        elif change == "deleted":
            get_user_model().objects.all().delete()
        else:
            logins.AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.AllowAllUsersModelBackend"]
        visitor.posts("verify", token=code)
        assert not visitor.is_signed_in

    @pytest.mark.parametrize(
        "forged",
        ["x", {}, {"user": "x"}, {"user": "1", "at": "x"}, {"user": {}, "at": 1}, {"backend": "os.system"}],
    )
    def test_a_forged_or_broken_half_way_log_in_is_ignored(self, visitor: Visitor, forged: Any) -> None:
        visitor.signs_in()
        session = visitor.client.session
        part = session["twilio_2fa"]
        whole = {**part["signing_in"], **forged} if isinstance(forged, dict) and forged else forged
        session["twilio_2fa"] = {**part, "signing_in": whole}
        session.save()
        assert visitor.opens("start").path == "/in/"

    def test_an_approval_of_another_session_signs_nobody_in(self, visitor: Visitor) -> None:
        other = Visitor("sam").signs_in().picks("sms")
        visitor.signs_in()
        other.types_the_code()
        assert other.is_signed_in
        visitor.opens("success")
        assert not visitor.is_signed_in

    def test_an_earlier_approval_of_the_session_signs_nobody_in(self, visitor: Visitor) -> None:
        visitor.client.force_login(visitor.user)
        verify(visitor.client)
        visitor.signs_in()
        assert not visitor.is_signed_in
        assert visitor.opens("success").is_at("start")
        assert not visitor.is_signed_in

    def test_another_user_in_the_same_browser_starts_again(self, visitor: Visitor, pat: Person) -> None:
        visitor.signs_in().picks("email")
        second = Visitor("pat")
        second.client = visitor.client
        second.signs_in()
        code = messages.last_code(EMAIL)
        second.posts("verify", token=code)
        assert not second.is_signed_in
        second.opens("start").picks("sms").types_the_code()
        assert second.client.get("/who/").json()["user"] == "pat"

    def test_a_user_signed_in_before_is_signed_out_at_the_password(
        self, visitor: Visitor, pat: Person
    ) -> None:
        visitor.client.force_login(pat.user)
        verify(visitor.client)
        visitor.signs_in()
        assert not visitor.is_signed_in
        assert not visitor.client.get("/2fa/start/").wsgi_request.user.is_authenticated

    def test_wrong_codes_during_a_log_in_count_for_the_user(self, visitor: Visitor) -> None:
        visitor.signs_in().picks("sms")
        for n in range(1, 6):
            visitor.types(wrong_code(messages.last_code(PHONE), n))
        assert visitor.is_at("failed")
        assert not visitor.is_signed_in

    def test_log_out_cancels_a_half_way_log_in(self, visitor: Visitor) -> None:
        visitor.signs_in()
        visitor.client.post("/logout/")
        assert visitor.opens("start").path == "/in/"


class TestCrashes:
    def test_a_code_sent_twice_signs_in_both_times(self, visitor: Visitor) -> None:
        # A browser may have lost the first response, with its session cookie.
        visitor.signs_in().picks("sms")
        twin = same_browser(visitor.client)
        state = dict(visitor.client.session)
        code = messages.last_code(PHONE)
        visitor.types(code)
        session = twin.session
        session.update(state)
        session.save()
        twin.cookies["sessionid"] = session.session_key
        row = Verification.objects.get()
        twin.post("/2fa/verify/", {"token": code, "verification": str(row.public_id)})
        twin.get("/2fa/success/")
        assert twin.get("/who/").json() == {"user": "sam", "verified": True}

    def test_a_log_in_interrupted_after_approval_is_completed(self, visitor: Visitor) -> None:
        visitor.signs_in().picks("sms")
        state = dict(visitor.client.session)
        visitor.types_the_code()
        visitor.client = Client()
        session = visitor.client.session
        session.update(state)
        session.save()
        visitor.client.cookies["sessionid"] = session.session_key
        visitor.opens("/2fa/success/?next=/page/")
        assert visitor.path == "/page/"
        assert visitor.is_signed_in

    def test_an_approval_before_a_second_log_in_is_not_used(self, visitor: Visitor) -> None:
        visitor.signs_in().picks("sms")
        state = dict(visitor.client.session)
        visitor.types_the_code()
        visitor.client = Client()
        session = visitor.client.session
        session.update(state)
        session.save()
        visitor.client.cookies["sessionid"] = session.session_key
        assert visitor.signs_in().is_at("start")
        assert visitor.opens("success").is_at("start")
        assert not visitor.is_signed_in

    def test_only_an_approval_that_verifies_this_session_counts(self, visitor: Visitor) -> None:
        # Two sessions may share a verification, and send its code at the same time.
        request = visitor.signs_in().client.get("/2fa/start/").wsgi_request
        Visitor("sam").signs_in().picks("sms").types_the_code()
        row = Verification.objects.get()
        assert not signing_in.is_verified_by(request, row)
        row.flow_digest = digest("flow", visitor.client.session["twilio_2fa"]["flow"])
        assert signing_in.is_verified_by(request, row)
        row.verifies_session = False
        assert not signing_in.is_verified_by(request, row)


def opens_reset(visitor: Visitor, monkeypatch: Any, view: Any) -> Visitor:
    """Open the link of a password reset. `view` answers it."""
    monkeypatch.setattr(urls, "urlpatterns", [path("reset/<uidb64>/<token>/", view), *urls.urlpatterns])
    clear_url_caches()
    key = urlsafe_base64_encode(str(visitor.user.pk).encode())
    return visitor.opens(f"/reset/{key}/{default_token_generator.make_token(visitor.user)}/")


def has_password(visitor: Visitor, password: str) -> bool:
    return bool(get_user_model().objects.get(pk=visitor.user.pk).check_password(password))


PASSWORDS = {"new_password1": "a-new-Secret7", "new_password2": "a-new-Secret7"}


class TestPasswordReset:
    """`TwoFactorPasswordResetConfirmView`, without the middleware."""

    def reset(self, **options: Any) -> Any:
        return TwoFactorPasswordResetConfirmView.as_view(success_url="/in/", **options)

    def test_nobody_is_signed_in_before_they_are_verified(self, visitor: Visitor, monkeypatch: Any) -> None:
        opens_reset(visitor, monkeypatch, self.reset(post_reset_login=True)).posts(**PASSWORDS)
        assert visitor.is_at("start")
        assert not visitor.is_signed_in
        assert has_password(visitor, "a-new-Secret7")
        assert visitor.picks("sms").types_the_code().path == "/in/"
        assert visitor.is_signed_in
        assert visitor.is_verified

    def test_a_reset_subclass_can_read_the_user_for_the_url(self, visitor: Visitor, monkeypatch: Any) -> None:
        class OwnPageView(TwoFactorPasswordResetConfirmView):
            def get_success_url(self) -> str:
                return f"/class/?who={self.request.user.get_username()}"

        opens_reset(visitor, monkeypatch, OwnPageView.as_view(post_reset_login=True)).posts(**PASSWORDS)
        assert not visitor.is_signed_in
        visitor.picks("sms").types_the_code()
        assert (visitor.path, visitor.page.request["QUERY_STRING"]) == ("/class/", "who=sam")

    def test_a_reset_link_works_once(self, visitor: Visitor, monkeypatch: Any) -> None:
        link = opens_reset(visitor, monkeypatch, self.reset(post_reset_login=True)).path
        visitor.posts(**PASSWORDS)
        assert "new_password1" not in visitor.opens(link).page

    def test_a_user_without_a_device_is_signed_in_at_once(self, visitor: Visitor, monkeypatch: Any) -> None:
        Device.objects.all().delete()
        opens_reset(visitor, monkeypatch, self.reset(post_reset_login=True)).posts(**PASSWORDS)
        assert visitor.path == "/in/"
        assert visitor.is_signed_in

    def test_a_required_user_registers_first_after_a_reset(
        self, visitor: Visitor, logins: Any, monkeypatch: Any
    ) -> None:
        logins.TWILIO_2FA_REQUIRED_CB = True
        Device.objects.all().delete()
        opens_reset(visitor, monkeypatch, self.reset(post_reset_login=True)).posts(**PASSWORDS)
        assert visitor.is_at("start")
        assert not visitor.is_signed_in

    def test_without_post_reset_login_nobody_is_signed_in(self, visitor: Visitor, monkeypatch: Any) -> None:
        opens_reset(visitor, monkeypatch, self.reset()).posts(**PASSWORDS)
        assert not visitor.is_at("start")
        assert "twilio_2fa" not in visitor.client.session
        assert has_password(visitor, "a-new-Secret7")

    def test_passwords_that_differ_are_refused(self, visitor: Visitor, monkeypatch: Any) -> None:
        view = self.reset(post_reset_login=True)
        opens_reset(visitor, monkeypatch, view).posts(**{**PASSWORDS, "new_password2": "another"})
        assert "match" in visitor.text
        assert not visitor.is_signed_in

    def test_a_reset_with_several_backends_must_name_one(
        self, visitor: Visitor, logins: Any, monkeypatch: Any
    ) -> None:
        model, other = (
            "django.contrib.auth.backends.ModelBackend",
            "django.contrib.auth.backends.AllowAllUsersModelBackend",
        )
        logins.AUTHENTICATION_BACKENDS = [other, model]
        view = self.reset(post_reset_login=True, post_reset_login_backend=model)
        opens_reset(visitor, monkeypatch, view).posts(**PASSWORDS).picks("sms").types_the_code()
        assert visitor.is_signed_in
        assert visitor.client.session["_auth_user_backend"] == model
        again = opens_reset(Visitor("sam"), monkeypatch, self.reset(post_reset_login=True))
        with pytest.raises(ValueError, match="backend"):
            again.posts(new_password1="Other-Secret8", new_password2="Other-Secret8")
        assert not has_password(again, "Other-Secret8")


class TestOtherWaysIn:
    """Other ways to sign in. With the middleware, none of them bypasses verification."""

    @pytest.fixture(autouse=True)
    def required(self, logins: Any) -> None:
        logins.TWILIO_2FA_REQUIRED_CB = True

    @pytest.mark.parametrize("at", ["/second-login/", "/admin/login/"])
    def test_a_second_log_in_page_does_not_bypass_verification(self, visitor: Visitor, at: str) -> None:
        get_user_model().objects.update(is_staff=True)
        visitor.signs_in(at)
        assert visitor.is_signed_in
        assert visitor.opens("/page/").is_at("start")
        assert visitor.opens("/admin/").is_at("start")

    def test_djangos_password_reset_does_not_bypass_verification(
        self, visitor: Visitor, logins: Any, monkeypatch: Any
    ) -> None:
        view = PasswordResetConfirmView.as_view(post_reset_login=True, success_url="/page/")
        opens_reset(visitor, monkeypatch, view).posts(**PASSWORDS)
        assert visitor.is_signed_in
        assert visitor.is_at("start")
        visitor.opens("/page/")
        assert visitor.is_at("start")

    def test_users_without_a_password_verify_after_signing_in(self, logins: Any, db: None) -> None:
        user = get_user_model().objects.create_user("sso", password=None)
        register_device(user)
        visitor = Visitor("sso").signs_in()
        assert visitor.path == "/in/"
        visitor.client.force_login(user)
        assert visitor.opens("/page/").picks("sms").types_the_code().path == "/page/"
