"""Send a token on request: find its verification, or begin one."""

from __future__ import annotations

import logging
from typing import Any

from .. import errors
from ..contacts import CONTACTS, Contact, EmailAddress, PhoneNumber, as_contact
from ..models.verifications import NAME, Purpose, Status, Verification
from ..providers import MethodProvider
from ..providers.installed import get_providers
from . import accounts, pauses, phone_rules, rate_limits, reservations, send_limits, verifications
from .devices import Registered, clean_name
from .methods import Methods
from .send import send_token
from .send_reservations import AnotherSend
from .subject import Subject

logger = logging.getLogger(__name__)

NOT_SET = {PhoneNumber.kind: errors.PhoneNotSet, EmailAddress.kind: errors.EmailNotSet}

REGISTRATION = "registration"
"""The key in a verification's `data` for the values that a client submits with a registration."""


def send(
    available: Methods,
    method: str,
    *,
    device: Registered | str | None = None,
    to: Contact | str | None = None,
    replaces: Registered | None = None,
    enrol: bool = False,
    name: str = "",
    data: dict[str, str] | None = None,
    instead_of: Verification | None = None,
) -> Verification:
    """Send a token to a registered device, or to a new destination to register it. See `Verifier.send`."""
    available.subject.authorize()
    provider = available.get(method)
    if isinstance(to, str):
        if provider.device_kind not in CONTACTS:
            raise errors.MethodNotAllowed(method=method)
        to = as_contact(provider.device_kind, to)
    if isinstance(device, str):
        device = available.devices.find(device)
        if device is None:
            raise errors.MissingUserData
    if device is None and to is None and not enrol:
        mine = (c.registered for c in available.choices() if c.provider.name == provider.name)
        device = next(mine, None)
    if available.subject.user is None:
        row = _for_anonymous(available.subject, provider, to)
    elif to is not None or enrol:
        row = _to_register(available, provider, to, replaces, name, data)
    else:
        row = _to_prove(available, provider, device)
    try:
        row = _send(available, row, provider)
    except AnotherSend:
        row = _send(available, _to_prove(available, provider, device, store=True), provider)
    if instead_of is not None and _is_superseded(instead_of, row):
        verifications.cancel(available.subject, instead_of)
    return row


def _is_superseded(earlier: Verification, later: Verification) -> bool:
    """Return whether a registration ends because its user has begun another one.

    After a correction, the code that went to the wrong number is useless. A registration of another kind may
    continue in another tab, unless it shows a secret: the session keeps only one secret, and the user sees
    that the earlier device was not set up.
    """
    if earlier.pk == later.pk or Purpose.PROVE in (earlier.purpose, later.purpose):
        return False
    return earlier.kind == later.kind or get_providers()[earlier.method].shows_secret


def resend(available: Methods, row: Verification, method: str = "") -> Verification:
    """Send the token of a pending verification again, optionally by another method to the same number."""
    available.subject.authorize()
    provider = available.get(method or row.method)
    if provider.name != row.method and not available.reaches(provider, row):
        raise errors.MethodNotAllowed(method=provider.name)
    return _send(available, row, provider)


def _send(available: Methods, row: Verification, provider: MethodProvider) -> Verification:
    # The send changes the limits and locks of the choices.
    available.standing = None
    return send_token(available.subject, row, provider)


# Finding or beginning the verification


def _for_anonymous(subject: Subject, provider: MethodProvider, to: Contact | None) -> Verification:
    """Find or begin a verification without a user. It belongs to the session, or to the caller with its id.

    Raises `MissingUserData`, `MethodNotAllowed`, and what `phone_rules.refuse_country` raises.
    """
    if to is None:
        raise errors.MissingUserData
    if provider.device_kind != to.kind or provider.why_unsuitable(to):
        raise errors.MethodNotAllowed(method=provider.name)
    phone_rules.refuse_country(to, user=None, request=subject.request)
    bound = subject.flow_digests[0] if subject.flow else ""
    return verifications.get_or_begin(subject, provider, Purpose.PROVE, to, flow_digest=bound)


def _to_prove(
    available: Methods, provider: MethodProvider, device: Registered | None, *, store: bool = False
) -> Verification:
    """Find or begin the verification of a registered device. A new one is stored with its first send.

    Raises `PhoneNotSet`, `EmailNotSet` or `NoMethodAvailable` without a device, and `MethodNotAllowed`.
    """
    subject = available.subject
    if device is not None and device is available.devices.unproven() and device.contact is not None:
        details = {accounts.SITE_VALUE: True}
        return verifications.get_or_begin(subject, provider, Purpose.ENROL, device.contact, details=details)
    if provider.device_kind is None:
        return verifications.get_or_begin(subject, provider, Purpose.PROVE, store=store)
    if device is None:
        raise NOT_SET.get(provider.device_kind, errors.NoMethodAvailable)
    if not device.proven or not available.suits(provider, device):
        raise errors.MethodNotAllowed(method=provider.name)
    if isinstance(device.contact, PhoneNumber) and not device.contact.is_valid:
        logger.warning(
            "phonenumbers does not consider the number of %s valid now. It was verified before, so the "
            "code is sent. manage.py twilio_2fa_numbers lists all such numbers.",
            f"device {device.device.pk}" if device.device else f"user {subject.user.pk}",
        )
    return verifications.get_or_begin(
        subject, provider, Purpose.PROVE, device.contact, device.device, store=store
    )


def _to_register(
    available: Methods,
    provider: MethodProvider,
    to: Contact | None,
    replaces: Registered | None,
    name: str,
    data: dict[str, str] | None = None,
) -> Verification:
    """Find or begin the verification that registers a destination, or a device of the method's own kind.

    Raises what `Methods.authorize` raises, `MethodNotAllowed`, `TooManyDevices`, `MalformedRequest`
    for the name, and for a destination `CannotReceive`, `TooManyAccounts` and what `phone_rules` raises.
    """
    subject = available.subject
    kind = to.kind if to else provider.device_kind
    if provider.is_backup and not available.devices.all():
        raise errors.MethodNotAllowed(method=provider.name)
    if replaces is None:
        available.refuse_too_many(provider)
    proof = available.authorize(kind)
    # Only a device of the provider's own kind has no destination.
    if provider.device_kind != kind or kind is None or (to is None) is (kind in CONTACTS):
        raise errors.MethodNotAllowed(method=provider.name)
    fields: dict[str, Any] = {"proof": proof, "replaces": replaces.device if replaces else None}
    if name := clean_name(name):
        fields["details"] = {NAME: name}
    if to is None:
        if data is not None:
            fields["data"] = {REGISTRATION: data}
        return verifications.get_or_begin(subject, provider, Purpose.ENROL, **fields)
    phone_rules.refuse_country(to, user=subject.user, request=subject.request)
    if provider.why_unsuitable(to):
        raise errors.CannotReceive
    row = verifications.get_or_begin(subject, provider, Purpose.ENROL, to, **fields)
    _refuse_full(subject, row, provider, to)
    _check_line_type(subject, row, provider, to)
    return row


def _refuse_full(subject: Subject, row: Verification, provider: MethodProvider, to: Contact) -> None:
    """Refuse a destination that has reached the limit of accounts. The attempt counts as a refused send."""
    if not accounts.is_full(subject, row):
        return
    code = errors.TooManyAccounts.code
    verifications.end(subject, row, Status.FAILED, error_code=code)
    logger.warning("A registration was refused: %s. Verification %s shows the accounts.", code, row.pk)
    counts = send_limits.refused_counts(subject.user, provider, row.purpose, to)
    if not rate_limits.try_to_consume(counts):
        raise errors.TooManySends
    raise errors.TooManyAccounts


def _may_look_up(subject: Subject, row: Verification, provider: MethodProvider) -> bool:
    # A lookup costs money. During a pause no code could be sent after it.
    return reservations.consume_lookup(subject.user, pauses.keys_of(row, provider))


def _check_line_type(subject: Subject, row: Verification, provider: MethodProvider, to: Contact) -> None:
    """Look up the line type once per verification, and refuse types that the settings do not allow."""
    if not isinstance(to, PhoneNumber) or row.sends:
        return
    about = {"user": subject.user, "request": subject.request}
    if not phone_rules.wants_lookup(to, **about):
        return
    if row.status == Status.FAILED and row.error_code == errors.InvalidPhoneNumber.code:
        raise errors.InvalidPhoneNumber
    found = row.line_type
    asks = not found and row.status == Status.PENDING and _may_look_up(subject, row, provider)
    try:
        if asks:
            found = phone_rules.look_up(to) or ""
            Verification.objects.filter(pk=row.pk).update(line_type=found)
            row.line_type = found
        phone_rules.refuse_line_type(found or None, **about)
    except errors.TwoFactorError as e:
        verifications.end(subject, row, Status.FAILED, error_code=e.code, keep_key=True)
        raise
    if found and provider.why_unsuitable(PhoneNumber(str(to), carrier_type=found)):
        raise errors.CannotReceive
