"""What the attacks share: people with many devices, what reached Twilio, and what somebody was shown."""

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
    """Somebody new, with these numbers and addresses registered."""
    user = get_user_model().objects.create_user(username, password=username)
    for value in values:
        Device.objects.register(user, EmailAddress(value) if "@" in value else PhoneNumber(value))
    return Person(username)


def checks() -> int:
    """How many checks have reached Twilio."""
    return sum(SandboxVerification.objects.values_list("checks", flat=True))


def sends() -> int:
    """How many messages have been delivered."""
    return SandboxMessage.objects.count()


def wrong_code_for(to: str) -> str:
    """A code that is not the one delivered there; any code where none was."""
    try:
        code = messages.last_code(to)
    except LookupError:
        return "000000"
    return wrong_code(code)


def values(person: Person) -> list[str]:
    """What they have registered."""
    return sorted(Device.objects.filter(user=person.user).values_list("value", flat=True))


def newest(person: Person) -> Verification:
    return Verification.objects.filter(user=person.user).latest("pk")


def shown(answer: Any) -> tuple[int, str, str]:
    """Status, address and page of an answer, without what is random in every page."""
    html = answer.content.decode()
    html = re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", html)
    html = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "UUID", html)
    # A second may have passed between two people's requests.
    html = re.sub(r'data-countdown="\d+"|\(in \d+ s\)|wait \d+ seconds|in \d+ seconds', "", html)
    return answer.status_code, answer.request["PATH_INFO"], html
