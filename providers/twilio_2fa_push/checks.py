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
            f"{other} is set, but {missing} is not, so browsers are not notified.",
            hint="Set both or neither. See docs/push.md for how to make a key.",
            id="twilio_2fa_push.W001",
        )
    if subject and not _is_subject(str(subject)):
        yield Error(
            f"{SUBJECT} is {subject!r}, so push services would refuse every notification.",
            hint="Use 'mailto:' with an e-mail address, or an https URL.",
            id="twilio_2fa_push.E002",
        )
    # Imported here, because Django loads this module when it starts.
    from . import web_push

    if find_spec("pywebpush") is None:
        yield Warning(
            "pywebpush is not installed, so browsers are not notified.",
            hint="Run: pip install django-twilio-2fa[push]",
            id="twilio_2fa_push.W002",
        )
    elif key and not web_push.is_key(str(key)):
        # The key is a secret, so it is not shown.
        yield Error(
            f"{KEY} is not a P-256 private key, so browsers are not notified.",
            hint="Use 32 bytes in base64url. See docs/push.md for how to make a key.",
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
