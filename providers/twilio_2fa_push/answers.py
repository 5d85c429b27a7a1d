"""Process the answer to a challenge: check it, send it to Twilio, store it, and report a denial."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext_lazy as _

from django_twilio_2fa import errors, signals
from django_twilio_2fa.models import Answer, Device, Purpose, Status, Verification
from django_twilio_2fa.notices import tell_owner
from django_twilio_2fa.providers.replay import use_once

from . import challenges, keys
from .challenges import HIDDEN, Asked

logger = logging.getLogger(__name__)

KIND = "push"

WRONG_NUMBERS = 3
"""The number of wrong numbers after which the challenge is denied."""

LONGEST_LIFE = 2 * 60 * 60
"""A number of seconds that is longer than the lifetime of any challenge."""


class RequestOver(errors.VerificationExpired):
    """The request has been answered, has expired, was canceled, or was replaced by a newer one."""

    message = _("This request has ended.")


class NotSigned(errors.InvalidVerificationCode):
    """The answer is not signed by the browser that was asked, or its content is not that of the challenge."""

    message = _("We could not use that answer. Nothing was approved.")


class WrongNumber(errors.InvalidVerificationCode):
    """The user has entered a number other than the one on the page that waits."""

    message = _("That is not the number on the other screen. Check it and try again, or deny the request.")


class TooManyWrongNumbers(errors.ApprovalDenied):
    """The user has entered the last wrong number that is accepted. The challenge is denied."""

    message = _("You entered the wrong number too many times. The request was denied.")


class NotYours(errors.UserNotAllowed):
    """The user who is signed in to this browser is not the user who is asked."""

    message = _("Another user is signed in to this browser. Sign out to answer.")


class StaleNonce(errors.TwoFactorError):
    """The page sent an expired nonce. The response has a new one, with which the page tries again."""

    code = "stale_nonce"
    message = _("This page was open for too long. Try again.")
    status = 409


class NoSubscription(errors.BadUserData):
    """The subscription is malformed, or belongs to a push service that the site does not allow."""

    message = _("We cannot send notifications to this browser.")


class UnknownDevice(errors.VerificationNotFound):
    """No user has registered a browser with this key."""

    message = _("This browser is not registered.")


def refuse_others(request: Any, device: Device) -> None:
    """Raise `NotYours` if the user who is signed in does not own the device."""
    user = getattr(request, "user", None)
    if user is not None and user.is_authenticated and user.pk != device.user_id:
        raise NotYours


def find(sid: Any) -> tuple[Verification, Device, Asked]:
    """Return the verification of a challenge, its device and its question. Raises `RequestOver`."""
    rows = Verification.objects.select_related("device", "user").filter(kind=KIND, purpose=Purpose.PROVE)
    is_sid = isinstance(sid, str) and keys.CHALLENGE.fullmatch(sid)
    row = rows.filter(sid=sid).first() if is_sid else None
    asked = challenges.asked_in(row) if row is not None else None
    if row is None or row.device is None or asked is None or asked.sid != sid:
        raise RequestOver
    return row, row.device, asked


@dataclass(frozen=True)
class Signed:
    """An answer that the browser that was asked has signed. `number` is what its user has entered."""

    row: Verification
    device: Device
    asked: Asked
    signed: dict[str, Any]
    token: str
    number: str


def read(token: str, number: str) -> Signed:
    """Return the answer in a signed token. Raises `NotSigned` or `RequestOver`."""
    try:
        row, device, asked = find(keys.read_unsigned(token).get("sid"))
        signed = keys.read_signed(token, device.data.get("public_key", ""))
    except keys.NotSigned:
        raise NotSigned from None
    return Signed(row, device, asked, signed, token, number)


def take(answer: Signed, *, request: Any) -> dict[str, Any]:
    """Process an answer. Return the response: `status`, and after a denial the fields to sign for Twilio.

    A denial has no number, so it is stored at once. The response then has all fields of the challenge, with
    the hidden details, because Twilio accepts only a signature over all of them. Raises errors of this module
    and of Twilio.
    """
    row, device, asked, token = answer.row, answer.device, answer.asked, answer.token
    signed = dict(answer.signed)
    refuse_others(request, device)
    status = signed.pop("status", None)
    if status == Answer.DENIED:
        return _deny(row, device, asked, signed, token, request=request)
    if status != Answer.APPROVED or _without_hidden(signed) != asked.shown:
        raise NotSigned
    _require_open(row)
    if not constant_time_compare(answer.number, asked.number):
        _count_wrong_number(row, device, asked, request=request)
    if signed != asked.signed:
        raise NotSigned
    _give_to_twilio(row, token)
    if not store(row, device, asked, approved=True, request=request):
        raise RequestOver
    return {"status": Answer.APPROVED}


def _without_hidden(signed: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in signed.items() if name != HIDDEN}


def _require_open(row: Verification) -> None:
    if row.status != Status.PENDING or row.answer or row.is_expired():
        raise RequestOver


def _count_wrong_number(row: Verification, device: Device, asked: Asked, *, request: Any) -> None:
    """Raise `WrongNumber`. At the last wrong number, deny the request and raise `TooManyWrongNumbers`."""
    for n in range(WRONG_NUMBERS - 1):
        if use_once("push number", asked.sid, n, seconds=LONGEST_LIFE):
            raise WrongNumber
    store(row, device, asked, approved=False, request=request)
    raise TooManyWrongNumbers


def _give_to_twilio(row: Verification, token: str) -> None:
    try:
        status = challenges.pass_on(row, token)
    except errors.VerificationExpired:
        # The challenge has been answered at Twilio, perhaps by an earlier try of this answer, whose response
        # was lost.
        status = challenges.fetch_status(row)
    if status != Answer.APPROVED:
        raise NotSigned


def _deny(
    row: Verification, device: Device, asked: Asked, signed: dict[str, Any], token: str, *, request: Any
) -> dict[str, Any]:
    told: dict[str, Any] = {"status": Answer.DENIED}
    complete = signed == asked.signed
    if not complete and signed != asked.shown:
        raise NotSigned
    if row.answer != Answer.DENIED and not store(row, device, asked, approved=False, request=request):
        raise RequestOver
    if not complete:
        return {**told, "sign": asked.signed}
    try:
        challenges.pass_on(row, token)
    except errors.TwoFactorError as e:
        # The challenge is denied here, and expires at Twilio.
        logger.warning("A denial could not be sent to Twilio: %s", e.code)
    return told


def store(row: Verification, device: Device, asked: Asked, *, approved: bool, request: Any) -> bool:
    """Store an answer, and report a denial. Return False if there is an answer already, or it is too late."""
    same = Verification.objects.filter(sid=asked.sid, device=device)
    if not same.answer(row.public_id, approved=approved):
        return False
    row.answer = Answer.APPROVED if approved else Answer.DENIED
    if not approved:
        tell_of_denial(row, device, asked, request=request)
    return True


def tell_of_denial(row: Verification, device: Device, asked: Asked, *, request: Any) -> None:
    """Send the signal, write to the log, and e-mail the owner. Called once for each denial."""
    logger.warning("Verification %s was denied on device %s", row.public_id, device.pk)
    about = {"method": row.method, "verification": str(row.public_id), "device": str(device.pk)}
    signals.send(signals.twilio_2fa_approval_denied, request=request, user=row.user, **about)
    named = device.name or device.masked
    tell_owner(row.user, "twilio_2fa/push/denied", asked=asked, device=named)


# Answers of an app, which come from Twilio


def store_status(row: Verification, status: str) -> bool:
    """Store the status of the last challenge at Twilio. Return whether it is a new answer."""
    device, asked = row.device, challenges.asked_in(row)
    if status not in Answer.values or device is None or asked is None:
        return False
    if "public_key" in device.data and status == Answer.APPROVED:
        # A browser sends its approval to this site, which compares the number.
        return False
    return store(row, device, asked, approved=status == Answer.APPROVED, request=None)


def take_webhook(values: Any) -> bool:
    """Store the answer in a webhook. Return False if it is known already, or unrelated to this site.

    Webhooks may arrive more than once and in any order. The caller has checked Twilio's signature.
    """
    event = values.get("type", "")
    if not event.startswith("challenge."):
        return False
    try:
        row, device, _asked = find(values.get("challenge_sid"))
    except RequestOver:
        return False
    same = values.get("factor_sid") == device.value
    if not same or values.get("entity_identity") != device.data.get("identity"):
        return False
    return store_status(row, event.removeprefix("challenge."))
