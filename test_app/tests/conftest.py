"""Fixtures for all tests: users, settings and the sandbox over HTTP."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import TransactionTestCase
from django.utils import translation

from django_twilio_2fa.contacts import EmailAddress
from django_twilio_2fa.testing import register_device

from . import cases, openapi
from .helpers import OVER_HTTP, empty_tables
from .loopback_twilio import LoopbackTwilio
from .people import EMAIL, PHONE, Person

TESTS = Path(__file__).resolve().parent
# The slowest tests, slowest first. They run first, so that no worker is left alone with them at the end.
LONGEST_FIRST = ("packaging", "browser", "process/test_crashes", "sites", "testing", "attacks")


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect tests and cases, and group the tests for the workers of `--dist loadgroup`.

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
        # Each pair of requests takes long, so it is a group of its own.
        scope = item.nodeid if "/schedules/" in item.nodeid else scope
        group = "browser" if item.get_closest_marker("browser") else scope
        item.add_marker(pytest.mark.xdist_group(group))


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("server_database") and connection.vendor == "sqlite":
        pytest.skip("needs a database server: set DATABASE_URL")
    if item.get_closest_marker("postgresql") and connection.vendor != "postgresql":
        pytest.skip("needs PostgreSQL: set DATABASE_URL")


@pytest.fixture(scope="session", autouse=True)
def empty_tables_quickly() -> Iterator[None]:
    """Empty only the tables that have rows after each test.

    Django's own teardown empties all tables, and creates content types and permissions again. This takes
    20 ms per test.
    """

    def teardown(test: TransactionTestCase) -> None:
        empty_tables(test._databases_names(include_mirrors=False))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", teardown)
        yield


@pytest.fixture(scope="session", autouse=True)
def addresses() -> None:
    """Load the URL patterns before a test changes the settings that they depend on."""
    from django_twilio_2fa.urls import urlpatterns

    assert len(urlpatterns)


@pytest.fixture(autouse=True)
def language_of_a_request_ends() -> Iterator[None]:
    """Restore the language of the thread, which a request of the test may have changed."""
    with translation.override(translation.get_language()):
        yield


@pytest.fixture
def demo(db: None) -> Person:
    """Return a user without devices."""
    get_user_model().objects.create_user("demo", password="demo")
    return Person("demo")


@pytest.fixture
def sam(db: None) -> Person:
    """Return a user with a phone and an e-mail address."""
    user = get_user_model().objects.create_user("sam", password="sam")
    register_device(user, PHONE)
    register_device(user, EmailAddress(EMAIL))
    return Person("sam")


@pytest.fixture
def pat(db: None) -> Person:
    """Return a user with one phone."""
    user = get_user_model().objects.create_user("pat", password="pat")
    register_device(user, PHONE)
    return Person("pat")


@pytest.fixture
def no_cooldown(settings: Any) -> None:
    """Remove the cooldown, so that a test can send messages one after the other."""
    settings.TWILIO_2FA_SEND_COOLDOWN = 0


@pytest.fixture
def sessions_in_database(settings: Any) -> None:
    """Store sessions in the database, for tests that count queries, read stored data or roll back."""
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.db"


@pytest.fixture
def later(db: None) -> Any:
    """Return a function that lets time pass: `later(seconds)` moves every stored time back."""
    from .clock import pass_time

    return pass_time


@pytest.fixture(scope="session")
def served_twilio(tmp_path_factory: Any) -> Iterator[LoopbackTwilio]:
    served = LoopbackTwilio(tmp_path_factory.mktemp("twilio"))
    yield served
    served.stop()


@pytest.fixture
def twilio_over_http(served_twilio: LoopbackTwilio, settings: Any) -> Iterator[LoopbackTwilio]:
    """Return the sandbox in a separate process, over HTTP. Tests wait briefly for withheld answers."""
    from django_twilio_2fa.twilio import client

    def wait(seconds: float) -> None:
        settings.TWILIO_2FA_TIMEOUT = (1, seconds)

    served_twilio.wait_for_answers = wait  # type: ignore[method-assign]
    served_twilio.is_new()
    for name, value in OVER_HTTP.items():
        setattr(settings, name, value)
    settings.TWILIO_2FA_BASE_URL = served_twilio.address
    client._clients.clear()  # clients of an earlier test
    yield served_twilio
    del served_twilio.wait_for_answers
    for made in client._clients.values():
        made.http_client.inner.session.close()
    client._clients.clear()


@pytest.fixture(autouse=True)
def twilio_judges_every_request() -> Iterator[None]:
    """Compare every request and answer with Twilio's OpenAPI description."""
    if not openapi.HERE:
        yield
        return
    from django_twilio_2fa.sandbox.http import sandbox_request

    wrong: list[AssertionError] = []

    def compare(**sent: Any) -> None:
        try:
            if sent["status"] < 300:
                openapi.assert_request(sent["method"], sent["path"], sent["values"])
                openapi.assert_answer(sent["method"], sent["path"], sent["status"], sent["body"])
        except AssertionError as e:
            wrong.append(e)

    sandbox_request.connect(compare)
    yield
    sandbox_request.disconnect(compare)
    assert not wrong, wrong
