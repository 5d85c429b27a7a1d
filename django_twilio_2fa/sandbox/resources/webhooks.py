"""Configure the webhooks of a service. `webhook_delivery` delivers them."""

from __future__ import annotations

from urllib.parse import urlsplit

from .. import store
from ..answers import BASE, Body, Result, Values, iso, page
from ..models import SandboxResource
from ..parameters import items, one_of, text
from ..twilio_errors import invalid
from ..webhook_delivery import EVENTS, KIND

STATUSES, VERSIONS = ("enabled", "disabled"), ("v1", "v2")


def _url(service: str) -> str:
    return f"{BASE}/{service}/Webhooks"


def _body(row: SandboxResource) -> Body:
    shown = {name: value for name, value in row.data.items() if name != "auth_token"}
    return {
        **shown,
        "sid": row.sid,
        "service_sid": row.service_sid,
        "account_sid": row.account_sid,
        "webhook_method": "POST",
        "date_created": iso(row.created_at),
        "date_updated": iso(row.updated_at),
        "url": f"{_url(row.service_sid)}/{row.sid}",
    }


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _data(values: Values, *, required: bool) -> Body:
    """Return the values of a request. None for values that it leaves out."""
    name = text(values, "FriendlyName", longest=64, required=required)
    events = items(values, "EventTypes")
    if (required and not events) or set(events) - {*EVENTS, "*"}:
        raise invalid("EventTypes", f"has to be some of *, {', '.join(EVENTS)}")
    address = text(values, "WebhookUrl", longest=2048, required=required)
    if address and not _is_address(address):
        raise invalid("WebhookUrl", "is not an address")
    return {
        "friendly_name": name or None,
        "event_types": events or None,
        "webhook_url": address or None,
        "status": one_of(values, "Status", STATUSES) or None,
        "version": one_of(values, "Version", VERSIONS) or None,
    }


def create_webhook(values: Values, *, account: str, service: str, auth_token: str) -> Result:
    """Create a webhook. Its deliveries are signed with the auth token of this request."""
    data = _data(values, required=True)
    data |= {"status": data["status"] or "enabled", "version": data["version"] or "v2"}
    data["auth_token"] = auth_token
    return 201, _body(store.create(KIND, "YW", data, account=account, service=service))


def _find(service: str, sid: str) -> SandboxResource:
    return store.find(KIND, service_sid=service, sid=sid)


def fetch_webhook(values: Values, *, account: str, service: str, sid: str) -> Result:
    return 200, _body(_find(service, sid))


def update_webhook(values: Values, *, account: str, service: str, sid: str) -> Result:
    row = _find(service, sid)
    store.update(row, _data(values, required=False))
    return 200, _body(row)


def delete_webhook(values: Values, *, account: str, service: str, sid: str) -> Result:
    _find(service, sid).delete()
    return 204, None


def list_webhooks(values: Values, *, account: str, service: str) -> Result:
    return page(values, store.rows(KIND, service_sid=service), "webhooks", _url(service), _body)
