"""Convert database errors to `NotRecorded`, and retry writes. Stored values are never logged."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from django.db import DatabaseError, InterfaceError, connections, transaction
from django.http import HttpResponseBase

from .. import errors
from . import tables

logger = logging.getLogger(__name__)

T = TypeVar("T")
View = Callable[..., HttpResponseBase]
TRIES = 5
PAUSE = 0.1


def _safe_message(error: Exception) -> str:
    """Return the first line of a database error. Later lines may contain the row's values."""
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"


@contextmanager
def recording() -> Iterator[None]:
    """Raise `NotRecorded` in place of a database error, and log the reason.

    The traceback is not logged: its frames hold numbers and addresses.
    """
    try:
        yield
        return
    except (DatabaseError, InterfaceError) as e:
        logger.error("The database failed: %s", _safe_message(e))
    raise errors.NotRecorded


def retry(action: Callable[[], T]) -> T:
    """Run `action`, and again after a database error: a provider's answer cannot be asked for twice.

    Returns what it returns. Raises `NotRecorded` if the database keeps failing.
    """
    for n in range(1, TRIES):
        try:
            return action()
        except (DatabaseError, InterfaceError) as e:
            logger.warning("Recording failed, trying again (%d of %d): %s", n, TRIES - 1, _safe_message(e))
            time.sleep(PAUSE * n)
    with recording():
        last = action()
    return last


def outside_host_transaction(view: View) -> View:
    """Keep a view out of the site's `ATOMIC_REQUESTS`: a count that is rolled back would count nothing."""
    view = tables.explained()(view)
    for alias in connections:
        view = transaction.non_atomic_requests(using=alias)(view)
    return view
