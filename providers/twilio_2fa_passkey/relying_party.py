"""Find the domain that passkeys belong to, and the origins that may use them."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from django_twilio_2fa.conf import conf


@dataclass(frozen=True)
class RelyingParty:
    """The site in terms of WebAuthn: its domain, and the origins whose pages may use its passkeys."""

    id: str
    origins: tuple[str, ...]


def find(request: Any) -> RelyingParty | None:
    """Return the relying party from the settings or the request's host. None if there is neither."""
    host = request.get_host().lower() if request is not None else ""
    id = conf.resolve("PASSKEY_RP_ID", request=request) or _name_of(host)
    if not id:
        return None
    origins = conf.resolve("PASSKEY_ORIGINS", request=request)
    return RelyingParty(id, tuple(origins or _origins_of(host or id)))


def is_address(id: str) -> bool:
    """Return whether an id is an IP address, for which browsers do not make passkeys."""
    try:
        ip_address(id)
    except ValueError:
        return False
    return True


def _name_of(host: str) -> str:
    return urlsplit(f"//{host}").hostname or ""


def _origins_of(host: str) -> list[str]:
    """Return the origins of a host.

    They begin with `https` even if the request does not use it: behind a proxy, Django may not know, and
    browsers refuse passkeys on plain `http`. Only localhost may also use `http`.
    """
    name = _name_of(host)
    found = [f"https://{host.removesuffix(':443')}"]
    if name == "localhost" or name.endswith(".localhost"):
        found.append(f"http://{host.removesuffix(':80')}")
    return found
