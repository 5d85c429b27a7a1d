"""Deliver webhooks: a signed POST for each event of factors and challenges.

Source of the parameters: Twilio's documentation of Verify Push webhooks. The fields of a challenge other than
its SID are a guess.
"""

from __future__ import annotations

import json
import logging
import threading
from collections import deque
from functools import partial
from typing import Any
from uuid import uuid4

from django.db import router, transaction

from . import store
from .models import SandboxChallenge, SandboxFactor, SandboxResource

KIND = "webhook"
EVENTS = ("factor.created", "factor.verified", "factor.deleted", "challenge.approved", "challenge.denied")
TIMEOUT = 5
KEPT = 100

logger = logging.getLogger(__name__)
deliveries: deque[dict[str, Any]] = deque(maxlen=KEPT)
"""The delivered webhooks: `url`, `parameters`, `signature`, and the `status` of the response (0 for none)."""


def send(event: str, factor: SandboxFactor, challenge: SandboxChallenge | None = None) -> None:
    """Deliver an event to the webhooks of the service after the transaction is committed."""
    parameters = _parameters(event, factor, challenge)
    for row in store.rows(KIND, service_sid=factor.service_sid):
        if row.data["status"] == "enabled" and {event, "*"} & set(row.data["event_types"]):
            deliver = partial(_begin, row.data["webhook_url"], row.data["auth_token"], dict(parameters))
            transaction.on_commit(deliver, using=router.db_for_write(SandboxResource))


def _parameters(event: str, factor: SandboxFactor, challenge: SandboxChallenge | None) -> dict[str, str]:
    about = {
        "type": event,
        "account_sid": factor.account_sid,
        "service_sid": factor.service_sid,
        "entity_identity": factor.identity,
        "factor_sid": factor.sid,
        "factor_type": factor.factor_type,
        "factor_friendly_name": factor.friendly_name,
    }
    if challenge is not None:
        about["challenge_sid"] = challenge.sid
        for name in ("details", "hidden_details", "metadata"):
            about[f"challenge_{name}"] = json.dumps(getattr(challenge, name))
    return about


def _begin(url: str, auth_token: str, parameters: dict[str, str]) -> None:
    parameters["uuid"] = str(uuid4())
    threading.Thread(target=_deliver, args=(url, auth_token, parameters), daemon=True).start()


def _deliver(url: str, auth_token: str, parameters: dict[str, str]) -> None:
    import requests
    from twilio.request_validator import RequestValidator

    signature = RequestValidator(auth_token).compute_signature(url, parameters)
    try:
        answer = requests.post(
            url,
            parameters,
            headers={"X-Twilio-Signature": signature},
            timeout=TIMEOUT,
            allow_redirects=False,
        )
        status = answer.status_code
    except (requests.RequestException, ValueError) as e:
        status = 0
        logger.warning("The sandbox could not deliver a webhook to %s: %s", url, type(e).__name__)
    deliveries.append({"url": url, "parameters": parameters, "signature": signature, "status": status})
