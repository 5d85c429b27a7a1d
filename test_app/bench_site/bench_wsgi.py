"""The demo of either version for gunicorn. Each answer says in a header what it has cost."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from typing import Any

from django.core.wsgi import get_wsgi_application
from django.db import connection

OF_TRANSACTIONS = ("SAVEPOINT", "RELEASE", "ROLLBACK", "BEGIN", "COMMIT")
WRITES = ("INSERT", "UPDATE", "DELETE")

site = get_wsgi_application()


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    statements = writes = 0

    def count(execute: Any, sql: str, *args: Any) -> Any:
        nonlocal statements, writes
        statements += not sql.startswith(OF_TRANSACTIONS)
        writes += sql.startswith(WRITES)
        return execute(sql, *args)

    def start(status: str, headers: list[tuple[str, str]], *args: Any) -> Any:
        # The CPU time is the whole process's since it started: the client takes differences.
        cost = f"{statements} {writes} {os.getpid()} {time.process_time()}"
        return start_response(status, [*headers, ("X-Cost", cost)], *args)

    with connection.execute_wrapper(count):
        return site(environ, start)
