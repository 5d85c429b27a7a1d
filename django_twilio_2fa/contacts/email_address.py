"""E-mail addresses: valid, compared by mailbox, and masked where they are shown."""

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
        # Too long for any server (RFC 5321, 4.5.3.1.1); quoted, it may hold what others read as a second
        # recipient; and in brackets, the part behind the @ names a machine.
        if len(local) > 64 or '"' in local or domain.startswith("["):
            raise errors.BadUserData
        object.__setattr__(self, "email", f"{local}@{domain.lower()}")

    def __str__(self) -> str:
        return self.email

    def __repr__(self) -> str:
        return f"<EmailAddress {self.obfuscated}>"

    @property
    def identity(self) -> str:
        """The spelling that addresses are compared by.

        Servers may tell `Sam@` from `sam@` (RFC 5321, 2.4); none that matters does. The domain is written as
        in DNS (RFC 5890), so that `müller.de` and `xn--mller-kva.de` are one.
        """
        local, _, domain = self.email.rpartition("@")
        return f"{local.lower()}@{_in_dns(domain)}"

    @property
    def mailbox(self) -> str:
        """The key for counting messages. It is the same for all spellings of a mailbox.

        Many servers deliver `sam+shop@` to `sam@` (RFC 5233), and Gmail ignores dots. A count that is shared
        by two mailboxes of another server does no harm.
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
