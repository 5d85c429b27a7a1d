"""The roles and names that a screen reader reads on each page of the whole flow, in order.

`TWILIO_2FA_TRANSCRIPT=1` rewrites transcript.txt. Read the changes before you commit them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from ..helpers import wrong_code
from .test_walk import PHONE, click, code_for, sign_in, submit

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

TRANSCRIPT = Path(__file__).parent / "transcript.txt"
# Parts that differ between runs, or between versions of Playwright.
CHANGES = (
    (re.compile(r"\b[0-9a-f]{4}(-[0-9a-f]{4}){3}\b"), "CODE"),
    (re.compile(r"\b[A-Z][a-z]{2,8}\.? \d{1,2}, \d{4}(, (\d+(:\d+)? [ap]\.m\.|noon|midnight))?"), "DATE"),
    (re.compile(r"in \d+ (seconds?|minutes?)"), "in TIME"),
    (re.compile(r"localhost:\d+"), "localhost"),
    (re.compile(r"^ *- /url: .*\n?", re.M), ""),
    (re.compile(r" \[(?!level)[^\]]*\]"), ""),
    (re.compile(r":$", re.M), ""),
)


@pytest.fixture(autouse=True)
def users(transactional_db: None, settings: Any) -> None:
    settings.TWILIO_2FA_HELP_URL = "/lost/"
    settings.TWILIO_2FA_ALLOWED_METHODS = ["sms", "call", "email", "recovery"]
    settings.TWILIO_2FA_TRUSTED_BROWSER_AGE = None
    call_command("demo_users")


def heard(window: Any) -> str:
    found = window.locator("main").aria_snapshot()
    for pattern, text in CHANGES:
        found = pattern.sub(text, found)
    return str(found).rstrip()


def flow(window: Any) -> Iterator[str]:
    """Walk from a first registration to the removal of a device, and yield the name of each page."""
    sign_in(window, "demo")
    window.goto("/2fa/start/?next=/secret/")
    yield "Set up"
    click(window, "Text message")
    yield "Enter a number"
    click(window, "Send code")
    yield "Enter a number, with an error"
    submit(window, phone_number="202 555 0143")
    yield "Enter the first code"
    submit(window, token=code_for(window, PHONE))
    yield "Offer of recovery codes"
    click(window, "Recovery codes")
    yield "About recovery codes"
    click(window, "Continue")
    yield "Recovery codes"
    window.check("[name=saved]")
    click(window, "Continue")
    window.context.clear_cookies()
    sign_in(window, "sam")
    window.goto("/2fa/start/")
    yield "Sign in"
    click(window, "Text message")
    yield "Enter the code"
    code = code_for(window, PHONE)
    submit(window, token=wrong_code(code))
    yield "Enter the code, with an error"
    submit(window, token=code)
    yield "Done"
    window.goto("/2fa/start/")
    yield "Sign in, verified already"
    window.goto("/2fa/devices/")
    yield "Devices"
    click(window, "Remove")
    yield "Remove"


def test_screen_readers_hear_the_flow_as_in_the_transcript(window: Any) -> None:
    found = "\n\n".join(f"# {name}\n{heard(window)}" for name in flow(window)) + "\n"
    if os.environ.get("TWILIO_2FA_TRANSCRIPT"):
        TRANSCRIPT.write_text(found)
    assert found == TRANSCRIPT.read_text()
