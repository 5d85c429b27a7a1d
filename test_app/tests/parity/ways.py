"""The three ways to the verifier (pages, API and Python) for the same people, and their outcomes."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from typing import Any

from django.contrib.auth import get_user_model
from django.core import mail

from django_twilio_2fa import errors
from django_twilio_2fa.contacts import CONTACTS, EmailAddress, PhoneNumber
from django_twilio_2fa.models import Counter, Device, Verification
from django_twilio_2fa.sandbox import messages
from django_twilio_2fa.sandbox.models import SandboxVerification

from ..people import EMAIL, PHONE, Person

NEW, THIRD = "+12025550147", "+12025550148"
MALLORYS = "+12025550199"


class Way:
    """One way to the verifier, for a person with a session. Refusals show only in the outcome."""

    def __init__(self, person: Person) -> None:
        self.person = person
        # Each way has a session of the wizard.
        self.person.client.get("/2fa/start/")

    def send(self, method: str) -> None: ...

    def register(self, number: str, method: str = "sms", country: str = "US") -> None: ...

    def register_address(self, address: str) -> None: ...

    def remove(self, device: Device) -> None: ...

    def rename(self, device: Device, name: str) -> None: ...

    def make_default(self, device: Device) -> None: ...

    def check(self, token: str, row: Verification | None = None) -> None: ...

    def resend(self) -> None: ...

    def cancel(self, row: Verification | None = None) -> None: ...

    @property
    def row(self) -> Verification:
        """The newest verification of the person, or the newest of all if there is none."""
        rows = Verification.objects.order_by("pk")
        found = rows.filter(user=self.person.user).last() or rows.last()
        assert found is not None
        return found


class Pages(Way):
    def send(self, method: str) -> None:
        self.person.posts("start", method=method)

    def register(self, number: str, method: str = "sms", country: str = "US") -> None:
        mount = "/2fa/add/" if Device.objects.filter(user=self.person.user).exists() else "/2fa/"
        self.person.posts(f"{mount}start/", method=method)
        self.person.posts(f"{mount}register/", country_code=country, phone_number=number)

    def register_address(self, address: str) -> None:
        mount = "/2fa/add/" if Device.objects.filter(user=self.person.user).exists() else "/2fa/"
        self.person.posts(f"{mount}start/", method="email")
        self.person.posts(f"{mount}register/", email=address)

    def remove(self, device: Device) -> None:
        self.person.posts(f"/2fa/remove/{device.pk}/")

    def rename(self, device: Device, name: str) -> None:
        self.person.posts("devices", action="rename", device=str(device.pk), name=name)

    def make_default(self, device: Device) -> None:
        self.person.posts("devices", action="make_default", device=str(device.pk))

    def check(self, token: str, row: Verification | None = None) -> None:
        row = row or self.row
        mount = "/2fa/add/" if row.proof_id else "/2fa/"
        self.person.posts(f"{mount}verify/", token=token, verification=str(row.public_id))

    def resend(self) -> None:
        self.person.posts("verify", action="resend")

    def cancel(self, row: Verification | None = None) -> None:
        named = {"verification": str(row.public_id)} if row else {}
        self.person.posts("verify", action="cancel", **named)


class API(Way):
    def asks(self, endpoint: str, **values: Any) -> None:
        self.person.client.post(f"/api/2fa/{endpoint}/", values, content_type="application/json")

    def send(self, method: str) -> None:
        self.asks("send", method=method)

    def register(self, number: str, method: str = "sms", country: str = "US") -> None:
        self.asks("send", method=method, phone_number=number, phone_country=country)

    def register_address(self, address: str) -> None:
        self.asks("send", method="email", email=address)

    def remove(self, device: Device) -> None:
        self.person.client.delete(f"/api/2fa/devices/{device.pk}/")

    def changes(self, device: Device, **values: Any) -> None:
        self.person.client.patch(f"/api/2fa/devices/{device.pk}/", values, content_type="application/json")

    def rename(self, device: Device, name: str) -> None:
        self.changes(device, name=name)

    def make_default(self, device: Device) -> None:
        self.changes(device, is_default=True)

    def check(self, token: str, row: Verification | None = None) -> None:
        told = {"answer": json.loads(token)} if token.startswith("{") else {"code": token}
        self.asks("verify", verification_id=str((row or self.row).public_id), **told)

    def resend(self) -> None:
        self.asks("send", method=self.row.method)

    def cancel(self, row: Verification | None = None) -> None:
        self.asks("cancel", verification_id=str((row or self.row).public_id))


class Python(Way):
    def does(self, act: Callable[[Any], Any]) -> None:
        with suppress(errors.TwoFactorError):
            act(self.person.verifier)

    def send(self, method: str) -> None:
        self.does(lambda v: v.send(method))

    def register(self, number: str, method: str = "sms", country: str = "US") -> None:
        self.does(lambda v: v.send(method, to=PhoneNumber(number, country)))

    def register_address(self, address: str) -> None:
        self.does(lambda v: v.send("email", to=EmailAddress(address)))

    def remove(self, device: Device) -> None:
        self.does(lambda v: v.remove(v.find_registered(str(device.pk))))

    def rename(self, device: Device, name: str) -> None:
        self.does(lambda v: v.rename(str(device.pk), name))

    def make_default(self, device: Device) -> None:
        self.does(lambda v: v.make_default(str(device.pk)))

    def check(self, token: str, row: Verification | None = None) -> None:
        self.does(lambda v: v.check(v.get((row or self.row).public_id), token))

    def resend(self) -> None:
        self.does(lambda v: v.resend(self.row))

    def cancel(self, row: Verification | None = None) -> None:
        self.does(lambda v: v.cancel(v.get((row or self.row).public_id)))


WAYS: dict[str, type[Way]] = {"pages": Pages, "api": API, "python": Python}


class World:
    """The people of a case, who all use one way, and the settings of the site."""

    def __init__(self, way: type[Way], settings: Any) -> None:
        self.way = way
        self.settings = settings
        # Otherwise the sessions of pages cache the answer for a minute. Plain Python looks it up each time.
        settings.TWILIO_2FA_VERIFIED_RECHECK = 0
        self.ways: dict[str, Way] = {}
        user = get_user_model().objects.create_user("sam", email="sam@owl.example", password="sam")
        Device.objects.register(user, PhoneNumber(PHONE))
        Device.objects.register(user, EmailAddress(EMAIL))
        get_user_model().objects.create_user("mallory", email="mallory@owl.example")

    def somebody(self, name: str, called: str) -> Way:
        return self.ways.setdefault(called, self.way(Person(name)))

    @cached_property
    def sam(self) -> Way:
        """Sam, with a phone and an e-mail address."""
        return self.somebody("sam", "sam")

    @cached_property
    def again(self) -> Way:
        """Sam, or an attacker with the password, in another browser."""
        return self.somebody("sam", "again")

    @cached_property
    def mallory(self) -> Way:
        """Another user, without devices."""
        return self.somebody("mallory", "mallory")

    def set(self, **changed: Any) -> None:
        for name, value in changed.items():
            setattr(self.settings, f"TWILIO_2FA_{name}", value)

    def outcome(self) -> dict[str, Any]:
        """Return what is stored, who is verified, and which messages were sent."""
        fields = (
            "user__username",
            "method",
            "purpose",
            "status",
            "sends",
            "attempts",
            "error_code",
            "verifies_session",
        )
        # The values of other devices are random.
        found = Device.objects.filter(kind__in=CONTACTS).select_related("user")
        contacts = [(d.user.get_username(), d.value, d.name, d.default_at is not None) for d in found]
        counted = Counter.objects.filter(n__gt=0).values_list("scope", "n")
        return {
            "rows": list(Verification.objects.order_by("pk").values_list(*fields)),
            "verified": sorted(name for name, way in self.ways.items() if way.person.is_verified),
            "devices": sorted(contacts),
            "others": sorted(Device.objects.exclude(kind__in=CONTACTS).values_list("user__username", "kind")),
            "counts": sorted((scope.partition(":")[0], n) for scope, n in counted),
            "messages": sorted((m["to"], m["channel"]) for m in messages.delivered()),
            "at Twilio": sorted(SandboxVerification.objects.values_list("to", "status", "checks")),
            "mail": sorted((m.to[0], m.subject) for m in mail.outbox),
        }
