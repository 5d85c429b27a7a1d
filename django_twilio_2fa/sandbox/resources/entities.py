"""Store entities, which own factors. An entity is created by itself or with its first factor."""

from __future__ import annotations

import re

from .. import store
from ..answers import BASE, Body, Result, Values, iso, page
from ..models import SandboxChallenge, SandboxFactor, SandboxResource
from ..parameters import text
from ..twilio_errors import invalid

KIND = "entity"
IDENTITY = re.compile(r"[A-Za-z0-9-]{8,64}")


def check_identity(identity: str) -> str:
    if not IDENTITY.fullmatch(identity):
        raise invalid("Identity", "has to be 8 to 64 letters, digits and dashes")
    return identity


def ensure(account: str, service: str, identity: str) -> SandboxResource:
    """Return the entity, and create it if necessary. Concurrent requests create only one."""
    where = {"service_sid": service, "name": check_identity(identity)}
    found = store.rows(KIND, **where).first()
    if found is not None:
        return found
    # Factors that were created before the table of entities existed have the SID of their entity.
    earlier = SandboxFactor.objects.filter(service_sid=service, identity=identity).first()
    try:
        row = store.create(KIND, "YE", {}, account=account, service=service, name=identity)
    except store.Taken:
        return store.find(KIND, **where)
    if earlier is not None:
        row.sid = earlier.entity_sid
        row.save(update_fields=["sid"])
    return row


def _url(service: str, identity: str = "") -> str:
    return f"{BASE}/{service}/Entities" + (f"/{identity}" if identity else "")


def _body(row: SandboxResource) -> Body:
    url = _url(row.service_sid, row.name)
    return {
        "sid": row.sid,
        "identity": row.name,
        "account_sid": row.account_sid,
        "service_sid": row.service_sid,
        "date_created": iso(row.created_at),
        "date_updated": iso(row.updated_at),
        "url": url,
        "links": {
            "factors": f"{url}/Factors",
            "new_factors": f"{url}/Factors",
            "challenges": f"{url}/Challenges",
        },
    }


def _find(service: str, identity: str) -> SandboxResource:
    return store.find(KIND, service_sid=service, name=identity)


def create_entity(values: Values, *, account: str, service: str) -> Result:
    identity = text(values, "Identity", required=True)
    return 201, _body(ensure(account, service, identity))


def fetch_entity(values: Values, *, account: str, service: str, identity: str) -> Result:
    return 200, _body(_find(service, identity))


def delete_entity(values: Values, *, account: str, service: str, identity: str) -> Result:
    """Delete the entity, its factors and its challenges."""
    row = _find(service, identity)
    for model in (SandboxChallenge, SandboxFactor):
        model._default_manager.filter(service_sid=service, identity=identity).delete()
    row.delete()
    return 204, None


def list_entities(values: Values, *, account: str, service: str) -> Result:
    return page(values, store.rows(KIND, service_sid=service), "entities", _url(service), _body)
