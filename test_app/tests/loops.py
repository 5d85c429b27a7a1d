"""Async code in a loop of its own, wherever a test runs: Playwright keeps one in the tests' thread."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

from asgiref.sync import async_to_sync
from django.db import connections


def run(walk: Callable[[], Awaitable[None]]) -> None:
    def inside() -> None:
        try:
            async_to_sync(walk)()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(inside).result()
