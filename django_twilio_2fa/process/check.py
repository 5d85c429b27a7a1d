"""Check a token, or approve without one: guard, reserve, call the provider, record, notify."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import wraps
from typing import NoReturn, ParamSpec, TypeVar

from .. import errors
from ..conf import conf
from ..contacts import CONTACTS
from ..models.verifications import Purpose, Status, Verification
from ..providers import Checked, MethodProvider
from ..providers.installed import get_providers
from . import (
    approval,
    breaker,
    events,
    figures,
    lockout,
    rate_limits,
    registration,
    reservations,
    verifications,
)
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
    """Mark the errors of a method as errors of a check, in which nothing was sent."""

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
    group = provider.lockout_group
    counts = rate_limits.client_limits(subject.request, subject.user)
    counts += lockout.check_limits(subject.user, subject.flow, group)
    locks = lockout.lock_keys(subject.user, subject.flow, group)
    try:
        token = call(provider.read_token, row, token)
        # Reserve
        lease = reservations.take_lease(row, counts, locks)
    except errors.TwoFactorError as e:
        # Report a lock rather than another error. Locks were read only if the lease could be taken.
        lockout.raise_if_locked(subject.user, subject.flow, group)
        if isinstance(e, errors.VerificationExpired) and verifications.is_approved_here(subject, row):
            return row
        raise
    attempt = Attempt(row, lease, tuple(counts))

    # Call
    try:
        checked = call(provider.check, row, token, request=subject.request)
    except errors.InvalidVerificationCode as e:
        # Up to a limit, a code that the user has used already does not count as an attempt.
        if isinstance(e, errors.CodeAlreadyUsed) and reservations.consume_used_code(subject.user):
            reservations.undo_check(attempt, but=rate_limits.PER_CLIENT)
            raise
        checked = Checked(approved=False)
    except errors.ApprovalPending:
        reservations.undo_check(attempt)
        raise
    except errors.TwoFactorError as e:
        _raise_failure(subject, attempt, e)

    # Record and notify
    if not checked.approved:
        raise _record_wrong_token(subject, attempt, provider)
    retry(lockout.record_success, subject.user, attempt.spent)
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
        call(provider.approve, row, request=subject.request)
    except errors.TwoFactorError as e:
        _raise_failure(subject, attempt, e)

    # Record and notify
    return record_approval(devices, attempt, Checked(approved=True, sid=row.sid))


def record_approval(devices: Devices, attempt: Attempt, checked: Checked) -> Verification:
    """Approve the row, store its device, and notify the owner, the site and the provider.

    Returns the row. Raises `VerificationExpired` if another request has ended it, `ProofRequired`,
    `TooManyDevices` or `TooManyAccounts` if the registration is not allowed, and `UserDataNotStored`.
    """
    subject, row = devices.subject, attempt.row
    destination, changes, notify = row.destination, False, None
    if row.purpose == Purpose.ENROL:
        changes = registration.replaces_site_value(subject, row)
        notify = registration.owner_notice(subject, row, changes=changes)
    kept, proven = is_kept_by_site(row), row.purpose == Purpose.PROVE and row.user_id is not None
    number = None if proven else row.contact
    if registration.still_allowed(subject, row, kept=kept):
        most = subject.setting("MAX_DEVICES") if row.proof_id is not None else None
        outcome = retry(
            approval.store_approval, subject, row, attempt.lease, checked, changes=changes, most=most
        )
    else:
        outcome = Outcome.REFUSED
        code = errors.ProofRequired.code
        verifications.end(subject, row, Status.FAILED, lease=attempt.lease, error_code=code)
    if outcome is Outcome.SUPERSEDED:
        row.refresh_from_db()
        raise errors.VerificationExpired
    events.status_changed(subject, row)
    if outcome in approval.WHY:
        raise approval.WHY[outcome]
    if number is not None:
        breaker.record_approval(subject, row, number)
    devices.refresh()
    if row.purpose == Purpose.ENROL and registration.tell_site(subject, row, destination) and notify:
        notify()
        events.device_registered(subject, row, changed=changes or row.has_replaced)
    if kept and not row.is_unauthenticated:
        retry(remember_proven, row)
    events.approved(subject, row)
    try:
        get_providers()[row.method].after_approval(row, request=subject.request)
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
    """Record a wrong token, and lock the user or session if a limit is reached. Returns the error."""
    row = attempt.row
    failed = retry(reservations.release_lease, attempt)
    locked_until = retry(
        lockout.record_failure, subject.user, subject.flow, attempt.spent, provider.lockout_group
    )
    if locked_until:
        figures.count(row, locked=1)
        events.locked(subject, locked_until)
    events.failed(subject, row)
    if failed:
        events.status_changed(subject, row)
        if conf.CANCEL_ON_MAX_RETRIES:
            verifications.cancel_at_provider(subject, row)
        # Report the longer of the two waits: the lock would refuse the user's next choice anyway.
        if locked_until:
            return lockout.as_error(locked_until)
        return errors.MaxAttemptsReached(retry_after=reservations.until_over(row))
    advice = provider.get_wrong_token_hint(row)
    about = {"advice": advice} if advice else {}
    error = errors.InvalidVerificationCode(attempts_left=row.attempts_left, **about)
    error.wording = provider.wrong_wording
    return error


def _raise_failure(subject: Subject, attempt: Attempt, error: errors.TwoFactorError) -> NoReturn:
    """Record a check that the provider could not make, and raise its error, or `NoCodeToUse` instead."""
    row, lease = attempt.row, attempt.lease
    raised = error
    if isinstance(error, errors.VerificationExpired) and row.error_code == errors.MaxSendsReached.code:
        # Twilio refuses to send, and no earlier code works: the user has to wait until this row expires.
        raised = errors.NoCodeToUse(retry_after=reservations.until_over(row))
        verifications.end(subject, row, Status.FAILED, lease=lease, error_code=raised.code, keep_key=True)
    elif isinstance(error, errors.VerificationExpired):
        verifications.end(subject, row, Status.EXPIRED, lease=lease)
    elif isinstance(error, errors.ApprovalDenied):
        verifications.end(subject, row, Status.FAILED, lease=lease, error_code=error.code)
    elif isinstance(error, errors.MaxAttemptsReached):
        error.data.setdefault("retry_after", reservations.until_over(row))
        verifications.end(subject, row, Status.FAILED, lease=lease, error_code=error.code, keep_key=True)
    elif retry(reservations.release_lease, attempt):
        events.status_changed(subject, row)
    events.twilio_error(subject, error)
    if raised is error:
        raise error
    raise raised from error
