"""Queries on large tables: their number does not grow, and each uses an index. On a real database server."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from twilio_2fa_passkey.testing import SoftwareAuthenticator
from twilio_2fa_push.testing import SoftwareBrowser

from django_twilio_2fa.models import Counter, Device, Lock, Status, Verification

from ..api.test_api_log_in import Caller
from ..helpers import empty_tables
from ..passkeys import creates
from ..people import Person
from ..pushes import approves, is_asked, with_browser
from .test_queries import COSTS, walk

# A soak test uses a million.
ROWS = int(os.environ.get("TWILIO_2FA_ROWS", "30000"))
TABLES = tuple(
    f"twilio_2fa_{name}" for name in ("verification", "device", "counter", "lock", "provencontact")
)

pytestmark = [
    pytest.mark.usefixtures("sessions_in_database"),
    pytest.mark.server_database,
    pytest.mark.django_db,
]


def quoted(name: str) -> str:
    return connection.ops.quote_name(name)


def sql(postgresql: str, mariadb: str) -> str:
    return postgresql if connection.vendor == "postgresql" else mariadb


def multiply(model: Any, row: Any, **columns: str) -> None:
    """Let the database create many rows like `row`. `columns` are SQL of the number `i` for other values."""
    names = [f.column for f in model._meta.local_fields if f.column not in ("id",) or f.column in columns]
    picked = ", ".join(columns.get(name, f"t.{quoted(name)}") for name in names).replace("%", "%%")
    into = ", ".join(quoted(name) for name in names)
    table = quoted(model._meta.db_table)
    numbers = sql(
        f"generate_series(1, {ROWS}) i",
        f"(SELECT CAST(seq AS SIGNED) AS i FROM seq_1_to_{ROWS}) AS generate_series",
    )
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} ({into}) SELECT {picked} FROM {table} t, {numbers} WHERE t.id = %s",
            [row._meta.pk.get_db_prep_value(row.pk, connection)],
        )


def fill() -> None:
    """Fill the tables as after years: devices, verifications in every state and counters of many users."""
    users = get_user_model().objects.bulk_create(get_user_model()(username=f"user{n}") for n in range(1000))
    user = users[0]
    device = Device.objects.create(user=user, kind="phone_number", value="x", digest="x", masked="x")
    first = f"{users[0].pk} + i % 1000"
    uuid = sql("gen_random_uuid()", "REPLACE(uuid(), '-', '')")
    text = sql("i::text", "i")
    ago = sql("now() - (i % 300) * interval '1 day'", "utc_timestamp() - interval i % 300 day")
    ends = sql("now() + (i % 10 - 5) * interval '1 hour'", "utc_timestamp() + interval i % 10 - 5 hour")
    multiply(Device, device, id=uuid, user_id=first, digest=f"md5({text})")
    row = Verification.objects.create(
        user=user,
        purpose="prove",
        transport="verify",
        method="sms",
        status=Status.APPROVED,
        verifies_session=True,
        expires_at=timezone.now(),
        approved_at=timezone.now(),
        ended_at=timezone.now(),
    )
    multiply(
        Verification,
        row,
        public_id=uuid,
        user_id=first,
        sid=f"md5({text})",
        flow_digest=sql("md5((i % 50)::text)", "md5(i % 50)"),
        auth_digest=sql("md5((i % 1000)::text)", "md5(i % 1000)"),
        pending_key=f"CASE WHEN i % 10 = 0 THEN md5({text}) END",
        status="CASE WHEN i % 10 = 0 THEN 'pending' WHEN i % 3 = 0 THEN 'expired' ELSE 'approved' END",
        destination="CASE WHEN i % 10 = 0 THEN 'x' ELSE '' END",
        created_at=ago,
        expires_at=ends,
    )
    count = Counter.objects.create(scope="sends_per_user:3600", key="x", window=1, n=1)
    multiply(Counter, count, key=f"md5({text})", window=f"t.{quoted('window')} + i % 100")
    lock = Lock.objects.create(scope="lock", key="x", until=1)
    multiply(Lock, lock, key=f"md5({text})", until=f"t.{quoted('until')} + i % 100")
    with connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(f"{sql('ANALYZE', 'ANALYZE TABLE')} {quoted(table)}")


@pytest.fixture(scope="module")
def filled(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Fill the tables once for all tests of this module. Each test rolls back its own changes."""
    with django_db_blocker.unblock():
        fill()
    yield
    with django_db_blocker.unblock():
        empty_tables([connection.alias])


@pytest.fixture
def crowd(filled: None, pat: Person) -> Person:
    """Return a user with one phone, among many other users."""
    return pat


def plans(queries: list[dict[str, str]]) -> Iterator[tuple[str, str]]:
    """Yield each query on the tables of this package, with its query plan."""
    explain = sql("EXPLAIN (FORMAT JSON)", "EXPLAIN FORMAT=JSON")
    for query in dict.fromkeys(q["sql"] for q in queries):
        if not any(quoted(table) in query for table in TABLES) or "generate_series" in query:
            continue
        if not re.match(r"(SELECT|UPDATE|INSERT|DELETE)\b", query):
            continue
        with connection.cursor() as cursor:
            cursor.execute(f"{explain} {query}".replace("%", "%%"))
            found = cursor.fetchone()[0]
        yield query, found if isinstance(found, str) else json.dumps(found)


def scanned(queries: list[dict[str, str]]) -> list[str]:
    """Return the queries that scan a whole table of this package."""
    whole = sql(
        r'"Node Type": "Seq Scan"[^{{}}]*"Relation Name": "{}"',
        r'"table_name": "{}",\s*"access_type": "(?:ALL|index)"',
    )
    return [
        query for query, plan in plans(queries) for table in TABLES if re.search(whole.format(table), plan)
    ]


def may_resend(person: Person) -> None:
    """End the cooldown of this person only, because updating a million rows would take too long."""
    Verification.objects.filter(user=person.user).update(next_send_at=timezone.now())


def test_each_step_takes_the_same_queries_and_an_index(crowd: Person) -> None:
    with CaptureQueriesContext(connection) as caught:
        cost = walk(crowd, lambda _seconds: may_resend(crowd))
    assert cost == COSTS
    assert len(list(plans(caught.captured_queries))) > 20
    assert not scanned(caught.captured_queries)


def test_registering_locking_and_unlocking_use_an_index(crowd: Person, settings: Any) -> None:
    settings.TWILIO_2FA_LIMITS = {"wrong_tokens_per_user": "2/h"}
    get_user_model().objects.create_user("demo", email="demo@example.com")
    person = Person("demo")
    with CaptureQueriesContext(connection) as caught:
        person.opens("start").picks("sms").registers("202 555 0144")
        for _ in range(3):
            person.types_a_wrong_code("+12025550144")
        call_command("twilio_2fa_unlock", "demo", verbosity=0)
    assert not scanned(caught.captured_queries)


def test_a_query_without_an_index_is_found(crowd: Person) -> None:
    with CaptureQueriesContext(connection) as caught:
        list(Verification.objects.filter(masked="nothing has this"))
    assert len(scanned(caught.captured_queries)) == 1


def test_pruning_deletes_in_batches_and_keeps_new_rows(crowd: Person) -> None:
    before = Verification.objects.count()
    call_command("twilio_2fa_prune", "--days", "90", verbosity=0)
    left = Verification.objects.count()
    assert 0 < left < before
    assert not Verification.objects.filter(expires_at__lt=timezone.now()).exclude(destination="").exists()


def test_a_digest_among_all_devices_is_found_by_an_index(crowd: Person, settings: Any) -> None:
    settings.TWILIO_2FA_ALLOWED_METHODS = ["passkey", "push"]
    settings.TWILIO_2FA_PASSWORDLESS_LOGIN = True
    get_user_model().objects.create_user("ann")
    authenticator, browser = SoftwareAuthenticator(), SoftwareBrowser()
    with CaptureQueriesContext(connection) as caught:
        assert creates(Person("ann"), authenticator).is_verified
        visitor = Caller()
        begun = visitor.asks("log-in/begin").json()
        answer = authenticator.get(begun["ceremony"])
        assert visitor.asks("log-in", login_id=begun["login_id"], answer=answer).status_code == 200
        with_browser("ben", browser)
    told = list(caught.captured_queries)
    # `is_asked` reads the newest row for the test, so its query is not captured.
    asked = is_asked(Person("ben"))
    with CaptureQueriesContext(connection) as more:
        assert approves(browser, asked.number).status_code == 200
    told += more.captured_queries
    for kind in ("passkey", "push"):
        assert any("twilio_2fa_device" in q["sql"] and kind in q["sql"] for q in told)
    assert not scanned(told)
