"""Take over the entry of a user's authenticator app from another package: what a provider implements."""

from __future__ import annotations

import base64
import hmac
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .providers import NewDevice


class NotTaken(Exception):
    """Something cannot be taken over. The text says why; it holds no secret."""


@dataclass(frozen=True)
class SharedSecret:
    """The secret that an authenticator app has, in base32, and how its codes are made."""

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
        """Return the secret's bytes. Raises `NotTaken` if it is not base32."""
        try:
            return base64.b32decode(self.secret + "=" * (-len(self.secret) % 8))
        except ValueError:
            raise NotTaken("its secret cannot be read") from None

    def code(self, at: float) -> str:
        """Return the code of a Unix time. Source: RFC 6238 and RFC 4226."""
        mac = hmac.digest(self.key(), struct.pack(">Q", int(at) // self.period), self.algorithm)
        number = struct.unpack(">I", mac[mac[-1] & 15 :][:4])[0] & 0x7FFFFFFF
        return f"{number % 10**self.digits:0{self.digits}d}"


class TakesSecrets:
    """A provider that can take over a secret, so that users keep the entry in their app."""

    def refuse_secret(self, shared: SharedSecret) -> None:
        """Raise `NotTaken` if codes that are made in this way cannot be checked. Asks nobody."""

    def take_secret(
        self, user: Any, shared: SharedSecret, *, name: str, service: str, at: float
    ) -> NewDevice:
        """Register the secret with the service that checks codes. Returns the device to store.

        `name`: the user's name for it. `service`: as in `Verification.service`. `at`: the Unix time now.
        Raises `NotTaken`, and errors of the provider.
        """
        raise NotImplementedError
