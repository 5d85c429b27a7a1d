"""The limit of accounts that can register the same number or email address."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.utils import timezone

from django_twilio_2fa import errors
from django_twilio_2fa.contacts import EmailAddress, PhoneNumber
from django_twilio_2fa.models import Counter, Device, ProvenContact, Purpose, Status, Verification
from django_twilio_2fa.process import check, reservations
from django_twilio_2fa.process.reservations import Attempt
from django_twilio_2fa.providers import Checked
from django_twilio_2fa.sandbox import messages
from django_twilio_2fa.testing import register_device
from django_twilio_2fa.verifier import Verifier

from ..conf.shows import shows
from ..helpers import at_once
from ..people import EMAIL, PHONE, Person

stored: dict[int, str] = {}


def people(n: int, first: int = 0) -> list[Any]:
    make = get_user_model().objects.create_user
    return [make(f"person{i}", password="x") for i in range(first, first + n)]


def holders(n: int, contact: Any = PHONE) -> list[Any]:
    found = people(n)
    for user in found:
        register_device(user, contact)
    return found


def test_a_sixth_account_cannot_register_a_number(demo: Person) -> None:
    holders(5)
    demo.opens("start").picks("sms").registers()
    assert "This cannot be registered for another account" in demo.text
    assert not demo.has_got()
    assert not any(f"person{i}" in demo.text for i in range(5))


def test_a_fifth_account_registers_a_number(demo: Person) -> None:
    holders(4)
    demo.opens("start").picks("sms").registers().types_the_code()
    assert demo.is_verified


def test_an_email_address_has_the_same_limit_of_accounts(demo: Person, settings: Any) -> None:
    settings.TWILIO_2FA_MAX_ACCOUNTS_PER_DESTINATION = 1
    holders(1, EmailAddress(EMAIL))
    with pytest.raises(errors.TooManyAccounts):
        Verifier(demo.user, flow="f").send("email", to=EmailAddress(EMAIL.upper()))


@shows("MAX_ACCOUNTS_PER_DESTINATION")
@pytest.mark.parametrize(("most", "refused"), [(None, False), (2, True), (3, False)])
def test_a_callback_can_set_the_limit_of_accounts(
    demo: Person, settings: Any, most: int | None, refused: bool
) -> None:
    settings.TWILIO_2FA_MAX_ACCOUNTS_PER_DESTINATION = lambda user: most
    holders(2)
    try:
        Verifier(demo.user, flow="f").send("sms", to=PhoneNumber(PHONE))
    except errors.TooManyAccounts:
        assert refused
    else:
        assert not refused


@pytest.mark.parametrize("changed", [{"kind": "email"}, {"digest": "of another number"}])
def test_only_devices_with_the_same_number_count(
    demo: Person, settings: Any, changed: dict[str, str]
) -> None:
    settings.TWILIO_2FA_MAX_ACCOUNTS_PER_DESTINATION = 1
    holders(1)
    Device.objects.update(**changed)
    assert Verifier(demo.user, flow="f").send("sms", to=PhoneNumber(PHONE)).sends == 1


def test_an_account_keeps_a_number_that_it_has_registered(pat: Person, settings: Any) -> None:
    settings.TWILIO_2FA_MAX_ACCOUNTS_PER_DESTINATION = 1
    holders(2)
    pat.opens("start").picks("sms").types_the_code()
    assert pat.is_verified
    row = pat.verifier.send("call", to=PhoneNumber(PHONE, extension="12"))
    pat.verifier.check(row, messages.last_code(PHONE))
    assert Device.objects.get(user=pat.user).data


def test_a_number_that_filled_up_before_the_code_is_refused(demo: Person, settings: Any) -> None:
    settings.TWILIO_2FA_MAX_ACCOUNTS_PER_DESTINATION = 1
    demo.opens("start").picks("sms").registers()
    holders(1)
    demo.types_the_code()
    assert not demo.is_verified
    assert not Device.objects.filter(user=demo.user).exists()
    assert Verification.objects.get(user=demo.user).error_code == "too_many_accounts"
    assert "This cannot be registered for another account" in demo.text


def test_refusals_for_many_accounts_are_limited(demo: Person, settings: Any) -> None:
    settings.TWILIO_2FA_MAX_ACCOUNTS_PER_DESTINATION = 1
    settings.TWILIO_2FA_LIMITS = {"refused_sends_per_user": "2/h"}
    holders(1)
    for error in (errors.TooManyAccounts, errors.TooManyAccounts, errors.TooManySends):
        with pytest.raises(error):
            Verifier(demo.user, flow="f").send("sms", to=PhoneNumber(PHONE))


def test_the_api_answers_409_for_too_many_accounts(demo: Person) -> None:
    holders(5)
    response = demo.client.post("/api/2fa/set-phone-number/", {"phone_number": PHONE}, "application/json")
    assert (response.status_code, response.json()["error_code"]) == (409, "too_many_accounts")


def test_a_verification_without_a_user_is_not_counted(db: None, settings: Any) -> None:
    settings.TWILIO_2FA_ALLOW_USERLESS = True
    holders(5)
    assert Verifier(flow="f").send("sms", to=PHONE).sends == 1


class TestStoredByTheSite:
    @pytest.fixture(autouse=True)
    def callback(self, settings: Any) -> Any:
        from django_twilio_2fa.signals import twilio_2fa_set_user_data

        def store(user: Any, value: Any, **kwargs: Any) -> None:
            stored[user.pk] = str(value)

        stored.clear()
        settings.TWILIO_2FA_PHONE_NUMBER_CB = lambda user: stored.get(user.pk)
        settings.TWILIO_2FA_MAX_ACCOUNTS_PER_DESTINATION = 2
        twilio_2fa_set_user_data.connect(store)
        yield
        twilio_2fa_set_user_data.disconnect(store)

    def registers(self, user: Any) -> None:
        verifier = Verifier(user, flow="f")
        row = verifier.send("sms", to=PhoneNumber(PHONE))
        verifier.check(row, messages.last_code(PHONE))

    def test_numbers_that_the_site_stores_are_counted(
        self, db: None, no_cooldown: None, settings: Any
    ) -> None:
        settings.TWILIO_2FA_LIMITS = {"unproven_sends_per_destination": None}
        a, b, c = people(3)
        self.registers(a)
        self.registers(b)
        with pytest.raises(errors.TooManyAccounts):
            self.registers(c)
        assert set(stored) == {a.pk, b.pk}

    @pytest.mark.parametrize(
        ("changed", "counts"),
        [
            ({}, True),
            ({"kind": "email"}, False),
            ({"destination_digest": "of another number"}, False),
            ({"purpose": Purpose.PROVE}, False),
            ({"status": Status.CANCELED}, False),
            ({"approved_at": timezone.now() - timedelta(days=1)}, False),
            ({"user": None}, False),
        ],
    )
    def test_a_registration_that_was_just_approved_counts(
        self, db: None, no_cooldown: None, settings: Any, changed: dict[str, Any], counts: bool
    ) -> None:
        settings.TWILIO_2FA_MAX_ACCOUNTS_PER_DESTINATION = 1
        a, b = people(2)
        self.registers(a)
        ProvenContact.objects.all().delete()
        Verification.objects.update(**changed)
        self.is_full_for(b, counts)

    @pytest.mark.parametrize(
        ("changed", "counts"), [({}, True), ({"kind": "email"}, False), ({"digest": "of another"}, False)]
    )
    def test_a_number_that_was_proven_counts(
        self, db: None, no_cooldown: None, settings: Any, changed: dict[str, Any], counts: bool
    ) -> None:
        settings.TWILIO_2FA_MAX_ACCOUNTS_PER_DESTINATION = 1
        a, b = people(2)
        self.registers(a)
        Verification.objects.all().delete()
        ProvenContact.objects.update(**changed)
        self.is_full_for(b, counts)

    def is_full_for(self, user: Any, full: bool) -> None:
        if full:
            with pytest.raises(errors.TooManyAccounts):
                self.registers(user)
        else:
            self.registers(user)
            assert stored[user.pk] == PHONE

    def test_a_number_that_the_site_set_itself_is_not_refused(self, db: None) -> None:
        a, b, c = people(3)
        for user in (a, b):
            ProvenContact.objects.create(user=user, kind="phone_number", digest=_digest(PHONE))
        ProvenContact.objects.create(user=c, kind="phone_number", digest=_digest("+12025550199"))
        stored[c.pk] = PHONE  # The site changed the number, so its owner has to verify it.
        verifier = Verifier(c, flow="f")
        row = verifier.send("sms")
        assert verifier.check(row, messages.last_code(PHONE)).status == Status.APPROVED


def _digest(number: str) -> str:
    from django_twilio_2fa.digests import digest

    return digest("phone_number", number)


# The admin


@pytest.fixture
def boss(db: None) -> Client:
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("boss", password="boss"))
    return client


def test_the_admin_shows_the_accounts_of_a_number(boss: Client, pat: Person) -> None:
    holders(2)
    device = Device.objects.get(user=pat.user)
    html = boss.get(f"/admin/twilio_2fa/device/{device.pk}/change/").content.decode()
    assert "pat, person0, person1" in html
    assert PHONE not in html


def test_the_admin_shows_the_accounts_behind_a_refusal(boss: Client, demo: Person) -> None:
    holders(5)
    demo.opens("start").picks("sms").registers()
    row = Verification.objects.get(user=demo.user)
    html = boss.get(f"/admin/twilio_2fa/verification/{row.pk}/change/").content.decode()
    assert "too_many_accounts" in html
    assert "person0, person1, person2, person3, person4" in html


def test_the_admin_lists_numbers_of_several_accounts(boss: Client, pat: Person) -> None:
    [other] = people(1)
    register_device(other, EmailAddress(EMAIL))
    page = boss.get("/admin/twilio_2fa/device/", {"accounts": "several"})
    assert page.context["cl"].result_count == 0
    register_device(other, PHONE)
    page = boss.get("/admin/twilio_2fa/device/", {"accounts": "several"})
    assert page.context["cl"].result_count == 2


# Concurrent requests


@pytest.mark.server_database
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("turn", range(3))
@pytest.mark.parametrize("kept", [False, True])
def test_concurrent_registrations_keep_the_limit_of_accounts(settings: Any, turn: int, kept: bool) -> None:
    settings.TWILIO_2FA_MAX_ACCOUNTS_PER_DESTINATION = 3
    settings.TWILIO_2FA_LIMITS = {"unproven_sends_per_destination": None}
    stored.clear()
    if kept:
        settings.TWILIO_2FA_PHONE_NUMBER_CB = lambda user: stored.get(user.pk)
    from django_twilio_2fa.signals import twilio_2fa_set_user_data

    def store(user: Any, value: Any, **kwargs: Any) -> None:
        stored[user.pk] = str(value)

    # Twilio approves a number once. The test runs the steps after its answer concurrently.
    held = []
    for user in people(5):
        verifier = Verifier(user, flow="f")
        row = verifier.send("sms", to=PhoneNumber(PHONE))
        held.append((verifier, Attempt(row, reservations.take_lease(row))))
    refused: list[int] = []

    def finish(i: int) -> None:
        verifier, attempt = held[i]
        try:
            check.record_approval(verifier.devices, attempt, Checked(approved=True))
        except errors.TooManyAccounts:
            refused.append(i)

    twilio_2fa_set_user_data.connect(store)
    try:
        at_once(finish, len(held))
    finally:
        twilio_2fa_set_user_data.disconnect(store)
    registered = len(stored) if kept else Device.objects.count()
    assert (registered, len(refused)) == (3, 2)
    assert Counter.objects.filter(scope="accounts").exists()
