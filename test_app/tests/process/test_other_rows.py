"""Actions of one user: they change and read no row of another user, and no unrelated row of the same user.

Each UPDATE has to name its row. In these tests two users are in the same state, each with two pending
verifications, and one of the users acts.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db.models import Model
from django.utils import timezone

from django_twilio_2fa import errors
from django_twilio_2fa.contacts import EmailAddress, PhoneNumber
from django_twilio_2fa.models import (
    Counter,
    Device,
    Lock,
    Pause,
    ProvenContact,
    Status,
    TrustedBrowser,
    Verification,
)
from django_twilio_2fa.process import administration, browsers, lockout, pauses
from django_twilio_2fa.sandbox import messages
from django_twilio_2fa.sandbox.fault_injection import injected
from django_twilio_2fa.signals import twilio_2fa_device_removed, twilio_2fa_set_user_data
from django_twilio_2fa.testing import register_device
from django_twilio_2fa.verifier import Verifier

from ..helpers import wrong_code

PHONES = {"sam": "+12025550143", "ann": "+12025550144"}
OTHERS = {"sam": "+12025550147", "ann": "+12025550148"}
AUTHS = ["an-auth"]
FLOWS = {"sam": "a-flow", "ann": "another-flow"}


class Pair:
    """A user with a phone and an email address, and a pending verification of each."""

    def __init__(self, name: str) -> None:
        self.user = get_user_model().objects.create_user(name, f"{name}@example.com", name)
        self.phone = register_device(self.user, PHONES[name])
        self.address = register_device(self.user, EmailAddress(f"{name}@example.com"))
        self.name = name
        self.email = self.verifier.send("email")
        self.sms = self.verifier.send("sms")

    @property
    def verifier(self) -> Verifier:
        return Verifier(self.user, flow=FLOWS[self.name], auth=AUTHS[0])

    def has_a_browser(self) -> None:
        """Verify the user and remember the browser."""
        made = browsers.trust(self.verifier.subject, self.verifier.check(self.sms, self.code), "Firefox")
        assert made is not None
        self.browser = made

    @property
    def code(self) -> str:
        return messages.last_code(PHONES[self.name])

    def guesses(self) -> None:
        with pytest.raises(errors.TwoFactorError):
            self.verifier.check(self.sms, wrong_code(self.code))

    def guesses_until_it_fails(self) -> None:
        for _ in range(5):
            self.guesses()

    def checks(self) -> None:
        self.verifier.check(self.sms, self.code)

    def checks_while_twilio_fails(self, fault: str = "drop") -> None:
        with injected(fault, on="/VerificationCheck"), pytest.raises(errors.TwoFactorError):
            self.verifier.check(self.sms, self.code)

    def checks_what_twilio_has_not_got(self) -> None:
        with injected("20404", on="/VerificationCheck"), pytest.raises(errors.TwoFactorError):
            self.verifier.check(self.sms, self.code)

    def sends_again(self) -> None:
        self.verifier.resend(self.sms)

    def sends_by_call(self) -> None:
        self.verifier.resend(self.sms, "call")

    def sends_in_vain(self, fault: str = "60410") -> None:
        with injected(fault, on="/Verifications"), pytest.raises(errors.TwoFactorError):
            self.verifier.resend(self.sms)

    def sends_what_twilio_counts_as_too_many(self) -> None:
        self.sends_in_vain("60203")

    def sends_to_a_landline(self) -> None:
        self.sends_in_vain("60205")

    def sends_for_the_first_time_in_vain(self) -> None:
        with injected("60410", on="/Verifications"), pytest.raises(errors.TwoFactorError):
            self.verifier.send("sms")

    def cancels(self) -> None:
        self.verifier.cancel(self.sms)

    def approves(self) -> None:
        self.verifier.approve(self.sms)

    def is_unlocked(self) -> None:
        administration.unlock(self.user)

    def is_revoked(self) -> None:
        administration.revoke(self.user)

    def loses_the_phone(self) -> None:
        administration.remove(self.user, [self.phone])

    def makes_the_phone_the_default(self) -> None:
        self.checks()
        self.verifier.make_default(str(self.phone.pk))

    def names_the_phone(self) -> None:
        self.checks()
        self.verifier.rename(str(self.phone.pk), "Mine")

    def changes_the_phone(self) -> None:
        self.checks()
        [phone, _address] = self.verifier.registered()
        row = self.verifier.send("sms", to=OTHERS[self.name], replaces=phone)
        self.verifier.check(row, messages.last_code(OTHERS[self.name]))

    def begins_a_change_twice(self) -> None:
        self.checks()
        [phone, _address] = self.verifier.registered()
        for name in ("One", "Two"):
            self.verifier.send("sms", to=OTHERS[self.name], replaces=phone, name=name)

    def expires(self) -> None:
        Verification.objects.filter(pk=self.sms.pk).update(expires_at=timezone.now())
        self.guesses()

    def trusts_the_browser(self) -> None:
        browsers.trust(self.verifier.subject, self.verifier.check(self.sms, self.code), "Firefox")

    def uses_the_browser(self) -> None:
        browser, token = self.browser
        assert browsers.recognize(self.verifier.subject, browser.pk, token, auths=AUTHS[:1], session="s")

    def has_recovery_codes(self) -> None:
        self.verifier.check(self.verifier.send("sms"), self.code)
        self.verifier.check(self.verifier.send("recovery", enrol=True), "")

    def has_a_copied_browser(self) -> None:
        browser, _token = self.browser
        assert (
            browsers.recognize(self.verifier.subject, browser.pk, "x", auths=AUTHS[:1], session="s") is None
        )

    def forgets_the_browser(self) -> None:
        self.verifier.forget_browsers(str(self.browser[0].pk))


def state(model: type[Model], **of: Any) -> list[dict[str, Any]]:
    return list(model._default_manager.filter(**of).order_by("pk").values())


BEFORE: dict[str, Callable[[Pair], None]] = {
    "sends_for_the_first_time_in_vain": Pair.cancels,
    "is_unlocked": Pair.guesses_until_it_fails,
    "is_revoked": Pair.has_a_browser,
    "loses_the_phone": Pair.has_a_browser,
    "uses_the_browser": Pair.has_a_browser,
    "has_a_copied_browser": Pair.has_a_browser,
    "forgets_the_browser": Pair.has_a_browser,
}
NO_ACTS = ("verifier", "code", "has_a_browser", "has_recovery_codes")
ACTS = [name for name in vars(Pair) if not name.startswith("_") and name not in NO_ACTS]


@pytest.fixture
def pairs(db: None, no_cooldown: None, settings: Any) -> tuple[Pair, Pair]:
    settings.TWILIO_2FA_TRUSTED_BROWSER_AGE = timedelta(days=30)
    settings.TWILIO_2FA_ALLOWED_METHODS = ["sms", "call", "email", "recovery"]
    return Pair("sam"), Pair("ann")


@pytest.mark.parametrize("act", ACTS)
def test_an_action_changes_only_its_own_rows(pairs: tuple[Pair, Pair], act: str) -> None:
    sam, ann = pairs
    for pair in pairs:
        BEFORE.get(act, lambda pair: None)(pair)
    theirs = {model: state(model, user=ann.user) for model in (Verification, Device, TrustedBrowser)}
    own = state(Verification, pk=sam.email.pk), state(Device, pk=sam.address.pk)
    mine = [state(model, user=sam.user) for model in theirs]
    getattr(sam, act)()
    assert [state(model, user=sam.user) for model in theirs] != mine, "it did nothing"
    assert {model: state(model, user=ann.user) for model in theirs} == theirs
    assert (state(Verification, pk=sam.email.pk), state(Device, pk=sam.address.pk)) == own


def visible_to(pair: Pair) -> dict[str, Any]:
    verifier = pair.verifier
    return {
        "status": administration.status(pair.user),
        "activity": verifier.activity(),
        "registered": [registered.id for registered in verifier.registered()],
        "methods": verifier.methods(),
        "choices": [(choice.provider.name, choice.masked) for choice in verifier.choices()],
        "remembered": [browser.pk for browser in browsers.current(pair.user, AUTHS)],
    }


def test_a_user_reads_nothing_of_another_user(db: None, no_cooldown: None, settings: Any) -> None:
    settings.TWILIO_2FA_TRUSTED_BROWSER_AGE = timedelta(days=30)
    settings.TWILIO_2FA_LIMITS = {"wrong_tokens_in_a_row": 1}
    sam = Pair("sam")
    sam.has_a_browser()
    sam.sms = sam.verifier.send("sms")
    sam.guesses()
    before = visible_to(sam)
    assert all(before.values())
    ann = Pair("ann")
    ann.has_a_browser()
    ann.sms = ann.verifier.send("sms")
    ann.guesses()
    assert visible_to(sam) == before


def test_an_administrator_removes_devices_of_the_user_only(pairs: tuple[Pair, Pair]) -> None:
    sam, ann = pairs
    assert administration.remove(sam.user, [ann.phone]) == []
    assert Device.objects.filter(pk=ann.phone.pk).exists()


def test_unlocking_one_user_leaves_the_counts_of_another(pairs: tuple[Pair, Pair]) -> None:
    sam, ann = pairs
    sam.guesses()
    own = {counter["id"] for counter in state(Counter)}
    ann.guesses()
    theirs = [counter for counter in state(Counter) if counter["id"] not in own]
    assert len(theirs) > 1
    lockout.lock((ann.user.pk,), Lock.FOR_EVER)
    administration.unlock(sam.user)
    assert lockout.locked_until(ann.user, "") == Lock.FOR_EVER
    assert [counter for counter in state(Counter) if counter["id"] not in own] == theirs


def test_a_new_lock_leaves_an_ended_lock_of_another_user(pairs: tuple[Pair, Pair]) -> None:
    sam, ann = pairs
    lockout.lock((ann.user.pk,), 1)
    theirs = state(Lock)
    lockout.lock((sam.user.pk,), Lock.FOR_EVER)
    assert [lock for lock in state(Lock) if lock["until"] == 1] == theirs


def test_an_active_lock_is_not_shortened(pairs: tuple[Pair, Pair]) -> None:
    sam, _ann = pairs
    assert lockout.lock((sam.user.pk,), Lock.FOR_EVER)
    assert not lockout.lock((sam.user.pk,), int(time.time()) + 60)
    assert lockout.locked_until(sam.user, "") == Lock.FOR_EVER


def test_the_signal_of_a_removal_has_the_owner_of_the_device(
    pairs: tuple[Pair, Pair], django_capture_on_commit_callbacks: Any
) -> None:
    owners: list[Any] = []

    def note(user: Any, **kwargs: Any) -> None:
        owners.append(user)

    twilio_2fa_device_removed.connect(note)
    try:
        for pair in pairs:
            with django_capture_on_commit_callbacks(execute=True):
                pair.address.delete()
    finally:
        twilio_2fa_device_removed.disconnect(note)
    assert owners == [pair.user for pair in pairs]


def test_a_new_default_leaves_the_default_of_another_user(pairs: tuple[Pair, Pair]) -> None:
    sam, ann = pairs
    for pair in pairs:
        pair.makes_the_phone_the_default()
    theirs = state(Device, user=ann.user)
    sam.verifier.make_default(str(sam.address.pk))
    assert state(Device, user=ann.user) == theirs
    defaults = {device["id"]: device["default_at"] for device in state(Device, user=sam.user)}
    assert defaults[sam.phone.pk] is None
    assert defaults[sam.address.pk]


def test_new_recovery_codes_leave_the_codes_of_another_user(pairs: tuple[Pair, Pair]) -> None:
    for pair in pairs:
        pair.has_recovery_codes()
    sam, ann = pairs
    sam.has_recovery_codes()
    assert Device.objects.filter(user=ann.user, kind="recovery").exists()


def test_the_last_device_stays_if_other_users_have_devices(pairs: tuple[Pair, Pair]) -> None:
    sam, _ann = pairs
    Device.objects.filter(pk=sam.address.pk).delete()
    sam.checks()
    [phone] = sam.verifier.registered()
    with pytest.raises(errors.LastDevice):
        sam.verifier.remove(phone)


@pytest.mark.parametrize("backups", [False, True])
def test_the_second_of_two_removals_keeps_the_last_device(pairs: tuple[Pair, Pair], backups: bool) -> None:
    # The second removal began while there were two devices. Devices of others and backups do not count.
    sam, _ann = pairs
    if backups:
        sam.has_recovery_codes()
    sam.checks()
    second = sam.verifier
    phone = next(each for each in second.registered() if each.device == sam.phone)
    administration.remove(sam.user, [sam.address])
    with pytest.raises(errors.LastDevice):
        second.remove(phone)
    assert Device.objects.filter(pk=sam.phone.pk).exists()


def test_a_change_keeps_the_verification_by_another_device(pairs: tuple[Pair, Pair]) -> None:
    sam, _ann = pairs
    sam.verifier.check(sam.email, messages.last_code("sam@example.com"))
    sam.changes_the_phone()
    row = Verification.objects.get(pk=sam.email.pk)
    assert (row.verifies_session, row.device_id) == (True, sam.address.pk)


@pytest.mark.parametrize("act", ["check", "approve", "cancel", "resend"])
def test_another_session_of_the_user_finds_no_verification(pairs: tuple[Pair, Pair], act: str) -> None:
    sam, _ann = pairs
    sam.has_recovery_codes()
    row = sam.verifier.send("recovery")
    elsewhere = Verifier(sam.user, flow="of another session", auth=AUTHS[0])
    given = ("a code",) if act == "check" else ()
    with pytest.raises(errors.VerificationNotFound):
        getattr(elsewhere, act)(row, *given)
    assert state(Verification, pk=row.pk)[0]["status"] == Status.PENDING


class TestKeptByTheSite:
    """Numbers that the site stores. This package stores the proofs of the numbers."""

    @pytest.fixture(autouse=True)
    def callback(self, pairs: tuple[Pair, Pair], settings: Any) -> Any:
        self.numbers = {pair.user.pk: PHONES[pair.name] for pair in pairs}
        settings.TWILIO_2FA_PHONE_NUMBER_CB = lambda user: self.numbers.get(user.pk)
        # Signals hold weak references, so the bound method is kept here.
        store = self.store
        twilio_2fa_set_user_data.connect(store)
        yield
        twilio_2fa_set_user_data.disconnect(store)

    def store(self, user: Any, value: Any, **kwargs: Any) -> None:
        self.numbers[user.pk] = str(value)

    def test_a_proof_of_another_user_proves_nothing(self, pairs: tuple[Pair, Pair]) -> None:
        sam, ann = pairs
        for pair, number in ((sam, "+12025550199"), (ann, PHONES["sam"])):
            ProvenContact.objects.create(user=pair.user, kind="phone_number", digest=_digest(number))
        assert [registered.proven for registered in sam.verifier.registered()][:1] == [False]

    def test_a_proof_of_another_kind_is_ignored(self, pairs: tuple[Pair, Pair]) -> None:
        sam, ann = pairs
        for user, kind in ((ann.user, "phone_number"), (sam.user, "email"), (ann.user, "email")):
            ProvenContact.objects.create(user=user, kind=kind, digest="of something else")
        assert all(registered.proven for registered in sam.verifier.registered())

    def test_a_number_of_the_site_leaves_other_users_verifications(self, pairs: tuple[Pair, Pair]) -> None:
        sam, ann = pairs
        Verification.objects.filter(pk=ann.email.pk).update(status=Status.APPROVED)
        theirs = state(Verification, user=ann.user)
        self.numbers.pop(sam.user.pk)
        Device.objects.filter(user=sam.user).delete()
        row = sam.verifier.send("sms", to=PhoneNumber(OTHERS["sam"]))
        sam.verifier.check(row, messages.last_code(OTHERS["sam"]))
        assert Verification.objects.get(pk=row.pk).verifies_session
        assert state(Verification, user=ann.user) == theirs

    def test_a_default_is_kept_for_each_user_and_kind(self, pairs: tuple[Pair, Pair]) -> None:
        for pair in pairs:
            ProvenContact.objects.create(user=pair.user, kind="email", digest="")
            pair.checks()
            pair.verifier.make_default("phone_number")
        sam, ann = pairs
        theirs = state(ProvenContact, user=ann.user)
        sam.verifier.make_default("phone_number")
        assert state(ProvenContact, user=ann.user) == theirs
        sam.verifier.make_default(str(sam.address.pk))
        assert state(ProvenContact, user=ann.user) == theirs
        assert [row["default_at"] for row in state(ProvenContact, user=sam.user)] == [None, None]


def _digest(number: str) -> str:
    from django_twilio_2fa.digests import digest

    return digest("phone_number", PhoneNumber(number).identity)


def test_a_wrong_browser_token_ends_the_trusted_browser(pairs: tuple[Pair, Pair]) -> None:
    sam, _ann = pairs
    sam.has_a_browser()
    sam.uses_the_browser()
    sam.has_a_copied_browser()
    assert not TrustedBrowser.objects.filter(pk=sam.browser[0].pk).exists()


def test_extending_a_pause_does_not_extend_another_pause(db: None) -> None:
    for place in ("US", "GB"):
        pauses.pause("sms", place, until=int(time.time()) + 600, reason="", by="a test")
    us, gb = Pause.objects.order_by("key")[::-1]
    pauses.extend(us, Pause.FOR_EVER, by="a test")
    assert Pause.objects.get(pk=us.pk).until == Pause.FOR_EVER
    assert Pause.objects.get(pk=gb.pk).until == gb.until


def test_the_breaker_does_not_shorten_a_pause(db: None) -> None:
    pauses.pause("sms", "US", registrations=True, until=Pause.FOR_EVER, reason="", by="a test")
    pauses.begin("sms", "US", seconds=60, reason="")
    assert Pause.objects.get().until == Pause.FOR_EVER
