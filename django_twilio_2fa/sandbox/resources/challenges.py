"""Create and answer challenges of an entity, and notify its devices.

Sources: Twilio's documentation of Verify TOTP and Push, and its OpenAPI description.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from django.db.models import F
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from .. import authenticators, clock, signatures, store, webhook_delivery
from ..answers import BASE, Body, Result, Values, iso, iso_or_none, page
from ..models import SandboxChallenge, SandboxFactor, new_sid
from ..parameters import integer, items, json_object, moment, one_of, text
from ..parameters import sid as read_sid
from ..twilio_errors import invalid, not_found, refused
from . import factors, services

LIFETIME, LONGEST_LIFETIME = timedelta(minutes=5), timedelta(minutes=60)
MAX_FIELDS = 20
STATUSES = ("pending", "expired", "approved", "denied")
ANSWERS = ("approved", "denied")
NOTIFICATION = "notification"
LONGEST_TTL = 300
TIMES = ("date_created", "expiration_date")


def expire(**where: Any) -> None:
    """Mark challenges as expired if their time is over."""
    over = SandboxChallenge.objects.filter(status="pending", expires_at__lte=timezone.now(), **where)
    over.update(status="expired", updated_at=timezone.now())


def find(service: str, identity: str, sid: str) -> SandboxChallenge:
    expire(sid=sid)
    rows = SandboxChallenge.objects.select_related("factor")
    challenge = rows.filter(service_sid=service, identity=identity, sid=sid, factor__isnull=False).first()
    if challenge is None:
        raise not_found(f"/Services/{service}/Entities/{identity}/Challenges/{sid}")
    return challenge


def respond(challenge: SandboxChallenge, answer: str, factor: SandboxFactor) -> bool:
    """Approve or deny a challenge. Return False if it is no longer pending."""
    now = timezone.now()
    changed = SandboxChallenge.objects.filter(pk=challenge.pk, status="pending").update(
        status=answer, responded_at=now, updated_at=now, factor=factor, identity=factor.identity
    )
    challenge.refresh_from_db()
    if changed:
        SandboxFactor.objects.filter(pk=factor.pk).update(attempts=0)
        webhook_delivery.send(f"challenge.{answer}", factor, challenge)
    return bool(changed)


# Parameters


def _details(values: Values, factor: SandboxFactor) -> Body | None:
    push = factor.factor_type == "push"
    message = text(values, "Details.Message", longest=256, required=push)
    fields = [_field(item) for item in items(values, "Details.Fields")]
    if len(fields) > MAX_FIELDS:
        raise invalid("Details.Fields", f"has more than {MAX_FIELDS} fields")
    if not message and not fields:
        return None
    details: Body = {"message": message, "fields": fields}
    if services.configuration(factor.service_sid)["push.include_date"]:
        details["date"] = iso(timezone.now())
    return details


def _field(item: str) -> Body:
    try:
        found = json.loads(item)
        label, value = str(found["label"]), str(found["value"])
    except (ValueError, KeyError, TypeError):
        raise invalid("Details.Fields", "has to have objects with a label and a value") from None
    if len(label) > 36 or len(value) > 128:
        raise invalid("Details.Fields", "has a label or a value that is too long")
    return {"label": label, "value": value}


def _hidden_details(values: Values) -> Body | None:
    hidden = json_object(values, "HiddenDetails", longest=1024)
    if hidden and not all(isinstance(value, str) for value in hidden.values()):
        raise invalid("HiddenDetails", "has to have strings as values")
    return hidden


# Requests


def create_challenge(values: Values, *, account: str, service: str, identity: str) -> Result:
    factor_sid = read_sid(values, "FactorSid", "YF", required=True)
    factor = factors.find(service, identity, factor_sid)
    if factor.status != "verified":
        raise refused(60318)
    code = text(values, "AuthPayload") if factor.factor_type == "totp" else ""
    if code:
        factors.check_code(code)
    now = timezone.now()
    expires = moment(values, "ExpirationDate") or now + LIFETIME
    if not now < expires <= now + LONGEST_LIFETIME + timedelta(seconds=5):
        raise invalid("ExpirationDate", "has to be within the next 60 minutes")
    details, hidden = _details(values, factor), _hidden_details(values)
    if code:
        factors.count_attempt(factor, 60308)
    challenge = SandboxChallenge.objects.create(
        sid=new_sid("YC"),
        service_sid=service,
        account_sid=factor.account_sid,
        factor=factor,
        identity=identity,
        factor_type=factor.factor_type,
        details=details,
        hidden_details=hidden,
        expires_at=expires,
    )
    if code and authenticators.matches(factor, code):
        respond(challenge, "approved", factor)
    return 201, challenge_body(challenge)


def fetch_challenge(values: Values, *, account: str, service: str, identity: str, sid: str) -> Result:
    challenge = find(service, identity, sid)
    push = challenge.factor_type == "push"
    headers = {"Twilio-Verify-Signature-Fields": ",".join(signatures.SIGNATURE_FIELDS)} if push else {}
    return 200, challenge_body(challenge), headers


def update_challenge(values: Values, *, account: str, service: str, identity: str, sid: str) -> Result:
    challenge = find(service, identity, sid)
    factor = challenge.factor
    assert factor is not None  # noqa: S101  `find` looks for one
    metadata = json_object(values, "Metadata", longest=1024)
    payload = text(values, "AuthPayload")
    if payload:
        if challenge.status != "pending":
            raise refused(60323 if challenge.status == "expired" else 60322)
        answer = _answer(challenge, factor, payload)
        if answer and not respond(challenge, answer, factor):
            raise refused(60322)
    if metadata is not None:
        SandboxChallenge.objects.filter(pk=challenge.pk).update(metadata=metadata, updated_at=timezone.now())
    challenge.refresh_from_db()
    return 200, challenge_body(challenge)


def count_attempt(challenge: SandboxChallenge) -> None:
    left = SandboxChallenge.objects.filter(pk=challenge.pk, attempts__lt=factors.MAX_ATTEMPTS)
    if not left.update(attempts=F("attempts") + 1):
        raise refused(60308)


def _answer(challenge: SandboxChallenge, factor: SandboxFactor, payload: str) -> str:
    """Return the answer of the factor. Empty for a wrong code. Raises `Refused` for a wrong signature."""
    totp = factor.factor_type == "totp"
    if totp:
        factors.check_code(payload)
    count_attempt(challenge)
    if totp:
        return "approved" if authenticators.matches(factor, payload) else ""
    signed = signatures.claims(factor.public_key, payload, timed=False)
    body = challenge_body(challenge)
    if signed is None or not _is_what_was_asked(signed, body) or signed.get("status") not in ANSWERS:
        raise refused(60324)
    return str(signed["status"])


def _is_what_was_asked(signed: Body, body: Body) -> bool:
    """Return whether a device has signed the fields of the challenge as fetched.

    The times may all differ by the same amount, if the sandbox's clock was moved after the fetch.
    """
    rest = [name for name in signatures.SIGNATURE_FIELDS if name not in TIMES]
    if not all(name in signed and signed[name] == body[name] for name in rest):
        return False
    try:
        moved = {parse_datetime(signed[n]) - parse_datetime(body[n]) for n in TIMES}  # type: ignore[operator]
    except (KeyError, TypeError, ValueError):
        return False
    [by, *others] = [moment.total_seconds() for moment in moved]
    return not others and (by == 0 or 0 < by <= clock.ahead)


def list_challenges(values: Values, *, account: str, service: str, identity: str) -> Result:
    expire(service_sid=service, identity=identity)
    rows = SandboxChallenge.objects.filter(service_sid=service, identity=identity, factor__isnull=False)
    if factor_sid := read_sid(values, "FactorSid", "YF"):
        rows = rows.filter(factor__sid=factor_sid)
    if status := one_of(values, "Status", STATUSES):
        rows = rows.filter(status=status)
    order = one_of(values, "Order", ("asc", "desc")) or "asc"
    rows = rows.select_related("factor").order_by("pk" if order == "asc" else "-pk")
    url = f"{BASE}/{service}/Entities/{identity}/Challenges"
    return page(values, rows, "challenges", url, challenge_body)


def create_notification(values: Values, *, account: str, service: str, identity: str, sid: str) -> Result:
    challenge = find(service, identity, sid)
    if challenge.factor_type != "push":
        raise invalid("ChallengeSid", "is not a push challenge")
    if challenge.status != "pending":
        raise refused(60323 if challenge.status == "expired" else 60322)
    ttl = integer(values, "Ttl", 0, LONGEST_TTL)
    data = {"ttl": LONGEST_TTL if ttl is None else ttl}
    row = store.create(NOTIFICATION, "NT", data, account=account, service=service, parent=sid)
    body = challenge_body(challenge)
    return 201, {
        **{n: body[n] for n in ("account_sid", "service_sid", "entity_sid", "identity")},
        "sid": row.sid,
        "challenge_sid": sid,
        "priority": "high",
        "ttl": row.data["ttl"],
        "date_created": iso(row.created_at),
    }


def challenge_body(challenge: SandboxChallenge) -> Body:
    factor = challenge.factor
    url = f"{BASE}/{challenge.service_sid}/Entities/{challenge.identity}/Challenges/{challenge.sid}"
    return {
        "sid": challenge.sid,
        "account_sid": challenge.account_sid,
        "service_sid": challenge.service_sid,
        "entity_sid": factor.entity_sid if factor else None,
        "identity": challenge.identity,
        "factor_sid": factor.sid if factor else None,
        "date_created": iso(challenge.created_at),
        "date_updated": iso(challenge.updated_at),
        "date_responded": iso_or_none(challenge.responded_at),
        "expiration_date": iso(challenge.expires_at),
        "status": challenge.status,
        "responded_reason": "none",
        "details": challenge.details,
        "hidden_details": challenge.hidden_details,
        "metadata": challenge.metadata,
        "factor_type": challenge.factor_type,
        "url": url,
        "links": {"notifications": f"{url}/Notifications"},
    }
