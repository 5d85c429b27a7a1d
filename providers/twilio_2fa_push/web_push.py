"""Send Web Push notifications to registered browsers. Needs `pywebpush` and the VAPID settings.

Sources: RFC 8030 (Web Push), RFC 8291 (encryption) and RFC 8292 (VAPID), which `pywebpush` implements.
"""

from __future__ import annotations

import base64
import json
import logging
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit

from django_twilio_2fa.conf import conf
from django_twilio_2fa.models import Device

from .challenges import Asked

logger = logging.getLogger(__name__)

SUBSCRIPTION = "subscription"
"""The key in a device's `data`."""

TTL = 300
"""The seconds for which a push service keeps a notification for a browser that is offline."""

TIMEOUT = 5
GONE = (404, 410)
"""The status codes for a subscription that does not exist any more. Source: RFC 8030, 7.3."""

LONGEST_ENDPOINT = 1000
KEYS = {"p256dh": 65, "auth": 16}
"""The keys of a subscription, and their lengths in bytes. Source: RFC 8291, 3.1 and 3.2."""


def public_key() -> str:
    """Return the key that a browser subscribes with. Empty if browsers are not notified."""
    if not conf.PUSH_VAPID_PRIVATE_KEY or not conf.PUSH_VAPID_SUBJECT or find_spec("pywebpush") is None:
        return ""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    key = _public_key_of(conf.PUSH_VAPID_PRIVATE_KEY)
    if key is None:
        logger.error("TWILIO_2FA_PUSH_VAPID_PRIVATE_KEY is not a P-256 private key")
        return ""
    point = key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return base64.urlsafe_b64encode(point).rstrip(b"=").decode()


def is_key(text: str) -> bool:
    """Return whether a text is a private key that can sign notifications."""
    return _public_key_of(text) is not None


def _public_key_of(private_key: str) -> Any:
    from py_vapid import Vapid

    try:
        return Vapid.from_string(private_key).public_key
    except Exception:
        # The library raises errors of several types. Their texts may contain the key.
        return None


def is_subscription(told: Any) -> bool:
    """Return whether a value is a subscription of a push service that the settings allow."""
    if not isinstance(told, dict) or not isinstance(told.get("keys"), dict):
        return False
    endpoint = told.get("endpoint")
    if not isinstance(endpoint, str) or len(endpoint) > LONGEST_ENDPOINT or not endpoint.isprintable():
        return False
    sizes = all(_size(told["keys"].get(name)) == size for name, size in KEYS.items())
    return sizes and _is_allowed(endpoint)


def kept_of(subscription: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a subscription that are stored."""
    keys = {name: subscription["keys"][name] for name in KEYS}
    return {"endpoint": subscription["endpoint"], "keys": keys}


def _size(text: Any) -> int:
    """Return the number of bytes that a base64url text encodes. -1 for anything else."""
    if not isinstance(text, str) or not text.isascii():
        return -1
    try:
        return len(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
    except ValueError:
        return -1


def _is_allowed(endpoint: str) -> bool:
    """Return whether the settings allow an endpoint. The browser chooses its URL."""
    try:
        parts = urlsplit(endpoint)
        origin, host, plain = (
            f"{parts.scheme}://{parts.netloc}",
            parts.hostname or "",
            parts.port in (None, 443),
        )
    except ValueError:
        return False
    if parts.username is not None or parts.password is not None:
        return False
    for allowed in conf.PUSH_SERVICES:
        if "://" in allowed and origin == allowed:
            return True
        below = host == allowed or host.endswith(f".{allowed}")
        if "://" not in allowed and parts.scheme == "https" and plain and below:
            return True
    return False


def notify(device: Device, asked: Asked, url: str) -> None:
    """Notify a browser. Failures are only logged, because the page of approvals polls for requests."""
    subscription = device.data.get(SUBSCRIPTION)
    if not subscription or not public_key() or not _is_allowed(subscription["endpoint"]):
        return
    from pywebpush import WebPushException, webpush

    try:
        webpush(
            subscription,
            json.dumps({"title": asked.message, "url": url, "tag": asked.sid}),
            vapid_private_key=conf.PUSH_VAPID_PRIVATE_KEY,
            vapid_claims={"sub": conf.PUSH_VAPID_SUBJECT},
            ttl=TTL,
            timeout=TIMEOUT,
            headers={"Urgency": "high"},
        )
    except WebPushException as e:
        status = getattr(e.response, "status_code", 0)
        logger.warning("Device %s could not be notified: status %s", device.pk, status)
        if status in GONE:
            data = {name: value for name, value in device.data.items() if name != SUBSCRIPTION}
            Device.objects.filter(pk=device.pk).update(data=data)
    except Exception as e:
        # For example, no connection or invalid keys. The text of the error may contain the URL.
        logger.warning("Device %s could not be notified: %s", device.pk, type(e).__name__)
