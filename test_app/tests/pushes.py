"""People with registered browsers: what the pages ask, and what the browsers answer."""

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
    """Go to the page that confirms a browser: the first one, or one more after a proof."""
    first = not Device.objects.filter(user=person.user).exists()
    person.page = None
    person.posts("start" if first else "/2fa/add/start/", method="push", device="")
    return person.posts(name=name, public_key=browser.public_key)


def registers(person: Person, browser: SoftwareBrowser, name: str = "") -> Person:
    """Register a browser, through the pages."""
    names_itself(person, browser, name)
    return confirms(person, browser)


def confirms(person: Person, browser: SoftwareBrowser) -> Person:
    return person.posts(token=json.dumps(browser.confirm(json.loads(person.page.context["ceremony"]))))


def with_browser(username: str, browser: SoftwareBrowser, name: str = "") -> Person:
    """Somebody new with a registered browser, in a new session."""
    user = get_user_model().objects.create_user(username, f"{username}@example.com", password=username)
    registers_by_code(user, "push", browser.confirm, name=name, data={"public_key": browser.public_key})
    return Person(username)


def is_asked(person: Person, device: str = "") -> Asked:
    """Sign in, so that the browser is asked. Returns what it is asked."""
    person.page = None
    person.posts("start", method="push", device=device)
    asked = asked_in(newest())
    assert asked is not None
    return asked


def newest() -> Verification:
    return Verification.objects.filter(method="push").latest("pk")


def pending(browser: SoftwareBrowser, client: Client | None = None, **false: Any) -> Any:
    """What the approving page of a browser asks, as it is answered."""
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
    """Approve the request that the page shows, with a number that its user types."""
    [shown] = requests(browser, client)
    return sends(browser.answer(shown["sign"], "approved", number), number, client)


def denies(browser: SoftwareBrowser, client: Client | None = None) -> Any:
    """Deny the request, as the script of the page does. Returns the first answer."""
    [shown] = requests(browser, client)
    told = sends(browser.answer(shown["sign"], "denied"), client=client)
    assert sends(browser.answer(told.json()["sign"], "denied"), client=client).status_code == 200
    return told
