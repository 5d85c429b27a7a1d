"""Report mistakes in the settings of notifications, for `manage.py check`."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit

from django.core.checks import CheckMessage, Error, Warning, register

from django_twilio_2fa.conf import conf

KEY, SUBJECT = "TWILIO_2FA_PUSH_VAPID_PRIVATE_KEY", "TWILIO_2FA_PUSH_VAPID_SUBJECT"


@register("twilio_2fa_push")
def check_notifications(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    return list(_faults(conf.PUSH_VAPID_PRIVATE_KEY, conf.PUSH_VAPID_SUBJECT))


def _faults(key: Any, subject: Any) -> Iterator[CheckMessage]:
    if not key and not subject:
        return
    if not key or not subject:
        missing, other = (KEY, SUBJECT) if not key else (SUBJECT, KEY)
        yield Warning(
            f"{other} is set, and {missing} is not: browsers are not notified.",
            hint="Set both, or neither. docs/push.md says how to make a key.",
            id="twilio_2fa_push.W001",
        )
    if subject and not _is_subject(str(subject)):
        yield Error(
            f"{SUBJECT} is {subject!r}: push services would refuse each notification.",
            hint="It is 'mailto:' with an e-mail address, or a URL with https.",
            id="twilio_2fa_push.E002",
        )
    # Not at the top: Django loads this module as it starts.
    from . import web_push

    if find_spec("pywebpush") is None:
        yield Warning(
            "pywebpush is not installed: browsers are not notified.",
            hint="pip install django-twilio-2fa[push]",
            id="twilio_2fa_push.W002",
        )
    elif key and not web_push.is_key(str(key)):
        # The key is a secret, so it is not shown.
        yield Error(
            f"{KEY} is no private key of P-256: browsers are not notified.",
            hint="It is 32 bytes in base64url. docs/push.md says how to make one.",
            id="twilio_2fa_push.E001",
        )


def _is_subject(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    if parts.scheme == "mailto":
        name, at, host = parts.path.rpartition("@")
        return bool(name and at and host)
    return parts.scheme == "https" and bool(parts.hostname)
