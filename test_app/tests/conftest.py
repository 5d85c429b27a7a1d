"""The people of the tests, and what every test starts from."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.management.color import no_style
from django.db import connection, connections
from django.test import TransactionTestCase
from django.utils import translation

from django_twilio_2fa.contacts import EmailAddress
from django_twilio_2fa.testing import register_device

from . import cases, openapi
from .helpers import OVER_HTTP
from .loopback_twilio import LoopbackTwilio
from .people import EMAIL, PHONE, Person

TESTS = Path(__file__).resolve().parent
# What takes longest, first to last, so that no worker is alone with it at the end.
LONGEST_FIRST = ("packaging", "browser", "process/test_crashes", "sites", "testing", "attacks")


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave cases out, and share the tests among the workers of `--dist loadgroup`.

    A worker gets a class or a module at a time. All tests that need Chromium go to one worker, which starts
    it once.
    """
    cases.leave_out(config, items)
    if not hasattr(config, "workerinput"):
        return

    def order(item: pytest.Item) -> int:
        path = os.path.relpath(item.path, TESTS)
        begins = [n for n, name in enumerate(LONGEST_FIRST) if path.startswith(name)]
        return begins[0] if begins else len(LONGEST_FIRST)

    items.sort(key=order)
    for item in items:
        scope = item.nodeid.partition("[")[0].rpartition("::")[0]
        # Each pair of requests takes long by itself.
        scope = item.nodeid if "/schedules/" in item.nodeid else scope
        group = "browser" if item.get_closest_marker("browser") else scope
        item.add_marker(pytest.mark.xdist_group(group))


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("server_database") and connection.vendor == "sqlite":
        pytest.skip("needs a database server: set DATABASE_URL")
    if item.get_closest_marker("postgresql") and connection.vendor != "postgresql":
        pytest.skip("needs PostgreSQL: set DATABASE_URL")


# Migrations make these rows, and no test changes them.
KEPT = {"auth_permission", "django_content_type", "django_migrations"}


def empty_what_was_written(test: TransactionTestCase) -> None:
    """Empty the tables that have rows.

    Django empties all of them, and makes content types and permissions again: 20 ms after each test.
    """
    for alias in test._databases_names(include_mirrors=False):
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


@pytest.fixture(scope="session", autouse=True)
def empty_tables_quickly() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", empty_what_was_written)
        yield


@pytest.fixture(scope="session", autouse=True)
def addresses() -> None:
    """Build the addresses before a test changes the settings that they are made of."""
    from django_twilio_2fa.urls import urlpatterns

    assert len(urlpatterns)


@pytest.fixture(autouse=True)
def language_of_a_request_ends() -> Iterator[None]:
    """Take back the language that a test's request activated, which stays in the thread."""
    with translation.override(translation.get_language()):
        yield


@pytest.fixture
def demo(db: None) -> Person:
    """Somebody with nothing registered."""
    get_user_model().objects.create_user("demo", password="demo")
    return Person("demo")


@pytest.fixture
def sam(db: None) -> Person:
    """Somebody with a phone and an address."""
    user = get_user_model().objects.create_user("sam", password="sam")
    register_device(user, PHONE)
    register_device(user, EmailAddress(EMAIL))
    return Person("sam")


@pytest.fixture
def pat(db: None) -> Person:
    """Somebody with a phone only."""
    user = get_user_model().objects.create_user("pat", password="pat")
    register_device(user, PHONE)
    return Person("pat")


@pytest.fixture
def no_cooldown(settings: Any) -> None:
    """Messages may follow each other at once, where a test is about something else."""
    settings.TWILIO_2FA_SEND_COOLDOWN = 0


@pytest.fixture
def sessions_in_database(settings: Any) -> None:
    """Sessions are rows, where a test counts queries, reads what is stored, or rolls back."""
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.db"


@pytest.fixture
def later(db: None) -> Any:
    """Lets time pass: `later(seconds)` moves every stored moment back."""
    from .clock import pass_time

    return pass_time


@pytest.fixture(scope="session")
def served_twilio(tmp_path_factory: Any) -> Iterator[LoopbackTwilio]:
    served = LoopbackTwilio(tmp_path_factory.mktemp("twilio"))
    yield served
    served.stop()


@pytest.fixture
def twilio_over_http(served_twilio: LoopbackTwilio, settings: Any) -> Iterator[LoopbackTwilio]:
    """Twilio as a process of its own, over HTTP. If a fault withholds its answer, tests wait shortly."""
    from django_twilio_2fa.twilio import client

    def wait(seconds: float) -> None:
        settings.TWILIO_2FA_TIMEOUT = (1, seconds)

    served_twilio.wait_for_answers = wait  # type: ignore[method-assign]
    served_twilio.is_new()
    for name, value in OVER_HTTP.items():
        setattr(settings, name, value)
    settings.TWILIO_2FA_BASE_URL = served_twilio.address
    client._clients.clear()  # of the sandbox, from an earlier test
    yield served_twilio
    del served_twilio.wait_for_answers
    for made in client._clients.values():
        made.http_client.inner.session.close()
    client._clients.clear()


@pytest.fixture(autouse=True)
def twilio_judges_every_request() -> Iterator[None]:
    """What any test sends to the sandbox, and what that answers, is as Twilio describes it."""
    if not openapi.HERE:
        yield
        return
    from django_twilio_2fa.sandbox.http import sandbox_request

    wrong: list[AssertionError] = []

    def judge(**told: Any) -> None:
        try:
            if told["status"] < 300:
                openapi.assert_request(told["method"], told["path"], told["values"])
                openapi.assert_answer(told["method"], told["path"], told["status"], told["body"])
        except AssertionError as e:
            wrong.append(e)

    sandbox_request.connect(judge)
    yield
    sandbox_request.disconnect(judge)
    assert not wrong, wrong
