"""Run async code in a separate event loop, because Playwright keeps one in the thread of the tests."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from asgiref.sync import async_to_sync
from django.db import connections

T = TypeVar("T")


def result_of(walk: Callable[[], Awaitable[T]]) -> T:
    """Run the async code. Return its result."""
    results: list[T] = []

    async def go() -> None:
        results.append(await walk())

    run(go)
    return results[0]


def run(walk: Callable[[], Awaitable[None]]) -> None:
    # Share the test's connections with the thread, as Django's live server does. A connection that the thread
    # opens to an in-memory database is never closed, and Python 3.13 warns about it.
    shared = {connection.alias: connection for connection in connections.all()}
    for connection in shared.values():
        connection.inc_thread_sharing()

    def inside() -> None:
        for alias, connection in shared.items():
            connections[alias] = connection
        async_to_sync(walk)()

    try:
        with ThreadPoolExecutor(1) as pool:
            pool.submit(inside).result()
    finally:
        for connection in shared.values():
            connection.dec_thread_sharing()
