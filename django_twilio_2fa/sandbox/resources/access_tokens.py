"""Issue access tokens, with which a device can create a push factor."""

from __future__ import annotations

import secrets

from .. import store
from ..answers import BASE, Body, Result, Values, iso
from ..models import SandboxResource
from ..parameters import integer, one_of, text
from . import entities

KIND = "access_token"
DEFAULT_TTL = 60


def find_token(service: str, token: str) -> SandboxResource | None:
    """Return the access token that a device has sent, even if it has expired. None if it does not exist."""
    if not token:
        return None
    return store.rows(KIND, service_sid=service, name=token[:128]).first()


def _body(row: SandboxResource) -> Body:
    return {
        "sid": row.sid,
        "account_sid": row.account_sid,
        "service_sid": row.service_sid,
        "entity_identity": row.data["identity"],
        "factor_type": "push",
        "factor_friendly_name": row.data["factor_friendly_name"],
        "ttl": row.data["ttl"],
        "date_created": iso(row.created_at),
        "token": row.name,
        "url": f"{BASE}/{row.service_sid}/AccessTokens/{row.sid}",
    }


def create_token(values: Values, *, account: str, service: str) -> Result:
    one_of(values, "FactorType", ("push",), required=True)
    data = {
        "identity": entities.check_identity(text(values, "Identity", required=True)),
        "factor_friendly_name": text(values, "FactorFriendlyName", longest=64) or None,
        "ttl": integer(values, "Ttl", 60, 300) or DEFAULT_TTL,
    }
    token = secrets.token_urlsafe(72)
    return 201, _body(store.create(KIND, "YK", data, account=account, service=service, name=token))


def fetch_token(values: Values, *, account: str, service: str, sid: str) -> Result:
    return 200, _body(store.find(KIND, service_sid=service, sid=sid))
