"""Run a transaction again that the database rolled back because of a deadlock.

InnoDB locks an index and the row behind it one after the other, so that two UPDATEs of one row can
wait for each other. It rolls one of them back.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from django.db import OperationalError, connections, transaction
from django.db.utils import DEFAULT_DB_ALIAS

P = ParamSpec("P")
T = TypeVar("T")

TRIES = 20
PAUSE = 0.05

# MySQL and MariaDB: a deadlock; and under REPEATABLE READ a row that changed since the transaction began.
NUMBERS = (1213, 1020)
# PostgreSQL: deadlock_detected, serialization_failure.
STATES = ("40P01", "40001")


def was_given_up(error: OperationalError) -> bool:
    """Return whether the statement can be retried after this error, for example a deadlock."""
    state = getattr(error.__cause__, "sqlstate", None) or getattr(error.__cause__, "pgcode", None)
    return state in STATES or bool(error.args and error.args[0] in NUMBERS)


def again(action: Callable[[], T], using: str = DEFAULT_DB_ALIAS) -> T:
    """Run a statement or a transaction, and again for as long as the database gives it up.

    Within somebody else's transaction it runs once: that has been given up as a whole.
    """
    tries = 1 if connections[using].in_atomic_block else TRIES
    for _ in range(tries - 1):
        try:
            return action()
        except OperationalError as e:
            if not was_given_up(e):
                raise
        time.sleep(random.uniform(0, PAUSE))  # noqa: S311 - no secret: two are not to meet again
    return action()


def durably(action: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Call `action` in its own transaction and commit it. Retry if the database rolled it back."""

    def run() -> T:
        with transaction.atomic(durable=True):
            return action(*args, **kwargs)

    return again(run)
