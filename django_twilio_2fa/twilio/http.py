"""Define the HTTP client for twilio-python, which has timeouts and stores no requests or responses.

Importing this module imports `requests`. Only `client` imports it, at the first use of Twilio.
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

# The part of a URL that identifies a user: the number of a lookup, or the destination of a verification.
NUMBER = re.compile(r"(/(?:PhoneNumbers|Verifications)/)[^/?\s]+")


def hide_numbers(record: logging.LogRecord) -> bool:
    """Mask phone numbers in urllib3's DEBUG log, which contains every requested URL."""
    if isinstance(record.args, tuple):
        record.args = tuple(NUMBER.sub(r"\1…", a) if isinstance(a, str) else a for a in record.args)
    return True


logging.getLogger("urllib3.connectionpool").addFilter(hide_numbers)


class PooledHttpClient(HttpClient):  # type: ignore[misc]
    """Send requests over one pool of connections, which threads share.

    twilio-python's own client has no default timeout, logs full URLs (that of a lookup contains the number),
    and stores the last request and response, with code and number, in attributes that threads share.
    """

    def __init__(self, timeout: tuple[float, float]) -> None:
        super().__init__(None, False, None)
        self.timeout = timeout
        self.session = _Session()
        # Requests must not have cookies of other requests, or credentials from ~/.netrc.
        self.session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self.session.auth = _no_netrc
        # If more threads send at the same time, their connections are not reused.
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
    """A session that reads the environment (proxies and certificates) once for each host.

    `requests` reads it for each request, which takes as long as everything else that it does.
    """

    def __init__(self) -> None:
        super().__init__()
        self._environment: dict[str, dict[str, Any]] = {}

    def merge_environment_settings(self, url: Any, *args: Any) -> dict[str, Any]:
        # The other arguments are the same for all requests, because `request()` is called without them.
        scheme, _, rest = str(url).partition("://")
        host = f"{scheme}://{rest.partition('/')[0]}"
        found = self._environment.get(host)
        if found is None:
            found = self._environment[host] = super().merge_environment_settings(url, *args)
        return {**found, "proxies": dict(found["proxies"])}


def _no_netrc(request: Any) -> Any:
    return request


class RememberingRetryAfter(HttpClient):  # type: ignore[misc]
    """Pass requests on, and store the `Retry-After` of the response for the current context."""

    def __init__(self, inner: HttpClient) -> None:
        super().__init__(None, False, None)
        self.inner = inner

    def request(self, *args: Any, **kwargs: Any) -> Response:
        retry_after.set(None)
        answer = self.inner.request(*args, **kwargs)
        value = (answer.headers or {}).get("Retry-After", "")
        retry_after.set(int(value) if str(value).isdecimal() else None)
        return answer
