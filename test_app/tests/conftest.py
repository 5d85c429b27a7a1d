"""The people of the tests, and what every test starts from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth import get_user_model

from django_twilio_2fa.contacts import EmailAddress
from django_twilio_2fa.testing import register_device

from . import openapi
from .loopback_twilio import LoopbackTwilio
from .people import EMAIL, PHONE, Person


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
    """Twilio as a process of its own, over HTTP; well until a fault strikes, and waited for but shortly."""
    from django_twilio_2fa.twilio import client

    served_twilio.is_new()
    settings.TWILIO_2FA_SANDBOX = False
    settings.TWILIO_2FA_BASE_URL = served_twilio.address
    settings.TWILIO_2FA_ACCOUNT_SID = "AC" + "1" * 32
    settings.TWILIO_2FA_AUTH_TOKEN = "a secret"
    settings.TWILIO_2FA_SERVICE_ID = "VA" + "2" * 32
    settings.TWILIO_2FA_TIMEOUT = (1, 0.5)
    yield served_twilio
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
