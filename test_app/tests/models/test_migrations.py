"""Migrations of existing rows."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from django_twilio_2fa.models import Counter, Lock, Verification
from django_twilio_2fa.process import browsers, figures_report

FOR_EVER = 2**62


def migrate_to(name: str) -> Any:
    executor = MigrationExecutor(connection)
    return executor.migrate([("twilio_2fa", name)]).apps


def migrate_to_the_last() -> None:
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes("twilio_2fa"))


@pytest.fixture
def before_locks(transactional_db: None) -> Iterator[Any]:
    """Return the models of the release in which locks were stored as counters."""
    yield migrate_to("0004_details")
    migrate_to_the_last()


def test_migration_moves_locks_out_of_the_table_of_counters(before_locks: Any) -> None:
    now = int(time.time())
    session = f"session:{'a' * 32}"
    old = before_locks.get_model("twilio_2fa", "Counter").objects
    old.create(scope="lock", key="sam", window=now - 60, n=1)
    old.create(scope="lock", key="sam", window=now + 60, n=1)
    old.create(scope="lock", key="pat", window=FOR_EVER, n=1)
    old.create(scope="refused", key="sms", window=now + 60, n=1)
    old.create(scope=session, key="tab", window=now + 60, n=1)
    old.create(scope=f"{session}:3600", key="tab", window=now, n=3)
    old.create(scope="wrong_tokens_in_a_row", key="sam", window=0, n=4)

    migrate_to("0005_locks")

    assert set(Lock.objects.values_list("scope", "key", "until")) == {
        ("lock", "sam", now + 60),
        ("lock", "pat", FOR_EVER),
        ("refused", "sms", now + 60),
        (session, "tab", now + 60),
    }
    assert set(Counter.objects.values_list("scope", "n")) == {
        (f"{session}:3600", 3),
        ("wrong_tokens_in_a_row", 4),
    }


def test_unauthenticated_verifications_stay_unauthenticated(before_locks: Any) -> None:
    rows = before_locks.get_model("twilio_2fa", "Verification").objects
    now = timezone.now()
    about = {"method": "sms", "expires_at": now, "details": {"stranger": "digest"}}
    rows.create(**about)
    migrate_to_the_last()
    row = Verification.objects.get()
    assert row.is_unauthenticated
    assert row.details == {"unauthenticated": "digest"}


@pytest.fixture
def before_figures_left_browsers_out(transactional_db: None) -> Iterator[Any]:
    yield migrate_to("0012_figures")
    migrate_to_the_last()


def test_figures_do_not_count_older_remembered_browsers(
    before_figures_left_browsers_out: Any,
) -> None:
    rows = before_figures_left_browsers_out.get_model("twilio_2fa", "Verification").objects
    now = timezone.now()
    for method in (browsers.METHOD, "sms"):
        rows.create(method=method, status="approved", approved_at=now, expires_at=now, sends=1)
    day = figures_report.today()
    before_figures_left_browsers_out.get_model("twilio_2fa", "DailyFigure").objects.create(
        day=day, method=browsers.METHOD, approved=3
    )
    migrate_to_the_last()
    told = figures_report.report(day)
    assert [row["method"] for row in told["methods"]] == ["sms"]
    assert (told["total"]["approved"], Verification.objects.count()) == (1, 2)
