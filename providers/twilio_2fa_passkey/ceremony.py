"""The two ceremonies of WebAuthn: make the options for the browser, and check its answer.

The library `webauthn` does both. It is imported only when it is needed.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from django_twilio_2fa.models import Device

logger = logging.getLogger(__name__)

T = TypeVar("T")

LONGEST_WAIT = 5 * 60 * 1000
"""The maximum timeout in milliseconds. Source: WebAuthn Level 2, 15.1, if the user is verified."""


@dataclass(frozen=True)
class Asked:
    """The challenge to a browser, the relying party, the origins, and the level of user verification."""

    challenge: bytes
    rp_id: str
    origins: list[str]
    user_verification: str

    @property
    def expected(self) -> dict[str, Any]:
        """The expected values of an answer, by their names in the library."""
        return {
            "expected_challenge": self.challenge,
            "expected_rp_id": self.rp_id,
            "expected_origin": self.origins,
            "require_user_verification": self.user_verification == "required",
        }


@dataclass(frozen=True)
class Assertion:
    """A valid answer of a registered passkey."""

    sign_count: int
    backed_up: bool


def challenge(nonce: str, attempt: int) -> bytes:
    """Return the challenge of one attempt. Every attempt has its own, so a challenge is used once."""
    return hashlib.sha256(f"{nonce}:{attempt}".encode()).digest()


def creation_options(
    asked: Asked, *, user: Any, user_handle: str, rp_name: str, known: Iterable[Device], wait: int
) -> dict[str, Any]:
    """Return the options of `navigator.credentials.create()`, as JSON values."""
    from webauthn import generate_registration_options
    from webauthn.helpers import base64url_to_bytes
    from webauthn.helpers.structs import (
        AuthenticatorSelectionCriteria,
        ResidentKeyRequirement,
        UserVerificationRequirement,
    )

    options = generate_registration_options(
        rp_id=asked.rp_id,
        rp_name=rp_name,
        user_id=base64url_to_bytes(user_handle),
        user_name=user.get_username(),
        user_display_name=getattr(user, "get_full_name", str)() or user.get_username(),
        challenge=asked.challenge,
        timeout=min(wait, LONGEST_WAIT),
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.PREFERRED,
            user_verification=UserVerificationRequirement(asked.user_verification),
        ),
        exclude_credentials=_descriptors(known),
    )
    return _as_json(options)


def request_options(asked: Asked, *, known: Iterable[Device], wait: int) -> dict[str, Any]:
    """Return the options of `navigator.credentials.get()`, as JSON values."""
    from webauthn import generate_authentication_options
    from webauthn.helpers.structs import UserVerificationRequirement

    options = generate_authentication_options(
        rp_id=asked.rp_id,
        challenge=asked.challenge,
        timeout=min(wait, LONGEST_WAIT),
        allow_credentials=_descriptors(known),
        user_verification=UserVerificationRequirement(asked.user_verification),
    )
    return _as_json(options)


def verify_creation(asked: Asked, answer: dict[str, Any]) -> dict[str, Any] | None:
    """Return the data to store for a new passkey. None if the answer is not valid."""
    from webauthn import verify_registration_response
    from webauthn.helpers import bytes_to_base64url, parse_registration_credential_json

    def verify() -> dict[str, Any]:
        found = verify_registration_response(credential=answer, **asked.expected)
        _refuse_frames(answer)
        transports = parse_registration_credential_json(answer).response.transports or []
        return {
            "credential_id": bytes_to_base64url(found.credential_id),
            "public_key": bytes_to_base64url(found.credential_public_key),
            "sign_count": found.sign_count,
            "transports": [t.value for t in transports],
            "rp_id": asked.rp_id,
            "aaguid": found.aaguid,
            "backed_up": found.credential_backed_up,
        }

    kept = _tried(verify)
    # Only the id in the signed data can be trusted.
    return kept if kept and kept["credential_id"] == answer["id"] else None


def verify_assertion(asked: Asked, answer: dict[str, Any], kept: dict[str, Any]) -> Assertion | None:
    """Return the assertion of a registered passkey. None if the answer is not valid."""
    from webauthn import verify_authentication_response
    from webauthn.helpers import base64url_to_bytes

    def verify() -> Assertion:
        found = verify_authentication_response(
            credential=answer,
            credential_public_key=base64url_to_bytes(kept["public_key"]),
            # The caller compares the counter in the statement that stores the new value.
            credential_current_sign_count=0,
            **asked.expected,
        )
        _refuse_frames(answer)
        return Assertion(found.new_sign_count, found.credential_backed_up)

    handle = answer["response"].get("userHandle")
    if handle and handle != kept["user_handle"]:
        return None
    return _tried(verify)


def _refuse_frames(answer: dict[str, Any]) -> None:
    """Raise ValueError for an answer that was made in a frame within a page of another site."""
    from webauthn.helpers import base64url_to_bytes

    client_data = json.loads(base64url_to_bytes(answer["response"]["clientDataJSON"]))
    if client_data.get("crossOrigin"):
        raise ValueError("crossOrigin")


def _tried(verify: Callable[[], T]) -> T | None:
    """Return the result, or None for any exception: the library raises many types of errors for bad data."""
    try:
        return verify()
    except Exception as e:
        # The message of the exception may contain the answer.
        logger.info("A passkey's answer was refused: %s", type(e).__name__)
        return None


def _descriptors(devices: Iterable[Device]) -> list[Any]:
    from webauthn.helpers import base64url_to_bytes
    from webauthn.helpers.structs import AuthenticatorTransport, PublicKeyCredentialDescriptor

    return [
        PublicKeyCredentialDescriptor(
            id=base64url_to_bytes(device.data["credential_id"]),
            transports=[AuthenticatorTransport(t) for t in device.data["transports"]],
        )
        for device in devices
    ]


def _as_json(options: Any) -> dict[str, Any]:
    from webauthn import options_to_json

    found: dict[str, Any] = json.loads(options_to_json(options))
    return found
