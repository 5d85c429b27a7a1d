"""Remembered browsers, in which a user is not asked for a code."""

from __future__ import annotations

import uuid
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.http import HttpResponse
from django.test import Client

from django_twilio_2fa import browsers
from django_twilio_2fa.contacts import EmailAddress
from django_twilio_2fa.models import Device, TrustedBrowser, Verification
from django_twilio_2fa.process.session_data import SESSION_KEY
from django_twilio_2fa.providers.user_agent import name_of
from django_twilio_2fa.sandbox import messages
from django_twilio_2fa.session import is_verified
from django_twilio_2fa.signals import SIGNALS
from django_twilio_2fa.testing import register_device

from ..conf.shows import shows
from ..helpers import heard
from ..people import EMAIL, PHONE, Person
from .people import (
    FIREFOX,
    SECRET,
    cookie_of,
    cookies_of,
    copy_of,
    forget_cached_answer,
    has_cookie,
    signs_in_again,
    trusts,
)


@pytest.fixture(autouse=True)
def remembered_for_a_month(settings: Any, no_cooldown: None) -> None:
    settings.TWILIO_2FA_TRUSTED_BROWSER_AGE = timedelta(days=30)


@pytest.fixture
def trusted(pat: Person) -> Person:
    """Return a user in a remembered browser, after signing in again."""
    return signs_in_again(trusts(pat))


@shows("TRUSTED_BROWSER_AGE")
class TestTheBox:
    def test_there_is_no_box_unless_the_site_remembers_browsers(self, pat: Person, settings: Any) -> None:
        settings.TWILIO_2FA_TRUSTED_BROWSER_AGE = None
        assert "trust_browser" not in pat.opens("start").picks("sms").page.content.decode()
        trusts(pat)
        assert not TrustedBrowser.objects.exists()
        assert not has_cookie(pat)

    @pytest.mark.parametrize(
        ("age", "words"),
        [
            (timedelta(days=30), "for 30 days"),
            (timedelta(days=1), "for 1 day"),
            (7200, "for 2 hours"),
        ],
    )
    def test_the_box_shows_the_time_limit(self, pat: Person, settings: Any, age: Any, words: str) -> None:
        settings.TWILIO_2FA_TRUSTED_BROWSER_AGE = age
        text = pat.opens("start").picks("sms").text.replace("\xa0", " ")
        assert f"Do not ask for a code in this browser {words}" in text

    def test_without_a_tick_nothing_is_remembered(self, pat: Person) -> None:
        pat.opens(SECRET).picks("sms").types_the_code()
        assert not TrustedBrowser.objects.exists()
        assert signs_in_again(pat).opens(SECRET).is_at("start")

    def test_a_wrong_code_remembers_nothing_and_keeps_the_tick(self, pat: Person) -> None:
        pat.opens(SECRET).picks("sms").posts(token="000000", trust_browser="on")
        assert not TrustedBrowser.objects.exists()
        assert 'name="trust_browser"' in pat.page.content.decode()
        assert pat.page.context["form"]["trust_browser"].value()
        pat.posts(token="000001")
        assert not pat.page.context["form"]["trust_browser"].value()

    def test_adding_a_device_offers_no_box_and_remembers_nothing(self, pat: Person) -> None:
        pat.opens(SECRET).picks("sms").types_the_code()
        pat.opens("/2fa/add/").picks("email").posts(email=EMAIL)
        assert "trust_browser" not in pat.page.content.decode()
        pat.posts(token=messages.last_code(EMAIL), trust_browser="on")
        assert Device.objects.count() == 2
        assert not TrustedBrowser.objects.exists()

    def test_a_first_registration_can_remember_its_browser(self, demo: Person) -> None:
        demo.opens(SECRET).picks("sms").registers()
        demo.posts(token=messages.last_code(PHONE), trust_browser="on")
        assert signs_in_again(demo).opens(SECRET).path == SECRET

    def test_the_page_that_waits_for_an_approval_has_the_box(self, pat: Person, settings: Any) -> None:
        settings.TWILIO_2FA_ALLOWED_METHODS = ["link", "sms"]
        register_device(pat.user, EmailAddress(EMAIL))
        assert 'name="trust_browser"' in pat.opens("start").picks("link").page.content.decode()


class TestReturning:
    def test_a_remembered_browser_opens_a_guarded_page_at_once(self, trusted: Person) -> None:
        trusted.opens(SECRET)
        assert (trusted.path, trusted.page.status_code) == (SECRET, 200)
        assert trusted.page.redirect_chain == []
        assert trusted.has_got() == 1

    def test_later_sessions_open_a_guarded_page_at_once(self, trusted: Person) -> None:
        for _ in range(3):
            assert signs_in_again(trusted).opens(SECRET).path == SECRET
        assert TrustedBrowser.objects.count() == 1

    def test_the_cookie_is_kept_from_scripts_and_other_sites(self, trusted: Person) -> None:
        for person in (trusted, trusted.opens(SECRET)):
            cookie = cookie_of(person)
        assert (cookie["httponly"], cookie["secure"], cookie["samesite"]) == (True, True, "Lax")
        assert 29 * 86400 < cookie["max-age"] <= 30 * 86400

    def test_only_the_digest_of_the_token_is_stored(self, trusted: Person) -> None:
        token = cookie_of(trusted).value.partition(".")[2]
        assert len(token) >= 40
        row = TrustedBrowser.objects.values().get()
        assert token not in str(row)
        assert len(row["digest"]) == 64

    def test_a_use_renews_the_token_but_not_the_expiration(self, trusted: Person, later: Any) -> None:
        before = cookie_of(trusted).value
        later(10 * 86400)
        trusted.opens(SECRET)
        cookie = cookie_of(trusted)
        assert cookie.value != before
        assert cookie.value.partition(".")[0] == before.partition(".")[0]
        assert 19 * 86400 < cookie["max-age"] <= 20 * 86400

    def test_a_browser_is_forgotten_when_its_time_is_over(self, trusted: Person, later: Any) -> None:
        later(29 * 86400)
        assert signs_in_again(trusted).opens(SECRET).path == SECRET
        later(2 * 86400)
        assert signs_in_again(trusted).opens(SECRET).is_at("start")
        assert not TrustedBrowser.objects.exists()
        assert not has_cookie(trusted)

    def test_a_shorter_setting_applies_to_earlier_browsers(
        self, trusted: Person, later: Any, settings: Any
    ) -> None:
        later(5 * 86400)
        settings.TWILIO_2FA_TRUSTED_BROWSER_AGE = timedelta(days=3)
        assert trusted.opens(SECRET).is_at("start")

    @pytest.mark.parametrize("age", [None, 0, timedelta(0)])
    def test_without_the_setting_a_code_is_required(self, trusted: Person, settings: Any, age: Any) -> None:
        settings.TWILIO_2FA_TRUSTED_BROWSER_AGE = age
        assert trusted.opens(SECRET).is_at("start")

    def test_two_users_of_one_browser_are_both_remembered(self, trusted: Person, sam: Person) -> None:
        sam.client.cookies.update(trusted.client.cookies)
        sam.client.force_login(sam.user)
        trusts(sam, "email", EMAIL)
        both = cookies_of(sam.client)
        assert len(both) == 2
        for person in (Person("sam"), Person("pat")):
            person.client.cookies.load(both)
            assert person.opens(SECRET).path == SECRET

    def test_a_wizard_with_certain_methods_asks_for_a_code(self, trusted: Person, settings: Any) -> None:
        settings.ROOT_URLCONF = "tests.mounts"
        assert trusted.opens("/checkout/start/").path != "/checkout/success/"
        assert not trusted.is_verified


class TestNotEnough:
    def test_a_remembered_browser_is_never_enough_for_max_age(self, trusted: Person) -> None:
        trusted.opens(SECRET)
        request = trusted.client.get("/").wsgi_request
        assert is_verified(request)
        for max_age in (60, timedelta(days=365), timedelta(days=20_000)):
            assert not is_verified(request, max_age)

    def test_step_up_asks_for_a_code_without_a_redirect_loop(self, trusted: Person) -> None:
        trusted.opens(SECRET)
        # A page with `max_age` redirects to this URL.
        assert trusted.opens("/2fa/start/?next=/secret/").is_at("start")
        trusted.picks("sms").types_the_code()
        request = trusted.client.get("/").wsgi_request
        assert is_verified(request, 60)

    def test_adding_in_a_new_session_still_needs_a_code(self, trusted: Person) -> None:
        assert trusted.opens("/2fa/add/").is_at("start")
        trusted.picks("sms").types_the_code()
        assert trusted.path == "/2fa/add/start/"

    @pytest.mark.parametrize("page", ["/2fa/add/", "remove"])
    def test_a_remembered_browser_is_not_enough_for_a_change(self, trusted: Person, page: str) -> None:
        trusted.opens(SECRET)
        path = f"/2fa/remove/{Device.objects.get().pk}/" if page == "remove" else page
        register_device(trusted.user, "+12025550199")
        assert trusted.opens(path).is_at("start")
        trusted.posts(path)
        assert Device.objects.count() == 2

    def test_a_session_without_a_code_remembers_no_browser(self, trusted: Person) -> None:
        trusted.opens(SECRET)
        request = trusted.client.get("/").wsgi_request
        row = Verification.objects.get(method="trusted_browser")
        assert not browsers.trust(request, HttpResponse(), row)
        assert TrustedBrowser.objects.count() == 1

    def test_a_remembered_browser_opens_nothing_without_signing_in(self, trusted: Person) -> None:
        cookie = cookie_of(trusted)
        visitor = Client()
        visitor.cookies[cookie.key] = cookie.value
        assert visitor.get(SECRET, follow=True).request["PATH_INFO"] == "/login/"


class TestCopies:
    def test_a_copied_cookie_used_second_forgets_the_browser(self, trusted: Person, mailoutbox: Any) -> None:
        trusted.user.email = EMAIL
        trusted.user.save()
        thief = copy_of(trusted)
        assert trusted.opens(SECRET).path == SECRET
        assert thief.opens(SECRET).is_at("start")
        assert not thief.is_verified
        assert not TrustedBrowser.objects.exists()
        assert signs_in_again(trusted).opens(SECRET).is_at("start")
        assert ["copied" in mail.body for mail in mailoutbox] == [True]

    def test_the_owners_next_use_ends_the_session_of_a_copied_cookie(self, trusted: Person) -> None:
        thief = copy_of(trusted)
        assert thief.opens(SECRET).path == SECRET
        assert trusted.opens(SECRET).is_at("start")
        forget_cached_answer(thief)
        assert thief.opens(SECRET).is_at("start")
        assert not thief.is_verified

    def test_an_old_copy_of_the_cookie_forgets_the_browser(self, trusted: Person) -> None:
        thief = copy_of(trusted)
        for _ in range(3):
            signs_in_again(trusted).opens(SECRET)
        assert thief.opens(SECRET).is_at("start")
        assert not TrustedBrowser.objects.exists()

    def test_a_form_that_is_sent_twice_remembers_one_browser(self, pat: Person) -> None:
        pat.opens(SECRET).picks("sms")
        form = {"token": messages.last_code(PHONE), "trust_browser": "on"}
        form["verification"] = str(Verification.objects.get().public_id)
        for _ in range(2):
            pat.posts("verify", **form)
        assert TrustedBrowser.objects.count() == 1

    def test_a_second_request_of_a_session_is_not_a_copy(self, trusted: Person) -> None:
        before = cookie_of(trusted)
        name, value = before.key, before.value
        trusted.opens(SECRET)
        # The other request was sent before the first was answered, and before its session was saved.
        session = trusted.client.session
        session.pop(SESSION_KEY)
        session.save()
        trusted.client.cookies[name] = value
        assert trusted.opens(SECRET).path == SECRET
        assert TrustedBrowser.objects.count() == 1

    def test_a_copied_cookie_sends_the_browser_ended_signal(
        self, trusted: Person, django_capture_on_commit_callbacks: Any
    ) -> None:
        thief, id = copy_of(trusted), str(TrustedBrowser.objects.get().pk)
        trusted.opens(SECRET)
        with (
            heard(SIGNALS["twilio_2fa_browser_ended"].signal) as told,
            django_capture_on_commit_callbacks(execute=True),
        ):
            thief.opens(SECRET)
        assert [(t["browser"], t["reason"], t["user"]) for t in told] == [(id, "copied", trusted.user)]

    def test_the_cookie_of_a_user_does_not_let_another_user_in(self, trusted: Person, sam: Person) -> None:
        cookie = cookie_of(trusted)
        sam.opens(SECRET)
        trusts(sam, "email", EMAIL)
        for name in (cookie.key, cookie_of(sam).key):
            other = Person("sam")
            other.client.cookies[name] = cookie.value
            assert other.opens(SECRET).is_at("start")
        assert TrustedBrowser.objects.filter(user=trusted.user).count() == 1

    @pytest.mark.parametrize(
        "value",
        [
            "",
            ".",
            "x",
            "x.y",
            f"{uuid.UUID(int=7)}.",
            f"{uuid.UUID(int=7)}.token",
            "\x00.\x00",
            "." * 4000,
            "é.ü",
        ],
    )
    def test_an_invalid_cookie_is_ignored(self, pat: Person, value: str) -> None:
        trusts(pat)
        name = cookie_of(pat).key
        other = Person("pat")
        other.client.cookies[name] = value
        assert other.opens(SECRET).is_at("start")
        assert TrustedBrowser.objects.count() == 1


class TestForgetting:
    def test_a_new_password_forgets_the_browser(self, trusted: Person) -> None:
        trusted.user.set_password("new")
        trusted.user.save()
        assert signs_in_again(trusted).opens(SECRET).is_at("start")
        assert not TrustedBrowser.objects.exists()

    def test_removing_a_device_forgets_the_browser(self, trusted: Person) -> None:
        register_device(trusted.user, "+12025550199").delete()
        assert not TrustedBrowser.objects.exists()
        assert trusted.opens(SECRET).is_at("start")

    def test_changing_the_number_forgets_the_browser(self, trusted: Person) -> None:
        trusted.opens(SECRET).opens("start").picks("sms").types_the_code()
        change = f"/2fa/change/{Device.objects.get().pk}/"
        trusted.opens(change).picks("sms").registers("202 555 0144").types_the_code("+12025550144")
        assert not TrustedBrowser.objects.exists()

    @pytest.mark.parametrize("new", ["+12025550144", None, "no number"])
    def test_a_number_changed_by_the_site_forgets_the_browser(
        self, pat: Person, settings: Any, new: Any
    ) -> None:
        stored = {"phone": PHONE}
        settings.TWILIO_2FA_PHONE_NUMBER_CB = lambda user: stored["phone"]
        trusts(pat)
        assert signs_in_again(pat).opens(SECRET).path == SECRET
        stored["phone"] = new
        assert signs_in_again(pat).opens(SECRET).path != SECRET
        assert not pat.is_verified
        assert not TrustedBrowser.objects.exists()

    def test_a_callback_that_is_set_later_forgets_no_browser(self, trusted: Person, settings: Any) -> None:
        settings.TWILIO_2FA_EMAIL_CB = lambda user: EMAIL
        assert trusted.opens(SECRET).path == SECRET

    def test_a_callback_that_is_removed_forgets_no_browser(self, pat: Person, settings: Any) -> None:
        settings.TWILIO_2FA_EMAIL_CB = lambda user: EMAIL
        trusts(pat)
        settings.TWILIO_2FA_EMAIL_CB = None
        assert signs_in_again(pat).opens(SECRET).path == SECRET

    def test_new_recovery_codes_forget_no_browser(self, trusted: Person, settings: Any) -> None:
        settings.TWILIO_2FA_ALLOWED_METHODS = ["sms", "recovery"]
        trusted.opens(SECRET).opens("start").picks("sms").types_the_code()
        trusted.posts("/2fa/add/start/", method="recovery", device="").posts().posts(saved="on")
        codes = Device.objects.get(kind="recovery")
        trusted.opens(f"/2fa/change/{codes.pk}/").posts().posts(saved="on")
        assert TrustedBrowser.objects.count() == 1

    def test_forgetting_a_browser_ends_its_sessions(self, trusted: Person) -> None:
        trusted.opens(SECRET)
        browsers.end_browsers(trusted.user)
        forget_cached_answer(trusted)
        assert not trusted.is_verified

    def test_forgetting_one_browser_keeps_other_browsers(self, trusted: Person) -> None:
        trusted.opens(SECRET)
        other = signs_in_again(trusts(Person("pat"))).opens(SECRET)
        request = trusted.client.get("/").wsgi_request
        [id] = [found["id"] for found in browsers.list_browsers(request) if found["is_current"]]
        assert browsers.end_browser(request, str(id))
        for person in (trusted, other):
            forget_cached_answer(person)
        assert (trusted.is_verified, other.is_verified) == (False, True)
        assert TrustedBrowser.objects.count() == 1

    def test_a_user_cannot_forget_another_users_browser(self, trusted: Person, sam: Person) -> None:
        id = str(TrustedBrowser.objects.get().pk)
        assert not browsers.end_browser(sam.client.get("/").wsgi_request, id)
        assert TrustedBrowser.objects.exists()

    def test_forgetting_a_browser_keeps_sessions_verified_by_code(self, trusted: Person) -> None:
        other = Person("pat")
        other.opens(SECRET).picks("sms").types_the_code()
        browsers.end_browsers(trusted.user)
        forget_cached_answer(other)
        assert other.is_verified

    def test_pruning_deletes_expired_browsers(self, trusted: Person, later: Any) -> None:
        later(29 * 86400)
        call_command("twilio_2fa_prune", stdout=StringIO())
        assert TrustedBrowser.objects.count() == 1
        later(2 * 86400)
        call_command("twilio_2fa_prune", stdout=StringIO())
        assert not TrustedBrowser.objects.exists()


def test_remembering_a_browser_sends_a_signal_and_an_email(pat: Person, mailoutbox: Any) -> None:
    pat.user.email = EMAIL
    pat.user.save()
    pat.client.defaults["HTTP_USER_AGENT"] = FIREFOX
    with heard(SIGNALS["twilio_2fa_browser_trusted"].signal) as told:
        trusts(pat)
    assert [t["browser"] for t in told] == [str(TrustedBrowser.objects.get().pk)]
    assert [(mail.subject, "Firefox on Windows" in mail.body) for mail in mailoutbox] == [
        ("We will not ask for a code in a new browser", True)
    ]


@pytest.mark.parametrize(
    ("header", "name"),
    [
        (FIREFOX, "Firefox on Windows"),
        (
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36",
            "Chrome on Linux",
        ),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/140.0 Safari/537.36 Edg/140.0",
            "Edge on Windows",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1",
            "Safari on iPhone",
        ),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/18.0 Safari/605.1.15", "Safari on macOS"),
        ("curl/8.0", ""),
        ("", ""),
        ("<script>Firefox/", "Firefox"),
    ],
)
def test_a_browser_is_named_by_its_user_agent(rf: Any, header: str, name: str) -> None:
    assert name_of(rf.get("/", HTTP_USER_AGENT=header)) == name
