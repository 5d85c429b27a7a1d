"""The cooldown between two messages: it holds for a user and destination, also after a cancel."""

from __future__ import annotations

from typing import Any

import pytest

from django_twilio_2fa.models import Counter, Verification
from django_twilio_2fa.sandbox import messages
from django_twilio_2fa.sandbox.fault_injection import injected
from django_twilio_2fa.sandbox.models import SandboxMessage

from ..api.test_api import Caller
from ..attacks.test_unauthenticated import Stranger
from ..people import EMAIL, PHONE, Person

NEW = "+12025550147"
REFUSED = "+12025550168"  # The sandbox refuses sends to this number, as Twilio refuses a blocked number.


class TestCooldown:
    def test_canceling_does_not_end_the_cooldown(self, pat: Person, later: Any) -> None:
        for _ in range(10):
            pat.opens("start").picks("sms")
            pat.posts("verify", action="cancel")
        assert pat.has_got() == 1
        pat.opens("start").picks("sms")
        assert "You can ask for another code" in pat.text
        later(40)
        pat.opens("start").picks("sms")
        assert pat.has_got() == 2

    def test_another_session_does_not_end_the_cooldown(self, pat: Person) -> None:
        pat.opens("start").picks("sms")
        pat.posts("verify", action="cancel")
        Person("pat").opens("start").picks("sms")
        assert pat.has_got() == 1

    def test_another_channel_to_the_phone_does_not_end_the_cooldown(self, pat: Person) -> None:
        pat.opens("start").picks("sms")
        pat.posts("verify", action="cancel")
        pat.opens("start").picks("call")
        assert pat.has_got() == 1

    def test_a_restarted_registration_keeps_the_cooldown(self, demo: Person) -> None:
        demo.opens("start").picks("sms").registers()
        demo.posts("verify", action="cancel")
        demo.opens("start").picks("sms").registers()
        assert demo.has_got() == 1

    def test_another_destination_has_no_cooldown(self, sam: Person) -> None:
        sam.opens("start").picks("sms")
        sam.posts("verify", action="cancel")
        sam.opens("start").picks("email")
        assert sam.has_got(EMAIL) == 1

    def test_another_user_of_the_same_phone_has_no_cooldown(self, pat: Person, demo: Person) -> None:
        pat.opens("start").picks("sms")
        pat.posts("verify", action="cancel")
        demo.opens("start").picks("sms").registers()
        assert pat.has_got() == 2

    def test_an_approval_ends_the_cooldown(self, pat: Person) -> None:
        pat.opens("start").picks("sms").types_the_code()
        Person("pat").opens("start").picks("sms")
        assert pat.has_got() == 2

    def test_the_cooldown_holds_over_the_api(self, pat: Person) -> None:
        api = Caller("pat")
        id = api.sends(method="sms")["verification_id"]
        api.asks("cancel", verification_id=id)
        answer = api.asks("send", method="sms")
        assert (answer.status_code, answer.json()["error_code"]) == (429, "resend_cooldown")
        assert 0 < answer.json()["data"]["can_resend_in"] <= 40
        assert pat.has_got() == 1

    @pytest.mark.parametrize("somebody", [True, False])
    def test_the_cooldown_holds_for_unauthenticated_users(
        self, pat: Person, settings: Any, somebody: bool
    ) -> None:
        settings.TWILIO_2FA_ALLOW_UNAUTHENTICATED_USERS = True
        stranger = Stranger(pat.user.pk if somebody else "nobody")
        stranger.asks("cancel", verification_id=stranger.sends())
        assert stranger.asks("send", method="sms").json()["error_code"] == "resend_cooldown"


class TestRefusedByTwilio:
    def test_sends_that_twilio_refused_do_not_count_as_sends(self, demo: Person) -> None:
        for _ in range(6):
            demo.opens("start").picks("sms").registers(REFUSED)
        demo.opens("start").picks("email").posts(email="new@example.com")
        assert demo.is_at("verify")
        assert messages.delivered("new@example.com")

    def test_a_refused_send_does_not_count_on_the_verification(self, demo: Person) -> None:
        for _ in range(6):
            demo.opens("start").picks("sms").registers(REFUSED)
        assert Verification.objects.get(status="pending").sends == 0

    def test_refused_sends_are_limited(self, demo: Person, settings: Any) -> None:
        settings.TWILIO_2FA_LIMITS = {"refused_sends_per_user": "3/h"}
        for n in range(3):
            demo.opens("start").picks("sms").registers(REFUSED)
            assert "too many" not in demo.text, n
        demo.opens("start").picks("sms").registers(NEW)
        assert "too many codes" in demo.text
        assert not messages.delivered(NEW)

    def test_refused_sends_limit_a_first_send_by_another_method(self, sam: Person, settings: Any) -> None:
        settings.TWILIO_2FA_LIMITS = {"refused_sends_per_user": "1/h"}
        with injected("60605", on="/Verifications"):
            sam.opens("start").picks("sms")
        sam.opens("start").picks("email")
        assert not messages.delivered()
        assert not Verification.objects.filter(method="email").exists()

    def test_refused_userless_sends_to_one_number_are_limited(self, db: None, settings: Any) -> None:
        settings.TWILIO_2FA_ALLOW_USERLESS = True
        settings.TWILIO_2FA_LIMITS = {"refused_sends_per_destination": "2/h"}
        answers = [Caller().asks("send", method="sms", phone_number=REFUSED).status_code for _ in range(3)]
        assert answers[2] == 429
        assert 429 not in answers[:2]

    def test_a_send_that_may_have_happened_stays_counted(self, demo: Person, settings: Any) -> None:
        settings.TWILIO_2FA_LIMITS = {"unproven_sends_per_user": "1/h"}
        demo.opens("start").picks("sms").registers("+12025550160")  # an outage
        demo.opens("start").picks("email").posts(email="new@example.com")
        assert not messages.delivered("new@example.com")

    def test_twilios_own_limit_uses_up_all_resends(self, demo: Person) -> None:
        demo.opens("start").picks("sms").registers("+12025550164")  # too many sends already
        assert Verification.objects.get().sends == 5

    def test_a_refused_registration_does_not_count_as_unproven(self, demo: Person, settings: Any) -> None:
        settings.TWILIO_2FA_ALLOWED_METHODS = ["sms", "totp"]
        demo.opens("start").picks("sms").registers(REFUSED)
        counted = Counter.objects.filter(scope__startswith="unproven", n__gt=0)
        assert not counted.exists()
        refused = Counter.objects.filter(scope__startswith="refused_sends", n__gt=0)
        assert refused.count() == 2


def test_two_spellings_of_a_number_share_one_limit(db: None, settings: Any) -> None:
    settings.TWILIO_2FA_ALLOW_USERLESS = True
    settings.TWILIO_2FA_LIMITS = {"unproven_sends_per_destination": "1/h"}
    Caller().sends(method="sms", phone_number=PHONE)
    assert Caller().asks("send", method="sms", phone_number="tel:+1-202-555-0143").status_code != 200
    assert SandboxMessage.objects.count() == 1
