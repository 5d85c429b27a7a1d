"""Configure services. Every well-formed SID is a service with the defaults until it is changed or deleted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.utils import timezone

from ...conf import conf
from .. import messages, store
from ..answers import BASE, Body, Result, Values, iso, page
from ..models import SandboxResource
from ..parameters import flag, integer, one_of, sid, text
from ..twilio_errors import invalid, not_found

KIND = "service"
UNKNOWN = "VA" + "0" * 32

PREFERENCES = ("required", "preferred", "discouraged")
ATTACHMENTS = ("platform", "cross-platform", "any")
LINKS = {
    "verification_checks": "VerificationCheck",
    "verifications": "Verifications",
    "rate_limits": "RateLimits",
    "messaging_configurations": "MessagingConfigurations",
    "entities": "Entities",
    "webhooks": "Webhooks",
    "access_tokens": "AccessTokens",
    "new_factors": "Passkeys/Factors",
    "verify_factors": "Passkeys/VerifyFactor",
    "new_challenge": "Passkeys/Challenges",
    "approve_challenge": "Passkeys/ApproveChallenge",
}


def _origins(values: Values, name: str) -> list[str] | None:
    found = [part.strip() for part in text(values, name).split(",") if part.strip()]
    return found or None


def _text(values: Values, name: str) -> str | None:
    return text(values, name) or None


def _friendly_name(values: Values, name: str) -> str | None:
    return text(values, name, longest=32) or None


# By parameter: the place in the body, and the function that reads the parameter.
CONFIGURATION: dict[str, tuple[str, Callable[[Values, str], Any]]] = {
    "FriendlyName": ("friendly_name", _friendly_name),
    "CodeLength": ("code_length", lambda v, n: integer(v, n, 4, 10)),
    "LookupEnabled": ("lookup_enabled", flag),
    "SkipSmsToLandlines": ("skip_sms_to_landlines", flag),
    "DtmfInputRequired": ("dtmf_input_required", flag),
    "TtsName": ("tts_name", _text),
    "Psd2Enabled": ("psd2_enabled", flag),
    "DoNotShareWarningEnabled": ("do_not_share_warning_enabled", flag),
    "CustomCodeEnabled": ("custom_code_enabled", flag),
    "Push.IncludeDate": ("push.include_date", flag),
    "Push.ApnCredentialSid": ("push.apn_credential_sid", lambda v, n: sid(v, n, "CR") or None),
    "Push.FcmCredentialSid": ("push.fcm_credential_sid", lambda v, n: sid(v, n, "CR") or None),
    "Totp.Issuer": ("totp.issuer", _text),
    "Totp.TimeStep": ("totp.time_step", lambda v, n: integer(v, n, 20, 60)),
    "Totp.CodeLength": ("totp.code_length", lambda v, n: integer(v, n, 3, 8)),
    "Totp.Skew": ("totp.skew", lambda v, n: integer(v, n, 0, 2)),
    "DefaultTemplateSid": ("default_template_sid", lambda v, n: sid(v, n, "HJ") or None),
    "Whatsapp.MsgServiceSid": ("whatsapp.msg_service_sid", lambda v, n: sid(v, n, "MG") or None),
    "Whatsapp.From": ("whatsapp.from", _text),
    "Passkeys.RelyingParty.Id": ("passkeys.relying_party.id", _text),
    "Passkeys.RelyingParty.Name": ("passkeys.relying_party.name", _text),
    "Passkeys.RelyingParty.Origins": ("passkeys.relying_party.origins", _origins),
    "Passkeys.AuthenticatorAttachment": (
        "passkeys.authenticator_attachment",
        lambda v, n: one_of(v, n, ATTACHMENTS) or None,
    ),
    "Passkeys.DiscoverableCredentials": (
        "passkeys.discoverable_credentials",
        lambda v, n: one_of(v, n, PREFERENCES) or None,
    ),
    "Passkeys.UserVerification": (
        "passkeys.user_verification",
        lambda v, n: one_of(v, n, PREFERENCES) or None,
    ),
    "VerifyEventSubscriptionEnabled": ("verify_event_subscription_enabled", flag),
}
DEFAULTS: dict[str, Any] = {
    "lookup_enabled": False,
    "psd2_enabled": False,
    "skip_sms_to_landlines": False,
    "dtmf_input_required": False,
    "do_not_share_warning_enabled": False,
    "custom_code_enabled": False,
    "push.include_date": False,
    "totp.time_step": 30,
    "totp.code_length": 6,
    "totp.skew": 1,
    "whatsapp.msg_service_sid": "MG" + "5" * 32,
    "whatsapp.from": "whatsapp:+12025550100",
    "verify_event_subscription_enabled": False,
}


def _changes(values: Values) -> dict[str, Any]:
    return {place: read(values, name) for name, (place, read) in CONFIGURATION.items()}


def _row(service: str) -> SandboxResource | None:
    return store.rows(KIND, sid=service).first()


def configuration(service: str) -> dict[str, Any]:
    """Return the configuration of a service by place, such as `totp.skew`. Raises `Refused` if deleted.

    `is_configured` is True if the service was created or updated. Only then are its features enforced.
    """
    row = None if service == UNKNOWN else _row(service)
    if service == UNKNOWN or (row and row.data.get("deleted")):
        raise not_found(f"/Services/{service}")
    found = {place: DEFAULTS.get(place) for place, _ in CONFIGURATION.values()}
    found |= {"friendly_name": messages.SERVICE_NAME, "code_length": conf.TOKEN_LENGTH}
    found |= row.data if row else {}
    found["tts_name"] = found["tts_name"] or found["friendly_name"]
    return {**found, "is_configured": row is not None}


def _body(service: str, account: str) -> Body:
    found = configuration(service)
    row = _row(service)
    body: Body = {"sid": service, "account_sid": row.account_sid if row else account}
    for place, _ in CONFIGURATION.values():
        *outer, name = place.split(".")
        inner = body
        for part in outer:
            inner = inner.setdefault(part, {})
        inner[name] = found[place]
    url = f"{BASE}/{service}"
    now = timezone.now()
    return {
        **body,
        "date_created": iso(row.created_at if row else now),
        "date_updated": iso(row.updated_at if row else now),
        "url": url,
        "links": {name: f"{url}/{path}" for name, path in LINKS.items()},
    }


def create_service(values: Values, *, account: str) -> Result:
    if not text(values, "FriendlyName"):
        raise invalid("FriendlyName", "is required")
    given = {place: value for place, value in _changes(values).items() if value is not None}
    row = store.create(KIND, "VA", given, account=account)
    return 201, _body(row.sid, account)


def fetch_service(values: Values, *, account: str, service: str) -> Result:
    return 200, _body(service, account)


def update_service(values: Values, *, account: str, service: str) -> Result:
    configuration(service)
    changes = _changes(values)
    row = _row(service) or SandboxResource.objects.create(kind=KIND, sid=service, account_sid=account)
    store.update(row, changes)
    return 200, _body(service, account)


def delete_service(values: Values, *, account: str, service: str) -> Result:
    configuration(service)
    row = _row(service) or SandboxResource.objects.create(kind=KIND, sid=service, account_sid=account)
    store.update(row, {"deleted": True})
    return 204, None


def list_services(values: Values, *, account: str) -> Result:
    """List the services that were created or configured. Other services are not stored."""
    rows = store.rows(KIND, account_sid=account).exclude(data__has_key="deleted")
    return page(values, rows, "services", BASE, lambda row: _body(row.sid, account))
