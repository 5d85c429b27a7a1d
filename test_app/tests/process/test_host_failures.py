"""Errors of the site's code or database: the user gets a page, the log has the cause, nobody is verified."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.core.exceptions import PermissionDenied
from django.db import OperationalError, connection

from django_twilio_2fa import errors
from django_twilio_2fa.conf import SETTINGS
from django_twilio_2fa.models import Device, Status, Verification
from django_twilio_2fa.process import database
from django_twilio_2fa.sandbox import messages
from django_twilio_2fa.signals import SIGNALS

from ..attacks.starts import rolled_back
from ..helpers import connected
from ..people import PHONE, Person

pytestmark = pytest.mark.usefixtures("sessions_in_database")

CALLABLES = [s.name for s in SETTINGS.values() if s.arguments]


def raises(**kwargs: Any) -> Any:
    raise RuntimeError("the site's own fault")


def rubbish(**kwargs: Any) -> Any:
    return object()


def every_page(person: Person) -> list[str]:
    """Return the names and paths of all pages, for `opens_every_page`."""
    pages = ["start", "register", "verify", "success", "failed", "devices", "/secret/"]
    pk = Device.objects.filter(user=person.user).values_list("pk", flat=True).first()
    return [*pages, "/2fa/add/", f"/2fa/change/{pk}/", "/2fa/change/"]


def opens_every_page(person: Person) -> None:
    """Open every page. A page that several others redirect to is rendered once."""
    shown: set[str] = set()
    for page in every_page(person):
        address = page if page.startswith("/") else person.url(page)
        followed: list[str] = []
        while address not in shown:
            assert address not in followed, f"{page} redirects in a circle"
            followed.append(address)
            answer = person.client.get(address)
            assert answer.status_code in (200, 302, 404), page
            if answer.status_code != 302:
                break
            address = answer["Location"]
        shown.update(followed)


def walk(person: Person) -> None:
    opens_every_page(person)
    if person.opens("start").page.context and "choices" in (person.page.context or {}):
        for n, (method, _value) in enumerate(person.choices[:2]):
            if n:
                person.opens("start")
            assert person.picks(method).page.status_code == 200
    person.posts("register", country_code="US", phone_number="202 555 0147")
    person.posts("verify", token="000000")
    person.posts("verify", action="resend")
    assert person.page.status_code == 200


def recorded(fails: Callable[..., Any], asked: list[str]) -> Callable[..., Any]:
    def callback(**kwargs: Any) -> Any:
        asked.append(fails.__name__)
        return fails(**kwargs)

    return callback


def each_failure(settings: Any, name: str) -> Iterator[None]:
    """Let a callback raise an error, and then return rubbish. Yield once for each.

    If the first walk does not call the callback, the second is skipped, because it would not call it either.
    """
    for fails in (raises, rubbish):
        asked: list[str] = []
        setattr(settings, f"TWILIO_2FA_{name}", recorded(fails, asked))
        with rolled_back():
            yield
        if not asked:
            return


@pytest.mark.parametrize("name", CALLABLES)
class TestCallbacks:
    def test_a_failing_callback_shows_pages_and_verifies_nobody(
        self, pat: Person, settings: Any, name: str
    ) -> None:
        for _ in each_failure(settings, name):
            person = Person("pat")
            walk(person)
            assert not person.is_verified
            assert [str(d.contact) for d in Device.objects.all()] == [PHONE]

    def test_a_failing_callback_shows_pages_to_a_new_user(
        self, demo: Person, settings: Any, name: str, caplog: Any
    ) -> None:
        for _ in each_failure(settings, name):
            caplog.clear()
            person = Person("demo")
            walk(person)
            assert not person.is_verified
            # The log names the setting of the callback in each error.
            asked = [r for r in caplog.records if r.levelname == "ERROR" and "TWILIO_2FA_" in r.getMessage()]
            assert all(f"TWILIO_2FA_{name}" in r.getMessage() for r in asked)


# Callbacks that allow a registration or a send. If they fail, both are refused.
@pytest.mark.parametrize("fails", [raises])
@pytest.mark.parametrize(
    "name",
    [
        "ALLOW_USER_CB",
        "ALLOW_REGISTRATION",
        "ALLOWED_METHODS",
        "USER_METHODS_CB",
        "PHONE_NUMBER_CB",
        "EMAIL_CB",
        "PHONE_NUMBER_ALLOWED_COUNTRIES",
        "PHONE_NUMBER_DISALLOWED_COUNTRIES",
    ],
)
def test_a_failing_callback_stops_registrations_and_sends(
    demo: Person, settings: Any, name: str, fails: Callable[..., Any], caplog: Any
) -> None:
    setattr(settings, f"TWILIO_2FA_{name}", fails)
    demo.opens("start").picks("sms")
    demo.posts("register", country_code="US", phone_number="202 555 0143")
    assert demo.has_got() == 0
    assert not Device.objects.exists()
    assert f"TWILIO_2FA_{name}" in caplog.text
    assert "the site's own fault" in caplog.text


@pytest.mark.parametrize("name", ["REGISTER_OPTIONAL", "ALLOW_CHANGE"])
def test_a_failing_permission_callback_refuses(sam: Person, settings: Any, name: str) -> None:
    sam.opens("start").picks("sms").types_the_code()
    setattr(settings, f"TWILIO_2FA_{name}", raises)
    pk = Device.objects.filter(kind="email").get().pk
    sam.posts(f"/2fa/devices/{pk}/remove/")
    sam.opens(f"/2fa/change/{pk}/")
    assert Device.objects.count() == 2


def test_a_callback_can_raise_permission_denied(pat: Person, settings: Any) -> None:
    def forbids(user: Any) -> bool:
        raise PermissionDenied

    settings.TWILIO_2FA_ALLOW_USER_CB = forbids
    assert pat.opens("start").page.status_code == 403


@pytest.mark.parametrize("name", SIGNALS)
def test_a_receiver_that_raises_stops_nothing_and_is_logged(demo: Person, name: str, caplog: Any) -> None:
    called = []

    def receiver(**kwargs: Any) -> None:
        called.append(name)
        raise RuntimeError("the receiver's own fault")

    signal = SIGNALS[name].signal
    with connected(signal, receiver):
        demo.opens("start").picks("sms").registers()
        for _ in range(4):
            demo.types_a_wrong_code()
        demo.types_the_code()
        assert demo.is_verified
    assert bool(called) == ("the receiver's own fault" in caplog.text)


# Lost sessions


@pytest.mark.parametrize("page", ["start", "register", "verify"])
def test_a_code_works_after_the_session_is_lost_and_a_new_one(demo: Person, page: str) -> None:
    demo.opens("start").picks("sms").registers()
    code = messages.last_code(PHONE)
    Session.objects.all().delete()
    data = {"method": "sms", "country_code": "US", "phone_number": "202 555 0143", "token": code}
    answer = demo.client.post(demo.url(page), data)
    assert answer.status_code == 403
    assert "You are signed out." in answer.content.decode()
    assert demo.client.get(answer.context["go_on_href"])["Location"].startswith("/login/?next=")
    demo.client.force_login(demo.user)
    demo.page = None
    demo.opens("start").picks("sms").registers()
    # The code from before is still valid, and no second message is sent.
    assert demo.has_got() == 1
    assert demo.types(code).is_verified


def test_a_session_that_ends_during_a_check_is_not_verified(pat: Person, settings: Any) -> None:
    # For example, the user signs out in another tab. Django answers the pending request with 400.
    pat.opens("start").picks("sms")
    settings.TWILIO_2FA_ALLOW_USER_CB = lambda user: bool(Session.objects.all().delete())
    answer = pat.client.post("/2fa/verify/", {"token": messages.last_code(PHONE)})
    assert answer.status_code == 400
    settings.TWILIO_2FA_ALLOW_USER_CB = True
    pat.client.force_login(pat.user)
    assert not pat.is_verified


# Database errors


@contextmanager
def a_database_that_fails(times: int, sql: str) -> Iterator[list[str]]:
    """Refuse the next `times` statements that begin with `sql`, as a server does during a restart."""
    failed: list[str] = []

    def refuse(execute: Any, statement: str, params: Any, many: bool, context: Any) -> Any:
        told = statement.replace("`", '"')  # MariaDB quotes names in backticks
        if told.startswith(sql) and len(failed) < times and _after_twilio(told):
            failed.append(statement)
            raise OperationalError("terminating connection due to administrator command")
        return execute(statement, params, many, context)

    with connection.execute_wrapper(refuse):
        yield failed


def _after_twilio(statement: str) -> bool:
    """Return whether a statement records an answer of Twilio: a send, an approval, or reset counters."""
    changes = statement.partition(" WHERE ")[0]
    return any(name in changes for name in ('"last_sent_at" =', '"approved_at" =', '"n" ='))


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: Any) -> None:
    monkeypatch.setattr(database, "PAUSE", 0.001)


UPDATE = 'UPDATE "twilio_2fa_verification"'


@pytest.mark.django_db(transaction=True)
def test_a_short_database_failure_loses_no_answer(pat: Person, caplog: Any) -> None:
    pat.opens("start")
    with a_database_that_fails(2, UPDATE) as failed:
        pat.picks("sms")
    assert len(failed) == 2
    assert pat.is_at("verify")
    with a_database_that_fails(2, UPDATE) as failed:
        pat.types_the_code()
    assert len(failed) == 2
    assert pat.is_verified
    assert "Recording failed, trying again" in caplog.text


@pytest.mark.django_db(transaction=True)
def test_a_send_that_is_not_recorded_still_has_a_working_code(pat: Person, caplog: Any) -> None:
    pat.opens("start")
    with a_database_that_fails(5, UPDATE):
        pat.picks("sms")
    assert pat.is_at("verify")
    assert "We are not sure the code was sent" in pat.text
    assert "terminating connection" in caplog.text
    assert pat.has_got() == 1
    assert pat.types_the_code().is_verified


@pytest.mark.django_db(transaction=True)
def test_an_approval_that_cannot_be_recorded_shows_an_error(pat: Person, later: Any, caplog: Any) -> None:
    pat.opens("start").picks("sms")
    with a_database_that_fails(5, UPDATE):
        pat.types_the_code()
    assert "Send a new code" in pat.text
    assert "terminating connection" in caplog.text
    assert not pat.is_verified
    assert Verification.objects.get().status == Status.PENDING
    # Twilio accepts that code only once. After the lease of the check has ended, the user gets a new code.
    later(60)
    pat.opens("start").picks("sms").types_the_code()
    if not pat.is_verified:
        pat.opens("start").picks("sms").types_the_code()
    assert pat.is_verified


@pytest.mark.django_db(transaction=True)
def test_a_removal_is_retried_if_its_commit_fails(sam: Person, monkeypatch: Any) -> None:
    sam.opens("start").picks("sms").types_the_code()
    device = Device.objects.get(user=sam.user, kind="email")
    commit, failed = connection._commit, []

    def fails_once() -> None:
        if not failed and not Device.objects.filter(pk=device.pk).exists():
            failed.append(device)
            raise OperationalError("terminating connection due to administrator command")
        commit()

    monkeypatch.setattr(connection, "_commit", fails_once)
    sam.client.post(f"/2fa/remove/{device.pk}/")
    assert failed
    assert not Device.objects.filter(pk=device.pk).exists()


@pytest.mark.django_db(transaction=True)
def test_a_send_to_a_removed_device_raises_an_error(pat: Person) -> None:
    verifier = pat.verifier
    [registered] = verifier.registered()
    Device.objects.all().delete()
    with pytest.raises(errors.NotRecorded):
        verifier.send("sms", device=registered)
    assert not pat.has_got()
