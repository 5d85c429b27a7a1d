"""The walk: a user registers in one browser, verifies in another, and gets to a protected page each time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlsplit

from ..helpers import wrong_code

PHONE = "+12025550143"
OWL = "The owl flies at midnight."

Sends = Callable[..., tuple[int, str, str]]
"""A function of method, path, data and headers. It returns status, `Location` and body of one response."""


@dataclass
class Form:
    action: str
    values: dict[str, str] = field(default_factory=dict)
    hidden: set[str] = field(default_factory=set)

    def offers(self, wanted: dict[str, str]) -> bool:
        """Return whether a person could send these values: hidden fields have to hold theirs already."""
        return all(
            k in self.values and (k not in self.hidden or self.values[k] == v) for k, v in wanted.items()
        )


class Forms(HTMLParser):
    """The forms of a page, and its links."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.links: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        of = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(of.get("action", "")))
        elif tag in ("input", "select") and self.forms and "name" in of:
            self.forms[-1].values[of["name"]] = of.get("value", "")
            if of.get("type") == "hidden":
                self.forms[-1].hidden.add(of["name"])
        elif tag in ("a", "link", "script"):
            self.links.append(of.get("href") or of.get("src") or "")


class Browser:
    """A browser that shows the page `text` of the address `path`."""

    def __init__(self, sends: Sends, origin: str = "http://testserver") -> None:
        self.sends = sends
        self.origin = origin
        self.path = self.text = ""
        self.links: list[str] = []

    def _goes(self, method: str, path: str, data: dict[str, str] | None = None) -> Browser:
        headers = {"referer": self.origin + self.path} if self.path else {}
        for _ in range(10):
            status, location, self.text = self.sends(method, path, data, headers)
            self.path = path
            if status not in (301, 302):
                break
            to = urlsplit(location)
            assert not to.netloc or f"{to.scheme}://{to.netloc}" == self.origin, location
            method, data = "GET", None
            path = to.path + (f"?{to.query}" if to.query else "")
        assert status == 200, (status, path, self.text[:2000])
        self.links += Forms(self.text).links
        return self

    def opens(self, path: str) -> Browser:
        return self._goes("GET", path)

    def submits(self, **data: str) -> Browser:
        """Fill in and send the first form of the page that has these fields."""
        form = next((f for f in Forms(self.text).forms if f.offers(data)), None)
        assert form, (data, self.path, self.text)
        return self._goes("POST", form.action or self.path, {**form.values, **data})


def walk(new_browser: Callable[[], Browser]) -> list[Browser]:
    """Walk through the site, and check its settings and migrations. Return the two browsers."""
    from django.contrib.auth import get_user_model
    from django.core.management import call_command
    from django.urls import reverse

    from django_twilio_2fa.models import Device
    from django_twilio_2fa.reverse import reverse as kit_url
    from django_twilio_2fa.sandbox import messages

    who = {"username": "sam@example.com", "password": "a long password"}
    get_user_model()._default_manager.create_user(who["username"], password=who["password"])
    gate, start = reverse("secret"), kit_url("start")

    def arrives() -> Browser:
        browser = new_browser().opens(reverse("login") + f"?next={gate}").submits(**who)
        assert browser.path.startswith(start), browser.path
        return browser

    def proves(browser: Browser) -> Browser:
        assert browser.path.startswith(kit_url("verify")), browser.path
        wrong = wrong_code(messages.last_code(PHONE))
        assert 'aria-invalid="true"' in browser.submits(token=wrong).text
        assert OWL in browser.submits(token=messages.last_code(PHONE)).text
        assert browser.path == gate
        return browser

    first = arrives().submits(method="sms").submits(country_code="US", phone_number="202 555 0143")
    proves(first)
    second = proves(arrives().submits(method="sms"))
    assert Device.objects.get().masked in second.opens(kit_url("devices")).text
    assert OWL not in new_browser().opens(gate).text
    call_command("check", fail_level="WARNING", verbosity=0)
    call_command("makemigrations", check_changes=True, dry_run=True, verbosity=0)
    return [first, second]


def ends_with_a_client(client: Any, **about: Any) -> Sends:
    """Return a function that uses a test client. `about`, such as `secure`, goes to each request."""

    def send(method: str, path: str, data: Any, headers: dict[str, str]) -> tuple[int, str, str]:
        ask = client.post if method == "POST" else client.get
        answer = ask(path, data, headers=headers, **about)
        return answer.status_code, answer.headers.get("Location", ""), answer.content.decode()

    return send


def ends_at_a_server(address: str) -> Sends:
    """Return a function that sends requests over HTTP."""
    import requests

    session = requests.Session()

    def send(method: str, path: str, data: Any, headers: dict[str, str]) -> tuple[int, str, str]:
        answer = session.request(
            method, address + path, data=data, headers=headers, allow_redirects=False, timeout=30
        )
        return answer.status_code, answer.headers.get("Location", ""), answer.text

    return send
