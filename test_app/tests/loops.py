"""Async code in a loop of its own, wherever a test runs: Playwright keeps one in the tests' thread."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from asgiref.sync import async_to_sync
from django.db import connections

T = TypeVar("T")


def result_of(walk: Callable[[], Awaitable[T]]) -> T:
    """Return what the async code returns."""
    results: list[T] = []

    async def go() -> None:
        results.append(await walk())

    run(go)
    return results[0]


def run(walk: Callable[[], Awaitable[None]]) -> None:
    # With the test's own connections, as Django's live server has them: one that is opened in the thread to a
    # database in memory is never closed, which Python 3.13 warns of.
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
