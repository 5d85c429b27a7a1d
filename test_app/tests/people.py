"""Users of the site, who go through its pages as a browser does."""

from __future__ import annotations

import json
import re
from html import unescape
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.sessions.backends.cache import SessionStore
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.test.client import ClientHandler
from django.urls import reverse

from django_twilio_2fa.providers.installed import get_providers
from django_twilio_2fa.sandbox import messages
from django_twilio_2fa.session import get_verifier, is_verified
from django_twilio_2fa.verifier import Verifier

from .helpers import wrong_code

PHONE = "+12025550143"
EMAIL = "sam@example.com"

names_differ_in_case = pytest.mark.skipif(
    connection.vendor == "mysql", reason="on MariaDB, user names that differ only in case are equal"
)

# The headers that a browser sends when a person opens a page.
NAVIGATION = {
    "HTTP_SEC_FETCH_MODE": "navigate",
    "HTTP_SEC_FETCH_DEST": "document",
    "HTTP_SEC_FETCH_SITE": "same-origin",
}


def _empty(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
    # Pages read the user, and Django may give the session another key when they do.
    request.user.is_authenticated  # noqa: B018
    return HttpResponse()


class _EmptyPage(ClientHandler):
    """A handler that runs the site's middleware and returns an empty page. Only the request is used."""

    def resolve_request(self, request: HttpRequest) -> Any:
        _view, args, kwargs = super().resolve_request(request)
        return _empty, args, kwargs


class Person:
    """A signed-in user with a browser of their own. `page` is the last answer, redirects followed."""

    def __init__(self, username: str, mount: str = "twilio_2fa") -> None:
        self.user = get_user_model().objects.get(username=username)
        self.mount = mount
        self.client = Client()
        self.client.force_login(self.user)
        self.page: Any = None

    def url(self, name: str) -> str:
        return reverse(f"{self.mount}:{name}")

    def _address(self, page: str) -> str:
        return page if page.startswith("/") else self.url(page)

    def opens(self, page: str, **headers: Any) -> Person:
        """Open a page by its URL name or its path."""
        self.page = self.client.get(self._address(page), follow=True, **headers)
        return self

    def navigates(self, page: str) -> Person:
        """Open a page as a browser does when a person clicks."""
        return self.opens(page, **NAVIGATION)

    def posts(self, page: str = "", **data: Any) -> Person:
        """Post to a page, by default to the open page."""
        address = self._address(page) if page else self.page.request["PATH_INFO"] + self._query()
        self.page = self.client.post(address, data, follow=True)
        return self

    def _query(self) -> str:
        query = self.page.request.get("QUERY_STRING", "")
        return f"?{query}" if query else ""

    def picks(self, method: str, device: str = "") -> Person:
        return self.posts("" if self.page else "start", method=method, device=device)

    def registers(self, phone: str = "202 555 0143", country: str = "US") -> Person:
        return self.posts(country_code=country, phone_number=phone)

    def types(self, token: str) -> Person:
        return self.posts(token=token)

    def types_the_code(self, to: str = PHONE) -> Person:
        return self.types(messages.last_code(to))

    def types_a_wrong_code(self, to: str = PHONE) -> Person:
        return self.types(wrong_code(messages.last_code(to)))

    def presses_the_button(self) -> Person:
        """Submit the first form of the page, unchanged."""
        html = self.page.content.decode()
        [form] = re.findall(r"<form\b[^>]*>.*?</form>", html[html.index("<main") :], flags=re.S)[:1]
        action = re.search(r'<form[^>]* action="([^"]+)"', form)
        hidden = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form)
        return self.posts(unescape(action[1]) if action else "", **{n: unescape(v) for n, v in hidden})

    # What the user sees

    @property
    def path(self) -> str:
        return str(self.page.request["PATH_INFO"])

    @property
    def text(self) -> str:
        """The text of the page, without markup."""
        html = re.sub(r"<(script|style|head)\b.*?</\1>", " ", self.page.content.decode(), flags=re.S)
        return " ".join(re.sub(r"<[^>]+>", " ", html).split())

    def is_at(self, name: str) -> bool:
        return self.path == self._address(name)

    @property
    def choices(self) -> list[tuple[str, str]]:
        """The method and the masked value of each choice on the start page."""
        return [(c["method"], c["detail"]) for c in self.page.context["choices"]]

    @property
    def is_verified(self) -> bool:
        """Return whether the session is verified, as a view of the site sees it."""
        return is_verified(self._request())

    @property
    def verifier(self) -> Verifier:
        """The verifier of the session, as a view of the site creates it."""
        request = self._request()
        verifier = get_verifier(request, create=True)
        request.session.save()
        return verifier

    def _request(self) -> HttpRequest:
        """Return the request of a page of the site, without rendering the page."""
        browser = Client()
        browser.handler = _EmptyPage()
        browser.cookies = self.client.cookies
        request: HttpRequest = browser.get("/").wsgi_request
        return request

    def has_got(self, to: str = PHONE) -> int:
        """Return the number of messages that were delivered to an address."""
        return len(messages.delivered(to))


def registers_by_code(user: Any, method: str, answer: Any, **about: Any) -> None:
    """Register a device with the verifier, in a new session. `answer` returns the answer to the ceremony."""
    request = RequestFactory().get("/", headers={"User-Agent": ""})
    request.user, request.session = user, SessionStore()
    verifier = get_verifier(request, create=True)
    row = verifier.send(method, enrol=True, **about)
    asked = get_providers()[method].get_ceremony(row)
    assert verifier.check(row, json.dumps(answer(asked))).approved_now
