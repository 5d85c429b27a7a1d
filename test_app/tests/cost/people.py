"""Users and bots that register phone numbers, and a clock for them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import phonenumbers
from django.contrib.auth import get_user_model
from django.test import RequestFactory

from django_twilio_2fa import errors
from django_twilio_2fa.contacts import PhoneNumber
from django_twilio_2fa.models import Verification
from django_twilio_2fa.sandbox import messages
from django_twilio_2fa.testing.site import move_counts, move_rows
from django_twilio_2fa.verifier import Verifier

REFUSED = (errors.SendingPaused, errors.ChallengeRequired, errors.MaxSendsReached)


def pass_time(seconds: int) -> None:
    move_rows(seconds)
    move_counts(seconds)


def numbers(country: str, step: int = 101) -> Iterator[str]:
    """Yield valid mobile numbers of a country at a distance of `step`. 1 gives sequential numbers."""
    example = phonenumbers.example_number_for_type(country, phonenumbers.PhoneNumberType.MOBILE)
    start, code = str(example.national_number), f"+{example.country_code}"
    tail = 6
    first = int(start[-tail:]) // 1000 * 1000
    for n in range(0, 10**tail, step):
        number = f"{code}{start[:-tail]}{(first + n) % 10**tail:0{tail}d}"
        if phonenumbers.is_valid_number(phonenumbers.parse(number)):
            yield number


class Registrar:
    """A person or bot that registers numbers, each with a new account."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.tried = self.sent = self.refused = 0

    def asks(self, number: str, method: str = "sms", address: str = "") -> Verification | None:
        """Ask for a code. Return None if the send is refused."""
        self.tried += 1
        user = get_user_model().objects.create(username=f"{self.name}{self.tried}", password="x")
        request: Any = RequestFactory().get("/", REMOTE_ADDR=address) if address else None
        try:
            row = Verifier(user, flow="f", request=request).send(method, to=PhoneNumber(number))
        except REFUSED:
            self.refused += 1
            return None
        self.sent += 1
        return row

    def enters(self, row: Verification, address: str = "") -> None:
        request: Any = RequestFactory().get("/", REMOTE_ADDR=address) if address else None
        verifier = Verifier(row.user, flow="f", request=request)
        verifier.check(verifier.get(row.public_id), messages.last_code(row.destination))

    def registers(self, number: str, method: str = "sms", address: str = "") -> bool:
        row = self.asks(number, method, address)
        if row is not None:
            self.enters(row, address)
        return row is not None
