"""Check credentials, the sandbox and the limits."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches

from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage, Error, Info

from ..conf import conf
from ..process.rate_limits import CONSECUTIVE, DEFAULTS, rates


def _credentials() -> Iterator[CheckMessage]:
    if conf.SANDBOX:
        return
    if not conf.ACCOUNT_SID or not (conf.AUTH_TOKEN or (conf.API_KEY_SID and conf.API_KEY_SECRET)):
        yield Error(
            "There are no Twilio credentials, and the sandbox is off.",
            hint="Set TWILIO_2FA_ACCOUNT_SID and TWILIO_2FA_AUTH_TOKEN (or TWILIO_2FA_API_KEY_SID and "
            "TWILIO_2FA_API_KEY_SECRET), or TWILIO_2FA_SANDBOX = True to work without an account.",
            id="twilio_2fa.E004",
        )
    if not conf.SERVICE_ID:
        yield Error(
            "There is no Verify service, and the sandbox is off.",
            hint="Set TWILIO_2FA_SERVICE_ID to the SID of a Verify service (VA…).",
            id="twilio_2fa.E005",
        )


def _limits() -> Iterator[CheckMessage]:
    for name, value in conf.LIMITS.items():
        if name not in DEFAULTS:
            close = get_close_matches(str(name), DEFAULTS, n=1) or list(DEFAULTS)
            yield Error(
                f"TWILIO_2FA_LIMITS has the unknown limit {name!r}.",
                hint=f"Use the name of a limit, such as {close[0]}.",
                id="twilio_2fa.E012",
            )
        elif value is not None and not (isinstance(value, int) if name == CONSECUTIVE else rates(name)):
            hint = (
                "Use a whole number, or None."
                if name == CONSECUTIVE
                else "Use rates, such as '10/h, 20/d', or None."
            )
            yield Error(f"TWILIO_2FA_LIMITS[{name!r}] is {value!r}.", hint=hint, id="twilio_2fa.E012")


def _clients() -> Iterator[CheckMessage]:
    if not conf.SANDBOX and not conf.CLIENT_ADDRESS_CB and rates("requests_per_client"):
        yield Info(
            "TWILIO_2FA_CLIENT_ADDRESS_CB is not set, so requests are not limited by client address.",
            hint="Set it to a callable that returns the client's address. Behind a proxy, REMOTE_ADDR is the "
            "proxy's address; the client's is in a header that the proxy sets, such as X-Forwarded-For.",
            id="twilio_2fa.I001",
        )


def _sandbox() -> Iterator[CheckMessage]:
    if not conf.SANDBOX:
        return
    if not settings.DEBUG and not conf.SANDBOX_WITHOUT_DEBUG:
        yield Error(
            "TWILIO_2FA_SANDBOX is on although DEBUG is off, so anybody could read the codes.",
            hint="Turn the sandbox off. If you need it, for example in tests, set "
            "TWILIO_2FA_SANDBOX_WITHOUT_DEBUG = True.",
            id="twilio_2fa.E006",
        )
    if not apps.is_installed("django_twilio_2fa.sandbox"):
        yield Error(
            "TWILIO_2FA_SANDBOX is on, but its app is not installed.",
            hint="Add 'django_twilio_2fa.sandbox' to INSTALLED_APPS and migrate.",
            id="twilio_2fa.E007",
        )


CHECKS = (_credentials, _limits, _clients, _sandbox)
