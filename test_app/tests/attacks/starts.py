"""A clean slate for each of a property's examples."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.cache import cache
from django.db import transaction


@contextmanager
def rolled_back() -> Iterator[None]:
    """Whatever is stored meanwhile is forgotten afterwards, as between two tests."""
    block = transaction.atomic()
    # As pytest-django's own: what is durable elsewhere may be nested in it.
    block._from_testcase = True  # type: ignore[attr-defined]
    with block:
        yield
        transaction.set_rollback(True)
    cache.clear()
