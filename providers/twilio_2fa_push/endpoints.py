"""The endpoints for registered browsers, which are authenticated by a signature and not by a cookie."""

from __future__ import annotations

from typing import Any

from django.core import signing
from django.http import HttpRequest
from django.utils import timezone

from django_twilio_2fa.models import Device, Purpose, Status, Verification
from django_twilio_2fa.providers import Endpoint, Proven, Value

from . import answers, challenges, keys, web_push

SALT = "twilio_2fa_push"
NONCE_LIFE = 300


def new_nonce() -> str:
    """Return a nonce that a browser has to sign in its next proof."""
    return signing.dumps("", salt=SALT)


def _prove(values: dict[str, str]) -> Proven:
    """Return the browser that has signed a proof, and the signed values. Raises `UnknownDevice`."""
    token = values.get("proof", "")
    try:
        device = _device(keys.read_unsigned(token).get("factor"))
        signed = keys.read_signed(token, device.data["public_key"])
    except keys.NotSigned:
        raise answers.UnknownDevice from None
    return Proven(device.value, (device, signed))


def _device(factor: Any) -> Device:
    """Return the browser that is registered with a factor. Raises `UnknownDevice`."""
    is_sid = isinstance(factor, str) and keys.FACTOR.fullmatch(factor)
    device = Device.objects.with_value(answers.KIND, factor).first() if is_sid else None
    if device is None or "public_key" not in device.data:
        raise answers.UnknownDevice
    return device


def _require_fresh(request: HttpRequest, proven: Proven) -> tuple[Device, dict[str, Any]]:
    """Return the browser and the signed values. Raises `StaleNonce` or `NotYours`."""
    device, signed = proven.about
    try:
        signing.loads(str(signed.get("nonce")), salt=SALT, max_age=NONCE_LIFE)
    except signing.BadSignature:
        raise answers.StaleNonce from None
    answers.refuse_others(request, device)
    return device, signed


def pending(request: HttpRequest, proven: Proven) -> dict[str, Any]:
    """Return the requests that wait for the approval of a registered browser."""
    device, _signed = _require_fresh(request, proven)
    rows = Verification.objects.filter(
        device=device,
        kind=answers.KIND,
        purpose=Purpose.PROVE,
        status=Status.PENDING,
        answer="",
        expires_at__gt=timezone.now(),
    )
    notified = web_push.SUBSCRIPTION in device.data
    return {"notified": notified, "requests": [_shown(row) for row in rows if challenges.asked_in(row)]}


def _shown(row: Verification) -> dict[str, Any]:
    """Return the fields of a verification that a browser shows and signs. They do not include the number."""
    asked = challenges.asked_in(row)
    if asked is None:
        return {}
    left = int((row.expires_at - timezone.now()).total_seconds())
    about = {"message": asked.message, "details": asked.details, "expires_in": left}
    return {**about, "id": asked.sid, "sign": asked.shown, "hides": challenges.HIDDEN in asked.signed}


def subscribe(request: HttpRequest, proven: Proven) -> dict[str, Any]:
    """Store the signed push subscription of a registered browser. Null ends its notifications."""
    device, signed = _require_fresh(request, proven)
    subscription = signed.get("subscription")
    if subscription is not None and not web_push.is_subscription(subscription):
        raise answers.NoSubscription
    data = {name: value for name, value in device.data.items() if name != web_push.SUBSCRIPTION}
    if subscription is not None:
        data[web_push.SUBSCRIPTION] = web_push.kept_of(subscription)
    Device.objects.filter(pk=device.pk).update(data=data)
    return {"notified": subscription is not None}


def _prove_answer(values: dict[str, str]) -> Proven:
    answer = answers.read(values.get("answer", ""), values.get("number", "").strip()[:8])
    return Proven(answer.device.value, answer)


def answer(request: HttpRequest, proven: Proven) -> dict[str, Any]:
    """Process the signed answer of a registered browser."""
    return answers.take(proven.about, request=request)


PROOF = "A JWT (ES256) that the browser has signed, over `factor` (the SID of its factor) and `nonce`"
NONCE = Value(str, "For the next `proof`.")
NOTIFIED = Value(bool, "Whether this browser is notified of requests.")

ENDPOINTS = [
    Endpoint(
        name="pending",
        help="Ask what waits for the approval of a registered browser.",
        limit="polls_per_device",
        prove=_prove,
        answer=pending,
        takes={"proof": f"{PROOF}. Without it, the error has a first `nonce` in `data`."},
        returns={
            "requests": Value(
                list, "Each has `id`, `message`, `details`, `expires_in` (seconds), `sign` and `hides`."
            ),
            "notified": NOTIFIED,
            "nonce": NONCE,
        },
        always=lambda: {"nonce": new_nonce()},
    ),
    Endpoint(
        name="answer",
        help="Approve or deny a request.",
        limit="answers_per_device",
        prove=_prove_answer,
        answer=answer,
        takes={
            "answer": "A JWT (ES256) that the browser has signed, over the fields in `sign`, if `hides` also "
            "`hidden_details` with the number, and `status`: `approved` or `denied`.",
            "number": "The number that the user has entered. Left out to deny.",
        },
        returns={
            "status": Value(str, "`approved` or `denied`."),
            "sign": Value(
                dict, "After a denial: what to sign and send once more, for Twilio.", optional=True
            ),
            "nonce": NONCE,
        },
        always=lambda: {"nonce": new_nonce()},
    ),
    Endpoint(
        name="subscribe",
        help="Set where a registered browser is notified.",
        limit="answers_per_device",
        prove=_prove,
        answer=subscribe,
        takes={"proof": f"{PROOF}, and `subscription`: a `PushSubscription` of the browser, or null."},
        returns={"notified": NOTIFIED, "nonce": NONCE},
        always=lambda: {"nonce": new_nonce()},
    ),
]
