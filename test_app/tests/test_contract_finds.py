"""What is wrong with a provider is found by the tests that it inherits: each of these has one thing wrong."""

from __future__ import annotations

import logging
import re
import unittest
from typing import Any

import pytest
from demo.pigeon.provider import PigeonProvider
from django.core import mail
from django.core.mail import send_mail
from django.db import connection  # noqa: F401 - for skipif
from django.test import TransactionTestCase

from django_twilio_2fa.digests import digest
from django_twilio_2fa.providers import Checked, MethodProvider, Sent
from django_twilio_2fa.testing import ProviderContract

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif("connection.vendor != 'sqlite'", reason="no different elsewhere, and slower"),
]


class Sound(PigeonProvider):
    code = ""

    def start(self, verification: Any, *, request: Any = None) -> Sent:
        sent = super().start(verification, request=request)
        type(self).code = re.findall(r"\d{6}", mail.outbox[-1].body)[0]
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
        # Of six digits, the first not a zero: as a number it is what was typed.
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
    unguessable = True


class SaysThatItSendsNothing(Sound):
    sends = False


class SaysThatItStandsIn(Sound):
    is_backup = True


class HasNoLabel(Sound):
    label = ""


class HasAKindThatNobodyHas(Sound):
    device_kind = "e-mail"


BROKEN = [*Sound.__subclasses__(), AlwaysTheSame]


def failures(provider: type[MethodProvider]) -> list[str]:
    """The tests of the contract that do not hold for a provider."""

    class Inherits(ProviderContract, TransactionTestCase):
        method = "owl"
        method_settings = {"TWILIO_2FA_PROVIDERS": {"owl": f"{__name__}.{provider.__name__}"}}

        def right_token(self, verification: Any) -> str:
            return re.findall(r"\d{6}", mail.outbox[-1].body)[0]

    suite = unittest.defaultTestLoader.loadTestsFromTestCase(Inherits)
    result = suite.run(unittest.TestResult())
    assert result.testsRun > 20
    return [test.id().rpartition(".")[2] for test, _trace in [*result.failures, *result.errors]]


def test_a_sound_one_keeps_it() -> None:
    assert failures(Sound) == []


@pytest.mark.parametrize("provider", BROKEN, ids=lambda provider: provider.__name__)
def test_one_that_is_broken_does_not(provider: type[MethodProvider]) -> None:
    assert failures(provider)
