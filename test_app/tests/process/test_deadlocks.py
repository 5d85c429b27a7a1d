"""A transaction that the database gives up for another's sake is run again; nothing is counted twice."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db import OperationalError, connection

from django_twilio_2fa.digests import digests
from django_twilio_2fa.models import (
    Counter,
    DailyAttempt,
    Device,
    Lock,
    Pause,
    TrustedBrowser,
    Verification,
    contention,
)
from django_twilio_2fa.moments import from_unix
from django_twilio_2fa.process import administration, browsers, lockout, pauses

from ..browsers.people import signs_in_again, trusts
from ..people import Person

pytestmark = pytest.mark.django_db(transaction=True)

# Each kind of statement at which two requests meet, on its way to a send and to a check.
MEETINGS = ["UPDATE verification", "INSERT counter", "UPDATE counter"]


class Raised(Exception):
    """The driver's own error, behind Django's."""

    sqlstate = "40P01"


def on_mariadb() -> Exception:
    return OperationalError(1213, "Deadlock found when trying to get lock; try restarting transaction")


def on_postgresql() -> Exception:
    error = OperationalError("deadlock detected")
    error.__cause__ = Raised()
    return error


@contextmanager
def every_first_time(meeting: str, error: Any, *, time: int = 1) -> Iterator[list[str]]:
    """Each statement of the kind is given up when it is tried first, with the transaction it is in.

    Or when it is tried for another `time`.
    """
    verb, _, table = meeting.partition(" ")
    tried: list[str] = []
    given_up: list[str] = []

    def give_up(execute: Any, statement: str, params: Any, many: bool, context: Any) -> Any:
        shape = statement.partition("WHERE")[0]
        if statement.startswith(verb) and f"twilio_2fa_{table}" in shape:
            tried.append(shape)
            if tried.count(shape) == time:
                given_up.append(shape)
                raise error()
        return execute(statement, params, many, context)

    with connection.execute_wrapper(give_up):
        yield given_up


def counted() -> list[tuple[str, int]]:
    return sorted(Counter.objects.values_list("scope", "n"))


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: Any) -> None:
    monkeypatch.setattr(contention, "PAUSE", 0)


@pytest.mark.parametrize("error", [on_mariadb, on_postgresql])
@pytest.mark.parametrize("meeting", MEETINGS)
def test_a_retried_deadlock_counts_once(pat: Person, meeting: str, error: Any) -> None:
    pat.opens("start").picks("sms").types_a_wrong_code()
    usual = counted()
    Counter.objects.all().delete()
    Verification.objects.all().delete()
    pat.opens("start")
    with every_first_time(meeting, error) as given_up:
        pat.picks("sms")
        assert pat.is_at("verify")
        pat.types_a_wrong_code()
        assert "4" in pat.text
        assert counted() == usual
        row = Verification.objects.get()
        assert (row.sends, row.attempts) == (1, 1)
        assert pat.types_the_code().is_verified
    assert given_up
    assert pat.has_got() == 2


def test_only_a_deadlock_is_retried(pat: Person) -> None:
    pat.opens("start")
    with every_first_time("INSERT counter", lambda: OperationalError(1205, "Lock wait timeout")) as given_up:
        pat.picks("sms")
    assert len(given_up) == 1
    assert not pat.has_got()
    assert "we could not save this" in pat.text


@pytest.mark.parametrize("error", [on_mariadb, on_postgresql])
def test_a_deadlock_does_not_stop_a_change_of_a_pause(error: Any) -> None:
    def begin() -> None:
        pauses.begin("sms", "LV", seconds=60, reason="few codes are entered")

    def changed_after_a_deadlock(statement: str, change: Any) -> set[tuple[str, bool]]:
        with every_first_time(statement, error) as given_up:
            change()
        assert len(given_up) == 1
        return {(row.key, row.until == Pause.FOR_EVER) for row in Pause.objects.lasting()}

    by_hand, by_breaker = ("sms||", True), ("sms|LV|registrations", False)
    assert changed_after_a_deadlock("INSERT lock", lambda: pauses.pause("sms")) == {by_hand}
    row = Pause.objects.get()
    assert changed_after_a_deadlock("UPDATE lock", lambda: pauses.pause("sms", reason="fraud")) == {by_hand}
    until = row.until - 60
    assert changed_after_a_deadlock("UPDATE lock", lambda: pauses.extend(row, until, by="admin")) == {
        ("sms||", False)
    }
    assert changed_after_a_deadlock("UPDATE lock", lambda: pauses.resume([row], by="admin")) == set()
    assert changed_after_a_deadlock("INSERT lock", begin) == {by_breaker}
    Pause.objects.update(until=1)
    assert changed_after_a_deadlock("UPDATE lock", begin) == {by_breaker}


def locks(pat: Person) -> bool:
    return lockout.lock((pat.user.pk,), Lock.FOR_EVER) and Lock.objects.get().until == Lock.FOR_EVER


def locks_again(pat: Person) -> bool:
    Lock.objects.create(scope=lockout.LOCK, key=digests("lock", pat.user.pk)[0], until=1)
    return locks(pat)


def unlocks(pat: Person) -> bool:
    Counter.objects.create(scope="wrong_tokens_in_a_row", key="x", window=0, n=1)
    lockout.lock((pat.user.pk,), Lock.FOR_EVER)
    return administration.unlock(pat.user) == 1 and not Lock.objects.exists()


def prunes(pat: Person) -> bool:
    Verification.objects.update(created_at=from_unix(0), expires_at=from_unix(0), in_figures=True)
    call_command("twilio_2fa_prune", verbosity=0)
    return not Verification.objects.exists()


def removes(pat: Person) -> bool:
    return len(administration.remove(pat.user, Device.objects.all())) == 1 and not Device.objects.exists()


def forgets(pat: Person) -> bool:
    return browsers.end_all(pat.user, "user") == 1 and not TrustedBrowser.objects.exists()


def renews(pat: Person) -> bool:
    before = TrustedBrowser.objects.get().digest
    signs_in_again(pat).opens("/secret/")
    return pat.is_verified and TrustedBrowser.objects.get().digest != before


def remembers(pat: Person) -> bool:
    pat.client.logout()
    pat.client.force_login(pat.user)
    return trusts(pat).is_verified and TrustedBrowser.objects.exists()


def renames(pat: Person) -> bool:
    pat.posts("devices", action="rename", device=str(Device.objects.get().pk), name="Work")
    return Device.objects.get().name == "Work"


def reconciles(pat: Person) -> bool:
    call_command("twilio_2fa_reconcile", "--since=1d", verbosity=0)
    return DailyAttempt.objects.exists()


@pytest.mark.parametrize("error", [on_mariadb, on_postgresql])
@pytest.mark.parametrize(
    ("statement", "acts"),
    [
        ("INSERT lock", locks),
        ("UPDATE lock", locks_again),
        ("DELETE lock", unlocks),
        ("DELETE counter", unlocks),
        ("DELETE verification", prunes),
        ("DELETE device", removes),
        ("UPDATE device", renames),
        ("DELETE trustedbrowser", forgets),
        ("UPDATE trustedbrowser", renews),
        ("INSERT trustedbrowser", remembers),
        ("INSERT verification", renews),
        ("INSERT dailyattempt", reconciles),
    ],
)
def test_acts_are_completed_after_a_deadlock(
    pat: Person, settings: Any, statement: str, acts: Any, error: Any
) -> None:
    settings.TWILIO_2FA_TRUSTED_BROWSER_AGE = timedelta(days=30)
    trusts(pat)
    with every_first_time(statement, error) as given_up:
        assert acts(pat)
    assert len(given_up) == 1


@pytest.mark.parametrize("error", [on_mariadb, on_postgresql])
def test_backups_go_with_the_last_device_after_a_deadlock(pat: Person, settings: Any, error: Any) -> None:
    settings.TWILIO_2FA_ALLOW_REMOVE_LAST = True
    settings.TWILIO_2FA_ALLOWED_METHODS = ["sms", "recovery"]
    trusts(pat)
    pat.verifier.check(pat.verifier.send("recovery", enrol=True), "")
    assert Device.objects.count() == 2
    phone = Device.objects.get(kind="phone_number")
    # The first DELETE is that of the phone.
    with every_first_time("DELETE device", error, time=2) as given_up:
        pat.opens(f"/2fa/remove/{phone.pk}/").posts()
    assert len(given_up) == 1
    assert not Device.objects.exists()
