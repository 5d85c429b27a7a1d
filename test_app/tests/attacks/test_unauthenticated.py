"""Threat: over the API, an attacker who has not signed in learns who exists, locks users out, or gets in."""

from __future__ import annotations

import re
from copy import deepcopy
from typing import Any

import pytest
import twilio.rest  # noqa: F401  importing it on first use would delay the first response by a second
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.test import Client

from django_twilio_2fa import errors
from django_twilio_2fa.checks import check_all
from django_twilio_2fa.contacts import EmailAddress
from django_twilio_2fa.models import Device, Lock, ProvenContact, Verification
from django_twilio_2fa.process import lockout
from django_twilio_2fa.process.unauthenticated import UnauthenticatedVerifier
from django_twilio_2fa.sandbox import messages
from django_twilio_2fa.sandbox.models import SandboxVerification
from django_twilio_2fa.testing import register_device

from .. import loops
from ..helpers import wrong_code
from ..people import PHONE, Person, names_differ_in_case

NOBODY = ("999999", "owl", "0", "-1", "9" * 400, "\0", "' OR 1=1", "\u202e", "1.5")


@pytest.fixture(autouse=True)
def allowed(settings: Any) -> None:
    settings.TWILIO_2FA_ALLOW_UNAUTHENTICATED_USERS = True


class Stranger:
    def __init__(self, name: Any) -> None:
        self.name = str(name)
        self.client = Client()

    def asks(self, endpoint: str, **values: Any) -> Any:
        path = f"/api/2fa/{endpoint}/"
        return self.client.post(path, values, content_type="application/json", QUERY_STRING=self.query)

    @property
    def query(self) -> str:
        from urllib.parse import urlencode

        return urlencode({"user_id": self.name})

    def sends(self) -> str:
        return str(self.asks("send", method="sms").json()["verification_id"])

    def verifies(self, id: str, code: str) -> Any:
        return self.asks("verify", verification_id=id, code=code)


def told(answer: Any) -> tuple[int, dict[str, Any]]:
    """Return the status and body of a response, without the id, which differs each time."""
    body = deepcopy(dict(answer.json()))
    body.pop("verification_id", None)
    # These may differ by a second.
    for told in (body, body.get("data") or {}):
        for name in {"expires_in", "can_resend_in", "retry_after"} & set(told):
            told[name] = round(told[name] / 10)
    if "display" in body:
        body["display"] = re.sub(
            r"\d+(?= seconds?)", lambda found: str(round(int(found[0]) / 10)), str(body["display"])
        )
    return answer.status_code, body


def wrong() -> str:
    right = messages.delivered()[0]["code"] if messages.delivered() else "123456"
    return wrong_code(right)


def walk(stranger: Stranger) -> list[Any]:
    """Send every request that an attacker can send, and return the responses."""
    seen = []
    first = stranger.asks("send", method="sms")
    seen.append(told(first))
    seen.append(told(stranger.asks("send", method="sms")))
    for values in ({"method": "owl"}, {"method": "totp"}, {"method": "sms", "device": "x"}, {}):
        seen.append(told(stranger.asks("send", **values)))
    seen.append(told(stranger.asks("send", method="sms", phone_number="+12025550147")))
    id = first.json()["verification_id"]
    seen.append(told(stranger.verifies(id, "owl")))
    seen += [told(stranger.verifies(id, wrong())) for _ in range(6)]
    seen.append(told(stranger.asks("send", method="sms")))
    seen.append(told(stranger.asks("cancel", verification_id=id)))
    seen.append(told(stranger.verifies("00000000-0000-0000-0000-000000000000", "123456")))
    for endpoint in ("set-email", "set-phone-number", "verification-methods", "devices"):
        seen.append(told(stranger.asks(endpoint, email="a@b.org", phone_number=PHONE)))
    return seen


class TestExistenceOfUsers:
    @pytest.mark.parametrize("name", NOBODY)
    def test_an_unknown_name_gets_the_response_of_a_known_one(self, sam: Person, name: str) -> None:
        assert walk(Stranger(name)) == walk(Stranger(sam.user.pk))

    def test_a_user_without_devices_is_answered_like_any_name(self, sam: Person, demo: Person) -> None:
        assert walk(Stranger(demo.user.pk)) == walk(Stranger(sam.user.pk))

    @pytest.mark.parametrize("change", ["inactive", "kept out", "no such method", "outage", "locked"])
    def test_a_user_who_may_not_verify_is_answered_like_any_name(
        self, sam: Person, settings: Any, change: str
    ) -> None:
        expected = walk(Stranger("nobody"))
        if change == "inactive":
            sam.user.is_active = False
            sam.user.save()
        elif change == "kept out":
            settings.TWILIO_2FA_ALLOW_USER_CB = lambda user: False
        elif change == "no such method":
            settings.TWILIO_2FA_USER_METHODS_CB = lambda user: ["email"]
        elif change == "outage":
            Device.objects.filter(kind="phone_number").update(value="+12025550160")
        else:
            assert lockout.lock((sam.user.pk,), Lock.FOR_EVER)
        assert walk(Stranger(sam.user.pk)) == expected
        # A lock of the user does not affect unauthenticated requests.
        assert bool(messages.delivered(PHONE)) is (change == "locked")

    @names_differ_in_case
    def test_a_name_in_another_case_finds_the_active_user(self, sam: Person, settings: Any) -> None:
        settings.TWILIO_2FA_UNAUTHENTICATED_USER_FIELD = "username"
        get_user_model().objects.create_user("SAM", is_active=False)
        assert Stranger("Sam").sends()
        assert len(messages.delivered(PHONE)) == 1

    def test_responses_to_a_name_do_not_reveal_the_number(self, sam: Person) -> None:
        seen = str(walk(Stranger(sam.user.pk)))
        assert "0143" not in seen
        assert "XXX" not in seen


class TestVerifyingANamedUser:
    def test_a_right_code_is_confirmed_and_signs_nobody_in(self, sam: Person) -> None:
        stranger = Stranger(sam.user.pk)
        answer = stranger.verifies(stranger.sends(), messages.last_code(PHONE))
        assert told(answer)[0] == 200
        assert answer.json()["verified"] is True
        assert stranger.client.get("/api/verified/").status_code == 403
        assert not sam.is_verified
        row = Verification.objects.get()
        assert (row.status, row.verifies_session) == ("approved", False)

    def test_a_code_for_somebody_else_is_wrong(self, sam: Person) -> None:
        Stranger(sam.user.pk).sends()
        other = Stranger("nobody")
        answer = other.verifies(other.sends(), messages.last_code(PHONE))
        assert told(answer)[1]["error_code"] == "invalid_verification_code"

    def test_a_verification_is_not_found_under_another_name(self, sam: Person) -> None:
        id = Stranger(sam.user.pk).sends()
        answer = Stranger("nobody").verifies(id, messages.last_code(PHONE))
        assert told(answer)[0] == 404
        # The signed-in user does not find it either.
        assert (
            sam.client.post(
                "/api/2fa/verify/",
                {"verification_id": id, "code": messages.last_code(PHONE)},
                content_type="application/json",
            ).status_code
            == 404
        )

    def test_wrong_codes_of_callers_do_not_lock_the_named_user(self, sam: Person, settings: Any) -> None:
        settings.TWILIO_2FA_LIMITS = {"wrong_tokens_in_a_row": 3, "wrong_tokens_per_user": "3/h"}
        stranger = Stranger(sam.user.pk)
        id = stranger.sends()
        for _ in range(6):
            stranger.verifies(id, wrong())
        assert not Lock.objects.filter(scope="lock").exists()
        assert sam.verifier.send("email").status == "pending"

    def test_a_named_users_own_verification_is_untouched(self, sam: Person) -> None:
        sam.opens("start").picks("email")
        own = Verification.objects.get()
        stranger = Stranger(sam.user.pk)
        id = str(stranger.asks("send", method="email").json()["verification_id"])
        assert id != str(own.public_id)
        for _ in range(6):
            stranger.verifies(id, "000000")
        own.refresh_from_db()
        assert (own.status, own.attempts) == ("pending", 0)

    def test_sends_for_a_named_user_are_limited(self, sam: Person, later: Any) -> None:
        stranger = Stranger(sam.user.pk)
        sent = 0
        for _ in range(6):
            sent += stranger.asks("send", method="sms").status_code == 200
            later(130)
        assert sent == 2

    def test_unauthenticated_users_are_refused_by_default(self, sam: Person, settings: Any) -> None:
        del settings.TWILIO_2FA_ALLOW_UNAUTHENTICATED_USERS
        assert Stranger(sam.user.pk).asks("send", method="sms").status_code == 401

    def test_a_missing_query_parameter_is_an_error(self, sam: Person) -> None:
        answer = Client().post("/api/2fa/send/", {"method": "sms"}, content_type="application/json")
        assert told(answer)[1]["error_code"] == "unauthenticated_user_param_missing"

    def test_the_query_parameter_and_user_field_can_be_changed(self, sam: Person, settings: Any) -> None:
        settings.TWILIO_2FA_UNAUTHENTICATED_QUERY_PARAM = "who"
        settings.TWILIO_2FA_UNAUTHENTICATED_USER_FIELD = "username"
        answer = Client().post(
            "/api/2fa/send/", {"method": "sms"}, content_type="application/json", QUERY_STRING="who=sam"
        )
        assert answer.status_code == 200
        assert messages.delivered()[0]["to"] == PHONE


class TestOtherSpellings:
    """Different spellings of a name are the same name, and share its limits."""

    SPELLINGS = ("{}", "0{}", "00{}", " {}", "{} ", "+{}", "\uff10{}", "{}.0")

    def test_other_spellings_of_a_name_allow_no_more_sends(self, sam: Person) -> None:
        for spelling in self.SPELLINGS:
            Stranger(spelling.format(sam.user.pk)).asks("send", method="sms")
        # Only the first is sent: the others have to wait, whatever their spelling.
        assert len(messages.delivered(PHONE)) == 1

    def test_other_spellings_of_a_name_allow_no_more_attempts(self, sam: Person, later: Any) -> None:
        reached = 0
        for spelling in self.SPELLINGS:
            stranger = Stranger(spelling.format(sam.user.pk))
            answer = stranger.asks("send", method="sms").json()
            for _ in range(6):
                if "verification_id" in answer:
                    stranger.verifies(answer["verification_id"], wrong())
        reached = sum(v.checks for v in SandboxVerification.objects.all())
        assert reached == 5

    @pytest.mark.parametrize("field", ["username", "email"])
    @pytest.mark.parametrize("spelling", ["SAM", " sam", "\uff53am"])
    def test_spellings_of_a_text_field_share_a_cooldown(
        self, sam: Person, settings: Any, field: str, spelling: str
    ) -> None:
        settings.TWILIO_2FA_UNAUTHENTICATED_USER_FIELD = field
        sam.user.email = "sam"
        sam.user.save()
        assert Stranger("sam").asks("send", method="sms").status_code == 200
        assert told(Stranger(spelling).asks("send", method="sms"))[1]["error_code"] == "resend_cooldown"

    def test_spellings_of_an_unknown_name_share_a_cooldown(self, db: None) -> None:
        assert Stranger("999999").asks("send", method="sms").status_code == 200
        assert told(Stranger("0999999").asks("send", method="sms"))[1]["error_code"] == "resend_cooldown"

    def test_two_users_with_one_number_silently_share_a_limit(
        self, sam: Person, pat: Person, later: Any
    ) -> None:
        # Both have the same phone.
        seen = []
        for _ in range(3):
            for person in (sam, pat):
                seen.append(Stranger(person.user.pk).asks("send", method="sms").status_code)
            later(40)
        assert seen == [200] * 4 + [429] * 2
        assert len(messages.delivered(PHONE)) == 2

    def test_two_users_with_one_mailbox_silently_share_a_limit(
        self, sam: Person, pat: Person, settings: Any
    ) -> None:
        settings.TWILIO_2FA_LIMITS = {"unproven_sends_per_destination": "1/h"}
        for person in (sam, pat):
            address = f"owl+{person.user.username}@example.org"
            register_device(person.user, EmailAddress(address))
            # Any other address would get the code instead.
            person.user.twilio_2fa_devices.filter(kind="email").exclude(value__contains="+").delete()
            assert Stranger(person.user.pk).asks("send", method="email").status_code == 200
        assert [m["to"] for m in messages.delivered()] == ["owl+sam@example.org"]

    @names_differ_in_case
    def test_users_with_similar_names_do_not_get_each_others_codes(self, sam: Person, settings: Any) -> None:
        settings.TWILIO_2FA_UNAUTHENTICATED_USER_FIELD = "username"
        other = get_user_model().objects.create_user("Sam")
        register_device(other, "+12025550199")
        id = Stranger("Sam").sends()
        assert [m["to"] for m in messages.delivered()] == ["+12025550199"]
        code = messages.last_code("+12025550199")
        assert Stranger("sam").asks("send", method="sms").status_code == 429
        assert Stranger("sam").verifies(id, code).status_code == 400
        assert Stranger("Sam").verifies(id, code).json()["verified"] is True

    @names_differ_in_case
    def test_a_third_spelling_of_a_name_matches_neither_user(self, sam: Person, settings: Any) -> None:
        settings.TWILIO_2FA_UNAUTHENTICATED_USER_FIELD = "username"
        get_user_model().objects.create_user("Sam")
        assert Stranger("SAM").asks("send", method="sms").status_code == 200
        assert messages.delivered() == []

    @pytest.mark.parametrize("field", ["", "nothing", "groups"])
    def test_an_unknown_user_field_is_reported(self, sam: Person, settings: Any, field: str) -> None:
        settings.TWILIO_2FA_UNAUTHENTICATED_USER_FIELD = field
        answer = Stranger(sam.user.pk).asks("send", method="sms")
        assert answer.status_code == 400
        assert answer.json()["error_code"] == "unauthenticated_user_field_missing"
        assert [m.id for m in check_all(None) if not m.is_silenced()] == ["twilio_2fa.E013"]


def test_a_removed_device_is_sent_no_more_codes(sam: Person, later: Any) -> None:
    stranger = Stranger(sam.user.pk)
    id = stranger.sends()
    code = messages.last_code(PHONE)
    sam.user.twilio_2fa_devices.filter(kind="phone_number").delete()
    register_device(sam.user, "+12025550147")
    later(40)
    assert stranger.asks("send", method="sms").status_code == 200
    assert len(messages.delivered()) == 1
    # The response is the same as for any wrong code.
    assert told(stranger.verifies(id, code))[1]["error_code"] == "invalid_verification_code"


@pytest.mark.parametrize("first", ["sms", "email"])
def test_a_number_and_an_address_are_two_verifications(sam: Person, first: str) -> None:
    stranger, second = Stranger(sam.user.pk), {"sms": "email", "email": "sms"}[first]
    ids = [stranger.asks("send", method=method).json()["verification_id"] for method in (first, second)]
    assert len(set(ids)) == 2
    assert sorted(m["channel"] for m in messages.delivered()) == ["email", "sms"]
    assert stranger.verifies(ids[1], messages.delivered()[0]["code"]).json()["verified"] is True


def test_each_transport_of_a_user_has_a_cooldown_of_its_own(
    sam: Person, settings: Any, mailoutbox: list[Any]
) -> None:
    settings.TWILIO_2FA_ALLOWED_METHODS = ["email", "pigeon"]
    settings.TWILIO_2FA_PROVIDERS = {"pigeon": "demo.pigeon.provider.PigeonProvider"}
    stranger = Stranger(sam.user.pk)
    assert stranger.asks("send", method="email").status_code == 200
    assert stranger.asks("send", method="pigeon").status_code == 200
    assert [mail.subject for mail in mailoutbox] == ["A pigeon for you"]


@pytest.mark.parametrize("ending", ["cancel", "wrong codes", "time"])
def test_an_ended_verification_of_an_unknown_name_is_not_found(
    sam: Person, settings: Any, later: Any, ending: str
) -> None:
    # With `ALLOW_USERLESS` there are verifications without a user. A decoy is not one of them.
    settings.TWILIO_2FA_ALLOW_USERLESS = True
    answers = []
    for name in (sam.user.pk, 999999):
        stranger = Stranger(name)
        id = stranger.sends()
        if ending == "cancel":
            stranger.asks("cancel", verification_id=id)
        elif ending == "time":
            later(700)
        else:
            for _ in range(6):
                stranger.verifies(id, wrong())
        for endpoint in ("verify", "cancel"):
            body = {"verification_id": id, "code": "123456"}
            answer = Client().post(f"/api/2fa/{endpoint}/", body, content_type="application/json")
            assert answer.status_code == 404
            answers.append(told(answer))
    assert answers[:2] == answers[2:]


def denies(user: Any) -> bool:
    raise PermissionDenied(f"Not {user}")


@pytest.mark.parametrize("name", ["ALLOW_USER_CB", "USER_METHODS_CB"])
def test_errors_of_a_callback_do_not_reveal_who_exists(sam: Person, settings: Any, name: str) -> None:
    setattr(settings, f"TWILIO_2FA_{name}", denies)
    somebody, nobody = (told(Stranger(n).asks("send", method="sms")) for n in (sam.user.pk, 999999))
    assert somebody == nobody
    assert not messages.delivered()


def test_a_sites_own_sentences_do_not_reveal_who_exists(sam: Person, settings: Any) -> None:
    settings.TWILIO_2FA_MESSAGE_DISPLAY_CB = lambda code, user: f"Hi {user.username if user else 'you'}"
    answers = [told(Stranger(n).asks("send", method="sms")) for n in (sam.user.pk, 999999)]
    assert answers[0] == answers[1]
    assert "sam" not in str(answers)


def test_a_value_that_its_owner_has_not_verified_gets_no_code(sam: Person, settings: Any) -> None:
    ProvenContact.objects.create(user=sam.user, kind="phone_number", digest="another's")
    settings.TWILIO_2FA_PHONE_NUMBER_CB = lambda user: PHONE if user == sam.user else None
    Stranger(sam.user.pk).sends()
    assert not messages.delivered()
    assert ProvenContact.objects.get().digest == "another's"


@pytest.mark.django_db(transaction=True)
def test_asend_refuses_a_destination(db: None) -> None:
    user = get_user_model().objects.create_user("ann")
    verifier = UnauthenticatedVerifier(str(user.pk))

    async def walk() -> None:
        with pytest.raises(errors.MalformedRequest):
            await verifier.asend("sms", to="+12025550147")

    loops.run(walk)
    assert not messages.delivered()
