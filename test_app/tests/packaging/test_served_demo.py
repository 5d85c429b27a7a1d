"""`make demo` from the outside: start the demo, and walk through it over HTTP."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ..helpers import free_port, wait_until
from .visitor import Visitor

pytestmark = pytest.mark.packaging

ROOT = Path(__file__).resolve().parents[3]
STARTS_WITHIN = 60


def make(target: str, database: Path, output: Path, **variables: Any) -> subprocess.Popen[bytes]:
    """Start a target of the Makefile, in a process group of its own and on a database of its own."""
    # The environment of the tests has the demo installed, so make skips that.
    installed = ["-o", f"{sys.prefix}/.demo-installed", f"VENV={sys.prefix}"]
    command = ["make", target, *installed, *(f"{name}={value}" for name, value in variables.items())]
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("TWILIO_", "DJANGO_", "MAKE"))}
    environment |= {"DATABASE_URL": f"sqlite:///{database}", "DEMO_ENV_FILE": os.devnull}
    environment["PYTHONUNBUFFERED"] = "1"
    with output.open("w") as out:
        return subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=out, stderr=out, start_new_session=True
        )


class Demo:
    """A running `make demo`."""

    def __init__(self, database: Path) -> None:
        self.port = free_port()
        self.database = database
        self.output = database.with_name("output")

    def start(self) -> None:
        self.process = make("demo", self.database, self.output, PORT=self.port)
        wait_until(self.is_up, STARTS_WITHIN)

    def is_up(self) -> bool:
        assert self.process.poll() is None, self.output.read_text()
        return self.answers()

    def answers(self) -> bool:
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
        self.process.wait(timeout=30)

    def visitor(self, host: str = "localhost") -> Visitor:
        return Visitor(f"http://{host}:{self.port}/")


@pytest.fixture(scope="module")
def as_new(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the database of a demo that has just been set up."""
    folder = tmp_path_factory.mktemp("as-new")
    prepared = make("demo-prepare", folder / "demo.sqlite3", folder / "output")
    assert prepared.wait(timeout=STARTS_WITHIN) == 0, (folder / "output").read_text()
    return folder / "demo.sqlite3"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, as_new: Path) -> Iterator[Demo]:
    demo = Demo(Path(shutil.copy(as_new, tmp_path_factory.mktemp("running"))))
    demo.start()
    yield demo
    demo.stop()


@pytest.fixture
def demo(running: Demo, as_new: Path) -> Demo:
    """Return a running demo with a new database. It starts only once: a start takes longer than a test."""
    with closing(sqlite3.connect(as_new)) as new, closing(sqlite3.connect(running.database)) as used:
        new.backup(used)
    return running


def signed_in(demo: Demo, name: str) -> Visitor:
    visitor = demo.visitor()
    visitor.open("/login/")
    visitor.submit(username=name, password=name)
    assert f"Hello, {name}" in visitor.page
    return visitor


def delivered(visitor: Visitor) -> dict[str, str]:
    """Return the newest message that the handset shows."""
    with visitor.opener.open(visitor.address + "sandbox/messages.json", timeout=30) as answer:
        newest: dict[str, str] = json.load(answer)[0]
        return newest


def test_the_first_start_of_the_demo_sets_up_the_database(tmp_path: Path) -> None:
    demo = Demo(tmp_path / "demo.sqlite3")
    demo.start()
    try:
        assert demo.visitor().open("/login/")
        signed_in(demo, "admin")
    finally:
        demo.stop()


def test_the_demo_prints_the_url_the_users_and_the_handset(demo: Demo) -> None:
    output = demo.output.read_text()

    assert f"http://localhost:{demo.port}/" in output
    assert "demo / demo" in output
    assert "sam / sam" in output
    assert "admin / admin" in output
    assert f"http://localhost:{demo.port}/sandbox/" in output


WHAT_TO_REGISTER = {
    "sms": {"country_code": "US", "phone_number": "(202) 555-0143"},
    "call": {"country_code": "US", "phone_number": "202.555.0143"},
    "whatsapp": {"country_code": "US", "phone_number": "+1 202 555 0143"},
    "email": {"email": "demo@example.com"},
}


@pytest.mark.parametrize("method", WHAT_TO_REGISTER)
def test_demo_registers_and_lands_back_on_the_secret_page(demo: Demo, method: str) -> None:
    visitor = signed_in(demo, "demo")
    visitor.open("/secret/")
    assert visitor.path == "/2fa/start/"

    visitor.submit(method=method)
    visitor.submit(**WHAT_TO_REGISTER[method])
    assert visitor.path == "/2fa/verify/"
    message = delivered(visitor)
    assert message["channel"] == method
    visitor.submit(token=message["code"])
    assert "Recovery codes" in visitor.page
    visitor.submit()  # not now

    assert visitor.path == "/secret/"
    assert "The secret" in visitor.page
    assert "You are verified" in visitor.open("/")


@pytest.mark.parametrize("method", WHAT_TO_REGISTER)
def test_sam_verifies_with_a_device_in_the_served_demo(demo: Demo, method: str) -> None:
    visitor = signed_in(demo, "sam")
    visitor.open("/secret/")

    visitor.submit(method=method)
    assert visitor.path == "/2fa/verify/"
    visitor.submit(token=delivered(visitor)["code"])

    assert visitor.path == "/secret/"


def test_a_restarted_demo_keeps_the_data(demo: Demo) -> None:
    visitor = signed_in(demo, "demo")
    visitor.open("/secret/")
    visitor.submit(method="email")
    visitor.submit(email="demo@example.com")
    visitor.submit(token=delivered(visitor)["code"])
    visitor.submit()  # no recovery codes now
    assert visitor.path == "/secret/"

    demo.stop()
    demo.start()

    again = signed_in(demo, "demo")
    again.open("/secret/")
    assert again.path != "/2fa/register/"
    assert "dXXX@eXXXXXX.com" in again.page


def test_pages_of_the_demo_have_a_strict_content_security_policy(demo: Demo) -> None:
    visitor = signed_in(demo, "demo")
    for path in ("/", "/secret/", "/2fa/devices/", "/sandbox/"):
        with visitor.opener.open(visitor.address.rstrip("/") + path, timeout=30) as answer:
            page = answer.read().decode()
            assert answer.headers["Content-Security-Policy"] == "default-src 'self'; img-src 'self' data:"
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\ssrc=)", page), path


def test_the_demo_refuses_other_hosts(demo: Demo) -> None:
    request = urllib.request.Request(f"http://127.0.0.1:{demo.port}/")
    for host, status in {"localtest.me": 200, "localhost": 200, "evil.example": 400}.items():
        request.add_header("Host", f"{host}:{demo.port}")
        try:
            answered = urllib.request.urlopen(request, timeout=30).status
        except urllib.error.HTTPError as e:
            answered = e.code
        assert answered == status, host
