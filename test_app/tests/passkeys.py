"""Users with passkeys, and the answers of their authenticators."""

from __future__ import annotations

import json
from typing import Any

from django.contrib.auth import get_user_model
from twilio_2fa_passkey.testing import SoftwareAuthenticator

from django_twilio_2fa.models import Device

from .people import Person, registers_by_code


def asked(person: Person) -> dict[str, Any]:
    """Return the ceremony of the open page, which its script reads."""
    found: dict[str, Any] = json.loads(person.page.context["ceremony"])
    return found


def options(person: Person) -> dict[str, Any]:
    """Return the options that the open page passes to `navigator.credentials`."""
    found: dict[str, Any] = asked(person)["publicKey"]
    return found


def names_itself(person: Person, name: str = "") -> Person:
    """Open the page that creates a passkey: the user's first device or, after a proof, another."""
    first = not Device.objects.filter(user=person.user).exists()
    person.page = None
    person.posts("start" if first else "/2fa/add/start/", method="passkey", device="")
    return person.posts(name=name)


def creates(person: Person, authenticator: SoftwareAuthenticator, name: str = "", **false: Any) -> Person:
    """Register a passkey through the pages."""
    names_itself(person, name)
    return answers(person, authenticator.create(asked(person), **false))


def answers(person: Person, answer: Any) -> Person:
    return person.posts(token=answer if isinstance(answer, str) else json.dumps(answer))


def begins(person: Person) -> Person:
    """Open the page that asks for a passkey."""
    person.page = None
    return person.posts("start", method="passkey", device="")


def uses(person: Person, authenticator: SoftwareAuthenticator, **more: Any) -> Person:
    """Verify with a passkey on the pages."""
    begins(person)
    return answers(person, authenticator.get(asked(person), **more))


def with_passkey(username: str, authenticator: SoftwareAuthenticator, name: str = "") -> Person:
    """Return a new user with a passkey, in a new session."""
    user = get_user_model().objects.create_user(username, password=username)
    registers_by_code(user, "passkey", authenticator.create, name=name)
    return Person(username)


def passkeys(person: Person) -> list[Device]:
    return list(Device.objects.filter(user=person.user, kind="passkey"))


# Without a password


def begins_to_log_in(person: Person, at: str = "/in/") -> dict[str, Any]:
    """Ask a log-in page for a ceremony, as its script does."""
    answer = person.client.post(at, {"passwordless": "begin"})
    assert answer.status_code == 200, answer.content
    found: dict[str, Any] = answer.json()
    return found


def posts_answer(person: Person, id: str, answer: Any, at: str = "/in/", **data: str) -> Person:
    """Post the log-in form with the browser's answer."""
    text = answer if isinstance(answer, str) else json.dumps(answer)
    told = {"username": "", "password": "", "passwordless": id, "passwordless_answer": text, **data}
    person.page = person.client.post(at, told, follow=True)
    return person


def logs_in(
    person: Person, authenticator: SoftwareAuthenticator, at: str = "/in/", data: Any = None, **false: Any
) -> Person:
    """Log in with a passkey and no password. `false` has false statements for the authenticator to sign."""
    asked = begins_to_log_in(person, at)
    return posts_answer(
        person, asked["id"], authenticator.get(asked["ceremony"], **false), at, **(data or {})
    )
