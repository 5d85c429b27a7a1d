"""The HTTP client under twilio-python's: with timeouts, and keeping neither requests nor answers.

Importing this module imports `requests`; only `client` does so, at the first use of Twilio.
"""

from __future__ import annotations

import logging
import re
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
from twilio.http import HttpClient
from twilio.http.response import Response

from .deadline import DeadlineAdapter
from .retry_after import retry_after

# What identifies somebody in an address: a lookup's number, and a verification asked for by where it went.
NUMBER = re.compile(r"(/(?:PhoneNumbers|Verifications)/)[^/?\s]+")


def hide_numbers(record: logging.LogRecord) -> bool:
    """Mask phone numbers in urllib3's DEBUG log, which contains every requested URL."""
    if isinstance(record.args, tuple):
        record.args = tuple(NUMBER.sub(r"\1…", a) if isinstance(a, str) else a for a in record.args)
    return True


logging.getLogger("urllib3.connectionpool").addFilter(hide_numbers)


class PooledHttpClient(HttpClient):  # type: ignore[misc]
    """Sends over one pool of connections, shared by threads.

    twilio-python's own client has no default timeout, logs full addresses (a lookup's holds the number)
    and keeps the last request and response, code and number in them, in attributes shared by threads.
    """

    def __init__(self, timeout: tuple[float, float]) -> None:
        super().__init__(None, False, None)
        self.timeout = timeout
        self.session = _Session()
        # Neither the cookies of one user's request nor the credentials of a ~/.netrc belong in another's.
        self.session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self.session.auth = _no_netrc
        # More threads than this would open and close connections all the time.
        adapter = DeadlineAdapter(pool_maxsize=32)
        self.session.mount("https://", adapter)
        self.session.mount("http://", adapter)

    def request(
        self,
        method: str,
        uri: str,
        params: dict[str, object] | None = None,
        data: dict[str, object] | None = None,
        headers: dict[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,
        allow_redirects: bool = False,
    ) -> Response:
        answer = self.session.request(
            method.upper(),
            uri,
            params=params,  # type: ignore[arg-type]
            data=data,
            headers=headers,
            auth=auth,
            timeout=timeout or self.timeout,
            allow_redirects=allow_redirects,
        )
        return Response(int(answer.status_code), answer.text, answer.headers)


class _Session(requests.Session):
    """As its base, but reads the environment (proxies and certificates) once for each host.

    `requests` reads it for each request, which takes as long as all else that it does.
    """

    def __init__(self) -> None:
        super().__init__()
        self._environment: dict[str, dict[str, Any]] = {}

    def merge_environment_settings(self, url: Any, *args: Any) -> dict[str, Any]:
        # The other arguments are those of `request()`, and are the same for each: none is given.
        scheme, _, rest = str(url).partition("://")
        host = f"{scheme}://{rest.partition('/')[0]}"
        found = self._environment.get(host)
        if found is None:
            found = self._environment[host] = super().merge_environment_settings(url, *args)
        return {**found, "proxies": dict(found["proxies"])}


def _no_netrc(request: Any) -> Any:
    return request


class RememberingRetryAfter(HttpClient):  # type: ignore[misc]
    """Passes requests on and notes the `Retry-After` of the answer for this context alone."""

    def __init__(self, inner: HttpClient) -> None:
        super().__init__(None, False, None)
        self.inner = inner

    def request(self, *args: Any, **kwargs: Any) -> Response:
        retry_after.set(None)
        answer = self.inner.request(*args, **kwargs)
        value = (answer.headers or {}).get("Retry-After", "")
        retry_after.set(int(value) if str(value).isdecimal() else None)
        return answer
