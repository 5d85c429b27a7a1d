"""The base of the methods that are channels of Twilio Verify."""

from __future__ import annotations

import logging
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, ClassVar

from .. import errors
from ..conf import conf
from ..models import Purpose
from ..providers import Checked, Diagnosis, MethodProvider, Sent
from .faults import translated
from .service import fetch_service, get_service

if TYPE_CHECKING:
    from ..models import Verification

logger = logging.getLogger(__name__)


def _aware(moment: datetime | None) -> datetime | None:
    """Twilio's times are UTC; twilio-python has returned them naive and aware."""
    if moment is not None and moment.tzinfo is None:
        return moment.replace(tzinfo=timezone.utc)
    return moment


def _mismatch() -> errors.TwilioUnavailable:
    """The answer is about something else than what was asked, so that nobody knows what happened."""
    logger.error("Twilio answered about another verification than the one asked about")
    error = errors.TwilioUnavailable(twilio_error="mismatch")
    error.uncertain = True
    return error


class VerifyService:
    """What methods of Verify's share: the service, and its faults as the kit's errors."""

    get_service = staticmethod(get_service)
    """The Verify service, as twilio-python has it."""

    translated = staticmethod(translated)
    """A context that raises the kit's errors; `service=True` where a 404 is about the service."""


class VerifyProvider(VerifyService, MethodProvider):
    """A Verify channel: `channel` names it, the rest is the contract's data."""

    channel: ClassVar[str] = ""

    @property
    def transport(self) -> str:
        """All channels share the verification to one destination: the same SID, code and counts."""
        return "verify"

    def _service(self, verification: Verification) -> Any:
        return self.get_service(registration=verification.purpose == Purpose.ENROL)

    def options(self, verification: Verification, *, request: Any = None) -> dict[str, Any]:
        """Further parameters of the send, by twilio-python's names."""
        about = {"request": request, "user": verification.user}
        options = {
            "custom_friendly_name": conf.resolve("SERVICE_NAME", **about),
            "rate_limits": conf.resolve("RATE_LIMITS", method=self.name, **about),
        }
        return {name: value for name, value in options.items() if value}

    def diagnose(self) -> Diagnosis:
        return self.diagnose_service(fetch_service())

    def diagnose_service(self, service: Any) -> Diagnosis:
        """What the service says of the channel; of most it says nothing."""
        return Diagnosis(True, "needs no more than the service")

    def start(self, verification: Verification, *, request: Any = None) -> Sent:
        options = self.options(verification, request=request)
        try:
            return self._send(verification, options)
        except errors.TwilioUnavailable as e:
            if e.data.get("twilio_error") != "connection":
                raise
        # The connection was refused, so nothing was sent: the one case in which trying again is safe.
        return self._send(verification, options)

    def _send(self, verification: Verification, options: dict[str, Any]) -> Sent:
        with translated(service=True):
            answer = self._service(verification).verifications.create(
                to=verification.destination, channel=self.channel, **options
            )
            if answer.to != verification.destination or not answer.sid:
                raise _mismatch()
            return Sent(sid=answer.sid, started_at=_aware(answer.date_created))

    def check(self, verification: Verification, token: str, *, request: Any = None) -> Checked:
        # A send whose answer was lost left no SID; its verification is found by where it went.
        key = {"verification_sid": verification.sid} if verification.sid else {"to": verification.destination}
        with translated():
            answer = self._service(verification).verification_checks.create(code=token, **key)
            same = answer.to == verification.destination and answer.sid == (verification.sid or answer.sid)
            if answer.status == "approved" and not same:
                raise _mismatch()
            if answer.status == "max_attempts_reached":
                raise errors.MaxAttemptsReached
            if answer.status in ("canceled", "expired", "deleted", "failed"):
                raise errors.VerificationExpired
            if answer.status not in ("pending", "approved"):
                logger.error("Twilio answered a check with an unknown status")
                raise errors.TwilioUnavailable(twilio_error="unknown_status")
            return Checked(
                approved=answer.status == "approved" and answer.valid is True, sid=answer.sid or ""
            )

    def cancel(self, verification: Verification, *, request: Any = None) -> None:
        if not verification.sid:
            return
        with translated():
            self._service(verification).verifications(verification.sid).update(status="canceled")
