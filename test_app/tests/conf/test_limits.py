"""Limits across verifications: sends, attempts and locks."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core import mail
from django.core.management import call_command

from django_twilio_2fa import errors
from django_twilio_2fa.contacts import EmailAddress, PhoneNumber
from django_twilio_2fa.models import Counter, Device, Lock, Verification
from django_twilio_2fa.models.contention import durably
from django_twilio_2fa.process import limit_rows, lockout, phone_rules, rate_limits
from django_twilio_2fa.sandbox import messages
from django_twilio_2fa.sandbox.http import sandbox_request
from django_twilio_2fa.sandbox.models import SandboxVerification
from django_twilio_2fa.signals import twilio_2fa_fraud_suspected, twilio_2fa_user_locked

from ..helpers import connected, heard
from ..people import EMAIL, PHONE, Person
from .shows import shows

pytestmark = pytest.mark.usefixtures("no_cooldown")


@pytest.fixture(autouse=True)
def the_clock_stands_still(monkeypatch: Any) -> Any:
    """Stop the clock in mid-window, so that no window ends during a test. Return `tick`, which moves it."""
    now = [1_800_000_000 + 1800]
    monkeypatch.setattr(rate_limits.time, "time", lambda: float(now[0]))

    def tick(seconds: int) -> None:
        now[0] += seconds

    return tick


def fails_often(person: Person, times: int, method: str = "sms", to: str = PHONE) -> None:
    """Type wrong codes, and start a new verification whenever one is used up."""
    for n in range(times):
        if n % 4 == 0:
            Verification.objects.filter(user=person.user).update(pending_key=None, status="canceled")
            SandboxVerification.objects.update(pending_key=None, status="canceled")
            person.opens("start").picks(method)
        person.types_a_wrong_code(to)


class TestSends:
    @shows("LIMITS")
    def test_no_more_sends_than_the_limit_go_to_a_device_per_hour(self, pat: Person, settings: Any) -> None:
        settings.TWILIO_2FA_LIMITS = {"sends_per_destination": "3/h"}
        for _ in range(5):
            Verification.objects.update(pending_key=None, status="canceled")
            SandboxVerification.objects.update(pending_key=None, status="canceled")
            pat.opens("start").picks("sms")
        assert pat.has_got() == 3
        assert "We have sent too many codes. You can ask for another in 60 minutes." in pat.text

    def test_sends_are_allowed_again_in_the_next_hour(
        self, pat: Person, settings: Any, the_clock_stands_still: Any
    ) -> None:
        settings.TWILIO_2FA_LIMITS = {"sends_per_user": "1/h"}
        pat.opens("start").picks("sms")
        Verification.objects.update(pending_key=None, status="canceled")
        assert not pat.opens("start").picks("sms").is_at("verify")
        the_clock_stands_still(3600)
        assert pat.opens("start").picks("call").is_at("verify")

    @pytest.mark.parametrize("into", [0, 299, 1799, 3590])
    def test_no_hour_has_more_sends_than_the_limit(
        self, pat: Person, settings: Any, the_clock_stands_still: Any, into: int
    ) -> None:
        settings.TWILIO_2FA_LIMITS = {"sends_per_user": "3/h"}
        the_clock_stands_still(1800 + into)

        def sends() -> int:
            Verification.objects.update(pending_key=None, status="canceled")
            SandboxVerification.objects.update(pending_key=None, status="canceled")
            pat.page = None
            pat.opens("start").picks("sms")
            return pat.has_got()

        assert [sends() for _ in range(4)] == [1, 2, 3, 3]
        # An hour has twelve steps. During eleven of them, no further send is allowed.
        for _ in range(11):
            the_clock_stands_still(299)
            assert sends() == 3
        the_clock_stands_still(3600 - 11 * 299)
        assert [sends() for _ in range(4)] == [4, 5, 6, 6]

    def test_an_attacker_cannot_use_up_the_sends_to_a_users_number(self, pat: Person, demo: Person) -> None:
        demo.opens("start").picks("sms").registers()
        for n in range(3):
            get_user_model().objects.create_user(f"attacker{n}")
            Person(f"attacker{n}").opens("start").picks("sms").registers()
        # At most two codes in ten minutes go to an unproven number, whichever user enters it.
        assert pat.has_got() == 2
        assert pat.opens("start").picks("sms").is_at("verify")
        assert pat.has_got() == 3
        pat.types_the_code()
        assert pat.is_verified

    def test_a_first_send_that_a_limit_refuses_stores_nothing(self, pat: Person, settings: Any) -> None:
        settings.TWILIO_2FA_LIMITS = {"sends_per_user": "0/h"}
        pat.opens("start").picks("sms")
        assert not Verification.objects.exists()
        assert not Counter.objects.exists()

    def test_a_registration_that_a_limit_refuses_is_canceled(self, demo: Person, settings: Any) -> None:
        settings.TWILIO_2FA_LIMITS = {"unproven_sends_per_user": "0/h"}
        demo.opens("start").picks("sms").registers("202 555 0147")
        row = Verification.objects.get()
        assert (row.status, row.sends, row.destination) == ("canceled", 0, "")

    def test_a_limit_can_be_switched_off(self, pat: Person, settings: Any) -> None:
        settings.TWILIO_2FA_LIMITS = dict.fromkeys(rate_limits.DEFAULTS)
        pat.opens("start").picks("sms")
        assert not Counter.objects.exists()

    @shows("CLIENT_ADDRESS_CB")
    def test_client_address_cb_limits_requests_by_ip_address(
        self, pat: Person, demo: Person, settings: Any
    ) -> None:
        settings.TWILIO_2FA_LIMITS = {"requests_per_client": "1/h"}
        pat.opens("start").picks("sms")
        assert pat.is_at("verify")
        settings.TWILIO_2FA_CLIENT_ADDRESS_CB = lambda request: request.META["REMOTE_ADDR"]
        demo.opens("start").picks("sms").registers("202 555 0147")
        assert demo.is_at("verify")
        pat.opens("start").picks("email")
        get_user_model().objects.create_user("third")
        third = Person("third").opens("start").picks("email").posts(email=EMAIL)
        assert "too many codes" in third.text

    @pytest.mark.parametrize(
        ("a", "b", "same"),
        [
            ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
            ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
            ("::ffff:192.0.2.1", "192.0.2.1", True),
            ("192.0.2.1", "192.0.2.2", False),
            ("203.0.113.9:17085", "203.0.113.9:17086", True),
            ("203.0.113.9:17085", "203.0.113.9", True),
            ("203.0.113.9:17085", "203.0.113.8:17085", False),
            ("[2001:db8:1:2::1]:443", "2001:db8:1:2::1", True),
            ('"[2001:db8:1:2::1]:443"', "[2001:db8:1:2::1]", True),
            ("fe80::1%eth0", "fe80::1%eth1", True),
        ],
    )
    def test_spellings_of_an_ip_address_share_a_limit(self, a: str, b: str, same: bool) -> None:
        assert rate_limits.address_of(a)
        assert (rate_limits.address_of(a) == rate_limits.address_of(b)) is same

    @pytest.mark.parametrize("text", ["unknown", "unix:", "203.0.113.9, 198.51.100.2", "_hidden", "host:80"])
    def test_an_invalid_client_address_is_logged_once_not_counted(
        self, pat: Person, settings: Any, caplog: pytest.LogCaptureFixture, text: str
    ) -> None:
        rate_limits._warn_of_no_address.cache_clear()
        settings.TWILIO_2FA_CLIENT_ADDRESS_CB = lambda request: text
        settings.TWILIO_2FA_LIMITS = {"requests_per_client": "1/h"}
        for _ in range(3):
            pat.opens("start").picks("sms")
            pat.types_a_wrong_code()
        told = [r for r in caplog.records if "no IP address" in r.getMessage()]
        assert len(told) == 1
        assert text not in told[0].getMessage()
        assert not Counter.objects.filter(scope__startswith="requests_per_client").exists()

    def test_lookups_are_counted(self, demo: Person, settings: Any) -> None:
        settings.TWILIO_2FA_LIMITS = {"lookups_per_user": "1/h", "unproven_sends_per_user": None}
        with heard(sandbox_request) as seen:
            for last in (43, 44, 45):
                demo.opens("start").picks("sms").registers(f"202 555 01{last}")
        assert len([told for told in seen if "PhoneNumbers" in told["path"]]) == 1

    @pytest.mark.parametrize("unknown", [True, False])
    def test_a_verification_has_one_lookup(
        self, demo: Person, settings: Any, monkeypatch: Any, unknown: bool
    ) -> None:
        settings.TWILIO_2FA_PHONE_NUMBER_BYPASS_CARRIER_ON_EMPTY = False
        asked: list[str] = []

        def told(number: PhoneNumber) -> None:
            asked.append(str(number))
            if not unknown:
                raise errors.InvalidPhoneNumber

        monkeypatch.setattr(phone_rules.lookup, "line_type", told)
        for method in ("sms", "sms", "call"):
            demo.opens("start").picks(method).registers()
            assert demo.is_at("register")
        assert asked == [PHONE]
        row = Verification.objects.get()
        assert (row.status, row.destination) == ("failed", "")


class TestWrongTokens:
    def test_a_session_is_locked_for_an_hour(self, pat: Person, the_clock_stands_still: Any) -> None:
        fails_often(pat, 10)
        checks = sum(SandboxVerification.objects.values_list("checks", flat=True))
        assert checks == 10
        pat.opens("start").picks("sms")
        assert pat.is_at("failed")
        assert re.search(
            r"You entered the wrong code too many times. You can try again in \d+ (minutes|hours)", pat.text
        )
        the_clock_stands_still(3590)
        assert pat.opens("start").picks("call").is_at("failed")
        the_clock_stands_still(20)
        assert pat.opens("start").picks("call").is_at("verify")

    def test_locking_a_session_leaves_the_users_other_sessions_open(self, pat: Person) -> None:
        fails_often(pat, 10)
        other = Person("pat").opens("start").picks("call")
        assert other.is_at("verify")

    def test_all_sessions_together_reach_the_limit_of_the_user(self, pat: Person, settings: Any) -> None:
        settings.TWILIO_2FA_LIMITS = {
            "wrong_tokens_per_user": "15/h",
            "sends_per_user": None,
            "sends_per_destination": None,
        }
        for _ in range(4):
            fails_often(Person("pat"), 10)
        assert sum(SandboxVerification.objects.values_list("checks", flat=True)) == 15
        assert Person("pat").opens("start").picks("sms").is_at("failed")

    def test_a_right_code_is_not_counted_as_a_wrong_one(self, pat: Person, settings: Any) -> None:
        settings.TWILIO_2FA_LIMITS = {"wrong_tokens_per_session": "2/h"}
        for method in ("sms", "sms", "sms"):
            Verification.objects.update(pending_key=None)
            pat.opens("start").picks(method).types_the_code()
            assert pat.is_at("success")

    @pytest.mark.usefixtures("sessions_in_database")  # a clock that is years ahead does not end them
    def test_many_wrong_codes_in_a_row_lock_until_an_unlock(
        self, pat: Person, settings: Any, the_clock_stands_still: Any
    ) -> None:
        settings.TWILIO_2FA_LIMITS = {"wrong_tokens_in_a_row": 3}
        fails_often(pat, 3)
        assert "Contact the site to unlock it" in pat.opens("start").picks("sms").text
        the_clock_stands_still(10**8)
        assert pat.opens("start").picks("sms").is_at("failed")
        call_command("twilio_2fa_unlock", "pat")
        Verification.objects.update(pending_key=None, status="canceled")
        SandboxVerification.objects.update(pending_key=None, status="canceled")
        pat.opens("start").picks("sms").types_the_code()
        assert pat.is_at("success")

    def test_wrong_codes_at_both_limits_lock_until_an_unlock(self, pat: Person, settings: Any) -> None:
        settings.TWILIO_2FA_LIMITS = {"wrong_tokens_in_a_row": 3, "wrong_tokens_per_user": "3/h"}
        with heard(twilio_2fa_user_locked) as told:
            fails_often(pat, 3)
        assert [t["until"] for t in told] == [None]
        assert lockout.locked_until(pat.user, "") == Lock.FOR_EVER

    def test_a_right_code_resets_only_the_count_in_a_row(self, pat: Person, settings: Any) -> None:
        settings.TWILIO_2FA_LIMITS = {"wrong_tokens_in_a_row": 3}
        fails_often(pat, 2)
        pat.types_the_code()
        fails_often(pat, 2)
        pat.types_the_code()
        assert pat.is_at("success")
        count = Counter.objects.get(scope__startswith="wrong_tokens_per_user")
        assert count.n == 4

    @shows("NOTIFY_OWNER")
    @pytest.mark.parametrize("notify", [True, False])
    def test_the_owner_gets_one_email_about_a_lock(self, pat: Person, settings: Any, notify: bool) -> None:
        settings.TWILIO_2FA_NOTIFY_OWNER = notify
        pat.user.email = "pat@example.org"
        pat.user.save()
        pat.client.force_login(pat.user)
        with heard(twilio_2fa_user_locked) as told:
            fails_often(pat, 12)
        assert [(t["user"], t["until"] is not None) for t in told] == [(pat.user, True)]
        assert [m.to for m in mail.outbox] == ([["pat@example.org"]] if notify else [])
        if notify:
            assert "change your password" in mail.outbox[0].body

    def test_canceling_or_logging_out_restores_no_attempts(self, pat: Person, settings: Any) -> None:
        settings.TWILIO_2FA_LIMITS = {
            "wrong_tokens_per_user": "6/h",
            "sends_per_user": None,
            "sends_per_destination": None,
        }
        settings.TWILIO_2FA_SEND_COOLDOWN = 0
        for _round in range(4):
            person = Person("pat")
            for method in ("sms", "call"):
                person.opens("start").picks(method)
                if person.is_at("verify"):
                    person.types_a_wrong_code().posts("verify", action="cancel")
            person.client.logout()
        assert sum(SandboxVerification.objects.values_list("checks", flat=True)) == 6


class TestFraud:
    @pytest.mark.parametrize(
        ("number", "code"), [("+12025550169", 60410), ("+12025550170", 60413), ("+12025550171", 60605)]
    )
    def test_a_fraud_refusal_blocks_the_method_and_not_the_session(
        self, db: None, number: str, code: int
    ) -> None:
        from django_twilio_2fa.contacts import PhoneNumber

        told = []

        def receiver(**kwargs: Any) -> None:
            told.append((kwargs["method"], kwargs["code"]))

        user = get_user_model().objects.create_user("eve")
        Device.objects.register(user, PhoneNumber(number))
        Device.objects.register(user, EmailAddress("eve@example.com"))
        with connected(twilio_2fa_fraud_suspected, receiver):
            eve = Person("eve").opens("start").picks("sms")
        assert told == [("sms", code)]
        assert [m for m, _detail in eve.choices] == ["call", "whatsapp", "email"]
        assert "raud" not in eve.text
        eve.posts("start", method="sms")
        assert told == [("sms", code)]
        eve.opens("start").picks("email").types_the_code("eve@example.com")
        assert eve.is_at("success")


@shows("RATE_LIMITS")
def test_verifys_own_rate_limits_are_passed_along(pat: Person, settings: Any) -> None:
    settings.TWILIO_2FA_RATE_LIMITS = lambda user, method: {"account": f"{method}-{user.pk}"}
    with heard(sandbox_request) as seen:
        pat.opens("start").picks("sms")
    assert [told["values"].get("RateLimits") for told in seen] == [f'{{"account": "sms-{pat.user.pk}"}}']


def test_counters_store_no_phone_number_and_no_code(pat: Person) -> None:
    pat.opens("start").picks("sms").types_a_wrong_code()
    stored = str(list(Counter.objects.values()))
    assert PHONE not in stored
    assert messages.last_code(PHONE) not in stored


HOUR, DAY = 3600, 86400


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("sends_per_user", [(10, HOUR)]),
        ("sends_per_destination", [(10, HOUR), (20, DAY)]),
        ("unproven_sends_per_user", [(5, HOUR)]),
        ("unproven_sends_per_destination", [(2, 600), (5, DAY)]),
        ("wrong_tokens_per_session", [(10, HOUR)]),
        ("wrong_tokens_per_user", [(30, HOUR)]),
        ("used_codes_per_user", [(10, HOUR)]),
        ("lookups_per_user", [(10, HOUR)]),
        ("requests_per_client", [(30, HOUR)]),
    ],
)
def test_each_default_limit_refuses_one_key_at_its_rate(
    db: None, the_clock_stands_still: Any, name: str, expected: list[tuple[int, int]]
) -> None:
    for most, seconds in expected:
        the_clock_stands_still(DAY + 7 * seconds)
        taken = 0
        began = rate_limits.time.time()
        while rate_limits.time.time() < began + seconds:
            try:
                durably(rate_limits.consume, rate_limits.limits_for(name, "somebody"))
                taken += 1
            except limit_rows.LimitReached as e:
                # A shorter limit may be reached first. Then time passes until that limit allows more.
                if e.count.seconds == seconds:
                    break
                the_clock_stands_still(e.retry_after)
        assert taken == most
        durably(rate_limits.consume, rate_limits.limits_for(name, "somebody else"))
        the_clock_stands_still(DAY)
        Counter.objects.all().delete()


def test_the_default_is_a_hundred_wrong_codes_in_a_row() -> None:
    assert rate_limits.DEFAULTS[rate_limits.CONSECUTIVE] == 100
