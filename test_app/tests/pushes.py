"""Users with registered browsers, and the answers of these browsers."""

from __future__ import annotations

import json
from typing import Any

from django.contrib.auth import get_user_model
from django.test import Client
from twilio_2fa_push.challenges import Asked, asked_in
from twilio_2fa_push.testing import SoftwareBrowser

from django_twilio_2fa.models import Device, Verification

from .people import Person, registers_by_code

PENDING, ANSWER = "/2fa/push/pending/", "/2fa/push/answer/"


def names_itself(person: Person, browser: SoftwareBrowser, name: str = "") -> Person:
    """Open the page that confirms a browser: the user's first device or, after a proof, another."""
    first = not Device.objects.filter(user=person.user).exists()
    person.page = None
    person.posts("start" if first else "/2fa/add/start/", method="push", device="")
    return person.posts(name=name, public_key=browser.public_key)


def registers(person: Person, browser: SoftwareBrowser, name: str = "") -> Person:
    """Register a browser on the pages."""
    names_itself(person, browser, name)
    return confirms(person, browser)


def confirms(person: Person, browser: SoftwareBrowser) -> Person:
    return person.posts(token=json.dumps(browser.confirm(json.loads(person.page.context["ceremony"]))))


def with_browser(username: str, browser: SoftwareBrowser, name: str = "") -> Person:
    """Return a new user with a registered browser, in a new session."""
    user = get_user_model().objects.create_user(username, f"{username}@example.com", password=username)
    registers_by_code(user, "push", browser.confirm, name=name, data={"public_key": browser.public_key})
    return Person(username)


def is_asked(person: Person, device: str = "") -> Asked:
    """Start a verification by push. Return the request to the browser."""
    person.page = None
    person.posts("start", method="push", device=device)
    asked = asked_in(newest())
    assert asked is not None
    return asked


def newest() -> Verification:
    return Verification.objects.filter(method="push").latest("pk")


def pending(browser: SoftwareBrowser, client: Client | None = None, **false: Any) -> Any:
    """Ask for a browser's pending requests, as its approval page does. Return the response."""
    client = client or Client()
    nonce = false.pop("nonce", None) or client.get("/2fa/push/").context["nonce"]
    return client.post(PENDING, {"proof": browser.proof(nonce), **false}, content_type="application/json")


def requests(browser: SoftwareBrowser, client: Client | None = None) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pending(browser, client).json()["requests"]
    return found


def sends(token: str, number: str = "", client: Client | None = None) -> Any:
    values = {"answer": token, "number": number}
    return (client or Client()).post(ANSWER, values, content_type="application/json")


def approves(browser: SoftwareBrowser, number: str, client: Client | None = None) -> Any:
    """Approve the request that the page shows, with the number that the user enters."""
    [shown] = requests(browser, client)
    return sends(browser.answer(shown["sign"], "approved", number), number, client)


def denies(browser: SoftwareBrowser, client: Client | None = None) -> Any:
    """Deny the request, as the script of the page does. Return the first response."""
    [shown] = requests(browser, client)
    told = sends(browser.answer(shown["sign"], "denied"), client=client)
    assert sends(browser.answer(told.json()["sign"], "denied"), client=client).status_code == 200
    return told
