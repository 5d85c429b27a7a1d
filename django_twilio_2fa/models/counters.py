"""Counters, locks, and removed devices that still have to be deleted at their provider."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from django.db import connections, models
from django.db.models import Value
from django.utils import timezone

from .contention import RetryingManager

Row = tuple[str, str, int]
"""Scope, key and window of a counter's row."""

# Values that `with_locks` returns in place of `n`: for a lock, and for a row of `unless`.
A_LOCK, ANOTHER = -1, -2


class CounterManager(RetryingManager["Counter"]):
    """Change counters in one statement, and read counters and locks in one query.

    The SQL is written by hand: Django's ORM has no `INSERT` that adds to a stored number, and it takes
    longer to compile the query than the database takes to run it.
    """

    def with_locks(
        self,
        scopes: Collection[str],
        keys: Collection[str],
        since: int,
        locks: Collection[tuple[str, str]],
        now: int,
        unless: models.QuerySet[Any] | None = None,
    ) -> list[tuple[str, str, int, int]]:
        """Return counters after `since`, active locks, and rows of `unless`, in one query at most.

        Each row is a tuple of scope, key, window or end (Unix time), and `n`, `A_LOCK` or `ANOTHER`. The
        query combines every scope with every key, so the caller has to ignore pairs that it did not ask for.
        """
        connection = connections[self.get_queryset().db]
        parts: list[str] = []
        values: list[Any] = []
        if scopes:
            parts.append(
                _select(connection, self.model, "window", connection.ops.quote_name("n"), scopes, keys)
            )
            values += [*scopes, *keys, since]
        if locks:
            scopes, keys = map(set, zip(*locks, strict=True))
            parts.append(_select(connection, Lock, "until", str(A_LOCK), scopes, keys))
            values += [*scopes, *keys, now]
        if unless is not None:
            others = unless.order_by().values_list("lease", Value(""), Value(0), Value(ANOTHER))
            sql, its_values = others.query.get_compiler(using=connection.alias).as_sql()
            parts.append(sql)
            values += its_values
        if not parts:
            return []
        with connection.cursor() as cursor:
            cursor.execute(" UNION ALL ".join(parts), values)
            return list(cursor.fetchall())

    def increment(self, amounts: Mapping[Row, int]) -> None:
        """Add to counters in one statement, and create missing counters.

        `amounts`: the number to add to each row. The rows are locked in this order until the transaction
        ends, so all callers have to sort them in the same way. Django's `bulk_create(update_conflicts=True)`
        can replace `n`, but cannot add to it.
        """
        connection = connections[self.get_queryset().db]
        table, scope, key, window, n = map(
            connection.ops.quote_name, (self.model._meta.db_table, "scope", "key", "window", "n")
        )
        places = ", ".join(["(%s, %s, %s, %s)"] * len(amounts))
        if connection.vendor == "mysql":
            there = f"ON DUPLICATE KEY UPDATE {n} = {n} + VALUES({n})"
        else:
            there = f"ON CONFLICT ({scope}, {key}, {window}) DO UPDATE SET {n} = {table}.{n} + EXCLUDED.{n}"
        sql = f"INSERT INTO {table} ({scope}, {key}, {window}, {n}) VALUES {places} {there}"  # noqa: S608
        values: list[Any] = []
        for row, amount in amounts.items():
            values += [*row, amount]
        with connection.cursor() as cursor:
            cursor.execute(sql, values)

    def decrement(self, amounts: Mapping[Row, int], reset: Row | None = None) -> None:
        """Subtract from counters in one statement, not below 0, and set the counter in `reset` to 0."""
        connection = connections[self.get_queryset().db]
        table, scope, key, window, n = map(
            connection.ops.quote_name, (self.model._meta.db_table, "scope", "key", "window", "n")
        )
        one = f"({scope} = %s AND {key} = %s AND {window} = %s)"
        when: list[str] = []
        values: list[Any] = []
        if reset:
            when.append(f"WHEN {one} THEN 0")
            values += reset
        for row, amount in amounts.items():
            if amount != 1:
                when.append(f"WHEN {one} THEN CASE WHEN {n} > %s THEN {n} - %s ELSE 0 END")
                values += [*row, amount, amount]
        after = f"CASE {' '.join(when)} ELSE {n} - 1 END" if when else f"{n} - 1"
        wanted = sorted({*amounts, reset} if reset else amounts)
        where = " OR ".join([one] * len(wanted))
        sql = f"UPDATE {table} SET {n} = {after} WHERE {n} > 0 AND ({where})"  # noqa: S608
        for row in wanted:
            values += row
        with connection.cursor() as cursor:
            cursor.execute(sql, values)


def _select(
    connection: Any,
    model: type[models.Model],
    number: str,
    n: str,
    scopes: Collection[str],
    keys: Collection[str],
) -> str:
    """Return SQL for rows of scopes and keys whose column `number` is above a value. `n`: the last column."""
    scope, key, number, table = map(connection.ops.quote_name, ("scope", "key", number, model._meta.db_table))
    of_scopes, of_keys = ", ".join(["%s"] * len(scopes)), ", ".join(["%s"] * len(keys))
    return (
        f"SELECT {scope}, {key}, {number}, {n} FROM {table}"  # noqa: S608
        f" WHERE {scope} IN ({of_scopes}) AND {key} IN ({of_keys}) AND {number} > %s"
    )


class Counter(models.Model):
    """A counter of a limit: `n` events since `window` (Unix time), for a scope and a key.

    For a money budget, `n` is a sum in ten-thousandths of the currency. One message may add millions.
    """

    scope = models.CharField(max_length=64)
    key = models.CharField(max_length=64)
    window = models.BigIntegerField()
    n = models.PositiveBigIntegerField(default=0)

    objects = CounterManager()

    class Meta:
        base_manager_name = "objects"
        constraints = [
            models.UniqueConstraint(fields=("scope", "key", "window"), name="twilio_2fa_one_counter")
        ]

    def __str__(self) -> str:
        return f"{self.scope} {self.n}"


class Lock(models.Model):
    """A lock of a user or session, a block of a method, or a `Pause`. It ends at `until` (Unix time)."""

    FOR_EVER = 2**62
    """The `until` of a lock that only an administrator can end."""

    scope = models.CharField(max_length=64)
    key = models.CharField(max_length=64)
    until = models.BigIntegerField()
    details = models.JSONField(null=True, editable=False)

    objects = RetryingManager()

    class Meta:
        base_manager_name = "objects"
        constraints = [models.UniqueConstraint(fields=("scope", "key"), name="twilio_2fa_one_lock")]

    def __str__(self) -> str:
        return self.scope


class PendingDeletion(models.Model):
    """A removed device that has not been deleted at its provider yet."""

    kind = models.CharField(max_length=32)
    value = models.CharField(max_length=254)
    data = models.JSONField(default=dict)
    since = models.DateTimeField(default=timezone.now)

    objects = RetryingManager()

    class Meta:
        base_manager_name = "objects"

    def __str__(self) -> str:
        return self.kind
