"""Find, begin and end a verification. Each change is one conditional UPDATE, so that it happens once."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Max, Q, QuerySet
from django.utils import timezone

from .. import errors
from ..digests import digests
from ..installed import get_providers
from ..models import Status, Verification
from . import events
from .database import retry
from .provider_call import call
from .reservations import lease_free
from .subject import Subject


def get(subject: Subject, public_id: UUID | str) -> Verification:
    """Return the user's verification with this public id. Raises `VerificationNotFound`.

    An anonymous visitor gets those of no user, and nobody gets one that was begun without signing in.
    """
    try:
        row = Verification.objects.filter(public_id=public_id, user=subject.user).first()
    except (ValidationError, ValueError):
        row = None
    if row is None or row.by_stranger:
        raise errors.VerificationNotFound
    row.user = subject.user
    require_own(subject, row)
    if row.status == Status.PENDING and row.expires_at <= timezone.now():
        end(subject, row, Status.EXPIRED)
    return row


def require_own(subject: Subject, row: Verification) -> None:
    """Raise `VerificationNotFound` for a pending row that belongs to another session of the user."""
    bound = row.status == Status.PENDING and row.flow_digest
    if bound and row.flow_digest not in digests("flow", subject.flow):
        raise errors.VerificationNotFound


def is_approved_here(subject: Subject, row: Verification) -> bool:
    """Return whether this session has had the row approved, as when a form is submitted twice."""
    return (
        row.status == Status.APPROVED
        and bool(subject.flow)
        and row.flow_digest in digests("flow", subject.flow)
    )


def get_or_create_pending(
    subject: Subject, keys: list[str], fields: dict[str, Any]
) -> tuple[Verification, bool]:
    """Return the row that holds one of the keys, or create it under the first, and whether it was created.

    Of two requests the first to insert wins. An expired holder is ended first.
    """
    while True:
        row = Verification.objects.filter(pending_key__in=keys).first()
        now = timezone.now()
        if row is None:
            try:
                with transaction.atomic():
                    row = Verification.objects.create(pending_key=keys[0], **fields)
            except IntegrityError:
                continue
            _take_over_cooldown(row)
            return row, True
        if row.expires_at > now or (row.lease_until is not None and row.lease_until > now):
            return row, False
        if _end(row, Status.EXPIRED):
            row.refresh_from_db()
            events.status_changed(subject, row)
        else:
            over = Verification.objects.filter(pk=row.pk, expires_at__lte=now).exclude(status=Status.PENDING)
            over.update(pending_key=None)


def _take_over_cooldown(row: Verification) -> None:
    """Continue the cooldown of the user's last send to this destination in a new row.

    Canceling, another tab or another session does not end it. An approval does, and so does an expired code.
    Call this once the row holds its key: the row that it replaces has ended by then, with its last cooldown.
    """
    earlier = Verification.objects.filter(user=row.user_id, next_send_at__gt=timezone.now())
    if row.by_stranger:
        earlier = earlier.filter(flow_digest=row.flow_digest, transport=row.transport, kind=row.kind)
    elif row.user_id is not None and row.destination_digest:
        earlier = earlier.filter(destination_digest__in=digests(row.kind, row.identity))
    else:
        return
    earlier = earlier.exclude(Q(pk=row.pk) | Q(status__in=(Status.APPROVED, Status.EXPIRED)))
    until = earlier.aggregate(until=Max("next_send_at"))["until"]
    if until is not None:
        Verification.objects.filter(pk=row.pk).update(next_send_at=until)
        row.next_send_at = until


def end(
    subject: Subject,
    row: Verification,
    status: Status,
    *,
    lease: str = "",
    error_code: str = "",
    keep_key: bool = False,
) -> bool:
    """End a pending row that no check is under way for, or whose check holds `lease`, and send the signal.

    The destination is blanked. `keep_key`: no other row can begin in its place until it would have expired.
    Returns whether this call ended it; the row is brought up to date.
    """
    ended = retry(lambda: _end(row, status, lease=lease, error_code=error_code, keep_key=keep_key))
    row.refresh_from_db()
    if ended:
        events.status_changed(subject, row)
    return ended


def _end(
    row: Verification, status: Status, *, lease: str = "", error_code: str = "", keep_key: bool = False
) -> bool:
    rows = Verification.objects.filter(pk=row.pk, status=Status.PENDING)
    rows = rows.filter(lease=lease) if lease else rows.filter(lease_free())
    fields: dict[str, Any] = {"status": status, "destination": "", "ended_at": timezone.now()}
    fields |= {"lease": "", "lease_until": None}
    if error_code:
        fields["error_code"] = error_code
    if not keep_key:
        fields["pending_key"] = None
    return bool(rows.update(**fields))


def cancel(subject: Subject, row: Verification) -> None:
    """End a pending verification, and at its provider unless another one still needs it there."""
    require_own(subject, row)
    if end(subject, row, Status.CANCELED):
        cancel_at_provider(subject, row)


def cancel_at_provider(subject: Subject, row: Verification) -> None:
    """Cancel it at its provider, unless another pending verification goes to the same destination."""
    provider = get_providers().get(row.method)
    # Found by destination, too: a send whose answer was lost, or is on its way, has no SID yet.
    same = Q(sid=row.sid)
    if row.destination_digest:
        same |= Q(destination_digest=row.destination_digest, transport=row.transport)
    others = Verification.objects.filter(same, status=Status.PENDING).exclude(pk=row.pk)
    if provider is None or (row.sid and others.exists()):
        return
    try:
        call(lambda: provider.cancel(row, request=subject.request))
    except errors.TwoFactorError as e:
        # It has ended here, and expires at the provider.
        events.twilio_error(subject, e)


def approved_in(user: Any, flow: str, auth: str | list[str]) -> QuerySet[Verification]:
    """Return the rows that verify this session of the user, the newest approval first."""
    return Verification.objects.filter(
        user=user,
        status=Status.APPROVED,
        verifies=True,
        flow_digest__in=digests("flow", flow),
        auth_digest__in=[auth] if isinstance(auth, str) else auth,
    ).order_by("-approved_at")
