"""Parse the answer of a browser: the JSON form of a `PublicKeyCredential`."""

from __future__ import annotations

import json
from typing import Any

from django.utils.translation import gettext_lazy as _

from django_twilio_2fa import errors

LONGEST = 16_000
"""The maximum number of characters of an answer.

An answer without attestation has some 2000 characters. Long credential ids and RSA keys need more.
"""

LONGEST_ID = 1364
"""The maximum number of characters of an id: 1023 bytes in base64url. Source: WebAuthn Level 2, 6.5.1."""


class NoPasskey(errors.InvalidVerificationCode):
    """The answer contains no credential. It does not count as an attempt, because nothing is checked."""

    message = _("Your browser did not send a passkey. Try again, or try another way.")


def parse(text: str) -> dict[str, Any]:
    """Return the credential in an answer. Raises `NoPasskey` unless it has the shape of one."""
    if len(text) > LONGEST:
        raise NoPasskey
    try:
        answer = json.loads(text)
    except (ValueError, RecursionError):
        raise NoPasskey from None
    if not isinstance(answer, dict) or not isinstance(answer.get("response"), dict):
        raise NoPasskey
    response = answer["response"]
    strings = [*(answer.get(name) for name in ("id", "rawId", "type")), response.get("clientDataJSON")]
    if not all(isinstance(value, str) and value for value in strings) or len(answer["id"]) > LONGEST_ID:
        raise NoPasskey
    return answer
