"""Create challenges at Verify, fetch their status, and pass on the signed answers.

Sources: Twilio's OpenAPI description of Verify v2, and the wire format of its public Android client.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext

from django_twilio_2fa import errors
from django_twilio_2fa.conf import conf
from django_twilio_2fa.models import Verification
from django_twilio_2fa.moments import aware, date_and_time, local
from django_twilio_2fa.providers.user_agent import shown_name
from django_twilio_2fa.twilio.verify import FactorService

LONGEST_MESSAGE, LONGEST_LABEL, LONGEST_VALUE = 256, 36, 128
LONGEST_LIFE = timedelta(minutes=60)
SIGNATURE_FIELDS = "Twilio-Verify-Signature-Fields"
HIDDEN = "hidden_details"


@dataclass(frozen=True)
class Asked:
    """A question to the user. `signed` has the fields of the challenge that an answer has to sign."""

    sid: str
    number: str
    message: str
    details: list[dict[str, str]]
    signed: dict[str, Any]

    @property
    def shown(self) -> dict[str, Any]:
        """Return the fields for the browser to sign. The number is left out: its user has to enter it."""
        return {name: value for name, value in self.signed.items() if name != HIDDEN}


def asked_in(verification: Verification) -> Asked | None:
    """Return the question of the last challenge of a verification. None if there is none."""
    kept = verification.data.get("asked")
    return Asked(**kept) if isinstance(kept, dict) else None


def describe(verification: Verification, *, request: Any) -> tuple[str, list[dict[str, str]]]:
    """Return the question, and its details: the site, the browser, the place and the time."""
    about = {"user": verification.user, "request": request}
    host = request.get_host() if request is not None else ""
    name = str(conf.resolve("SERVICE_NAME", **about) or host)
    question = gettext("Sign in to %(site)s?") % {"site": name} if name else gettext("Sign in?")
    place = conf.resolve("PUSH_PLACE_CB", **about)
    found = (
        (gettext("Site"), name if name == host else f"{name} ({host})" if host else name),
        (gettext("Browser"), shown_name(verification.browser)),
        (gettext("Place"), str(place) if place else ""),
        (gettext("Time"), date_and_time(local(timezone.now()))),
    )
    details = [{"label": k[:LONGEST_LABEL], "value": v[:LONGEST_VALUE]} for k, v in found if v]
    return question[:LONGEST_MESSAGE], details


def ask(verification: Verification, *, request: Any) -> Asked:
    """Create a challenge for the verification's device. Raises this package's errors."""
    device = verification.device
    if device is None:
        raise errors.VerificationExpired
    message, details = describe(verification, request=request)
    # Two digits on the page that waits. The user enters them in the browser or app that approves.
    number = str(secrets.choice(range(10, 100)))
    # A 404 means that the factor does not exist any more. The caller tells the user.
    with FactorService.convert_errors():
        entity = FactorService.entity_of(device.data)
        created = entity.challenges.create(
            factor_sid=device.value,
            expiration_date=min(aware(verification.expires_at), aware(timezone.now() + LONGEST_LIFE)),
            details_message=message,
            details_fields=details,
            hidden_details={"number": number},
        )
        body, headers = FactorService.fetch_with_headers(
            f"Entities/{device.data['identity']}/Challenges/{created.sid}", service=device.data["service"]
        )
        if body["sid"] != created.sid or body["factor_sid"] != device.value:
            raise errors.TwilioUnavailable(twilio_error="mismatch")
        names = [name.strip() for name in headers[SIGNATURE_FIELDS].split(",")]
        signed = {name: body[name] for name in names}
    return Asked(created.sid, number, message, details, signed)


def fetch_status(verification: Verification) -> str:
    """Return the status of the last challenge at Twilio. Raises this package's errors."""
    device = verification.device
    if device is None or not verification.sid:
        return ""
    with FactorService.convert_errors():
        entity = FactorService.entity_of(device.data)
        found = entity.challenges(verification.sid).fetch()
        same = found.factor_sid == device.value and found.identity == device.data["identity"]
    return str(found.status) if same else ""


def pass_on(verification: Verification, answer: str) -> str:
    """Send the signed answer to Twilio. Return the status of the challenge. Raises this package's errors."""
    device = verification.device
    if device is None:
        raise errors.VerificationExpired
    with FactorService.convert_errors():
        entity = FactorService.entity_of(device.data)
        told = entity.challenges(verification.sid).update(auth_payload=answer)
        same = told.sid == verification.sid and told.factor_sid == device.value
    return str(told.status) if same else ""
