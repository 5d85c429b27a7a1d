"""Retry statements and transactions that the database rolled back because of a deadlock.

InnoDB locks an index entry and its row one after the other, so two UPDATEs of one row can wait for each
other. InnoDB then rolls one of them back.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from functools import partial
from typing import Any, ParamSpec, TypeVar

from django.db import OperationalError, connections, models, transaction
from django.db.utils import DEFAULT_DB_ALIAS

from ..managers import PrimaryManager

P = ParamSpec("P")
T = TypeVar("T")
M = TypeVar("M", bound=models.Model)

TRIES = 20
PAUSE = 0.05

# MySQL and MariaDB: a deadlock; under REPEATABLE READ, a row that changed since the transaction began.
NUMBERS = (1213, 1020)
# PostgreSQL: deadlock_detected, serialization_failure.
STATES = ("40P01", "40001")


def can_be_retried(error: OperationalError) -> bool:
    """Return whether the error is one that a retry may avoid, such as a deadlock."""
    state = getattr(error.__cause__, "sqlstate", None) or getattr(error.__cause__, "pgcode", None)
    return state in STATES or bool(error.args and error.args[0] in NUMBERS)


def again(action: Callable[[], T], using: str = DEFAULT_DB_ALIAS) -> T:
    """Run a statement or a transaction, and retry it after a deadlock. It runs at most `TRIES` times.

    Inside an open transaction, it runs only once: a deadlock rolls back the whole transaction.
    """
    tries = 1 if connections[using].in_atomic_block else TRIES
    for _ in range(tries - 1):
        try:
            return action()
        except OperationalError as e:
            if not can_be_retried(e):
                raise
        time.sleep(random.uniform(0, PAUSE))  # noqa: S311 - not a secret: keeps two requests from colliding again
    return action()


def durably(action: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Call `action` in its own transaction and commit it. Retry if the database rolled it back."""

    def run() -> T:
        with transaction.atomic(durable=True):
            return action(*args, **kwargs)

    return again(run)


class RetryingQuerySet(models.QuerySet[M]):
    """A queryset whose INSERT, UPDATE and DELETE are retried after a deadlock, see `again`."""

    def create(self, **kwargs: Any) -> M:
        return again(partial(super().create, **kwargs), using=self.db)

    def update(self, **kwargs: Any) -> int:
        if connections[self.db].in_atomic_block:  # `again` would do the same, with one more call per request
            return super().update(**kwargs)
        return again(partial(super().update, **kwargs), using=self.db)

    def delete(self) -> tuple[int, dict[str, int]]:
        return again(super().delete, using=self.db)

    create.alters_data = update.alters_data = delete.alters_data = True  # type: ignore[attr-defined]
    delete.queryset_only = True  # type: ignore[attr-defined]


RetryingManager = PrimaryManager.from_queryset(RetryingQuerySet)
