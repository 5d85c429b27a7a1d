"""Helpers for many tests. This module imports no models, so it can be imported before `django.setup()`."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from django.core.management.color import no_style
from django.db import connections
from django.test import Client

# Settings that send requests over HTTP, to the address in `TWILIO_2FA_BASE_URL`.
OVER_HTTP: dict[str, Any] = {
    "TWILIO_2FA_SANDBOX": False,
    "TWILIO_2FA_ACCOUNT_SID": "AC" + "1" * 32,
    "TWILIO_2FA_AUTH_TOKEN": "a secret",
    "TWILIO_2FA_SERVICE_ID": "VA" + "2" * 32,
}


# Migrations create the rows of these tables, and no test changes them.
KEPT = {"auth_permission", "django_content_type", "django_migrations"}


def empty_tables(databases: Iterable[str]) -> None:
    """Empty the tables of these databases that have rows."""
    for alias in databases:
        database = connections[alias]
        quote = database.ops.quote_name
        names = sorted(set(database.introspection.django_table_names(only_existing=True)) - KEPT)
        with database.cursor() as cursor:
            cursor.execute("SELECT " + ", ".join(f"EXISTS (SELECT 1 FROM {quote(name)})" for name in names))
            written = [name for name, has_rows in zip(names, cursor.fetchone(), strict=True) if has_rows]
        if written:
            database.ops.execute_sql_flush(
                database.ops.sql_flush(no_style(), written, reset_sequences=False, allow_cascade=True)
            )


def wrong_code(right: str, n: int = 1) -> str:
    """Return a code of the same length that is not the right one. Each `n` gives another."""
    return f"{(int(right) + n) % 10 ** len(right):0{len(right)}}"


def six_digits(text: str) -> str:
    """Return the code in a message."""
    found = re.search(r"\b\d{6}\b", text)
    assert found, text
    return found.group()


def free_port() -> int:
    with held_port() as port:
        return port


@contextmanager
def held_port(*, listening: bool = False) -> Iterator[int]:
    """Reserve a port. Connections to the port are refused, unless `listening` is True."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        if listening:
            held.listen()
        yield int(held.getsockname()[1])


def wait_until(condition: Callable[[], bool], seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


def at_once(action: Callable[[int], Any], n: int) -> list[Any]:
    """Call the action in `n` threads that start together. Return the results."""
    ready = threading.Barrier(n)

    def run(i: int) -> Any:
        try:
            ready.wait(30)
            return action(i)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(n) as pool:
        return list(pool.map(run, range(n)))


def same_browser(client: Client, **options: Any) -> Client:
    """Return another client with the same cookies, for a request at the same time."""
    other = Client(**options)
    other.cookies.update(client.cookies)
    return other


@contextmanager
def connected(signal: Any, receiver: Callable[..., Any]) -> Iterator[None]:
    signal.connect(receiver)
    try:
        yield
    finally:
        signal.disconnect(receiver)


@contextmanager
def heard(signal: Any) -> Iterator[list[dict[str, Any]]]:
    """Collect the arguments each time that a signal is sent."""
    received: list[dict[str, Any]] = []

    def receiver(**kwargs: Any) -> None:
        received.append(kwargs)

    with connected(signal, receiver):
        yield received
