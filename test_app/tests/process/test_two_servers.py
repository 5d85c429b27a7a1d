"""Two server processes on one database: counts and sends are shared by both."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from django.contrib.auth import get_user_model
from django.db import connection

from django_twilio_2fa.contacts import PhoneNumber
from django_twilio_2fa.models import Device, Status, Verification
from django_twilio_2fa.sandbox import messages
from django_twilio_2fa.sandbox.models import SandboxVerification

from ..helpers import free_port, wait_until
from ..people import PHONE, Person

MANAGE = Path(__file__).resolve().parents[2] / "manage.py"
ROUNDS = int(os.environ.get("TWILIO_2FA_ROUNDS", "1"))
AT_ONCE = 16

pytestmark = [
    pytest.mark.server_database,
    pytest.mark.django_db(transaction=True),
]


class Server:
    """A server process of the demo that uses the test database."""

    def __init__(self) -> None:
        self.port = free_port()
        d = connection.settings_dict
        scheme = "postgres" if connection.vendor == "postgresql" else "mysql"
        address = f"{scheme}://{d['USER']}:{d['PASSWORD']}@{d['HOST']}:{d['PORT']}/{d['NAME']}"
        env = {**os.environ, "DJANGO_SETTINGS_MODULE": "demo.settings_test", "DATABASE_URL": address}
        command = [sys.executable, str(MANAGE), "runserver", "--noreload", f"127.0.0.1:{self.port}"]
        self.process = subprocess.Popen(
            command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def is_up(self) -> bool:
        try:
            return requests.get(self.url("/login/"), timeout=5).ok
        except requests.ConnectionError:
            return False


@pytest.fixture
def servers(transactional_db: None) -> Iterator[list[Server]]:
    two = [Server(), Server()]
    wait_until(lambda: all(server.is_up() for server in two))
    yield two
    for server in two:
        server.process.kill()
        server.process.wait()
    # Open connections of the servers would prevent the test from emptying the database.
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )


class Browser:
    """A browser with one session, whose requests go to either server."""

    def __init__(self, username: str, servers: list[Server]) -> None:
        self.person = Person(username)
        self.person.client.get("/2fa/start/")
        self.servers = servers
        self.cookies = {
            "sessionid": self.person.client.cookies["sessionid"].value,
            "csrftoken": "a" * 32,
        }

    def post(self, i: int, path: str, **data: str) -> requests.Response:
        return requests.post(
            self.servers[i % len(self.servers)].url(path),
            {**data, "csrfmiddlewaretoken": "a" * 32},
            cookies=self.cookies,
            allow_redirects=False,
            timeout=60,
        )

    def posts_at_once(self, path: str, data: list[dict[str, str]]) -> list[requests.Response]:
        with ThreadPoolExecutor(len(data)) as pool:
            return list(pool.map(lambda i: self.post(i, path, **data[i]), range(len(data))))


@pytest.mark.parametrize("n", range(ROUNDS))
def test_sends_checks_and_approvals_count_across_servers(servers: list[Server], n: int) -> None:
    user = get_user_model().objects.create_user("sam")
    Device.objects.register(user, PhoneNumber(PHONE))
    browser = Browser("sam", servers)
    # Concurrent sends: one message goes out.
    answers = browser.posts_at_once("/2fa/start/", [{"method": "sms"}] * AT_ONCE)
    assert {a.status_code for a in answers} == {302}
    assert len(messages.delivered(PHONE)) == 1
    # Concurrent wrong tokens: never more than the limit are checked.
    right = messages.last_code(PHONE)
    wrong = [f"{k:06}" for k in range(100) if f"{k:06}" != right]
    answers = browser.posts_at_once("/2fa/verify/", [{"token": t} for t in wrong[:AT_ONCE]])
    assert {a.status_code for a in answers} <= {200, 302}
    assert 1 <= SandboxVerification.objects.get().checks <= 4 or Verification.objects.get().attempts == 5
    # The right token many times: one approval. The session is verified, whichever request ends last.
    if Verification.objects.get().status == Status.PENDING:
        browser.posts_at_once("/2fa/verify/", [{"token": right}] * AT_ONCE)
        assert Verification.objects.get().status == Status.APPROVED
        assert browser.person.is_verified
    # Guesses continue until no attempt is left.
    Verification.objects.all().delete()
    SandboxVerification.objects.all().delete()
    browser.post(0, "/2fa/start/", method="sms")
    right = messages.last_code(PHONE)
    for round_ in range(6):
        tokens = [t for t in wrong if t != right][round_ * AT_ONCE : (round_ + 1) * AT_ONCE]
        if tokens:
            browser.posts_at_once("/2fa/verify/", [{"token": t} for t in tokens])
    assert SandboxVerification.objects.get().checks == 5
    row = Verification.objects.get()
    assert (row.status, row.attempts, row.sends) == (Status.FAILED, 5, 1)
