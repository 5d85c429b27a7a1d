"""Less common pages and states, checked with axe-core and for what axe-core cannot find."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command

from django_twilio_2fa.contacts import EmailAddress
from django_twilio_2fa.models import Device
from django_twilio_2fa.testing import register_device

from ..clock import pass_time
from ..helpers import wrong_code
from .measures import SCHEMES, faults, seen
from .test_passkey import Authenticator
from .test_walk import PHONE, click, code_for, looks_as_it_should, sign_in, submit

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

Walk = Callable[[Any], Iterator[str]]

CANCELS = """() => { navigator.credentials.create =
  () => Promise.reject(new DOMException("", "NotAllowedError")); }"""


@pytest.fixture(autouse=True)
def users(transactional_db: None, settings: Any) -> None:
    settings.TWILIO_2FA_HELP_URL = "/lost/"
    settings.TWILIO_2FA_TRUSTED_BROWSER_AGE = timedelta(days=30)
    settings.TWILIO_2FA_SEND_COOLDOWN = 0
    settings.TWILIO_2FA_ALLOWED_METHODS = ["sms", "call", "email", "link", "passkey", "push", "recovery"]
    settings.TWILIO_2FA_LIMITS = dict.fromkeys(("unproven_sends_per_user", "unproven_sends_per_destination"))
    call_command("demo_users")
    for name in ("keys", "browser", "pat"):
        user = get_user_model().objects.create_user(name, password=name)
    register_device(user, EmailAddress("pat@example.com"))


def presses(window: Any, text: str) -> None:
    window.get_by_role("button", name=text).first.click()


def in_other_session(window: Any, name: str) -> None:
    window.context.clear_cookies()
    sign_in(window, name)


def registering(window: Any) -> Iterator[str]:
    """Register a first device and recovery codes, then start again in the verified session."""
    in_other_session(window, "demo")
    window.goto("/2fa/start/")
    click(window, "Text message")
    submit(window, phone_number="202 555 0143")
    submit(window, token=code_for(window, PHONE))
    yield "backup"
    click(window, "Recovery codes")
    yield "recovery-register"
    click(window, "Continue")
    yield "recovery-codes"
    presses(window, "Copy")
    window.locator("#twilio_2fa_codes_copied:not(:empty)").wait_for()
    yield "recovery-copied"
    click(window, "Continue")
    yield "recovery-not-saved"
    window.check("[name=saved]")
    click(window, "Continue")
    window.goto("/2fa/start/?next=/secret/")
    yield "start-verified"
    click(window, "Recovery codes")
    yield "recovery-enter"
    submit(window, token="no code")
    yield "recovery-enter-error"


def failing(window: Any) -> Iterator[str]:
    """Let a code expire, use up its attempts, and post a form after signing out."""
    in_other_session(window, "sam")
    window.goto("/2fa/start/")
    click(window, "Text message")
    click(window, "Send the code again")
    yield "sent-again"
    pass_time(601)
    submit(window, token="123456")
    yield "expired"
    click(window, "Send a new code")
    for _ in range(5):
        submit(window, token=wrong_code(code_for(window, PHONE)))
    yield "failed"
    window.goto("/2fa/start/")
    yield "start-used-up"
    window.context.clear_cookies()
    click(window, "Email")
    # Chromium logs the status 403 of the form in its console.
    window.complaints.clear()
    yield "stale"


def sending_a_form(window: Any) -> Iterator[str]:
    """Send a form that needs another verification first."""
    in_other_session(window, "pat")
    window.goto("/2fa/start/?next=/2fa/devices/")
    click(window, "Email")
    submit(window, token=code_for(window, "pat@example.com"))
    pass_time(601)
    window.locator(".twilio-2fa-naming summary").first.click()
    click(window, "Save name")
    yield "start-before-change"
    click(window, "Email")
    submit(window, token=code_for(window, "pat@example.com"))
    yield "again"


def passkeys(window: Any) -> Iterator[str]:
    authenticator = Authenticator(window)
    in_other_session(window, "keys")
    window.goto("/2fa/start/?next=/secret/")
    click(window, "Passkey")
    yield "passkey-register"
    click(window, "Continue")
    yield "passkey-create"
    window.evaluate(CANCELS)
    presses(window, "Create a passkey")
    window.locator("[data-passkey-says=canceled]").wait_for()
    yield "passkey-canceled"
    window.reload()
    click(window, "Create a passkey")
    assert authenticator.credentials
    in_other_session(window, "keys")
    # A single choice is requested at once.
    window.goto("/2fa/start/")
    window.wait_for_url("**/verify/**")
    yield "passkey-use"


def approving(window: Any) -> Iterator[str]:
    """Open the page that waits for a link, and both pages of an approval."""
    in_other_session(window, "sam")
    window.goto("/2fa/start/")
    click(window, "Link by email")
    yield "waiting-for-a-link"
    in_other_session(window, "browser")
    window.goto("/2fa/start/?next=/secret/")
    click(window, "Approval on a device")
    yield "push-register"
    click(window, "Continue")
    yield "push-confirm"
    click(window, "Register this browser")
    assert Device.objects.filter(kind="push").exists()
    # The same browser signs in and approves: the key is in its store, whatever its cookies are.
    in_other_session(window, "browser")
    # A single choice is requested at once.
    window.goto("/2fa/start/")
    window.wait_for_url("**/verify/**")
    yield "push-waiting"
    number = window.locator("output").inner_text()
    window.goto("/2fa/push/")
    window.locator("[name=number]:focus").wait_for()
    yield "push-approvals"
    window.keyboard.press("Enter")
    window.locator("[data-push-error]:not([hidden])").wait_for()
    yield "push-number-missing"
    window.fill("[name=number]", number)
    presses(window, "Approve")
    window.locator("[data-push-says=approved]:not([hidden])").wait_for()
    yield "push-approved"


WALKS = [registering, failing, sending_a_form, passkeys, approving]


@pytest.mark.parametrize("walk", WALKS)
def test_every_state_is_accessible_in_each_display_mode(window: Any, walk: Walk) -> None:
    found = {}
    for name in walk(window):
        if wrong := list(faults(window)):
            found[name] = wrong
        for scheme in SCHEMES:
            with seen(window, color_scheme=scheme):
                looks_as_it_should(window, f"state-{name}-{scheme}")
        title = window.title().removeprefix("Error: ")
        assert title.startswith(window.locator("h1").inner_text()), (name, title)
    assert found == {}
