"""The lists of remembered browsers and recent verifications, on the page and over the API."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from django_twilio_2fa.models import Device, TrustedBrowser, Verification
from django_twilio_2fa.sandbox import messages

from ..api.test_api import Caller, refused
from ..people import EMAIL, PHONE, Person
from .people import FIREFOX, SECRET, cookies_of, has_cookie, signs_in_again, trusts


@pytest.fixture(autouse=True)
def remembered_for_a_month(settings: Any, no_cooldown: None) -> None:
    settings.TWILIO_2FA_TRUSTED_BROWSER_AGE = timedelta(days=30)


@pytest.fixture
def at_home(pat: Person) -> Person:
    """Return a user with two remembered browsers, in one of these browsers."""
    pat.client.defaults["HTTP_USER_AGENT"] = FIREFOX
    trusts(Person("pat"))
    return trusts(pat)


def ids() -> set[str]:
    return {str(pk) for pk in TrustedBrowser.objects.values_list("pk", flat=True)}


class TestThePage:
    def test_the_page_lists_browsers_and_marks_the_current_one(self, at_home: Person) -> None:
        shown = at_home.opens("devices").page.context["browsers"]
        assert [(b["name"], b["is_current"]) for b in shown] == [("Firefox on Windows", True), ("", False)]
        for words in ("How you get codes", "Remembered browsers", "This browser", "Unknown browser"):
            assert words in at_home.text

    def test_an_expired_browser_is_not_listed(self, at_home: Person) -> None:
        TrustedBrowser.objects.filter(name="").update(trusted_at=timezone.now() - timedelta(days=31))
        [shown] = at_home.opens("devices").page.context["browsers"]
        assert shown["is_current"]

    def test_one_browser_can_be_forgotten(self, at_home: Person) -> None:
        here, other = at_home.opens("devices").page.context["browsers"]
        at_home.posts("devices", action="end_browser", browser=other["id"])
        assert ids() == {here["id"]}
        assert "Browser forgotten: Unknown browser" in at_home.text
        assert "Forget all" not in at_home.text

    def test_all_browsers_can_be_forgotten(self, at_home: Person) -> None:
        at_home.opens("devices").posts("devices", action="end_browsers")
        assert not ids()
        assert signs_in_again(at_home).opens(SECRET).is_at("start")

    @pytest.mark.parametrize("browser", ["", "no-uuid", str(uuid.UUID(int=7)), "\x00"])
    def test_a_browser_that_does_not_exist_changes_nothing(self, at_home: Person, browser: str) -> None:
        if browser:
            at_home.posts("devices", action="end_browser", browser=browser)
            assert at_home.page.status_code == 200
        assert len(ids()) == 2

    def test_a_user_cannot_forget_another_users_browsers(self, at_home: Person, sam: Person) -> None:
        sam.opens("start").picks("email").types_the_code(EMAIL)
        for browser in ids():
            sam.posts("devices", action="end_browser", browser=browser)
        sam.posts("devices", action="end_browsers")
        assert len(ids()) == 2

    def test_an_unverified_session_cannot_see_or_forget_browsers(self, at_home: Person) -> None:
        unverified = Person("pat").opens("devices")
        assert unverified.page.context["browsers"] == unverified.page.context["activity"] == []
        unverified.posts("devices", action="end_browsers")
        assert len(ids()) == 2

    def test_browsers_of_an_earlier_password_are_not_listed(self, at_home: Person) -> None:
        at_home.user.set_password("new")
        at_home.user.save()
        at_home.client.force_login(at_home.user)
        at_home.opens("start").picks("sms").types_the_code()
        assert at_home.opens("devices").page.context["browsers"] == []

    def test_the_page_lists_recent_verifications_with_results(self, pat: Person, later: Any) -> None:
        pat.opens("start").picks("sms").posts("verify", action="cancel")
        later(60)
        pat.opens("start").picks("sms")
        for _ in range(5):
            pat.types_a_wrong_code()
        later(700)
        pat.opens("start").picks("call")
        later(700)
        pat.opens("start").picks("sms").types_the_code()
        shown = pat.opens("devices").page.context["activity"]
        assert [(a.label, a.value, a.result) for a in shown] == [
            ("Text message", "(XXX) XXX-0143", "Verified"),
            ("Phone call", "(XXX) XXX-0143", "Not finished"),
            ("Text message", "(XXX) XXX-0143", "Too many wrong codes, or refused"),
            ("Text message", "(XXX) XXX-0143", "Canceled"),
        ]
        assert [a.at for a in shown] == sorted((a.at for a in shown), reverse=True)
        assert "Recent activity" in pat.text
        assert {a.browser for a in shown} == {""}
        assert PHONE not in pat.page.content.decode()

    def test_a_registration_and_a_remembered_browser_are_activity(self, demo: Person) -> None:
        demo.client.defaults["HTTP_USER_AGENT"] = FIREFOX
        demo.opens(SECRET).picks("sms").registers()
        demo.posts(token=messages.last_code(PHONE), trust_browser="on")
        signs_in_again(demo).opens(SECRET).opens("devices")
        shown = [(a.label, a.result) for a in demo.page.context["activity"]]
        assert shown == [("Remembered browser", "Verified"), ("Text message", "Added")]
        assert {a.browser for a in demo.page.context["activity"]} == {"Firefox on Windows"}
        # The remembered browser, its button, and the two verifications.
        assert demo.text.count("Firefox on Windows") == 4

    def test_activity_names_the_browser_that_typed_the_code(self, pat: Person) -> None:
        pat.opens("start").picks("sms")
        assert Verification.objects.get().browser == ""
        pat.client.defaults["HTTP_USER_AGENT"] = FIREFOX
        pat.types_the_code().opens("devices")
        assert pat.page.context["activity"][0].browser == "Firefox on Windows"

    @pytest.mark.parametrize("header", ["", "\x00", "owl" * 5000, "<b>Sam Smith, 12 High Street</b>"])
    def test_an_unknown_user_agent_is_not_stored(self, pat: Person, header: str) -> None:
        pat.client.defaults["HTTP_USER_AGENT"] = header
        pat.opens("start").picks("sms").types_the_code()
        assert {row.browser for row in Verification.objects.all()} == {""}

    def test_a_removed_method_is_shown_by_its_identifier(self, pat: Person, settings: Any) -> None:
        pat.opens("start").picks("sms").types_the_code()
        Verification.objects.update(method="owl")
        assert pat.opens("devices").page.context["activity"][0].label == "owl"

    def test_the_page_shows_ten_verifications_of_this_user_only(
        self, sam: Person, pat: Person, later: Any, settings: Any
    ) -> None:
        settings.TWILIO_2FA_LIMITS = {"sends_per_user": None, "sends_per_destination": None}
        for _ in range(12):
            later(700)
            sam.opens("start").picks("email")
        later(700)
        sam.opens("start").picks("email").types_the_code(EMAIL)
        pat.opens("start").picks("sms").types_the_code()
        assert len(sam.opens("devices").page.context["activity"]) == 10
        assert len(pat.opens("devices").page.context["activity"]) == 1

    def test_the_page_shows_how_many_recovery_codes_are_left(self, pat: Person, settings: Any) -> None:
        settings.TWILIO_2FA_ALLOWED_METHODS = ["sms", "recovery"]
        pat.opens("start").picks("sms").types_the_code()
        pat.posts("/2fa/add/start/", method="recovery", device="").posts().posts(saved="on")
        assert "10 left" in pat.opens("devices").text


class TestTheAPI:
    @pytest.fixture
    def caller(self, at_home: Person) -> Caller:
        """Return the same user with a verified session of the API."""
        caller = Caller("pat")
        sent = caller.sends(method="sms")
        caller.verifies(sent["verification_id"], messages.last_code(PHONE))
        return caller

    def test_the_api_lists_and_forgets_browsers(self, caller: Caller) -> None:
        found = caller.asks("browsers", "get").json()
        assert {b["id"] for b in found} == ids()
        assert set(found[0]) == {"id", "name", "trusted_at", "last_used_at", "is_current"}
        assert caller.asks(f"browsers/{found[0]['id']}", "delete").json() == {"success": True}
        assert ids() == {found[1]["id"]}
        assert caller.asks("browsers", "delete").json() == {"success": True}
        assert not ids()

    @pytest.mark.parametrize("id", ["no-uuid", str(uuid.UUID(int=7))])
    def test_a_browser_that_does_not_exist_is_not_found(self, caller: Caller, id: str) -> None:
        refused(caller.asks(f"browsers/{id}", "delete"), 404, "missing_user_data")

    def test_the_browser_of_another_user_is_not_found(self, at_home: Person, sam: Person) -> None:
        other = Caller("sam")
        other.verifies(other.sends(method="email")["verification_id"], messages.last_code(EMAIL))
        for id in ids():
            refused(other.asks(f"browsers/{id}", "delete"), 404, "missing_user_data")
        assert other.asks("browsers", "delete").status_code == 200
        assert len(ids()) == 2

    def test_the_api_lists_recent_activity(self, caller: Caller) -> None:
        found = caller.asks("activity", "get").json()
        assert len(found) == 3
        assert set(found[0]) == {"at", "method", "label", "value", "status", "result", "browser"}
        assert (found[0]["method"], found[0]["status"], found[0]["result"]) == ("sms", "approved", "Verified")

    @pytest.mark.parametrize(
        ("endpoint", "verb"),
        [("browsers", "get"), ("browsers", "delete"), ("browsers/x", "delete"), ("activity", "get")],
    )
    @pytest.mark.parametrize("token", [False, True])
    def test_an_unverified_caller_is_refused(
        self, at_home: Person, endpoint: str, verb: str, token: bool
    ) -> None:
        refused(Caller("pat", token=token).asks(endpoint, verb), 403, "two_factor_required")
        refused(Caller().asks(endpoint, verb), 401, "user_unauthenticated")
        assert len(ids()) == 2

    def verified_with_a_tick(self, caller: Caller, value: Any = True) -> Any:
        sent = caller.sends(method="sms")
        about = {"verification_id": sent["verification_id"], "trust_browser": value}
        return caller.asks("verify", code=messages.last_code(PHONE), **about)

    def test_verify_remembers_the_browser_of_a_session(self, pat: Person) -> None:
        caller = Caller("pat")
        assert self.verified_with_a_tick(caller).status_code == 200
        assert len(ids()) == 1
        other = Caller("pat")
        other.client.cookies.load(cookies_of(caller.client))
        before = cookies_of(other.client)
        assert other.asks("browsers").json() == {"verified": True}
        assert other.is_verified
        assert cookies_of(other.client) != before
        assert other.asks("browsers").json() == {"verified": True}

    def test_an_api_token_is_not_remembered_as_a_browser(self, pat: Person) -> None:
        caller = Caller("pat", token=True)
        assert self.verified_with_a_tick(caller).status_code == 200
        assert caller.is_verified
        assert not ids()
        assert not cookies_of(caller.client)

    def test_a_cookie_does_not_verify_a_token(self, at_home: Person) -> None:
        caller = Caller("pat", token=True)
        caller.client.cookies.load(cookies_of(at_home.client))
        assert caller.asks("browsers").json() == {"verified": False}
        assert not caller.is_verified

    def test_without_the_setting_the_api_remembers_nothing(self, at_home: Person, settings: Any) -> None:
        settings.TWILIO_2FA_TRUSTED_BROWSER_AGE = None
        caller = Caller("pat")
        caller.client.cookies.load(cookies_of(at_home.client))
        assert caller.asks("browsers").json() == {"verified": False}
        self.verified_with_a_tick(caller)
        # Browsers that were remembered before are kept, in case the setting is switched on again.
        assert len(ids()) == 2

    def test_an_added_device_remembers_no_browser(self, at_home: Person) -> None:
        caller = Caller("pat")
        TrustedBrowser.objects.all().delete()
        sent = caller.sends(method="sms")
        caller.verifies(sent["verification_id"], messages.last_code(PHONE))
        sent = caller.asks("set-email", email=EMAIL).json()
        about = {"verification_id": sent["verification_id"], "trust_browser": True}
        assert caller.asks("verify", code=messages.last_code(EMAIL), **about).status_code == 200
        assert Device.objects.count() == 2
        assert not ids()
        assert not cookies_of(caller.client)

    def test_a_verification_without_a_user_remembers_no_browser(self, db: None, settings: Any) -> None:
        settings.TWILIO_2FA_ALLOW_USERLESS = True
        caller = Caller()
        sent = caller.sends(method="sms", phone_number=PHONE)
        about = {"verification_id": sent["verification_id"], "trust_browser": True}
        assert caller.asks("verify", code=messages.last_code(PHONE), **about).status_code == 200
        assert not ids()
        refused(caller.asks("browsers"), 401, "user_unauthenticated")

    @pytest.mark.parametrize("value", ["", "x", [], {}, 5, None])
    def test_trust_browser_must_be_a_boolean(self, pat: Person, value: Any) -> None:
        refused(self.verified_with_a_tick(Caller("pat"), value), 400, "malformed_request")


def test_a_browser_that_was_forgotten_loses_its_cookie(at_home: Person) -> None:
    at_home.opens("devices").posts("devices", action="end_browsers")
    signs_in_again(at_home).opens(SECRET)
    assert not has_cookie(at_home)
