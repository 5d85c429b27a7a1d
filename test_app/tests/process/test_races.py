"""Concurrent requests in threads, on a real database server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth import get_user_model
from django.db import connection

from django_twilio_2fa import errors
from django_twilio_2fa.contacts import EmailAddress, PhoneNumber
from django_twilio_2fa.models import Device, Status, Verification
from django_twilio_2fa.sandbox import messages
from django_twilio_2fa.sandbox.models import SandboxVerification
from django_twilio_2fa.session import get_verifier
from django_twilio_2fa.signals import twilio_2fa_verification_success

from ..helpers import at_once, heard, same_browser
from ..people import EMAIL, PHONE, Person

THREADS = 32

pytestmark = [
    pytest.mark.server_database,
    pytest.mark.django_db(transaction=True),
]


@pytest.fixture
def user(transactional_db: None) -> Any:
    user = get_user_model().objects.create_user("sam", password="sam")
    Device.objects.register(user, PhoneNumber(PHONE))
    return user


REDIS = "redis://127.0.0.1:6379/9"


def connect_to_redis() -> Any:
    """Return a client of Redis. Skip the test if there is no server."""
    import redis

    client = redis.Redis.from_url(REDIS, socket_connect_timeout=1)
    try:
        client.ping()
    except redis.RedisError:
        pytest.skip("needs Redis on 127.0.0.1:6379")
    return client


# The stores of sessions: the database, a cache, or both.
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
    prefix = uuid4().hex
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": REDIS,
            "KEY_PREFIX": prefix,
        }
    }
    # `cache.clear()` would delete the keys of other test processes in the same Redis database.
    with connect_to_redis() as client:
        yield
        for key in client.scan_iter(f"{prefix}:*"):
            client.delete(key)


@pytest.fixture
def browser(user: Any, sessions: None) -> Person:
    """Return a person with one session, which all threads share."""
    return Person("sam").opens("start")


def twin(person: Person) -> Any:
    """Return a client with the same session, for a concurrent request of the same browser."""
    return same_browser(person.client)


def test_pressing_the_button_many_times_sends_one_message(browser: Person) -> None:
    at_once(lambda i: twin(browser).post("/2fa/start/", {"method": "sms"}), THREADS)
    assert len(messages.delivered(PHONE)) == 1
    assert Verification.objects.get().sends == 1


def test_a_right_code_sent_many_times_is_one_approval_and_signal(browser: Person) -> None:
    with heard(twilio_2fa_verification_success) as told:
        browser.picks("sms")
        code = messages.last_code(PHONE)
        answers = at_once(lambda i: twin(browser).post("/2fa/verify/", {"token": code}), THREADS)
    row = Verification.objects.get()
    assert (row.status, row.attempts) == (Status.APPROVED, 1)
    assert [t["verification_sid"] for t in told] == [row.sid]
    assert SandboxVerification.objects.get().checks == 1
    assert not [a.status_code for a in answers if a.status_code >= 500]
    # The browser is verified, whichever response it shows and whichever session was written last.
    assert browser.is_verified
    shown = {a["Location"] for a in answers if a.status_code == 302}
    assert shown == {"/2fa/success/"}
    assert browser.opens("success").is_at("success")


def test_parallel_guesses_reach_twilio_only_as_often_as_allowed(browser: Person) -> None:
    browser.picks("sms")
    right = messages.last_code(PHONE)
    wrong = [f"{n:06}" for n in range(THREADS + 1) if f"{n:06}" != right]

    def guess() -> None:
        at_once(lambda i: twin(browser).post("/2fa/verify/", {"token": wrong[i]}), THREADS)

    # At least one token is checked in each round. A request that waits for another check makes none.
    for _ in range(5):
        guess()
        if Verification.objects.get().status == Status.FAILED:
            break
    guess()
    assert SandboxVerification.objects.get().checks == 5
    row = Verification.objects.get()
    assert (row.status, row.attempts) == (Status.FAILED, 5)


def test_concurrent_resends_send_one_message(browser: Person, later: Any) -> None:
    browser.picks("sms")
    later(31)
    at_once(lambda i: twin(browser).post("/2fa/verify/", {"action": "resend"}), THREADS)
    assert len(messages.delivered(PHONE)) == 2


def test_concurrent_first_registrations_store_one_device(transactional_db: None, settings: Any) -> None:
    settings.TWILIO_2FA_LIMITS = {"unproven_sends_per_user": None}
    get_user_model().objects.create_user("demo")
    people = [Person("demo") for _ in range(8)]
    for n, person in enumerate(people):
        person.opens("start").picks("sms").registers(f"202 555 01{n + 10}")
    codes = [messages.last_code(f"+120255501{n + 10}") for n in range(8)]
    at_once(lambda n: people[n].types(codes[n]), 8)
    assert Device.objects.count() == 1
    assert sum(person.is_verified for person in people) == 1


def test_a_proof_allows_one_of_many_concurrent_changes(browser: Person, user: Any) -> None:
    Device.objects.register(user, EmailAddress(EMAIL))
    browser.opens("start").picks("sms").types_the_code()
    new = {"phone_number": "+12025550147", "email": "new@example.com"}
    posts = []
    for device in Device.objects.all():
        change = f"/2fa/change/{device.pk}/"
        browser.posts(f"{change}start/", method="sms" if device.kind == "phone_number" else "email")
        browser.posts(f"{change}register/", country_code="US", **{device.kind: new[device.kind]})
        posts.append((f"{change}verify/", messages.last_code(new[device.kind])))
    at_once(lambda i: twin(browser).post(posts[i][0], {"token": posts[i][1]}), 2)
    assert Verification.objects.filter(purpose="enrol", status=Status.APPROVED).count() == 1
    assert Device.objects.count() == 2


def additions(person: Person) -> list[Callable[[], None]]:
    """Begin four additions, as in four tabs. Return the functions that finish them."""
    request = person.client.get("/").wsgi_request

    def finishes(number: str, public_id: Any) -> Callable[[], None]:
        code = messages.last_code(number)

        def finish() -> None:
            verifier = get_verifier(request)
            with suppress(errors.ProofRequired, errors.TooManyDevices):
                verifier.check(verifier.get(public_id), code)

        return finish

    numbers = [f"+1202555014{n}" for n in range(4, 8)]
    rows = [get_verifier(request).send("sms", to=PhoneNumber(number)) for number in numbers]
    return [finishes(number, row.public_id) for number, row in zip(numbers, rows, strict=True)]


def test_a_proof_allows_concurrent_additions(browser: Person) -> None:
    acts = additions(browser.picks("sms").types_the_code())
    at_once(lambda i: acts[i](), 4)
    assert Device.objects.count() == 5


def test_concurrent_additions_stay_within_max_devices(browser: Person, settings: Any) -> None:
    acts = additions(browser.picks("sms").types_the_code())
    settings.TWILIO_2FA_MAX_DEVICES = 3
    at_once(lambda i: acts[i](), 4)
    assert Device.objects.count() == 3
    assert Verification.objects.filter(error_code="too_many_devices").count() == 2


@pytest.mark.parametrize("turn", range(4))
def test_a_concurrent_removal_and_additions_have_one_order(browser: Person, user: Any, turn: int) -> None:
    Device.objects.register(user, EmailAddress(EMAIL))
    acts = additions(browser.picks("sms").types_the_code())
    remove = f"/2fa/remove/{Device.objects.get(kind='email').pk}/"
    acts.insert(turn, lambda: twin(browser).post(remove))
    at_once(lambda i: acts[i](), 5)
    assert not Device.objects.filter(kind="email").exists()
    # Additions before the removal are kept, and later additions are refused.
    ends = Verification.objects.filter(purpose="enrol")
    added = ends.filter(status=Status.APPROVED).count()
    assert Device.objects.count() == 1 + added
    assert ends.filter(error_code="proof_required").count() == 4 - added
    [proof] = Verification.objects.exclude(proof_used_at=None)
    assert not ends.filter(approved_at__gt=proof.proof_used_at + timedelta(seconds=1)).exists()


def test_a_proof_allows_one_of_many_concurrent_removals(browser: Person, user: Any) -> None:
    for n in range(4, 8):
        Device.objects.register(user, PhoneNumber(f"+1202555014{n}"))
    browser.opens("start").picks("sms").types_the_code()
    pages = [f"/2fa/remove/{d.pk}/" for d in Device.objects.all()]
    at_once(lambda i: twin(browser).post(pages[i]), 5)
    assert Device.objects.count() == 4


def test_concurrent_removals_leave_the_last_device(user: Any) -> None:
    # Each removal has its own session and proof.
    Device.objects.register(user, EmailAddress(EMAIL))
    people = [Person("sam").opens("start").picks(m) for m in ("sms", "email")]
    for person, to in zip(people, (PHONE, EMAIL), strict=True):
        person.types_the_code(to)
    pages = [f"/2fa/remove/{d.pk}/" for d in Device.objects.all()]
    at_once(lambda i: people[i].client.post(pages[i]), 2)
    assert Device.objects.count() == 1


def test_the_database_agrees_with_the_marker() -> None:
    assert connection.vendor in ("postgresql", "mysql")
