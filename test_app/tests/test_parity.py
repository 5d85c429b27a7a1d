"""Wizard, API and plain Python are one process: the same cases end alike on each road."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from django.contrib.auth import get_user_model

from django_twilio_2fa import errors, session
from django_twilio_2fa.contacts import EmailAddress, PhoneNumber
from django_twilio_2fa.models import Counter, Device, Verification
from django_twilio_2fa.sandbox import messages
from django_twilio_2fa.testing import TwilioSandbox

from .attacks.starts import rolled_back
from .clock import pass_time
from .people import EMAIL, PHONE, Person

NEW = "+12025550147"


class Road:
    """One way to the verifier, for `sam`, in one session."""

    def __init__(self, person: Person) -> None:
        self.person = person
        self.person.client.get("/2fa/start/")

    def send(self, method: str) -> None: ...

    def register(self, number: str) -> None: ...

    def check(self, token: str) -> None: ...

    def resend(self) -> None: ...

    def cancel(self) -> None: ...

    @property
    def row(self) -> Verification:
        found: Verification = Verification.objects.latest("pk")
        return found


class Pages(Road):
    def send(self, method: str) -> None:
        self.person.posts("start", method=method)

    def register(self, number: str) -> None:
        mount = "/2fa/add/" if Device.objects.exists() else "/2fa/"
        self.person.posts(f"{mount}start/", method="sms")
        self.person.posts(f"{mount}register/", country_code="US", phone_number=number)

    def check(self, token: str) -> None:
        mount = "/2fa/add/" if self.row.proof_id else "/2fa/"
        self.person.posts(f"{mount}verify/", token=token, verification=str(self.row.public_id))

    def resend(self) -> None:
        self.person.posts("verify", action="resend")

    def cancel(self) -> None:
        self.person.posts("verify", action="cancel")


class API(Road):
    def asks(self, endpoint: str, **values: Any) -> None:
        self.person.client.post(f"/api/2fa/{endpoint}/", values, content_type="application/json")

    def send(self, method: str) -> None:
        self.asks("send", method=method)

    def register(self, number: str) -> None:
        self.asks("send", method="sms", phone_number=number, phone_country="US")

    def check(self, token: str) -> None:
        self.asks("verify", verification_id=str(self.row.public_id), code=token)

    def resend(self) -> None:
        self.asks("send", method=self.row.method)

    def cancel(self) -> None:
        self.asks("cancel", verification_id=str(self.row.public_id))


class Python(Road):
    def does(self, act: Callable[[Any], Any]) -> None:
        request = self.person.client.get("/2fa/start/").wsgi_request
        with suppress(errors.TwoFactorError):
            act(session.get_verifier(request))

    def send(self, method: str) -> None:
        self.does(lambda v: v.send(method))

    def register(self, number: str) -> None:
        self.does(lambda v: v.send("sms", to=PhoneNumber(number, "US")))

    def check(self, token: str) -> None:
        self.does(lambda v: v.check(v.get(self.row.public_id), token))

    def resend(self) -> None:
        self.does(lambda v: v.resend(self.row))

    def cancel(self) -> None:
        self.does(lambda v: v.cancel(self.row))


ROADS: dict[str, type[Road]] = {"pages": Pages, "api": API, "python": Python}


def code(to: str = PHONE) -> str:
    return messages.last_code(to)


def wrong(to: str = PHONE) -> str:
    right = code(to)
    return right[:-1] + str((int(right[-1]) + 1) % 10)


def proves(road: Road) -> None:
    road.send("email")
    road.check(code(EMAIL))


def several(n: int, act: Callable[[], Any], between: float = 0) -> None:
    for _ in range(n):
        act()
        pass_time(between)


def strikes(fault: str | int, on: str, act: Callable[[], Any]) -> None:
    with TwilioSandbox().fault(fault, on=on, times=0):
        act()


CASES: dict[str, Callable[[Road, Any], Any]] = {
    "a right token": lambda r, s: (r.send("sms"), r.check(code())),
    "a wrong token": lambda r, s: (r.send("sms"), r.check(wrong())),
    "a wrong one, then the right one": lambda r, s: (r.send("sms"), r.check(wrong()), r.check(code())),
    "what is no token": lambda r, s: (r.send("sms"), [r.check(t) for t in ("", "owl", "1" * 500, "\0")]),
    "digits of another script": lambda r, s: (
        r.send("sms"),
        r.check("".join(chr(0x0660 + int(c)) for c in code())),
    ),
    "too many": lambda r, s: (r.send("sms"), several(7, lambda: r.check(wrong())), r.check(code())),
    "the same token twice": lambda r, s: (r.send("sms"), r.check(code()), r.check(code())),
    "a resend too soon": lambda r, s: (r.send("sms"), r.resend()),
    "a resend in time": lambda r, s: (r.send("sms"), pass_time(31), r.resend(), r.check(code())),
    "too many sends": lambda r, s: (r.send("sms"), several(6, r.resend, 95)),
    "canceled": lambda r, s: (r.send("sms"), (t := code()), r.cancel(), r.check(t)),
    "expired": lambda r, s: (r.send("sms"), (t := code()), pass_time(601), r.check(t)),
    "a method that is not allowed": lambda r, s: (
        setattr(s, "TWILIO_2FA_ALLOWED_METHODS", ["email"]),
        r.send("sms"),
    ),
    "a user who is kept out": lambda r, s: (
        setattr(s, "TWILIO_2FA_ALLOW_USER_CB", lambda: False),
        r.send("sms"),
    ),
    "locked": lambda r, s: (
        setattr(s, "TWILIO_2FA_LIMITS", {"wrong_tokens_in_a_row": 2}),
        r.send("sms"),
        several(3, lambda: r.check(wrong())),
        r.send("email"),
        r.check(code()),
    ),
    "the limit of sends": lambda r, s: (
        setattr(s, "TWILIO_2FA_LIMITS", {"sends_per_user": "1/h"}),
        r.send("sms"),
        r.send("email"),
    ),
    "an outage of a send": lambda r, s: strikes(20503, "/Verifications", lambda: r.send("sms")),
    "a send whose answer is lost": lambda r, s: (
        strikes("hang", "/Verifications", lambda: r.send("sms")),
        r.check(code()),
    ),
    "an outage of a check": lambda r, s: (
        r.send("sms"),
        strikes(20503, "/VerificationCheck", lambda: r.check(code())),
        r.check(code()),
    ),
    "fraud": lambda r, s: (strikes(60410, "/Verifications", lambda: r.send("sms")), r.send("sms")),
    "another number without a proof": lambda r, s: r.register(NEW),
    "another number with one": lambda r, s: (proves(r), r.register(NEW), r.check(code(NEW))),
    "two numbers with one proof": lambda r, s: (
        proves(r),
        r.register(NEW),
        r.check(code(NEW)),
        r.register("+12025550148"),
    ),
    "a proof that is too old": lambda r, s: (proves(r), pass_time(601), r.register(NEW)),
    "a first number": lambda r, s: (Device.objects.all().delete(), r.register(NEW), r.check(code(NEW))),
    "a country that is not allowed": lambda r, s: (
        Device.objects.all().delete(),
        r.register("+4915123456789"),
    ),
    "registration that is off": lambda r, s: (
        Device.objects.all().delete(),
        setattr(s, "TWILIO_2FA_ALLOW_REGISTRATION", False),
        r.register(NEW),
    ),
}


def outcome(road: Road) -> dict[str, Any]:
    """What is left behind, and who is in."""
    rows = Verification.objects.order_by("pk").values_list(
        "method", "purpose", "status", "sends", "attempts", "error_code", "verifies"
    )
    return {
        "rows": list(rows),
        "verified": road.person.is_verified,
        "devices": sorted(Device.objects.values_list("value", flat=True)),
        "counts": sorted(
            (scope if not scope.startswith("session") else "session", n)
            for scope, n in Counter.objects.filter(n__gt=0).values_list("scope", "n")
        ),
        "messages": sorted((m["to"], m["channel"]) for m in messages.delivered()),
    }


@pytest.mark.parametrize("case", CASES)
def test_each_road_ends_alike(db: None, settings: Any, case: str) -> None:
    settings.TWILIO_2FA_PHONE_NUMBER_ALLOWED_COUNTRIES = ["US"]
    before = {name: getattr(settings, name) for name in dir(settings) if name.startswith("TWILIO_2FA_")}
    ends = {}
    for name, cls in ROADS.items():
        with rolled_back():
            user = get_user_model().objects.create_user("sam")
            Device.objects.register(user, PhoneNumber(PHONE))
            Device.objects.register(user, EmailAddress(EMAIL))
            road = cls(Person("sam"))
            CASES[case](road, settings)
            ends[name] = outcome(road)
        for key in [k for k in dir(settings) if k.startswith("TWILIO_2FA_")]:
            if key in before:
                setattr(settings, key, before[key])
            else:
                delattr(settings, key)
    assert ends["api"] == ends["pages"]
    assert ends["python"] == ends["pages"]
