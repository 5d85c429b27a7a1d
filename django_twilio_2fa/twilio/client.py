"""Create one Twilio client per process, with timeouts and a connection pool. It stores no requests."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ImproperlyConfigured

from ..conf import conf

if TYPE_CHECKING:
    from twilio.rest import Client

# Statements about twilio-python in this package are based on the code of its version 9.13.

HttpClientFactory = Callable[[], Any]
_sandbox_http_client: HttpClientFactory | None = None


def set_sandbox_http_client(make: HttpClientFactory) -> None:
    """Set the factory of the HTTP client that answers in place of Twilio. The sandbox's app calls this."""
    global _sandbox_http_client
    _sandbox_http_client = make


# Credentials for the sandbox if the settings have none, or placeholders such as "AC…".
SANDBOX_CREDENTIALS = ("AC" + "5" * 32, "sandbox")
SANDBOX_SERVICE = "VA" + "5" * 32
SID = re.compile(r"(AC|VA)[0-9a-fA-F]{32}")

_lock = threading.Lock()
_clients: dict[tuple[Any, ...], Client] = {}


def _or(sid: str | None, made_up: str) -> str:
    """Return the SID, or a made-up one if it does not look like a SID."""
    return sid if sid and SID.fullmatch(sid) else made_up


def service_sid(*, registration: bool = False, user: Any = None, request: Any = None) -> str:
    """Return the SID of the Verify service for this user and request.

    Raises `ImproperlyConfigured` if it is not set, and any exception of the site's callable.
    """
    about = {"user": user, "request": request}
    sid = conf.resolve("REGISTRATION_SERVICE_ID", **about) if registration else None
    sid = sid or conf.resolve("SERVICE_ID", **about)
    if conf.SANDBOX:
        return _or(sid, SANDBOX_SERVICE)
    if sid:
        return str(sid)
    raise ImproperlyConfigured("Set TWILIO_2FA_SERVICE_ID, or TWILIO_2FA_SANDBOX to work without an account.")


def _credentials() -> tuple[str, str, str]:
    """Return user name, password and account SID. Raises `ImproperlyConfigured` if they are not set.

    Without them, the client of twilio-python would send requests without authentication.
    """
    if conf.SANDBOX:
        account = _or(conf.ACCOUNT_SID, SANDBOX_CREDENTIALS[0])
        return account, conf.AUTH_TOKEN or SANDBOX_CREDENTIALS[1], account
    account = conf.ACCOUNT_SID
    if account and conf.API_KEY_SID and conf.API_KEY_SECRET:
        return conf.API_KEY_SID, conf.API_KEY_SECRET, account
    if account and conf.AUTH_TOKEN:
        return account, conf.AUTH_TOKEN, account
    raise ImproperlyConfigured(
        "Set TWILIO_2FA_ACCOUNT_SID and TWILIO_2FA_AUTH_TOKEN (or TWILIO_2FA_API_KEY_SID and "
        "TWILIO_2FA_API_KEY_SECRET), or TWILIO_2FA_SANDBOX to work without an account."
    )


def auth_token() -> str:
    """Return the token that Twilio signs webhooks with. Empty if it is not set."""
    return conf.AUTH_TOKEN or (SANDBOX_CREDENTIALS[1] if conf.SANDBOX else "")


def get_client() -> Client:
    """Return this process's client for the current settings.

    The client is created at first use, and again after a fork: a connection that is shared with a parent
    process would give responses to the wrong caller. Raises ImproperlyConfigured if credentials are missing.
    """
    key = (os.getpid(), conf.SANDBOX, conf.BASE_URL, conf.timeout, *_credentials())
    client = _clients.get(key)
    if client is None:
        with _lock:
            client = _clients.get(key)
            if client is None:
                _clients.clear()
                client = _clients[key] = _make()
    return client


def _make() -> Client:
    from twilio.rest import Client

    username, password, account = _credentials()
    client = Client(username, password, account, http_client=make_http_client())
    if conf.BASE_URL:
        for domain in (client.verify, client.lookups):
            domain.base_url = conf.BASE_URL.rstrip("/")
    return client


def make_http_client() -> Any:
    """Return a new HTTP client for twilio-python. If the sandbox is on, return the sandbox's client.

    Raises `ImproperlyConfigured` if the sandbox is on, but its app is not installed.
    """
    from .http import PooledHttpClient, RememberingRetryAfter

    if not conf.SANDBOX or conf.BASE_URL:
        return RememberingRetryAfter(PooledHttpClient(conf.timeout))
    if _sandbox_http_client is None:
        raise ImproperlyConfigured(
            "Add django_twilio_2fa.sandbox to INSTALLED_APPS to use TWILIO_2FA_SANDBOX."
        )
    return RememberingRetryAfter(_sandbox_http_client())
