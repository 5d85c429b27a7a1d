"""A database router that sends reads to a replica: this package reads from the primary."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import models, router
from django.utils.connection import ConnectionDoesNotExist

from django_twilio_2fa.models import Device
from django_twilio_2fa.sandbox import authenticators, clock, messages
from django_twilio_2fa.sandbox.models import SandboxFactor

from ..api.test_api import Caller
from ..attacks.test_unauthenticated import Stranger
from ..people import PHONE, Person
from ..providers.test_recovery import gets_codes, uses

OURS = ("twilio_2fa", "twilio_2fa_sandbox", "twilio_2fa_recovery")


class Replica:
    """Route reads of this package's tables to a database that does not exist, so that each read fails."""

    def db_for_read(self, model: Any, **hints: Any) -> str | None:
        return "replica" if model._meta.app_label in OURS else None

    def db_for_write(self, model: Any, **hints: Any) -> str:
        return "default"

    def allow_relation(self, *args: Any, **hints: Any) -> bool:
        return True


@pytest.fixture(autouse=True)
def routed(settings: Any) -> None:
    settings.DATABASE_ROUTERS = [Replica()]
    settings.TWILIO_2FA_ALLOWED_METHODS = ["sms", "email", "totp", "recovery"]


def test_a_read_from_the_replica_would_fail() -> None:
    assert router.db_for_read(Device) == "replica"
    with pytest.raises(ConnectionDoesNotExist):
        models.QuerySet(Device).exists()


def test_a_registration_reads_the_primary(demo: Person) -> None:
    demo.opens("/secret/").picks("sms").registers()
    demo.types_a_wrong_code().types_the_code().posts("success")
    assert demo.is_verified
    assert demo.opens("devices").is_at("devices")


def test_a_proof_reads_the_primary(sam: Person, later: Any) -> None:
    sam.opens("/secret/").picks("sms")
    later(60)
    sam.posts("verify", action="resend").types_the_code()
    assert sam.is_verified
    device = Device.objects.get(user=sam.user, kind="email")
    sam.posts("devices", action="rename", device=str(device.pk), name="Work")
    sam.posts("devices", action="remove", device=str(device.pk))


def test_recovery_codes_read_the_primary(demo: Person) -> None:
    demo.opens("start").picks("sms").registers().types_the_code()
    code = gets_codes(demo)[0]
    assert uses(Person("demo"), code).is_verified


def test_an_authenticator_reads_the_primary(demo: Person, monkeypatch: Any) -> None:
    monkeypatch.setattr(clock, "time", lambda: 1_800_000_000.0)
    demo.opens("start").picks("totp").posts(name="")
    assert demo.types(authenticators.current_code(SandboxFactor.objects.get().secret)).is_verified


def test_the_api_reads_the_primary(sam: Person) -> None:
    api = Caller("sam")
    id = api.sends(method="sms")["verification_id"]
    assert api.verifies(id, messages.last_code(PHONE)).status_code == 200
    assert len(api.asks("devices", "get").json()) == 2


def test_an_unauthenticated_user_is_read_from_the_primary(sam: Person, settings: Any) -> None:
    settings.TWILIO_2FA_ALLOW_UNAUTHENTICATED_USERS = True
    stranger = Stranger(sam.user.pk)
    id = stranger.sends()
    assert stranger.verifies(id, messages.last_code(PHONE)).status_code == 200


def test_the_admin_reads_the_primary(sam: Person) -> None:
    sam.user.is_staff = sam.user.is_superuser = True
    sam.user.save()
    for model in ("device", "verification"):
        assert sam.opens(f"/admin/twilio_2fa/{model}/").page.status_code == 200
