"""Read the tables of another package, which does not have to be installed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from django.db import connections

CHUNK = 500


def columns_of(alias: str, table: str) -> set[str]:
    """Return the names of a table's columns. Empty if there is no such table."""
    connection = connections[alias]
    with connection.cursor() as cursor:
        if table not in connection.introspection.table_names(cursor):
            return set()
        return {column.name for column in connection.introspection.get_table_description(cursor, table)}


def rows_of(alias: str, table: str, columns: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """Yield the rows of a table in the order of `id`. Columns that the table does not have are left out."""
    connection = connections[alias]
    quote = connection.ops.quote_name
    there = columns_of(alias, table)
    found = [column for column in columns if column in there]
    last: Any = None
    while True:
        after = f"WHERE {quote('id')} > %s " if last is not None else ""
        # The names are constants of this package, and quoted.
        sql = f"SELECT {', '.join(map(quote, found))} FROM {quote(table)} {after}ORDER BY {quote('id')}"  # noqa: S608
        with connection.cursor() as cursor:
            cursor.execute(sql, [] if last is None else [last])
            chunk = cursor.fetchmany(CHUNK)
        for values in chunk:
            yield dict(zip(found, values, strict=True))
        if len(chunk) < CHUNK:
            return
        last = chunk[-1][found.index("id")]


def as_json(value: Any) -> dict[str, Any]:
    """Return the object in a JSON column. Some databases return JSON as text."""
    try:
        found = json.loads(value) if isinstance(value, (str, bytes)) else value
    except ValueError:
        found = None
    return found if isinstance(found, dict) else {}
