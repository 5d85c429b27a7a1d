"""Convert database errors to `NotRecorded`, and retry writes. Stored values are never logged."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeVar

from django.db import DatabaseError, InterfaceError, models

from .. import errors

logger = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")
TRIES = 5
PAUSE = 0.1


def _safe_message(error: Exception) -> str:
    """Return the first line of a database error. Later lines may contain the row's values."""
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"


@contextmanager
def recording() -> Iterator[None]:
    """Raise `NotRecorded` in place of a database error, and log the reason.

    The traceback is not logged, because its frames contain numbers and addresses.
    """
    try:
        yield
        return
    except (DatabaseError, InterfaceError) as e:
        logger.error("The database failed: %s", _safe_message(e))
    raise errors.NotRecorded


def retry(action: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Call `action` and retry it after a database error, because a provider cannot be asked twice.

    Returns the result of `action`. Raises `NotRecorded` if the database keeps failing.
    """
    for n in range(1, TRIES):
        try:
            return action(*args, **kwargs)
        except (DatabaseError, InterfaceError) as e:
            logger.warning("Recording failed, trying again (%d of %d): %s", n, TRIES - 1, _safe_message(e))
            time.sleep(PAUSE * n)
    with recording():
        last = action(*args, **kwargs)
    return last


def assign(row: models.Model, fields: dict[str, Any]) -> None:
    """Set the values that an UPDATE has just stored on a row, without a query."""
    for name, value in fields.items():
        setattr(row, name, value)
