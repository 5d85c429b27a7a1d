"""The interface of providers that can import the secrets of authenticator apps from another package."""

from __future__ import annotations

import base64
import hmac
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .providers import NewDevice


class NotTaken(Exception):
    """A device cannot be imported. The text says why, and contains no secret."""


@dataclass(frozen=True)
class SharedSecret:
    """The secret of an authenticator app in base32, and the parameters of its codes."""

    secret: str
    period: int = 30
    digits: int = 6
    algorithm: str = "sha1"

    def __post_init__(self) -> None:
        text = "".join(self.secret.split()).rstrip("=").upper()
        object.__setattr__(self, "secret", text)
        if not text or not self.key():
            raise NotTaken("its secret cannot be read")

    def key(self) -> bytes:
        """Return the secret as bytes. Raises `NotTaken` if the text is not base32."""
        try:
            return base64.b32decode(self.secret + "=" * (-len(self.secret) % 8))
        except ValueError:
            raise NotTaken("its secret cannot be read") from None

    def code(self, at: float) -> str:
        """Return the code for a Unix time. Source: RFC 6238 and RFC 4226."""
        mac = hmac.digest(self.key(), struct.pack(">Q", int(at) // self.period), self.algorithm)
        number = struct.unpack(">I", mac[mac[-1] & 15 :][:4])[0] & 0x7FFFFFFF
        return f"{number % 10**self.digits:0{self.digits}d}"


class TakesSecrets:
    """A provider that can import a secret, so that users can keep the entry in their authenticator app."""

    def refuse_secret(self, shared: SharedSecret) -> None:
        """Raise `NotTaken` if codes with these parameters cannot be checked. Sends no request."""

    def take_secret(
        self, user: Any, shared: SharedSecret, *, name: str, service: str, at: float
    ) -> NewDevice:
        """Register the secret with the service that checks its codes. Returns the device to store.

        `name`: the user's name for the device. `service`: as in `Verification.service`. `at`: the current
        Unix time.
        Raises `NotTaken`, and errors of the provider.
        """
        raise NotImplementedError
