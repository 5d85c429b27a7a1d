"""Helpers of the attack tests: users with devices, counts of requests, and pages that can be compared."""

from __future__ import annotations

import re
from typing import Any

from django.contrib.auth import get_user_model

from django_twilio_2fa.contacts import EmailAddress, PhoneNumber
from django_twilio_2fa.models import Device, Verification
from django_twilio_2fa.sandbox import messages
from django_twilio_2fa.sandbox.models import SandboxMessage, SandboxVerification

from ..helpers import wrong_code
from ..people import Person

NEW = "+12025550147"
NO_SEND_LIMITS = dict.fromkeys(
    (
        "sends_per_user",
        "sends_per_destination",
        "unproven_sends_per_user",
        "unproven_sends_per_destination",
    )
)


def made(username: str, *values: str) -> Person:
    """Create a user with these phone numbers and e-mail addresses registered."""
    user = get_user_model().objects.create_user(username, password=username)
    for value in values:
        Device.objects.register(user, EmailAddress(value) if "@" in value else PhoneNumber(value))
    return Person(username)


def checks() -> int:
    """Return the number of checks that have reached Twilio."""
    return sum(SandboxVerification.objects.values_list("checks", flat=True))


def sends() -> int:
    """Return the number of messages that have been delivered."""
    return SandboxMessage.objects.count()


def wrong_code_for(to: str) -> str:
    """Return a wrong code for this destination, or any code if none was delivered."""
    try:
        code = messages.last_code(to)
    except LookupError:
        return "000000"
    return wrong_code(code)


def values(person: Person) -> list[str]:
    """Return the numbers and addresses that the user has registered."""
    return sorted(Device.objects.filter(user=person.user).values_list("value", flat=True))


def newest(person: Person) -> Verification:
    return Verification.objects.filter(user=person.user).latest("pk")


def shown(answer: Any) -> tuple[int, str, str]:
    """Return the status, path and HTML of a response, without the random parts of every page."""
    html = answer.content.decode()
    html = re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", html)
    html = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "UUID", html)
    # A second may pass between two requests.
    seconds = r'data-(countdown|reveal-after)="\d+"|\(in \d+ s\)|wait \d+ seconds|in \d+ seconds'
    html = re.sub(seconds, "", html)
    return answer.status_code, answer.request["PATH_INFO"], html
