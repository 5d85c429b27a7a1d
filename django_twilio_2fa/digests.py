"""Compute keyed digests, which are stored in place of numbers, addresses and session ids."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.utils.crypto import salted_hmac

from .conf import conf

SALT = "django_twilio_2fa"


def digest(*parts: Any) -> str:
    """Return the digest of the parts with the current key: 64 hex digits."""
    return digests(*parts)[0]


def digests(*parts: Any) -> list[str]:
    """Return the digests of the parts with the current key and with each earlier key."""
    keys = [conf.SECRET_KEY or settings.SECRET_KEY, *conf.SECRET_KEY_FALLBACKS]
    if not conf.SECRET_KEY:
        keys += settings.SECRET_KEY_FALLBACKS
    # Each part is prefixed with its length, so that different lists of parts give different texts.
    texts = [*map(str, parts)]
    text = "".join(map("{}:{}".format, map(len, texts), texts))
    found = []
    for key in keys:
        found.append(salted_hmac(SALT, text, secret=key, algorithm="sha256").hexdigest())
    return found


def derived_keys(*purpose: Any) -> list[str]:
    """Return keys for one purpose, derived from the current and earlier keys: 64 hex digits each."""
    return digests("key", *purpose)
