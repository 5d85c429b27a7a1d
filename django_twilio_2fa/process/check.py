"""Check a token, or approve without one: guard, reserve, call the provider, record, tell."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import wraps
from typing import NoReturn, ParamSpec, TypeVar

from .. import errors
from ..conf import conf
from ..contacts import CONTACTS
from ..installed import get_providers
from ..models import Purpose, Status, Verification
from ..providers import Checked, MethodProvider
from . import approval, events, lockout, rate_limits, registration, reservations, verifications
from .approval import Outcome
from .database import retry
from .devices import Devices, is_kept_by_site, remember_proven
from .provider_call import call, trace
from .reservations import Attempt
from .subject import Subject

logger = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")


def mark_errors(method: Callable[P, T]) -> Callable[P, T]:
    """Mark the errors of a method as those of a check: nothing was sent."""

    @wraps(method)
    def marked(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return method(*args, **kwargs)
        except errors.TwoFactorError as e:
            e.during = "check"
            raise

    return marked


def check(devices: Devices, row: Verification, token: str) -> Verification:
    """Check a token. Returns the approved verification. See `Verifier.check`."""
    # Guard
    subject = devices.subject
    subject.authorize()
    provider = _provider_of(row)
    verifications.require_own(subject, row)
    lockout.raise_if_locked(subject.user, subject.flow, provider.counted_apart)
    token = provider.read_token(row, token)

    # Reserve
    try:
        lease = reservations.take_lease(row)
    except errors.VerificationExpired:
        if verifications.is_approved_here(subject, row):
            return row
        raise
    counts = rate_limits.for_client(subject.request, subject.user)
    counts += lockout.for_check(subject.user, subject.flow, provider.counted_apart)
    attempt = Attempt(row, lease, tuple(counts))
    reservations.spend_check(attempt)

    # Call
    try:
        checked = call(lambda: provider.check(row, token, request=subject.request))
    except errors.InvalidVerificationCode as e:
        # A user's own used code costs no attempt a few times. After that it may be guessing.
        if isinstance(e, errors.CodeAlreadyUsed) and reservations.spend_used_code(subject.user):
            reservations.undo_check(attempt, but=rate_limits.PER_CLIENT)
            raise
        checked = Checked(approved=False)
    except errors.ApprovalPending:
        reservations.undo_check(attempt)
        raise
    except errors.TwoFactorError as e:
        _raise_failure(subject, attempt, e)

    # Record and tell
    if not checked.approved:
        raise _record_wrong_token(subject, attempt, provider)
    retry(lambda: lockout.record_success(subject.user, attempt.spent))
    return record_approval(devices, attempt, checked)


def approve(devices: Devices, row: Verification) -> Verification:
    """Approve a verification without a token. Returns it. See `Verifier.approve`."""
    # Guard
    subject = devices.subject
    subject.authorize()
    provider = _provider_of(row)
    if row.purpose == Purpose.ENROL and row.kind not in CONTACTS:
        raise errors.MethodNotAllowed(method=row.method)
    verifications.require_own(subject, row)

    # Reserve
    attempt = Attempt(row, reservations.take_lease(row))

    # Call
    try:
        call(lambda: provider.approve(row, request=subject.request))
    except errors.TwoFactorError as e:
        _raise_failure(subject, attempt, e)

    # Record and tell
    return record_approval(devices, attempt, Checked(approved=True, sid=row.sid))


def record_approval(devices: Devices, attempt: Attempt, checked: Checked) -> Verification:
    """Approve the row, store what it registers, and tell the owner, the site and the provider.

    Returns the row. Raises `VerificationExpired` if another request has ended it, `ProofRequired` or
    `TooManyDevices` if what it registers is no longer allowed, and `UserDataNotStored`.
    """
    subject, row = devices.subject, attempt.row
    notify = registration.owner_notice(subject, row)
    destination = row.destination
    if registration.still_allowed(subject, row):
        changes = registration.replaces_site_value(subject, row)
        most = subject.setting("MAX_DEVICES") if row.proof_id is not None else None
        outcome = retry(
            lambda: approval.store_approval(subject, row, attempt.lease, checked, changes=changes, most=most)
        )
    else:
        outcome = Outcome.REFUSED
        code = errors.ProofRequired.code
        verifications.end(subject, row, Status.FAILED, lease=attempt.lease, error_code=code)
    row.refresh_from_db()
    if outcome is Outcome.LOST:
        raise errors.VerificationExpired
    events.status_changed(subject, row)
    if outcome is Outcome.REFUSED:
        raise errors.ProofRequired
    if outcome is Outcome.FULL:
        raise errors.TooManyDevices
    devices.refresh()
    if row.purpose == Purpose.ENROL and registration.tell_site(subject, row, destination) and notify:
        notify()
    if is_kept_by_site(row) and not row.by_stranger:
        retry(lambda: remember_proven(row))
    events.approved(subject, row)
    try:
        get_providers()[row.method].approved(row, request=subject.request)
    except Exception as e:
        logger.error("The provider of %s failed after an approval\n%s", row.method, trace(e))
    row.approved_now = True
    return row


def _provider_of(row: Verification) -> MethodProvider:
    provider = get_providers().get(row.method)
    if provider is None:
        raise errors.MethodNotAllowed(method=row.method)
    return provider


def _record_wrong_token(
    subject: Subject, attempt: Attempt, provider: MethodProvider
) -> errors.TwoFactorError:
    """Record a wrong token, and lock the user or the session if it was the last one. Returns the error."""
    row = attempt.row
    failed = retry(lambda: reservations.release_lease(attempt))
    locked_until = retry(
        lambda: lockout.record_failure(subject.user, subject.flow, attempt.spent, provider.counted_apart)
    )
    if locked_until:
        events.locked(subject, locked_until)
    events.failed(subject, row)
    if failed:
        events.status_changed(subject, row)
        if conf.CANCEL_ON_MAX_RETRIES:
            verifications.cancel_at_provider(subject, row)
        # The longer of the two waits: that of a lock would be met at the next choice.
        if locked_until:
            return lockout.as_error(locked_until)
        return errors.MaxAttemptsReached(retry_after=reservations.until_over(row))
    advice = provider.advise_wrong(row)
    left = conf.MAX_ATTEMPTS - row.attempts
    return errors.InvalidVerificationCode(attempts_left=left, **({"advice": advice} if advice else {}))


def _raise_failure(subject: Subject, attempt: Attempt, error: errors.TwoFactorError) -> NoReturn:
    """Record a check that the provider could not make, and raise its error, or `NoCodeToUse` in its place."""
    row, lease = attempt.row, attempt.lease
    raised = error
    if isinstance(error, errors.VerificationExpired) and row.error_code == errors.MaxSendsReached.code:
        # Twilio has refused to send, and no earlier code works: there is none until this has expired.
        raised = errors.NoCodeToUse(retry_after=reservations.until_over(row))
        verifications.end(subject, row, Status.FAILED, lease=lease, error_code=raised.code, keep_key=True)
    elif isinstance(error, errors.VerificationExpired):
        verifications.end(subject, row, Status.EXPIRED, lease=lease)
    elif isinstance(error, errors.ApprovalDenied):
        verifications.end(subject, row, Status.FAILED, lease=lease, error_code=error.code)
    elif isinstance(error, errors.MaxAttemptsReached):
        error.data.setdefault("retry_after", reservations.until_over(row))
        verifications.end(subject, row, Status.FAILED, lease=lease, error_code=error.code, keep_key=True)
    elif retry(lambda: reservations.release_lease(attempt)):
        events.status_changed(subject, row)
    events.twilio_error(subject, error)
    if raised is error:
        raise error
    raise raised from error
