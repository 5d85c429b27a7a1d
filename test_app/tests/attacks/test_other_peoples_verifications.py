"""Threat: a user passes off a verification of another user, session or destination as their own."""

from __future__ import annotations

from typing import Any

import pytest

from django_twilio_2fa import errors
from django_twilio_2fa.models import Device, Purpose, Status, Verification
from django_twilio_2fa.sandbox import messages
from django_twilio_2fa.verifier import Verifier

from ..helpers import connected
from ..people import EMAIL, PHONE, Person
from .scene import NEW, NO_SEND_LIMITS, checks, made, newest, values

EVES = "+12025550149"


@pytest.fixture
def eve(db: None) -> Person:
    """Return an attacker with an account and a phone of her own."""
    return made("eve", EVES)


def untouched(row: Verification) -> bool:
    before = (row.status, row.attempts, row.sends, row.destination)
    row.refresh_from_db()
    return before == (row.status, row.attempts, row.sends, row.destination) == (Status.PENDING, 0, 1, PHONE)


class TestVerificationOfAnotherUser:
    """Eve knows everything about the verification that Sam has begun, including his code."""

    @pytest.fixture
    def theirs(self, sam: Person) -> Verification:
        sam.opens("start").picks("sms")
        return newest(sam)

    @pytest.mark.parametrize("name", ["public_id", "sid", "pk"])
    @pytest.mark.parametrize("action", ["", "resend", "cancel"])
    @pytest.mark.parametrize("mine_is_going_on", [True, False])
    @pytest.mark.parametrize("page", ["verify", "/2fa/add/verify/"])
    def test_another_users_verification_in_a_form_is_left_alone(
        self, theirs: Verification, eve: Person, name: str, action: str, mine_is_going_on: bool, page: str
    ) -> None:
        code = messages.last_code(PHONE)
        if mine_is_going_on:
            eve.opens("start").picks("sms")
        eve.posts(page, action=action, token=code, verification=str(getattr(theirs, name)))
        assert eve.page.status_code == 200
        assert untouched(theirs)
        assert not eve.is_verified
        assert not eve.opens("success").is_at("success")

    @pytest.mark.parametrize("name", ["public_id", "sid", "pk"])
    def test_another_users_verification_in_the_session_is_left_alone(
        self, theirs: Verification, eve: Person, name: str
    ) -> None:
        code = messages.last_code(PHONE)
        eve.opens("start").picks("sms")
        session = eve.client.session
        for state in session["twilio_2fa"]["wizards"].values():
            state["verification"] = str(getattr(theirs, name))
        session.save()
        for data in ({"token": code}, {"action": "resend"}, {"action": "cancel"}):
            eve.posts("verify", **data)
        assert untouched(theirs)
        assert not eve.is_verified

    def test_another_users_device_in_a_form_is_sent_nothing(self, sam: Person, eve: Person) -> None:
        for device in Device.objects.filter(user=sam.user):
            for method in ("sms", "call", "email"):
                eve.opens("start").posts("start", method=method, device=str(device.pk))
        assert (sam.has_got(PHONE), sam.has_got(EMAIL)) == (0, 0)

    def test_another_users_approved_verification_opens_nothing(
        self, theirs: Verification, eve: Person
    ) -> None:
        eve.opens("start")
        sam = Person("sam").opens("start").picks("sms")
        sam.types_the_code()
        # Copying the data of Sam's session into Eve's session does not verify it.
        told = sam.client.session["twilio_2fa"]
        session = eve.client.session
        session["twilio_2fa"] = told
        session.save()
        assert not eve.is_verified
        assert eve.opens("/secret/").is_at("start")
        assert eve.opens("success").is_at("start")

    def test_another_users_proof_allows_no_change(self, sam: Person, eve: Person) -> None:
        sam.opens("start").picks("sms").types_the_code()
        own = Device.objects.get(user=eve.user)
        for path in ("/2fa/add/register/", f"/2fa/change/{own.pk}/register/"):
            eve.posts(path, country_code="US", phone_number="202 555 0147")
        assert values(eve) == [EVES]
        assert not Verification.objects.filter(user=eve.user).exists()


class TestVerificationOfAnotherSession:
    """The thief has the password, and so a session of the same user, but not the phone."""

    @pytest.fixture
    def thief(self, pat: Person) -> Person:
        return Person("pat").opens("start")

    def test_the_owners_success_verifies_no_other_session(self, pat: Person, thief: Person) -> None:
        thief.picks("sms")
        pat.opens("start").picks("sms").types_the_code()
        assert pat.is_verified
        # The thief's page is about the same row.
        thief.types("000000")
        assert not thief.is_verified
        assert not thief.opens("success").is_at("success")
        assert thief.opens("/secret/").is_at("start")

    def test_an_approval_answers_only_the_session_that_asked(self, pat: Person) -> None:
        # A form that is submitted twice succeeds. The same form from another session is refused.
        pat.opens("start").picks("sms")
        row, code = newest(pat), messages.last_code(PHONE)
        row.user = pat.user
        mine = Verifier(pat.user, flow="mine", auth="hash")
        assert mine.check(row, code).status == "approved"
        assert mine.check(row, code).status == "approved"
        for flow in ("another", ""):
            with pytest.raises(errors.VerificationExpired):
                Verifier(pat.user, flow=flow, auth="hash").check(row, code)

    def test_a_used_code_cannot_be_used_in_another_session(self, pat: Person, thief: Person) -> None:
        thief.picks("sms")
        row = newest(thief)
        pat.opens("start").picks("sms")
        code = messages.last_code(PHONE)
        pat.types(code)
        before = checks()
        for data in ({"token": code}, {"token": code, "verification": str(row.public_id)}):
            thief.posts("verify", **data)
            assert not thief.is_verified
        assert checks() == before

    def test_a_used_code_does_not_approve_the_next_verification(self, pat: Person, thief: Person) -> None:
        pat.opens("start").picks("sms")
        code = messages.last_code(PHONE)
        pat.types(code)
        thief.opens("start").picks("sms")
        if messages.last_code(PHONE) != code:
            thief.types(code)
            assert not thief.is_verified

    def test_a_proof_allows_no_change_in_another_session(self, pat: Person, thief: Person) -> None:
        pat.opens("start").picks("sms").types_the_code()
        device = Device.objects.get()
        for path in ("/2fa/add/", f"/2fa/change/{device.pk}/"):
            thief.posts(f"{path}register/", country_code="US", phone_number="202 555 0147")
            thief.posts(f"{path}start/", method="email")
            thief.posts(f"{path}register/", email="thief@example.com")
        thief.posts(f"/2fa/remove/{device.pk}/")
        assert values(pat) == [PHONE]
        assert not Verification.objects.filter(purpose=Purpose.ENROL).exists()


class TestVerificationOfAnotherDestination:
    """The thief is signed in as somebody with a phone, and has a phone of his own."""

    def test_no_code_is_sent_to_a_new_number_without_a_proof(self, pat: Person) -> None:
        for path in ("register", "/2fa/add/register/", f"/2fa/change/{Device.objects.get().pk}/register/"):
            pat.posts(path, country_code="US", phone_number="202 555 0147")
        assert not messages.delivered(NEW)
        assert not Verification.objects.exists()
        assert not pat.is_verified

    def test_a_pending_registration_fails_after_the_owner_registers(self, demo: Person) -> None:
        thief = Person("demo").opens("start").picks("sms").registers("202 555 0147")
        demo.opens("start").picks("sms").registers().types_the_code()
        thief.types_the_code(NEW)
        assert not thief.is_verified
        assert values(demo) == [PHONE]
        # Posting the code again to any page does not register the number either.
        for page in ("verify", "/2fa/add/verify/", f"/2fa/change/{Device.objects.get().pk}/verify/"):
            thief.posts(page, token=messages.last_code(NEW))
        assert not thief.is_verified
        assert values(demo) == [PHONE]

    def test_the_code_of_an_added_number_verifies_no_session(self, pat: Person) -> None:
        pat.opens("start").picks("sms").types_the_code()
        pat.opens("/2fa/add/").picks("sms").registers("202 555 0147")
        row, code = newest(pat), messages.last_code(NEW)
        thief = Person("pat").opens("start").picks("call")
        thief.posts("verify", token=code, verification=str(row.public_id))
        assert not thief.is_verified
        assert thief.opens("/secret/").is_at("start")

    def test_a_device_changed_during_a_verification_is_kept(self, demo: Person, settings: Any) -> None:
        # The site stores the number, and receives one in another way during the verification.
        from django_twilio_2fa.contacts import PhoneNumber
        from django_twilio_2fa.models import ProvenContact
        from django_twilio_2fa.signals import twilio_2fa_set_user_data

        kept: dict[str, str] = {}
        settings.TWILIO_2FA_PHONE_NUMBER_CB = lambda **kwargs: kept.get("phone")

        def store(**told: Any) -> None:
            kept["phone"] = str(told["value"])

        with connected(twilio_2fa_set_user_data, store):
            # A number was verified once and removed since, so the signed-in user may register again.
            demo.opens("start").picks("sms").registers("202 555 0143").types_the_code()
            assert ProvenContact.objects.exists()
            kept.clear()
            thief = Person("demo").opens("start").picks("sms").registers("202 555 0147")
            kept["phone"] = str(PhoneNumber("+12025550148"))
            thief.types_the_code(NEW)
        assert kept["phone"] == "+12025550148"
        assert not thief.is_verified


class TestWithoutProof:
    @pytest.mark.parametrize("page", ["success", "failed", "register", "verify", "/secret/"])
    @pytest.mark.parametrize("verb", ["get", "post", "head"])
    def test_no_page_verifies_a_session_without_a_token(self, sam: Person, page: str, verb: str) -> None:
        sam.opens("start").picks("sms")
        path = page if page.startswith("/") else sam.url(page)
        answer = getattr(sam.client, verb)(path, {"token": "", "action": "verified"})
        assert "We have checked it is you" not in answer.content.decode()
        assert not sam.is_verified

    def test_a_verification_that_has_ended_approves_nothing(
        self, sam: Person, later: Any, settings: Any
    ) -> None:
        settings.TWILIO_2FA_LIMITS = NO_SEND_LIMITS
        sam.opens("start").picks("sms")
        canceled = newest(sam), messages.last_code(PHONE)
        sam.posts("verify", action="cancel")
        sam.opens("start").picks("email")
        expired = newest(sam), messages.last_code(EMAIL)
        later(601)
        sam.opens("start").picks("sms")
        failed = newest(sam), messages.last_code(PHONE)
        for _ in range(5):
            sam.types_a_wrong_code()
        sam.page = None
        sam.opens("start").picks("email")
        for row, code in (canceled, expired, failed):
            sam.posts("verify", token=code, verification=str(row.public_id))
            row.refresh_from_db()
            assert row.status != Status.APPROVED
            assert not sam.is_verified

    def test_on_success_is_not_called_for_a_pending_registration(self, pat: Person, settings: Any) -> None:
        # A subclass that acts on success must receive a verification by a registered device.
        settings.ROOT_URLCONF = "tests.mounts"
        from ..mounts import DONE

        DONE.clear()
        pat.opens("start").picks("sms").types_the_code()
        pat.opens("/2fa/add/").picks("sms").registers("202 555 0147")
        row, code = newest(pat), messages.last_code(NEW)
        thief = Person("pat", mount="short").opens("start").picks("call")
        thief.posts("verify", token=code, verification=str(row.public_id))
        assert not thief.is_verified
        assert DONE == []
