"""Store the messaging service that sends to a country."""

from __future__ import annotations

import phonenumbers

from .. import store
from ..answers import BASE, Body, Result, Values, iso, page
from ..models import SandboxResource
from ..parameters import sid, text
from ..twilio_errors import invalid, refused

KIND = "messaging_configuration"
EVERYWHERE = "all"


def _url(service: str) -> str:
    return f"{BASE}/{service}/MessagingConfigurations"


def _body(row: SandboxResource) -> Body:
    return {
        "account_sid": row.account_sid,
        "service_sid": row.service_sid,
        "country": row.name,
        "messaging_service_sid": row.data["messaging_service_sid"],
        "date_created": iso(row.created_at),
        "date_updated": iso(row.updated_at),
        "url": f"{_url(row.service_sid)}/{row.name}",
    }


def _find(service: str, country: str) -> SandboxResource:
    return store.find(KIND, service_sid=service, name=country)


def _data(values: Values) -> Body:
    return {"messaging_service_sid": sid(values, "MessagingServiceSid", "MG", required=True)}


def create_configuration(values: Values, *, account: str, service: str) -> Result:
    country = text(values, "Country", required=True)
    if country != EVERYWHERE and country not in phonenumbers.SUPPORTED_REGIONS:
        raise invalid("Country", "is not a country of ISO 3166-1")
    row = store.create(
        KIND, "MZ", _data(values), account=account, service=service, name=country, taken=refused(60213)
    )
    return 201, _body(row)


def fetch_configuration(values: Values, *, account: str, service: str, country: str) -> Result:
    return 200, _body(_find(service, country))


def update_configuration(values: Values, *, account: str, service: str, country: str) -> Result:
    row = _find(service, country)
    store.update(row, _data(values))
    return 200, _body(row)


def delete_configuration(values: Values, *, account: str, service: str, country: str) -> Result:
    _find(service, country).delete()
    return 204, None


def list_configurations(values: Values, *, account: str, service: str) -> Result:
    rows = store.rows(KIND, service_sid=service)
    return page(values, rows, "messaging_configurations", _url(service), _body)
