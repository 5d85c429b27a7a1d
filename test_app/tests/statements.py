"""A pytest plugin for `make essential`: report which SQL statements each test executes.

The `user_properties` of a report have the statements as `statements`. Each begins with its function.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from django.db import connection

ROOT = Path(__file__).resolve().parents[2]
OURS = (f"{ROOT}/django_twilio_2fa/", f"{ROOT}/providers/")
# Its functions only run the statements of others.
RETRIES = f"{ROOT}/django_twilio_2fa/models/contention.py"


def caller() -> str:
    """Return the innermost function of the package or of a provider that is running, or an empty text."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_filename.startswith(OURS) and frame.f_code.co_filename != RETRIES:
            return f"{frame.f_code.co_filename.removeprefix(f'{ROOT}/')} {frame.f_code.co_name}"
        frame = frame.f_back
    return ""


def shape(sql: str) -> str:
    """Return one text for all statements that differ only in numbers, savepoint names or lists."""
    sql = re.sub(r"SAVEPOINT .*", "SAVEPOINT", sql)
    sql = re.sub(r"\((%s|\d+)(, *(%s|\d+))*\)", "(%s)", sql)
    sql = re.sub(r"(\(%s\))(, *\(%s\))+", r"\1", sql)
    return re.sub(r"\b\d+\b", "N", sql)


@contextmanager
def noted() -> Iterator[set[str]]:
    """Collect the SQL statements that the package and the providers execute in this thread."""
    found: set[str] = set()

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if place := caller():
            found.add(f"{place}: {shape(sql)}")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        yield found


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    with noted() as found:
        yield
    item.user_properties.append(("statements", sorted(found)))
