"""A transaction that the database rolls back for a deadlock is retried, and nothing is counted twice."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db import OperationalError, connection, transaction

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

# The kinds of statements of a send and a check that can block each other in concurrent requests.
STATEMENTS = ["UPDATE verification", "INSERT counter", "UPDATE counter"]


class Raised(Exception):
    """The error of the database driver, which is the cause of Django's error."""

    sqlstate = "40P01"


def on_mariadb() -> Exception:
    return OperationalError(1213, "Deadlock found when trying to get lock; try restarting transaction")


def on_postgresql() -> Exception:
    error = OperationalError("deadlock detected")
    error.__cause__ = Raised()
    return error


@contextmanager
def raises_once(kind: str, error: Any, *, time: int = 1) -> Iterator[list[str]]:
    """Raise the error the first time each statement of this kind runs, or at another `time`.

    Yield the statements that raised it.
    """
    verb, _, table = kind.partition(" ")
    tried: list[str] = []
    failed: list[str] = []

    def fail(execute: Any, statement: str, params: Any, many: bool, context: Any) -> Any:
        shape = statement.partition("WHERE")[0]
        if statement.startswith(verb) and f"twilio_2fa_{table}" in shape:
            tried.append(shape)
            if tried.count(shape) == time:
                failed.append(shape)
                raise error()
        return execute(statement, params, many, context)

    with connection.execute_wrapper(fail):
        yield failed


def counted() -> list[tuple[str, int]]:
    return sorted(Counter.objects.values_list("scope", "n"))


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: Any) -> None:
    monkeypatch.setattr(contention, "PAUSE", 0)


@pytest.mark.parametrize("error", [on_mariadb, on_postgresql])
@pytest.mark.parametrize("kind", STATEMENTS)
def test_a_retried_deadlock_counts_once(pat: Person, kind: str, error: Any) -> None:
    pat.opens("start").picks("sms").types_a_wrong_code()
    usual = counted()
    Counter.objects.all().delete()
    Verification.objects.all().delete()
    pat.opens("start")
    with raises_once(kind, error) as failed:
        pat.picks("sms")
        assert pat.is_at("verify")
        pat.types_a_wrong_code()
        assert "4" in pat.text
        assert counted() == usual
        row = Verification.objects.get()
        assert (row.sends, row.attempts) == (1, 1)
        assert pat.types_the_code().is_verified
    assert failed
    assert pat.has_got() == 2


def test_only_a_deadlock_is_retried(pat: Person) -> None:
    pat.opens("start")
    with raises_once("INSERT counter", lambda: OperationalError(1205, "Lock wait timeout")) as failed:
        pat.picks("sms")
    assert len(failed) == 1
    assert not pat.has_got()
    assert "we could not save this" in pat.text


@pytest.mark.parametrize("error", [on_mariadb, on_postgresql])
def test_a_deadlock_does_not_stop_a_change_of_a_pause(error: Any) -> None:
    def begin() -> None:
        pauses.begin("sms", "LV", seconds=60, reason="few codes are entered")

    def changed_after_a_deadlock(statement: str, change: Any) -> set[tuple[str, bool]]:
        with raises_once(statement, error) as failed:
            change()
        assert len(failed) == 1
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
def test_actions_are_completed_after_a_deadlock(
    pat: Person, settings: Any, statement: str, acts: Any, error: Any
) -> None:
    settings.TWILIO_2FA_TRUSTED_BROWSER_AGE = timedelta(days=30)
    trusts(pat)
    with raises_once(statement, error) as failed:
        assert acts(pat)
    assert len(failed) == 1


@pytest.mark.parametrize("error", [on_mariadb, on_postgresql])
def test_a_retried_removal_also_deletes_recovery_codes(pat: Person, settings: Any, error: Any) -> None:
    settings.TWILIO_2FA_ALLOW_REMOVE_LAST = True
    settings.TWILIO_2FA_ALLOWED_METHODS = ["sms", "recovery"]
    trusts(pat)
    pat.verifier.check(pat.verifier.send("recovery", enrol=True), "")
    assert Device.objects.count() == 2
    phone = Device.objects.get(kind="phone_number")
    # The first DELETE removes the phone.
    with raises_once("DELETE device", error, time=2) as failed:
        pat.opens(f"/2fa/remove/{phone.pk}/").posts()
    assert len(failed) == 1
    assert not Device.objects.exists()


@pytest.mark.parametrize(
    ("statement", "write"),
    [
        ("INSERT lock", lambda: Lock.objects.create(scope="x", key="another", until=1)),
        ("UPDATE lock", lambda: Lock.objects.update(until=2)),
        ("DELETE lock", lambda: Lock.objects.all().delete()),
    ],
)
def test_a_deadlock_in_an_open_transaction_is_not_retried(statement: str, write: Any) -> None:
    # The database has rolled back the earlier statements of the transaction, too.
    Lock.objects.create(scope="x", key="x", until=1)
    with raises_once(statement, on_mariadb) as failed, pytest.raises(OperationalError), transaction.atomic():
        write()
    assert len(failed) == 1
