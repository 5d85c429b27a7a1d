"""A browser without script, for running sites."""

from __future__ import annotations

import re
import urllib.parse
import urllib.request
from http.cookiejar import CookieJar


class Visitor:
    """A browser without script. It keeps cookies, follows redirects and posts the forms of its page."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
        self.url = address
        self.page = ""

    def open(self, path: str, data: dict[str, str] | None = None) -> str:
        body = urllib.parse.urlencode(data).encode() if data else None
        with self.opener.open(urllib.parse.urljoin(self.url, path), body, timeout=30) as answer:
            self.url, self.page = answer.url, answer.read().decode()
        return self.page

    def submit(self, **fields: str) -> str:
        """Post the fields to the page that is open, with the token that its forms carry."""
        found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', self.page)
        assert found, self.page
        return self.open(self.url, {"csrfmiddlewaretoken": found.group(1), **fields})

    @property
    def path(self) -> str:
        return urllib.parse.urlsplit(self.url).path
