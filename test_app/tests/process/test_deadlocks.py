"""A transaction that the database gives up for another's sake is run again; nothing is counted twice."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import OperationalError, connection

from django_twilio_2fa.models import Counter, Pause, Verification, contention
from django_twilio_2fa.process import pauses

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
def every_first_time(meeting: str, error: Any) -> Iterator[list[str]]:
    """Each statement of the kind is given up when it is tried first, with the transaction it is in."""
    verb, _, table = meeting.partition(" ")
    given_up: list[str] = []

    def give_up(execute: Any, statement: str, params: Any, many: bool, context: Any) -> Any:
        shape = statement.partition("WHERE")[0]
        if statement.startswith(verb) and f"twilio_2fa_{table}" in shape and shape not in given_up:
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
