"""Make keyed digests, which are stored in place of numbers, addresses and session ids."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.utils.crypto import salted_hmac

from .conf import conf

SALT = "django_twilio_2fa"


def _digest(key: str, parts: tuple[Any, ...]) -> str:
    # The length of each part is written down, so that no two lists of parts read the same.
    texts = [*map(str, parts)]
    text = "".join(map("{}:{}".format, map(len, texts), texts))
    return salted_hmac(SALT, text, secret=key, algorithm="sha256").hexdigest()


def digest(*parts: Any) -> str:
    """Return the digest under the current key: 64 hex digits."""
    return _digest(conf.SECRET_KEY or settings.SECRET_KEY, parts)


def digests(*parts: Any) -> list[str]:
    """Return the digest under the current key, then those under earlier keys."""
    keys = [conf.SECRET_KEY or settings.SECRET_KEY, *conf.SECRET_KEY_FALLBACKS]
    if not conf.SECRET_KEY:
        keys += settings.SECRET_KEY_FALLBACKS
    return [_digest(key, parts) for key in keys]


def derived_keys(*purpose: Any) -> list[str]:
    """Keys for one purpose, derived from the kit's keys, the current one first: 64 hex digits each."""
    return digests("key", *purpose)
