"""Validate, compare and mask e-mail addresses."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from .. import errors


@dataclass(frozen=True)
class EmailAddress:
    """A valid e-mail address. `str()` returns the address. Raises `BadUserData`."""

    email: str
    verified: bool = field(default=False)

    kind: ClassVar[str] = "email"

    def __post_init__(self) -> None:
        text = str(self.email).strip()
        if text.count("@") == 1 and not text.partition("@")[0].isascii():
            raise errors.AddressNotASCII
        try:
            validate_email(text)
        except ValidationError as e:
            raise errors.BadUserData from e
        if len(text) > 254 or not text.isprintable():
            raise errors.BadUserData
        local, _, domain = text.rpartition("@")
        # A longer local part is not allowed (RFC 5321, 4.5.3.1.1). Other software may read a second recipient
        # in a quoted local part. A domain in brackets is an IP address.
        if len(local) > 64 or '"' in local or domain.startswith("["):
            raise errors.BadUserData
        object.__setattr__(self, "email", f"{local}@{domain.lower()}")

    def __str__(self) -> str:
        return self.email

    def __repr__(self) -> str:
        return f"<EmailAddress {self.obfuscated}>"

    @property
    def identity(self) -> str:
        """The normalized form of the address, for comparisons.

        The local part is in lower case: servers may distinguish `Sam@` and `sam@` (RFC 5321, 2.4), but do not
        in practice. The domain is as in DNS (RFC 5890), so that `müller.de` equals `xn--mller-kva.de`.
        """
        local, _, domain = self.email.rpartition("@")
        return f"{local.lower()}@{_in_dns(domain)}"

    @property
    def mailbox(self) -> str:
        """The key for counting messages. It is the same for the spellings of an address.

        Many servers deliver `sam+shop@` to `sam@` (RFC 5233), and Gmail ignores dots. If two mailboxes of
        another server share a count, that does no harm.
        """
        local, _, domain = self.identity.rpartition("@")
        local = local.partition("+")[0] or local
        if domain in GMAIL:
            local, domain = local.replace(".", "") or local, GMAIL[0]
        return f"{local}@{domain}"

    @property
    def obfuscated(self) -> str:
        """The masked address, such as `sXX@eXXXXXX.com`."""
        local, _, domain = self.email.rpartition("@")
        name, dot, top = domain.rpartition(".")
        if not dot:
            name, top = domain, ""
        return f"{_hidden(local)}@{_hidden(name)}{dot}{top}"


GMAIL = ("gmail.com", "googlemail.com")


def _in_dns(domain: str) -> str:
    try:
        return domain.rstrip(".").encode("idna").decode().lower()
    except UnicodeError:
        return domain


def _hidden(text: str) -> str:
    return text[:1] + "".join("." if c == "." else "X" for c in text[1:])
