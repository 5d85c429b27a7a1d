"""Find, begin and end a verification. Each change is one conditional UPDATE, so that it happens once."""

from __future__ import annotations

from functools import partial
from typing import Any
from uuid import UUID, uuid4

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Max, Q, QuerySet
from django.utils import timezone

from .. import errors
from ..conf import conf
from ..contacts import EXTENSION, Contact, details_of
from ..digests import digest, digests
from ..models.contention import again
from ..models.devices import Device
from ..models.verifications import Purpose, Status, Verification, lease_free
from ..providers import MethodProvider
from ..providers.installed import get_providers
from ..providers.user_agent import name_of
from . import events
from .database import retry
from .provider_call import call, service_id
from .subject import Subject


def get(subject: Subject, public_id: UUID | str) -> Verification:
    """Return the user's verification with this public id. Raises `VerificationNotFound`.

    Anonymous visitors get verifications without a user. Those of `UnauthenticatedVerifier` are not found.
    """
    try:
        row = Verification.objects.filter(public_id=public_id, user=subject.user).first()
    except (ValidationError, ValueError):
        row = None
    if row is None or row.is_unauthenticated:
        raise errors.VerificationNotFound
    row.user = subject.user
    require_own(subject, row)
    if row.status == Status.PENDING and row.is_expired():
        end(subject, row, Status.EXPIRED)
    return row


def require_own(subject: Subject, row: Verification) -> None:
    """Raise `VerificationNotFound` for a pending row that belongs to another session of the user."""
    bound = row.status == Status.PENDING and row.flow_digest
    if bound and row.flow_digest not in subject.flow_digests:
        raise errors.VerificationNotFound


def is_approved_here(subject: Subject, row: Verification) -> bool:
    """Return whether this session has approved the row, for example when a form is submitted twice."""
    return row.status == Status.APPROVED and bool(subject.flow) and row.flow_digest in subject.flow_digests


def get_or_begin(
    subject: Subject,
    provider: MethodProvider,
    purpose: Purpose,
    contact: Contact | None = None,
    device: Device | None = None,
    *,
    store: bool = True,
    **fields: Any,
) -> Verification:
    """Return the pending verification for user, purpose, transport and destination, or begin it.

    `fields` are also written to a row that is pending already. Without `store`, a new row is not stored and
    has no `pk` yet. Raises `CheckInProgress`.
    """
    if provider.per_session and subject.user is not None:
        fields["flow_digest"] = subject.flow_digests[0]
    if about := details_of(contact):
        fields["details"] = {**fields.get("details", {}), **about}
    service = service_id(subject, provider, purpose)
    keys = keys_for(subject, provider, purpose, contact, device, service)
    begun = {**new_fields(provider, purpose, contact, device), **fields}
    begun |= {"user": subject.user, "service": service, "browser": name_of(subject.request)}
    if store:
        row, created = get_or_create_pending(subject, keys, begun)
    else:
        found = find_pending(subject, keys)
        row, created = found or Verification(pending_key=keys[0], **begun), found is None
    row.user = subject.user
    if created or row.status != Status.PENDING:
        return row
    if row.extension != about.get(EXTENSION, ""):
        # Another extension is another phone: a code that was sent to one does not prove the other.
        if not end(subject, row, Status.CANCELED):
            raise errors.CheckInProgress
        cancel_at_provider(subject, row)
        return get_or_begin(subject, provider, purpose, contact, device, store=store, **fields)
    if fields:
        # The same destination again. The proof, the name or the device to replace may differ.
        for kept in {"details", "data"} & fields.keys():
            fields[kept] = {**getattr(row, kept), **fields[kept]}
        Verification.objects.filter(pk=row.pk, status=Status.PENDING).update(**fields)
        row.refresh_from_db()
    return row


def keys_for(
    subject: Subject,
    provider: MethodProvider,
    purpose: Purpose,
    contact: Contact | None,
    device: Device | None,
    service: str,
) -> list[str]:
    """Return the unique key of a pending verification, with the current and each earlier secret key."""
    # Without a user and a session, each verification is separate from all others.
    owner = subject.user.pk if subject.user is not None else subject.flow or uuid4()
    if provider.per_session and subject.user is not None:
        owner = f"{owner} {subject.flow}"
    target = contact.identity if contact else (str(device.pk) if device else "")
    where = [service] if service else []
    return digests("pending", owner, purpose, provider.transport, target, *where)


def new_fields(
    provider: MethodProvider, purpose: Purpose, contact: Contact | None, device: Device | None
) -> dict[str, Any]:
    """Return the fields of a new verification."""
    return {
        "purpose": purpose,
        "transport": provider.transport,
        "method": provider.name,
        "kind": provider.device_kind or "",
        "device": device,
        "destination": str(contact) if contact else "",
        "destination_digest": digest(contact.kind, contact.identity) if contact else "",
        "masked": contact.obfuscated if contact else (device.masked if device else ""),
        "country": getattr(contact, "country_code", None) or "",
        "line_type": getattr(contact, "carrier_type", None) or "",
        "expires_at": timezone.now() + conf.expiration,
    }


def find_pending(subject: Subject, keys: list[str]) -> Verification | None:
    """Return the row that holds one of the keys, or None. An expired holder is ended first."""
    while True:
        row: Verification | None = Verification.objects.filter(pending_key__in=keys).first()
        now = timezone.now()
        if row is None:
            return None
        if not row.is_expired(now) or (row.lease_until is not None and row.lease_until > now):
            return row
        if _end(row, Status.EXPIRED):
            row.refresh_from_db()
            events.status_changed(subject, row)
        else:
            over = Verification.objects.filter(pk=row.pk, expires_at__lte=now).exclude(status=Status.PENDING)
            over.update(pending_key=None)


def get_or_create_pending(
    subject: Subject, keys: list[str], fields: dict[str, Any]
) -> tuple[Verification, bool]:
    """Return the row that holds one of the keys, or create it with the first, and whether it was created.

    The first of several concurrent requests to insert wins.
    """
    while True:
        if row := find_pending(subject, keys):
            return row, False
        try:
            return again(partial(_create, keys[0], fields)), True
        except IntegrityError:
            if not Verification.objects.filter(pending_key__in=keys).exists():
                # No other request was first: the row refers to a deleted object, such as a removed device.
                raise


def _create(key: str, fields: dict[str, Any]) -> Verification:
    """Create a row. No other request sees it before it has its cooldown."""
    with transaction.atomic():
        row = Verification.objects.create(pending_key=key, **fields)
        _take_over_cooldown(row)
    return row


def with_cooldown(row: Verification) -> QuerySet[Verification] | None:
    """Return the rows whose cooldown a new row takes over: sends of the same user to the same destination.

    Canceling, another tab or another session does not end a cooldown. An approval or an expired code does.
    Read the rows once the new row holds its key: the row that it replaces has ended by then, so its cooldown
    no longer changes. None if no cooldown applies.
    """
    earlier = Verification.objects.filter(user=row.user_id, next_send_at__gt=timezone.now())
    if row.is_unauthenticated:
        earlier = earlier.filter(flow_digest=row.flow_digest, transport=row.transport, kind=row.kind)
    elif row.user_id is not None and row.destination_digest:
        earlier = earlier.filter(destination_digest__in=digests(row.kind, row.identity))
    elif row.device_id is not None and (p := get_providers().get(row.method)) is not None and p.sends:
        # A device of the provider's own kind that gets a message: each session has its own row.
        earlier = earlier.filter(device=row.device_id)
    else:
        return None
    found: QuerySet[Verification] = earlier.exclude(status__in=(Status.APPROVED, Status.EXPIRED))
    # Leave out the new row itself, which has this key.
    return found.exclude(pending_key=row.pending_key)


def _take_over_cooldown(row: Verification) -> None:
    earlier = with_cooldown(row)
    until = earlier.aggregate(until=Max("next_send_at"))["until"] if earlier is not None else None
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
    """End a pending row without a running check, or whose check holds `lease`, and send the signal.

    The destination is blanked. `keep_key`: no other row can begin in its place until it would have expired.
    Returns whether this call ended the row. `row` is refreshed.
    """
    ended = retry(_end, row, status, lease=lease, error_code=error_code, keep_key=keep_key)
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
    """Cancel a pending verification, also at its provider unless another verification needs it there."""
    require_own(subject, row)
    if end(subject, row, Status.CANCELED):
        cancel_at_provider(subject, row)


def cancel_at_provider(subject: Subject, row: Verification) -> None:
    """Cancel a row at its provider, unless another pending row has the same destination."""
    provider = get_providers().get(row.method)
    # Also search by destination: a send that is running, or whose answer was lost, has no SID yet.
    same = Q(sid=row.sid)
    if row.destination_digest:
        same |= Q(destination_digest=row.destination_digest, transport=row.transport)
    others = Verification.objects.filter(same, status=Status.PENDING).exclude(pk=row.pk)
    if provider is None or (row.sid and others.exists()):
        return
    try:
        call(provider.cancel, row, request=subject.request)
    except errors.TwoFactorError as e:
        # The row has ended here, and will expire at the provider.
        events.twilio_error(subject, e)
