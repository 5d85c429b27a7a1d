"""The provider contract finds faults. Each provider here has one fault."""

from __future__ import annotations

import logging
import re
import unittest
from typing import Any

import pytest
from demo.pigeon.provider import PigeonProvider
from django.core import mail
from django.core.mail import send_mail
from django.db import connection
from django.test import TransactionTestCase

from django_twilio_2fa.digests import digest
from django_twilio_2fa.providers import Checked, MethodProvider, Sent
from django_twilio_2fa.testing import ProviderContract

from ..helpers import six_digits

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "sqlite", reason="the same on other databases, and slower"),
]


class Sound(PigeonProvider):
    code = ""

    def start(self, verification: Any, *, request: Any = None) -> Sent:
        sent = super().start(verification, request=request)
        type(self).code = six_digits(mail.outbox[-1].body)
        return sent


class LetsEverybodyIn(Sound):
    def check(self, verification: Any, token: str, *, request: Any = None) -> Checked:
        return Checked(approved=True)


class LetsNobodyIn(Sound):
    def check(self, verification: Any, token: str, *, request: Any = None) -> Checked:
        return Checked(approved=False)


class AlwaysTheSame(MethodProvider):
    label = "The same again"
    device_kind = "email"

    def start(self, verification: Any, *, request: Any = None) -> Sent:
        send_mail("A code", "It is 735219.", None, [verification.destination])
        return Sent(data={"digest": digest("same", "735219")})

    def check(self, verification: Any, token: str, *, request: Any = None) -> Checked:
        return Checked(approved=token == "735219")


class SendsDecoys(Sound):
    def decoy(self, verification: Any, *, verb: str, request: Any = None) -> None:
        send_mail("A code", "It is none.", None, ["owl@example.com"])


class CannotStart(Sound):
    def start(self, verification: Any, *, request: Any = None) -> Sent:
        raise RuntimeError


class CannotResend(Sound):
    def resend(self, verification: Any, *, request: Any = None) -> Sent:
        raise RuntimeError


class ResendsAnotherAndForgetsIt(Sound):
    def resend(self, verification: Any, *, request: Any = None) -> Sent:
        self.start(verification, request=request)
        return Sent()


class CannotCancel(Sound):
    def cancel(self, verification: Any, *, request: Any = None) -> None:
        raise RuntimeError


class KeepsTheCodeInASentence(Sound):
    def start(self, verification: Any, *, request: Any = None) -> Sent:
        sent = super().start(verification, request=request)
        return Sent(data={**(sent.data or {}), "note": f"the code is {self.code}"})


class KeepsTheCodeAsANumber(Sound):
    def start(self, verification: Any, *, request: Any = None) -> Sent:
        sent = super().start(verification, request=request)
        # Six digits without a leading zero: the number has the same digits as the code.
        type(self).code = str(int(self.code) % 900_000 + 100_000)
        body = mail.outbox[-1].body
        mail.outbox[-1].body = re.sub(r"\d{6}", self.code, body)
        kept = digest("pigeon", verification.public_id, self.code)
        return Sent(data={**(sent.data or {}), "digest": kept, "code": int(self.code)})


class ShowsTheCode(Sound):
    def get_verify_context(self, verification: Any, *, secret: dict[str, Any]) -> dict[str, Any]:
        return {"message": f"Enter {self.code}."}


class ShowsTheAddress(Sound):
    def get_verify_context(self, verification: Any, *, secret: dict[str, Any]) -> dict[str, Any]:
        return {"message": f"It went to {verification.destination}."}


class LogsTheCode(Sound):
    def start(self, verification: Any, *, request: Any = None) -> Sent:
        sent = super().start(verification, request=request)
        logging.getLogger("pigeon").info("Sent %s", self.code)
        return sent


class LogsTheAddress(Sound):
    def start(self, verification: Any, *, request: Any = None) -> Sent:
        logging.getLogger("pigeon").debug("Sending to %s", verification.destination)
        return super().start(verification, request=request)


class TellsSomebodyElse(Sound):
    def start(self, verification: Any, *, request: Any = None) -> Sent:
        sent = super().start(verification, request=request)
        send_mail("Look", mail.outbox[-1].body, None, ["eve@example.com"])
        return sent


class SendsTwice(Sound):
    def start(self, verification: Any, *, request: Any = None) -> Sent:
        sent = super().start(verification, request=request)
        send_mail("Again", mail.outbox[-1].body, None, [verification.destination])
        return sent


class SaysThatItCannotBeGuessed(Sound):
    high_entropy = True


class SaysThatItSendsNothing(Sound):
    sends = False


class SaysThatItStandsIn(Sound):
    is_backup = True


class HasNoLabel(Sound):
    label = ""


class HasAKindThatNobodyHas(Sound):
    device_kind = "e-mail"


BROKEN = {
    LetsEverybodyIn: "test_a_wrong_token_is_refused_with_a_message",
    LetsNobodyIn: "test_a_device_can_be_registered",
    AlwaysTheSame: "test_a_token_works_once",
    SendsDecoys: "test_the_decoy_sends_nothing",
    CannotStart: "test_a_device_can_be_registered",
    CannotResend: "test_a_resend_waits_for_cooldown_and_limit",
    ResendsAnotherAndForgetsIt: "test_a_resend_waits_for_cooldown_and_limit",
    CannotCancel: "test_a_canceled_verification_cannot_be_approved",
    KeepsTheCodeInASentence: "test_the_token_is_not_stored_in_row_or_session",
    KeepsTheCodeAsANumber: "test_the_token_is_not_stored_in_row_or_session",
    ShowsTheCode: "test_the_pages_show_only_masked_values",
    ShowsTheAddress: "test_the_pages_show_only_masked_values",
    LogsTheCode: "test_only_masked_values_are_logged",
    LogsTheAddress: "test_only_masked_values_are_logged",
    TellsSomebodyElse: "test_each_send_is_one_message_to_the_owner",
    SendsTwice: "test_each_send_is_one_message_to_the_owner",
    SaysThatItCannotBeGuessed: "test_only_tokens_that_cannot_be_guessed_have_no_user_limit",
    SaysThatItSendsNothing: "test_each_send_is_one_message_to_the_owner",
    SaysThatItStandsIn: "test_the_attributes_of_the_provider_fit_together",
    HasNoLabel: "test_the_provider_has_a_label_and_an_icon",
    HasAKindThatNobodyHas: "test_the_attributes_of_the_provider_fit_together",
}
"""The broken providers, each with the test of the contract that finds it."""


def failures(provider: type[MethodProvider], *names: str) -> list[str]:
    """Run the named tests of the contract, or all, for a provider. Return the names of failed tests."""

    class Inherits(ProviderContract, TransactionTestCase):
        method = "owl"
        method_settings = {"TWILIO_2FA_PROVIDERS": {"owl": f"{__name__}.{provider.__name__}"}}

        def right_token(self, verification: Any) -> str:
            return six_digits(mail.outbox[-1].body)

    every = unittest.defaultTestLoader.getTestCaseNames(Inherits)
    assert len(every) > 20
    result = unittest.TestSuite(map(Inherits, names or every)).run(unittest.TestResult())
    assert result.testsRun == len(names or every)
    return [test.id().rpartition(".")[2] for test, _trace in [*result.failures, *result.errors]]


@pytest.mark.slow
def test_a_sound_provider_passes_the_contract() -> None:
    assert failures(Sound) == []


def test_every_broken_provider_is_listed() -> None:
    assert {*Sound.__subclasses__(), AlwaysTheSame} == BROKEN.keys()


@pytest.mark.parametrize("provider", BROKEN, ids=lambda provider: provider.__name__)
def test_a_broken_provider_is_found(provider: type[MethodProvider]) -> None:
    assert failures(provider, BROKEN[provider]) == [BROKEN[provider]]
