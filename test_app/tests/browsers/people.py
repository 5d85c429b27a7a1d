"""Helpers for tests with remembered browsers."""

from __future__ import annotations

from typing import Any

from django_twilio_2fa import browsers
from django_twilio_2fa.process.session_data import SESSION_KEY
from django_twilio_2fa.sandbox import messages

from ..people import PHONE, Person

SECRET = "/secret/"
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"


def cookies_of(client: Any) -> dict[str, str]:
    """Return the cookies of remembered browsers."""
    found = client.cookies.items()
    return {name: m.value for name, m in found if name.startswith(browsers.COOKIE) and m.value}


def cookie_of(person: Person) -> Any:
    """Return the person's cookie of a remembered browser."""
    [name] = cookies_of(person.client)
    return person.client.cookies[name]


def has_cookie(person: Person) -> bool:
    return bool(cookies_of(person.client))


def trusts(person: Person, method: str = "sms", to: str = PHONE) -> Person:
    """Verify, and tick the box that remembers the browser."""
    return person.opens(SECRET).picks(method).posts(token=messages.last_code(to), trust_browser="on")


def signs_in_again(person: Person) -> Person:
    """Sign out and in again in the same browser."""
    cookies = cookies_of(person.client)
    person.client.logout()
    person.client.force_login(person.user)
    person.client.cookies.load(cookies)
    return person


def copy_of(person: Person) -> Person:
    """Return an attacker who has the password and a copy of the cookies, in another browser."""
    thief = Person(person.user.username)
    thief.client.cookies.load(cookies_of(person.client))
    return thief


def forget_cached_answer(person: Person) -> None:
    """Delete the cached answer, so that the next request looks up the verification."""
    session = person.client.session
    session[SESSION_KEY] = {k: v for k, v in session[SESSION_KEY].items() if k != "verified"}
    session.save()
