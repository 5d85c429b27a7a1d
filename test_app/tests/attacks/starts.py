"""A clean state for each example of a property test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.cache import cache
from django.db import transaction


@contextmanager
def rolled_back() -> Iterator[None]:
    """Undo everything stored in the block, in the database and the cache, as after a test."""
    block = transaction.atomic()
    # As in the block of pytest-django: durable transactions may be nested in it.
    block._from_testcase = True  # type: ignore[attr-defined]
    with block:
        yield
        transaction.set_rollback(True)
    cache.clear()
