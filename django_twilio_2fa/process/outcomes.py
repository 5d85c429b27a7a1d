"""What is recorded and told of a provider's answer: a send, a wrong token, an approval, an end."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Sequence
from datetime import datetime
from datetime import timezone as zones
from functools import partial
from typing import Any

from django.db.models import Q
from django.utils import timezone

from .. import errors, moments, signals
from ..conf import conf
from ..contacts import CONTACTS
from ..digests import digests
from ..installed import get_providers
from ..models import Device, Purpose, Status, Verification, contact_of, details_of
from ..notices import address_of, tell_owner
from ..providers import Checked, Sent
from . import lockout, rate_limits, reservations, verifications, wording
from .devices import CALLBACKS, Registered, get_registered, has_callback
from .methods import Options
from .rate_limits import Count

logger = logging.getLogger(__name__)


def _trace(error: Exception) -> str:
    """Where it failed and with what kind of error: its words and the frames' variables may hold the token."""
    return "".join(traceback.format_tb(error.__traceback__)) + type(error).__name__


class Outcomes(Options):
    """The half of the verifier that comes after the provider."""

    # A send

    def _record_sent(self, row: Verification, sent: Sent) -> None:
        fields: dict[str, Any] = {"last_sent_at": timezone.now(), "sid": sent.sid, "error_code": ""}
        # Of a number that is only being registered the age of a verification at Twilio is not told: it may be
        # its owner's, and would say that they are signing in just now.
        if sent.started_at and row.purpose == Purpose.PROVE and self.user is not None:
            started = moments.aware(sent.started_at)
            fields["created_at"] = moments.stored(started)
            fields["expires_at"] = moments.stored(started + conf.expiration)
        if sent.data is not None:
            fields["data"] = {**row.data, **sent.data}
        Verification.objects.filter(pk=row.pk, status=Status.PENDING).update(**fields)

    def _send_failed(
        self,
        row: Verification,
        error: errors.TwoFactorError,
        spent: Sequence[Count],
        refused: Sequence[Count],
    ) -> None:
        """Record a send that failed; give back what it was counted on, if it certainly did not happen."""
        if not error.uncertain:
            verifications.retried(lambda: reservations.give_send_back(row, spent, refused))
        if isinstance(error, errors.MaxSendsReached):
            # Twilio's own count, which another verification of the same number may have used up.
            Verification.objects.filter(pk=row.pk).update(sends=conf.MAX_SENDS)
        Verification.objects.filter(pk=row.pk).update(error_code=error.full_code[:64])
        if error.ends_method and row.destination:
            self._end_method(row, error)
        if isinstance(error, errors.CannotReceive) and row.device_id:
            Device.objects.filter(pk=row.device_id).update(line_type="landline")
        row.refresh_from_db()
        if isinstance(error, errors.MaxSendsReached | errors.MaxAttemptsReached):
            error.data.setdefault("retry_after", reservations.until_over(row))
        if error.uncertain or isinstance(error, errors.MaxSendsReached):
            # The code may have arrived, or an earlier one is good still: let the user type it.
            error.verification = row
        self._tell_twilio_error(error)

    def _end_method(self, row: Verification, error: errors.TwoFactorError) -> None:
        """Offer the method no more for this user and destination, for a day."""
        lockout.refuse_method(self.user, row.method, row.identity)
        signals.send(
            signals.twilio_2fa_fraud_suspected,
            **self._about(row),
            method=row.method,
            code=error.data.get("twilio_error"),
        )

    # A check

    def _approved_here(self, row: Verification) -> bool:
        """Whether this very session has had the row approved, as when a form is submitted twice."""
        return (
            row.status == Status.APPROVED
            and bool(self.flow)
            and row.flow_digest in digests("flow", self.flow)
        )

    def _wrong(self, row: Verification, lease: str, spent: Sequence[Count]) -> errors.TwoFactorError:
        failed = verifications.retried(lambda: reservations.release_lease(row, lease))
        locked = self._lock_if_used_up(row, spent)
        signals.send(signals.twilio_2fa_verification_failed, **self._about(row), method=row.method)
        if failed:
            self._tell_status(row)
            if conf.CANCEL_ON_MAX_RETRIES:
                self._cancel_at_provider(row)
            # The longer wait of the two: that of a lock would be met at the next choice.
            return locked or errors.MaxAttemptsReached(retry_after=reservations.until_over(row))
        left = conf.MAX_ATTEMPTS - row.attempts
        advice = get_providers()[row.method].advise_wrong(row)
        return errors.InvalidVerificationCode(attempts_left=left, **({"advice": advice} if advice else {}))

    def _not_yet(self, row: Verification, lease: str, spent: Sequence[Count]) -> None:
        """Take back what was counted: there was no token to be wrong."""
        verifications.retried(lambda: reservations.give_back(row, lease))
        verifications.retried(lambda: rate_limits.refund(spent))

    def _lock_if_used_up(self, row: Verification, spent: Sequence[Count]) -> errors.TwoFactorError | None:
        """Lock whoever has used their wrong tokens up, and tell the owner once.

        Returns what the user is told of a lock that was made; None if there was none.
        """
        if self.user is None:
            return None
        apart = get_providers()[row.method].counted_apart
        until = verifications.retried(lambda: lockout.was_wrong(self.user, self.flow, spent, apart))
        if not until:
            return None
        moment = None if until == lockout.FOR_EVER else datetime.fromtimestamp(until, zones.utc)
        signals.send(signals.twilio_2fa_user_locked, request=self.request, user=self.user, until=moment)
        tell_owner(self.user, "twilio_2fa/email/locked", until=moment and moments.stored(moment))
        return lockout.as_error(until)

    def _check_failed(
        self, row: Verification, lease: str, error: errors.TwoFactorError
    ) -> errors.TwoFactorError:
        """Record a check that failed. Return what the user is told."""
        if isinstance(error, errors.VerificationExpired) and row.error_code == errors.MaxSendsReached.code:
            # Twilio has refused to send, and no earlier code is good: there is none to be had until then.
            used_up = errors.NoCodeToUse(retry_after=reservations.until_over(row))
            self._end(row, Status.FAILED, lease=lease, error_code=used_up.code, keep_key=True)
            self._tell_twilio_error(error)
            return used_up
        if isinstance(error, errors.VerificationExpired):
            self._end(row, Status.EXPIRED, lease=lease)
        elif isinstance(error, errors.ApprovalDenied):
            self._end(row, Status.FAILED, lease=lease, error_code=error.code)
        elif isinstance(error, errors.MaxAttemptsReached):
            error.data.setdefault("retry_after", reservations.until_over(row))
            self._end(row, Status.FAILED, lease=lease, error_code=error.code, keep_key=True)
        elif verifications.retried(lambda: reservations.release_lease(row, lease)):
            self._tell_status(row)
        self._tell_twilio_error(error)
        return error

    def _approve(self, row: Verification, lease: str, checked: Checked) -> Verification:
        """Record an approval, store what it registers, and tell; its one winner comes here."""
        tell = self._owner_notice(row) if row.purpose == Purpose.ENROL else None
        if self._no_longer_allowed(row):
            outcome = verifications.Outcome.REFUSED
            self._end(row, Status.FAILED, lease=lease, error_code=errors.ProofRequired.code)
        else:
            destination, changes = row.destination, self._changes_what_the_site_keeps(row)
            most = self.resolve("MAX_DEVICES") if row.proof_id is not None else None
            outcome = verifications.retried(
                lambda: verifications.approve(
                    row,
                    lease,
                    sid=checked.sid,
                    flow=self.flow,
                    auth=self.auth,
                    device=checked.device,
                    changes=changes,
                    most=most,
                )
            )
        row.refresh_from_db()
        if outcome is verifications.Outcome.LOST:
            raise errors.VerificationExpired
        self._tell_status(row)
        if outcome is verifications.Outcome.REFUSED:
            raise errors.ProofRequired
        if outcome is verifications.Outcome.FULL:
            raise errors.TooManyDevices
        self.forget_registered()
        if row.purpose == Purpose.ENROL and self._tell_registered(row, destination) and tell is not None:
            tell()
        if self._is_kept_by_site(row) and not row.by_stranger:
            verifications.retried(lambda: verifications.remember_proven(row))
        signals.send(signals.twilio_2fa_verification_success, **self._about(row), method=row.method)
        self._tell_provider(row)
        row.approved_now = True
        return row

    def _tell_provider(self, row: Verification) -> None:
        try:
            get_providers()[row.method].approved(row, request=self.request)
        except Exception as e:
            logger.error("The provider of %s failed after an approval\n%s", row.method, _trace(e))

    def _no_longer_allowed(self, row: Verification) -> bool:
        """Whether what was registered has changed while the code was on its way."""
        if row.purpose == Purpose.PROVE:
            return self._is_kept_by_site(row) and not verifications.callback_returns(row, self.request)
        if row.proof_id is not None:
            return False
        return any(not self._is_unproven_value(row, r) for r in get_registered(self.user, self.request))

    def _changes_what_the_site_keeps(self, row: Verification) -> bool:
        """Whether the site has a value of this kind, which the new one takes the place of."""
        if row.proof_id is None or not self._is_kept_by_site(row):
            return False
        return any(r.kind == row.kind for r in get_registered(self.user, self.request))

    @staticmethod
    def _is_kept_by_site(row: Verification) -> bool:
        """Whether its destination is what the site's own callback returns for the user; nobody has one."""
        return row.user_id is not None and has_callback(row.kind)

    def _is_unproven_value(self, row: Verification, registered: Registered) -> bool:
        """Whether this is the very value of the site's own field that the row is to prove."""
        if registered.id != row.kind or registered.proven:
            return False
        contact = registered.contact
        return contact is not None and row.destination_digest in digests(row.kind, contact.identity)

    def _owner_notice(self, row: Verification) -> Callable[[], None] | None:
        """What tells the owner of the account, made before anything changes; None where nothing will."""
        contact, gives_way = row.contact, row.replaces
        if (
            contact is not None
            and row.proof_id is not None
            and gives_way is None
            and not has_callback(row.kind)
        ):
            gives_way = Device.objects.for_value(self.user, row.kind, str(contact)).first()
            if gives_way is not None and gives_way.data == details_of(contact):
                return None
        about = {"kind": row.kind, "address": address_of(self.user)}
        if gives_way is not None:
            old = wording.called(row.kind, masked=gives_way.masked, name=gives_way.name)
        elif self._changes_what_the_site_keeps(row):
            old = wording.called(row.kind)
        else:
            old = ""
        new = wording.called(row.kind, masked=row.masked, name=row.device_name)
        template = "twilio_2fa/email/changed" if old else "twilio_2fa/email/added"
        return partial(tell_owner, self.user, template, old=old, new=new, **about)

    def _tell_registered(self, row: Verification, destination: str) -> bool:
        """Give the site the new number or address; where the site keeps it, see that it did.

        Returns whether it is one that the site did not have.
        """
        if row.kind not in CONTACTS:
            return True
        value = contact_of(row.kind, destination, "", row.details)
        before = has_callback(row.kind) and verifications.callback_returns(row, self.request)
        signals.send(
            signals.twilio_2fa_set_user_data,
            request=self.request,
            user=self.user,
            field=row.kind,
            value=value,
        )
        if not has_callback(row.kind):
            return True
        if not verifications.callback_returns(row, self.request):
            logger.error(
                "No receiver of twilio_2fa_set_user_data stored the %s: TWILIO_2FA_%s does not return it",
                row.kind,
                CALLBACKS[row.kind],
            )
            raise errors.UserDataNotStored
        # A value that changed by another road has been proven as new; it verifies nobody yet.
        if row.proof_id is None and not before:
            verifications.retried(lambda: verifications.let_verify(row))
        return not before

    # An end

    def _cancel_at_provider(self, row: Verification) -> None:
        provider = get_providers().get(row.method)
        # Told by where it went, too: a send whose answer was lost, or is on its way, has no SID yet.
        same = Q(sid=row.sid)
        if row.destination_digest:
            same |= Q(destination_digest=row.destination_digest, transport=row.transport)
        others = Verification.objects.filter(same, status=Status.PENDING).exclude(pk=row.pk)
        if provider is None or (row.sid and others.exists()):
            return
        try:
            self._guarded(lambda: provider.cancel(row, request=self.request))
        except errors.TwoFactorError as e:
            # It ends here all the same, and at Twilio when its time is up.
            self._tell_twilio_error(e)

    # Telling

    def _guarded(self, verb: Any) -> Any:
        """Call a provider; whatever else it raises becomes an error of the kit's, and is logged."""
        try:
            return verb()
        except errors.TwoFactorError:
            raise
        except Exception as e:
            logger.error("A provider failed\n%s", _trace(e))
            error = errors.TwilioUnavailable(twilio_error="provider")
            error.uncertain = True
            raise error from e

    def _end(self, row: Verification, status: Status, **options: Any) -> bool:
        ended = verifications.retried(lambda: verifications.end(row, status, **options))
        row.refresh_from_db()
        if ended:
            self._tell_status(row)
        return ended

    def _about(self, row: Verification) -> dict[str, Any]:
        return {"request": self.request, "user": self.user, "verification_sid": row.verification_sid}

    def _tell_status(self, row: Verification) -> None:
        signals.send(signals.twilio_2fa_verification_status_changed, **self._about(row), status=row.status)

    def _tell_twilio_error(self, error: errors.TwoFactorError) -> None:
        if error.cause is not None:
            signals.send(
                signals.twilio_2fa_twilio_error, request=self.request, user=self.user, exc=error.cause
            )
