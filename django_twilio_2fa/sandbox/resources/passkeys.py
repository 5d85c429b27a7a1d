"""Register and check passkeys, a private beta of Twilio. Needs the extra `sandbox`.

The bodies of requests are JSON. The responses have the options of `navigator.credentials` for the browser.
"""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from typing import Any

from django.utils import timezone

from .. import signatures, webhook_delivery
from ..answers import BASE, Body, Result, Values, iso_or_none
from ..models import SandboxChallenge, SandboxFactor, new_sid
from ..parameters import json_object, one_of, text
from ..parameters import sid as read_sid
from ..twilio_errors import invalid, not_found, refused
from . import challenges, entities, factors, services

KIND = "passkeys"
TIMEOUT = 600_000
LIFETIME = timedelta(milliseconds=TIMEOUT)


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


# Configuration, from the request or the service


def _configuration(values: Values, service: str) -> Body:
    configured = services.configuration(service)
    given = json_object(values, "config") or {}
    party = json_object(given, "relying_party") or {}
    defaults = {n: configured[f"passkeys.relying_party.{n}"] for n in ("id", "name", "origins")}
    origins = party.get("origins") or defaults["origins"]
    if not isinstance(origins, list) or not origins or not all(isinstance(o, str) for o in origins):
        raise invalid("config.relying_party.origins", "is required, here or at the service")
    rp_id = text(party, "id") or defaults["id"]
    if not rp_id:
        raise invalid("config.relying_party.id", "is required, here or at the service")

    def preference(name: str, choices: tuple[str, ...], default: str) -> str:
        return one_of(given, name, choices) or configured[f"passkeys.{name}"] or default

    return {
        "relying_party": {
            "id": rp_id,
            "name": text(party, "name") or defaults["name"] or rp_id,
            "origins": origins,
        },
        "authenticator_attachment": preference("authenticator_attachment", services.ATTACHMENTS, "any"),
        "discoverable_credentials": preference("discoverable_credentials", services.PREFERENCES, "preferred"),
        "user_verification": preference("user_verification", services.PREFERENCES, "preferred"),
    }


def _origins(config: Body) -> list[str]:
    """Return the origins as browsers write them. A host name without a scheme gets `https`."""
    found = config["relying_party"]["origins"]
    return [origin if "://" in origin else f"https://{origin}" for origin in found]


# Options for the browser


def _creation_options(factor: SandboxFactor) -> Body:
    config = factor.config
    selection = {
        "residentKey": config["discoverable_credentials"],
        "requireResidentKey": config["discoverable_credentials"] == "required",
        "userVerification": config["user_verification"],
    }
    if config["authenticator_attachment"] != "any":
        selection["authenticatorAttachment"] = config["authenticator_attachment"]
    others = _verified(service_sid=factor.service_sid, identity=factor.identity)
    return {
        "publicKey": {
            "rp": {n: config["relying_party"][n] for n in ("id", "name")},
            "user": {
                "id": _base64url(factor.entity_sid.encode()),
                "name": factor.friendly_name,
                "displayName": factor.friendly_name,
            },
            "challenge": _base64url(factor.sid.encode()),
            "pubKeyCredParams": [{"type": "public-key", "alg": -7}],
            "timeout": TIMEOUT,
            "excludeCredentials": [{"type": "public-key", "id": f.secret} for f in others],
            "authenticatorSelection": selection,
            "attestation": "none",
        }
    }


def _verified(**where: Any) -> list[SandboxFactor]:
    rows = SandboxFactor.objects.filter(factor_type=KIND, status="verified", **where)
    return list(rows.order_by("pk"))


# Requests


def create_factor(values: Values, *, account: str, service: str) -> Result:
    identity = entities.check_identity(text(values, "identity", required=True))
    name = text(values, "friendly_name", longest=64, required=True)
    factor = SandboxFactor.objects.create(
        sid=new_sid("YF"),
        service_sid=service,
        account_sid=account,
        entity_sid=entities.ensure(account, service, identity).sid,
        identity=identity,
        factor_type=KIND,
        friendly_name=name,
        config=_configuration(values, service),
    )
    webhook_delivery.send("factor.created", factor)
    body = factors.factor_body(factor)
    return 201, {**body, "binding": None, "options": _creation_options(factor)}


def verify_factor(values: Values, *, account: str, service: str) -> Result:
    """Verify the factor that the signed challenge names."""
    sid = _challenge_in(values)
    factor = SandboxFactor.objects.filter(service_sid=service, sid=sid, factor_type=KIND).first()
    if factor is None or factor.created_at + LIFETIME <= timezone.now():
        raise refused(60311)
    if factor.status == "verified":
        raise refused(60311)
    factors.count_attempt(factor, 60310)
    found = _registration(values, factor)
    if SandboxFactor.objects.filter(factor_type=KIND, secret=found.credential_id_text).exists():
        raise refused(60311)
    changed = SandboxFactor.objects.filter(pk=factor.pk, status="unverified").update(
        status="verified",
        attempts=0,
        secret=found.credential_id_text,
        public_key=found.public_key_text,
        last_step=found.sign_count,
        updated_at=timezone.now(),
    )
    factor.refresh_from_db()
    if changed:
        webhook_delivery.send("factor.verified", factor)
    return 200, factors.factor_body(factor)


def create_challenge(values: Values, *, account: str, service: str) -> Result:
    """Ask for the passkey of a factor, of an identity, or of any user of the service's relying party."""
    identity, factor_sid = text(values, "identity"), read_sid(values, "factor_sid", "YF")
    factor = None
    if factor_sid:
        factor = SandboxFactor.objects.filter(service_sid=service, sid=factor_sid, factor_type=KIND).first()
        if factor is None or (identity and factor.identity != identity):
            raise not_found(f"/Services/{service}/Entities/{identity}/Factors/{factor_sid}")
        if factor.status != "verified":
            raise refused(60318)
        allowed = [factor]
    else:
        allowed = _verified(service_sid=service, identity=identity) if identity else []
        if identity and not allowed:
            raise not_found(f"/Services/{service}/Entities/{identity}")
    config = allowed[0].config if allowed else _configuration({}, service)
    challenge = SandboxChallenge(
        sid=new_sid("YC"),
        service_sid=service,
        account_sid=account,
        factor=factor,
        identity=identity or (factor.identity if factor else ""),
        factor_type=KIND,
        expires_at=timezone.now() + LIFETIME,
    )
    challenge.options = {
        "publicKey": {
            "challenge": _base64url(challenge.sid.encode()),
            "rpId": config["relying_party"]["id"],
            "timeout": TIMEOUT,
            "allowCredentials": [{"type": "public-key", "id": f.secret} for f in allowed],
            "userVerification": config["user_verification"],
        }
    }
    challenge.save()
    return 201, _challenge_body(challenge, "Challenges")


def approve_challenge(values: Values, *, account: str, service: str) -> Result:
    """Approve the challenge that the passkey has signed."""
    sid = _challenge_in(values)
    challenges.expire(sid=sid)
    challenge = SandboxChallenge.objects.filter(service_sid=service, sid=sid, factor_type=KIND).first()
    if challenge is None:
        raise refused(60324)
    if challenge.status != "pending":
        raise refused(60323 if challenge.status == "expired" else 60322)
    challenges.count_attempt(challenge)
    factor = _factor_of(challenge, text(values, "id", required=True))
    counter = _authentication(values, factor, challenge)
    unchanged = SandboxFactor.objects.filter(pk=factor.pk, last_step=factor.last_step)
    if not unchanged.update(last_step=counter) or not challenges.respond(challenge, "approved", factor):
        raise refused(60322)
    return 200, _challenge_body(challenge, "ApproveChallenge")


def _factor_of(challenge: SandboxChallenge, credential_id: str) -> SandboxFactor:
    """Return the passkey that was used. Raises `Refused` if the passkey may not answer this challenge."""
    for factor in _verified(service_sid=challenge.service_sid, secret=credential_id.rstrip("=")):
        asked = challenge.factor_id in (None, factor.pk)
        if asked and challenge.identity in ("", factor.identity):
            return factor
    raise refused(60324)


def _challenge_body(challenge: SandboxChallenge, path: str) -> Body:
    body = challenges.challenge_body(challenge)
    return {
        **body,
        "expiration_date": iso_or_none(challenge.expires_at),
        "links": None,
        "options": challenge.options,
        "url": f"{BASE}/{challenge.service_sid}/Passkeys/{path}",
    }


# The answer of the browser


class _Registration:
    def __init__(self, found: Any) -> None:
        self.credential_id_text = _base64url(found.credential_id)
        self.public_key_text = base64.b64encode(found.credential_public_key).decode()
        self.sign_count = found.sign_count


def _challenge_in(values: Values) -> str:
    """Return the SID that the browser has signed as its challenge. Raises `Refused` if there is none."""
    try:
        client = json.loads(signatures.decoded(values["response"]["clientDataJSON"]))
        return signatures.decoded(client["challenge"]).decode("ascii")
    except (KeyError, TypeError, ValueError, AttributeError):
        raise invalid("response", "is not an answer of `navigator.credentials`") from None


def _credential(values: Values) -> Body:
    # `rawId` has the same value as `id`. It is hex in Twilio's examples, and base64url in browsers.
    found = text(values, "id", required=True).rstrip("=")
    return {"id": found, "rawId": found, "type": "public-key", "response": values["response"]}


def _registration(values: Values, factor: SandboxFactor) -> _Registration:
    try:
        from webauthn import verify_registration_response
        from webauthn.helpers.exceptions import WebAuthnException
    except ImportError:
        raise signatures.needs_extra() from None
    config = factor.config
    try:
        found = verify_registration_response(
            credential=_credential(values),
            expected_challenge=factor.sid.encode(),
            expected_rp_id=config["relying_party"]["id"],
            expected_origin=_origins(config),
            require_user_verification=config["user_verification"] == "required",
        )
    except (WebAuthnException, KeyError, TypeError, ValueError):
        raise refused(60311) from None
    return _Registration(found)


def _authentication(values: Values, factor: SandboxFactor, challenge: SandboxChallenge) -> int:
    try:
        from webauthn import verify_authentication_response
        from webauthn.helpers.exceptions import WebAuthnException
    except ImportError:
        raise signatures.needs_extra() from None
    config = factor.config
    try:
        found = verify_authentication_response(
            credential=_credential(values),
            expected_challenge=challenge.sid.encode(),
            expected_rp_id=config["relying_party"]["id"],
            expected_origin=_origins(config),
            credential_public_key=base64.b64decode(factor.public_key),
            credential_current_sign_count=factor.last_step or 0,
            require_user_verification=config["user_verification"] == "required",
        )
    except (WebAuthnException, KeyError, TypeError, ValueError):
        raise refused(60324) from None
    return int(found.new_sign_count)
