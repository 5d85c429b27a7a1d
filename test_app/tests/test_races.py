"""Requests at once, in threads, on a real database server."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth import get_user_model
from django.core.cache import cache
from django.db import connection, connections

from django_twilio_2fa.contacts import PhoneNumber
from django_twilio_2fa.models import Device, Status, Verification
from django_twilio_2fa.sandbox import messages
from django_twilio_2fa.sandbox.models import SandboxVerification
from django_twilio_2fa.signals import twilio_2fa_verification_success

from .people import PHONE, Person

THREADS = 32

pytestmark = [
    pytest.mark.server_database,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif("connection.vendor == 'sqlite'", reason="needs a database server: set DATABASE_URL"),
]


def at_once(action: Callable[[int], Any], n: int = THREADS) -> list[Any]:
    """Do it in `n` threads that set off together."""
    ready = threading.Barrier(n)

    def run(i: int) -> Any:
        try:
            ready.wait(30)
            return action(i)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(n) as pool:
        return list(pool.map(run, range(n)))


@pytest.fixture
def user(transactional_db: None) -> Any:
    user = get_user_model().objects.create_user("sam", password="sam")
    Device.objects.register(user, PhoneNumber(PHONE))
    return user


REDIS = "redis://127.0.0.1:6379/9"


def redis_answers() -> bool:
    import redis

    try:
        return bool(redis.Redis.from_url(REDIS, socket_connect_timeout=1).ping())
    except redis.RedisError:
        return False


# Where a site keeps its sessions: its database, a cache, or both.
@pytest.fixture(
    params=[
        "db",
        pytest.param("cache", marks=pytest.mark.redis),
        pytest.param("cached_db", marks=pytest.mark.redis),
    ]
)
def sessions(request: Any, settings: Any) -> Iterator[None]:
    settings.SESSION_ENGINE = f"django.contrib.sessions.backends.{request.param}"
    if request.param == "db":
        yield
        return
    if not redis_answers():
        pytest.skip("needs Redis on 127.0.0.1:6379")
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": REDIS,
            "KEY_PREFIX": uuid4().hex,
        }
    }
    yield
    cache.clear()


@pytest.fixture
def browser(user: Any, sessions: None) -> Person:
    """One session, which all threads share."""
    return Person("sam").opens("start")


def twin(person: Person) -> Any:
    """Another request of the same browser: the same cookies, a client of its own."""
    from django.test import Client

    client = Client()
    client.cookies.update(person.client.cookies)
    return client


def test_one_message_goes_out_however_often_the_button_is_pressed(browser: Person) -> None:
    at_once(lambda i: twin(browser).post("/2fa/start/", {"method": "sms"}))
    assert len(messages.delivered(PHONE)) == 1
    assert Verification.objects.get().sends == 1


def test_one_approval_and_one_signal_however_often_the_right_code_is_sent(browser: Person) -> None:
    told = []

    def receiver(**kwargs: Any) -> None:
        told.append(kwargs["verification_sid"])

    twilio_2fa_verification_success.connect(receiver)
    try:
        browser.picks("sms")
        code = messages.last_code(PHONE)
        answers = at_once(lambda i: twin(browser).post("/2fa/verify/", {"token": code}))
    finally:
        twilio_2fa_verification_success.disconnect(receiver)
    row = Verification.objects.get()
    assert (row.status, row.attempts) == (Status.APPROVED, 1)
    assert told == [row.sid]
    assert SandboxVerification.objects.get().checks == 1
    assert not [a.status_code for a in answers if a.status_code >= 500]
    # Whichever response the browser shows, and whichever session was written last.
    assert browser.is_verified
    shown = {a["Location"] for a in answers if a.status_code == 302}
    assert shown == {"/2fa/success/"}
    assert browser.opens("success").is_at("success")


def test_guesses_in_parallel_reach_twilio_as_often_as_is_allowed(browser: Person) -> None:
    browser.picks("sms")
    right = messages.last_code(PHONE)
    wrong = [f"{n:06}" for n in range(THREADS + 1) if f"{n:06}" != right]
    # Each round checks one at the least: whoever has waited for another's check does not make one.
    for _ in range(8):
        at_once(lambda i: twin(browser).post("/2fa/verify/", {"token": wrong[i]}))
    assert SandboxVerification.objects.get().checks == 5
    row = Verification.objects.get()
    assert (row.status, row.attempts) == (Status.FAILED, 5)


def test_resends_at_once_are_one(browser: Person, later: Any) -> None:
    browser.picks("sms")
    later(31)
    at_once(lambda i: twin(browser).post("/2fa/verify/", {"action": "resend"}))
    assert len(messages.delivered(PHONE)) == 2


def test_first_registrations_in_two_sessions_at_once_end_in_one(
    transactional_db: None, settings: Any
) -> None:
    settings.TWILIO_2FA_LIMITS = {"unproven_sends_per_user": None}
    get_user_model().objects.create_user("demo")
    people = [Person("demo") for _ in range(8)]
    for n, person in enumerate(people):
        person.opens("start").picks("sms").registers(f"202 555 01{n + 10}")
    codes = [messages.last_code(f"+120255501{n + 10}") for n in range(8)]
    at_once(lambda n: people[n].types(codes[n]), 8)
    assert Device.objects.count() == 1
    assert sum(person.is_verified for person in people) == 1


def test_one_proof_serves_one_of_many_changes_at_once(browser: Person) -> None:
    browser.picks("sms").types_the_code()
    pk = Device.objects.get().pk
    browser.opens(f"/2fa/change/{pk}/").picks("sms").registers("202 555 0147")
    browser.opens("/2fa/add/").picks("sms").registers("202 555 0148")
    posts = [
        (f"/2fa/change/{pk}/verify/", messages.last_code("+12025550147")),
        ("/2fa/add/verify/", messages.last_code("+12025550148")),
    ]
    at_once(lambda i: twin(browser).post(posts[i][0], {"token": posts[i][1]}), 2)
    assert Verification.objects.filter(purpose="enrol", status=Status.APPROVED).count() == 1


def test_the_vendor_is_what_the_marker_says() -> None:
    assert connection.vendor in ("postgresql", "mysql")
