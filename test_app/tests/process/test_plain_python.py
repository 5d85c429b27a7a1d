"""The verifier called from Python: with a user, without a user, and from async code."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import transaction

from django_twilio_2fa import errors
from django_twilio_2fa.contacts import PhoneNumber
from django_twilio_2fa.models import Counter, Device, ProvenContact, Verification
from django_twilio_2fa.sandbox import messages
from django_twilio_2fa.sandbox.models import SandboxVerification
from django_twilio_2fa.verifier import Verifier

from .. import loops
from ..helpers import wrong_code
from ..people import EMAIL, PHONE, Person


class TestWithUser:
    def test_methods_lists_what_the_user_may_use(self, sam: Person) -> None:
        found = {m["value"]: m for m in Verifier(sam.user).methods()}
        assert list(found) == ["sms", "call", "whatsapp", "email"]
        phone = Device.objects.get(kind="phone_number")
        assert found["sms"] == {
            "value": "sms",
            "label": "Text message",
            "icon": "fas fa-sms",
            "obfuscated": "(XXX) XXX-0143",
            "devices": [{"id": str(phone.pk), "name": "", "obfuscated": "(XXX) XXX-0143"}],
        }

    def test_send_takes_the_id_of_a_device(self, sam: Person) -> None:
        phone = Device.objects.get(kind="phone_number")
        row = Verifier(sam.user).send("sms", device=str(phone.pk))
        assert row.device == phone

    @pytest.mark.parametrize("id", ["", "owl", "00000000-0000-0000-0000-000000000000"])
    def test_send_refuses_an_unknown_device(self, sam: Person, id: str) -> None:
        if not id:
            id = str(
                Device.objects.register(get_user_model().objects.create_user("eve"), PhoneNumber(PHONE)).pk
            )
        with pytest.raises(errors.MissingUserData):
            Verifier(sam.user).send("sms", device=id)

    def test_a_number_as_text_is_registered(self, demo: Person) -> None:
        verifier = Verifier(demo.user)
        row = verifier.send("sms", to="+1 202 555 0143")
        verifier.check(row, messages.last_code())
        assert Device.objects.get().value == PHONE

    def test_send_verifies_a_value_that_the_site_changed(self, demo: Person, settings: Any) -> None:
        ProvenContact.objects.create(user=demo.user, kind="phone_number", digest="an earlier one")
        settings.TWILIO_2FA_PHONE_NUMBER_CB = lambda user: PHONE
        verifier = Verifier(demo.user)
        assert [m["value"] for m in verifier.methods()][:1] == ["sms"]
        row = verifier.send("sms")
        assert row.purpose == "enrol"
        assert verifier.check(row, messages.last_code()).status == "approved"

    def test_send_refuses_text_that_is_not_a_phone_number(self, demo: Person) -> None:
        with pytest.raises(errors.InvalidPhoneNumber):
            Verifier(demo.user).send("sms", to="owl")

    def test_get_returns_a_verification_by_its_id(self, sam: Person, pat: Person) -> None:
        row = Verifier(sam.user).send("sms")
        assert Verifier(sam.user).get(row.public_id) == row
        for other in (Verifier(pat.user), Verifier()):
            with pytest.raises(errors.VerificationNotFound):
                other.get(row.public_id)


class TestApprove:
    def test_approve_needs_no_token_and_approves_at_twilio(self, sam: Person) -> None:
        verifier = Verifier(sam.user, flow="a flow", auth="an auth")
        row = verifier.approve(verifier.send("sms"))
        assert (row.status, row.verifies_session) == ("approved", True)
        assert SandboxVerification.objects.get().status == "approved"

    def test_approve_registers_a_number(self, demo: Person) -> None:
        verifier = Verifier(demo.user)
        verifier.approve(verifier.send("sms", to=PHONE))
        assert Device.objects.get().value == PHONE

    def test_approve_refuses_a_device_that_needs_a_token(self, demo: Person, settings: Any) -> None:
        settings.TWILIO_2FA_ALLOWED_METHODS = ["totp"]
        verifier = Verifier(demo.user)
        with pytest.raises(errors.MethodNotAllowed):
            verifier.approve(verifier.send("totp", enrol=True))

    def test_approve_works_once(self, sam: Person) -> None:
        verifier = Verifier(sam.user)
        row = verifier.send("sms")
        verifier.approve(row)
        with pytest.raises(errors.VerificationExpired):
            verifier.approve(row)

    def test_approve_fails_if_twilio_refuses(self, sam: Person) -> None:
        verifier = Verifier(sam.user)
        row = verifier.send("sms")
        SandboxVerification.objects.update(status="canceled")
        with pytest.raises(errors.TwoFactorError):
            verifier.approve(row)
        assert Verification.objects.get().status != "approved"


class TestWithoutUser:
    @pytest.fixture
    def userless(self, db: None, settings: Any) -> Verifier:
        settings.TWILIO_2FA_ALLOW_USERLESS = True
        return Verifier()

    def test_userless_verification_is_off_by_default(self, db: None) -> None:
        with pytest.raises(errors.UserRequired):
            Verifier().send("sms", to=PHONE)
        assert not Verification.objects.exists()

    def test_userless_verification_registers_nothing(self, userless: Verifier) -> None:
        row = userless.send("sms", to=PHONE)
        row = Verifier().check(Verifier().get(row.public_id), messages.last_code(PHONE))
        assert (row.status, row.user) == ("approved", None)
        assert not Device.objects.exists()
        assert row.destination == ""

    def test_userless_verification_works_with_a_phone_number_cb(
        self, userless: Verifier, settings: Any
    ) -> None:
        settings.TWILIO_2FA_PHONE_NUMBER_CB = lambda user: user.phone
        row = Verifier().check(userless.send("sms", to=PHONE), messages.last_code(PHONE))
        assert (row.status, row.user) == ("approved", None)

    def test_userless_verification_has_limited_tries(self, userless: Verifier) -> None:
        row = userless.send("sms", to=PHONE)
        code = wrong_code(messages.last_code())
        for left in (4, 3, 2, 1):
            with pytest.raises(errors.InvalidVerificationCode) as caught:
                userless.check(row, code)
            assert caught.value.data["attempts_left"] == left
        with pytest.raises(errors.MaxAttemptsReached):
            userless.check(row, code)
        with pytest.raises(errors.TwoFactorError):
            userless.check(row, messages.last_code())

    def test_each_userless_send_has_a_separate_verification(self, userless: Verifier) -> None:
        one, two = userless.send("sms", to=PHONE), Verifier().send("sms", to=PHONE)
        assert one.public_id != two.public_id
        userless.cancel(one)
        assert Verifier().check(two, messages.last_code()).status == "approved"

    def test_a_userless_verification_belongs_to_its_session(self, userless: Verifier) -> None:
        row = Verifier(flow="a flow").send("sms", to=PHONE)
        for other in (Verifier(), Verifier(flow="another")):
            with pytest.raises(errors.VerificationNotFound):
                other.get(row.public_id)
        assert Verifier(flow="a flow").check(row, messages.last_code()).status == "approved"

    def test_userless_sends_are_limited_by_destination(self, userless: Verifier) -> None:
        userless.send("sms", to=PHONE)
        Verifier().send("sms", to=PHONE)
        with pytest.raises(errors.TooManySends):
            Verifier().send("sms", to=PHONE)
        # These sends have a separate limit and do not use up the limit of the number's owner.
        assert not Counter.objects.filter(scope__startswith="sends_per").exists()

    @pytest.mark.parametrize(
        ("method", "to", "error"),
        [
            ("sms", None, errors.MissingUserData),
            ("sms", EMAIL, errors.InvalidPhoneNumber),
            ("email", PHONE, errors.BadUserData),
            ("sms", "+4915123456789", errors.PhoneCountryNotAllowed),
            ("sms", "+12025550143 ext. 12", errors.MethodNotAllowed),
            ("owl", PHONE, errors.MethodNotAllowed),
        ],
    )
    def test_userless_verification_refuses_an_invalid_destination(
        self, userless: Verifier, settings: Any, method: str, to: Any, error: type[Exception]
    ) -> None:
        settings.TWILIO_2FA_PHONE_NUMBER_ALLOWED_COUNTRIES = ["US"]
        with pytest.raises(error):
            userless.send(method, to=to)
        assert not messages.delivered()

    def test_methods_that_need_a_user_are_refused_without_a_user(
        self, userless: Verifier, settings: Any
    ) -> None:
        settings.TWILIO_2FA_ALLOWED_METHODS = ["sms", "totp", "recovery", "link"]
        assert [m["value"] for m in userless.methods()] == ["sms"]
        for method in ("totp", "recovery"):
            with pytest.raises(errors.TwoFactorError):
                userless.send(method, to=PHONE)
            with pytest.raises(errors.TwoFactorError):
                userless.send(method, enrol=True)
        assert not Verification.objects.exists()

    def test_a_verifier_without_user_cannot_get_a_users_verification(
        self, userless: Verifier, sam: Person
    ) -> None:
        row = Verifier(sam.user).send("sms")
        with pytest.raises(errors.VerificationNotFound):
            userless.get(row.public_id)


@pytest.mark.django_db(transaction=True)
def test_send_and_check_refuse_to_run_in_a_transaction(settings: Any) -> None:
    user = get_user_model().objects.create_user("pat")
    Device.objects.register(user, PhoneNumber(PHONE))
    verifier = Verifier(user)
    with pytest.raises(RuntimeError, match="durable"), transaction.atomic():
        verifier.send("sms")
    assert not messages.delivered()
    row = verifier.send("sms")
    with pytest.raises(RuntimeError, match="durable"), transaction.atomic():
        verifier.check(row, wrong_code(messages.last_code()))
    assert SandboxVerification.objects.get().checks == 0
    assert verifier.check(row, messages.last_code()).status == "approved"


@pytest.mark.django_db(transaction=True)
class TestAsync:
    async def start(self) -> Verifier:
        user = await get_user_model().objects.acreate(username="ann")
        await Device.objects.acreate(
            user=user, kind="phone_number", value=PHONE, digest="x", masked="(XXX) XXX-0143"
        )
        return Verifier(user, flow="a flow", auth="an auth")

    def test_the_async_methods_send_check_and_cancel(self, settings: Any) -> None:
        from asgiref.sync import sync_to_async

        async def walk() -> None:
            verifier = await self.start()
            assert next(m["value"] for m in await verifier.amethods()) == "sms"
            row = await verifier.asend("sms")
            assert (await verifier.aget(row.public_id)).pk == row.pk
            with pytest.raises(errors.ResendCooldown):
                await verifier.aresend(row)
            code = await sync_to_async(messages.last_code)()
            with pytest.raises(errors.InvalidVerificationCode):
                await verifier.acheck(row, wrong_code(code))
            assert (await verifier.acheck(row, code)).status == "approved"
            await verifier.acancel(row)
            row = await verifier.asend("sms")
            assert (await verifier.aapprove(row)).status == "approved"

        loops.run(walk)

    def test_the_async_methods_have_names_and_docstrings(self) -> None:
        assert Verifier.asend.__name__ == "asend"
        assert Verifier.asend.__doc__ == Verifier.send.__doc__
