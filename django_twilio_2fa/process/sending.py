"""Sending: which row a token belongs to, what it is counted on, and the call of the provider."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from django.utils import timezone

from .. import errors, moments, signals
from ..conf import conf
from ..contacts import CONTACTS, Contact, EmailAddress, PhoneNumber, as_contact
from ..digests import digest, digests
from ..installed import get_providers
from ..models import EXTENSION, NAME, Device, Purpose, Status, Verification, details_of
from ..providers import MethodProvider
from . import lockout, phone_rules, rate_limits, reservations, verifications
from .devices import Registered
from .methods import Choice
from .outcomes import Outcomes
from .rate_limits import Count

logger = logging.getLogger(__name__)

NOT_SET = {PhoneNumber.kind: errors.PhoneNotSet, EmailAddress.kind: errors.EmailNotSet}


def clean_name(name: str) -> str:
    """What a user calls a device, as it is stored; raises `MalformedRequest` if too long, or no text."""
    name = " ".join(name.split())
    longest = Device._meta.get_field("name").max_length
    if len(name) > (longest or 0) or not name.isprintable():
        raise errors.MalformedRequest
    return name


class Sending(Outcomes):
    """The part of the verifier that sends."""

    def _require_own(self, row: Verification) -> None:
        """Raise `VerificationNotFound` for what another session of the user's began and has to itself."""
        bound = row.status == Status.PENDING and row.flow_digest
        if bound and row.flow_digest not in digests("flow", self.flow):
            raise errors.VerificationNotFound

    @verifications.stored()
    def send(
        self,
        method: str,
        *,
        device: Registered | str | None = None,
        to: Contact | str | None = None,
        replaces: Registered | None = None,
        enrol: bool = False,
        name: str = "",
    ) -> Verification:
        """Send a token by a method: to a registered device, or to a new destination to register it.

        `device`: one of `registered()`, or its id; left out, the first that suits the method. `to`: a number
        or an address; text is read by the method's kind of device, numbers as E.164. For nobody
        (`ALLOW_USERLESS`) `to` is needed, nothing is registered, and each call begins a verification of its
        own.

        `enrol` registers a device of the method's own kind, which has no destination; `name` is what the
        user calls it. What the user has to see of it is the row's `secret`, which is not stored.
        Goes on with the pending verification of the same destination if there is one. `replaces`: what the
        new destination takes the place of. Raises `ResendCooldown` and `MaxSendsReached` (with the
        `verification` to go on with), and whatever the provider raises.
        """
        self.authorize()
        provider = self.provider(method)
        if isinstance(to, str):
            if provider.device_kind not in CONTACTS:
                raise errors.MethodNotAllowed(method=method)
            to = as_contact(provider.device_kind, to)
        if isinstance(device, str):
            device = self._own(device)
        if device is None and to is None and not enrol:
            device = self._first_for(provider)
        if self.user is None:
            row = self._for_nobody(provider, to)
        elif to is not None or enrol:
            row = self._enrolment(provider, to, replaces, name)
        elif device is not None and device is self.unproven() and device.contact is not None:
            row = self._row(provider, Purpose.ENROL, device.contact)
        else:
            row = self._proof_attempt(provider, device)
        return self._send(row, provider)

    @verifications.stored()
    def resend(self, verification: Verification, method: str = "") -> Verification:
        """Send the token of a pending verification again, perhaps by another method of its transport."""
        self.authorize()
        provider = self.provider(method or verification.method)
        if provider.name != verification.method and not self.reaches(provider, verification):
            raise errors.MethodNotAllowed(method=provider.name)
        return self._send(verification, provider)

    def _first_for(self, provider: MethodProvider) -> Registered | None:
        """The first of what the user has registered that suits the method."""
        return next((c.registered for c in self.choices() if c.provider.name == provider.name), None)

    def _own(self, id: str) -> Registered:
        found = self.find_registered(id)
        if found is None:
            raise errors.MissingUserData
        return found

    def _for_nobody(self, provider: MethodProvider, to: Contact | None) -> Verification:
        """A verification that belongs to whoever has its id, or to the session that asked."""
        if to is None:
            raise errors.MissingUserData
        if provider.device_kind != to.kind or provider.why_unsuitable(to):
            raise errors.MethodNotAllowed(method=provider.name)
        phone_rules.refuse_country(to, user=None, request=self.request)
        bound = digest("flow", self.flow) if self.flow else ""
        return self._row(provider, Purpose.PROVE, to, flow_digest=bound)

    def _proof_attempt(self, provider: MethodProvider, device: Registered | None) -> Verification:
        if provider.device_kind is None:
            return self._row(provider, Purpose.PROVE)
        if device is None:
            raise NOT_SET.get(provider.device_kind, errors.NoMethodAvailable)
        if not device.proven or not self._suits(provider, device):
            raise errors.MethodNotAllowed(method=provider.name)
        if isinstance(device.contact, PhoneNumber) and not device.contact.is_valid:
            logger.warning(
                "The number of %s is not one that phonenumbers knows today. It was proven once, so the code "
                "is sent. manage.py twilio_2fa_numbers lists all of them.",
                f"device {device.device.pk}" if device.device else f"user {self.user.pk}",
            )
        return self._row(provider, Purpose.PROVE, device.contact, device.device)

    def _enrolment(
        self, provider: MethodProvider, to: Contact | None, replaces: Registered | None, name: str
    ) -> Verification:
        kind = to.kind if to else provider.device_kind
        if provider.is_backup and not self.registered():
            raise errors.MethodNotAllowed(method=provider.name)
        if replaces is None:
            self.refuse_too_many(provider)
        proof = self.authorize_enrolment(kind)
        # A device of the provider's own kind has no destination, any other has one.
        if provider.device_kind != kind or kind is None or (to is None) is (kind in CONTACTS):
            raise errors.MethodNotAllowed(method=provider.name)
        fields: dict[str, Any] = {"proof": proof, "replaces": replaces.device if replaces else None}
        if name := clean_name(name):
            fields["details"] = {NAME: name}
        if to is None:
            return self._row(provider, Purpose.ENROL, **fields)
        phone_rules.refuse_country(to, user=self.user, request=self.request)
        if provider.why_unsuitable(to):
            raise errors.CannotReceive
        row = self._row(provider, Purpose.ENROL, to, **fields)
        self._accept_line_type(row, provider, to)
        return row

    def _accept_line_type(self, row: Verification, provider: MethodProvider, to: Contact) -> None:
        """Look the number up once for each verification, and refuse what the settings refuse."""
        if not isinstance(to, PhoneNumber) or row.sends:
            return
        about = {"user": self.user, "request": self.request}
        if phone_rules.wants_lookup(to, **about):
            found = row.line_type or (
                phone_rules.look_up(to) if reservations.spend_lookup(self.user) else None
            )
            if found and not row.line_type:
                Verification.objects.filter(pk=row.pk).update(line_type=found)
                row.line_type = found
            try:
                phone_rules.refuse_line_type(found, **about)
            except errors.TwoFactorError as e:
                self._end(row, Status.FAILED, error_code=e.code, keep_key=True)
                raise
            if found and provider.why_unsuitable(PhoneNumber(str(to), carrier_type=found)):
                raise errors.CannotReceive

    def _row(
        self,
        provider: MethodProvider,
        purpose: Purpose,
        contact: Contact | None = None,
        device: Device | None = None,
        **fields: Any,
    ) -> Verification:
        """The pending verification for user, purpose, transport and destination; made if there is none."""
        if provider.per_session and self.user is not None:
            fields["flow_digest"] = digest("flow", self.flow)
        if about := details_of(contact):
            fields["details"] = {**fields.get("details", {}), **about}
        service = self._service_id(provider, purpose)
        keys = self._pending_keys(provider, purpose, contact, device, service)
        begun = {**self._new(provider, purpose, contact, device), **fields}
        begun |= {"user": self.user, "service": service}
        row, created = verifications.get_or_create_pending(keys, begun, expired=self._tell_status)
        row.user = self.user
        if not created and row.status == Status.PENDING and row.extension != about.get(EXTENSION, ""):
            # Behind a switchboard that is another phone: a code that was told to one proves nothing of it.
            if not self._end(row, Status.CANCELED):
                raise errors.CheckInProgress
            self._cancel_at_provider(row)
            return self._row(provider, purpose, contact, device, **fields)
        if not created and row.status == Status.PENDING and fields:
            # The same again, with a newer proof, by another name or in place of another device.
            if "details" in fields:
                fields["details"] = {**row.details, **fields["details"]}
            Verification.objects.filter(pk=row.pk, status=Status.PENDING).update(**fields)
            row.refresh_from_db()
        return row

    def _service_id(self, provider: MethodProvider, purpose: Purpose) -> str:
        """Ask the provider where it keeps a new verification. Raises `TwilioUnavailable` if that fails."""
        found: str = self._guarded(
            lambda: provider.get_service_id(
                user=self.user, request=self.request, registration=purpose == Purpose.ENROL
            )
        )
        return found

    def _pending_keys(
        self,
        provider: MethodProvider,
        purpose: Purpose,
        contact: Contact | None,
        device: Device | None,
        service: str,
    ) -> list[str]:
        """What holds the place of a pending verification, under the current key and earlier ones."""
        # Nobody's are told apart by their ids alone.
        owner = self.user.pk if self.user is not None else self.flow or uuid4()
        if provider.per_session and self.user is not None:
            owner = f"{owner} {self.flow}"
        target = contact.identity if contact else (str(device.pk) if device else "")
        where = [service] if service else []
        return digests("pending", owner, purpose, provider.transport, target, *where)

    # When it may be sent

    def may_send(self, choice: Choice, row: Verification) -> bool:
        if self._resends(choice, row):
            return self.wait_to_resend(row) <= row.can_resend_in()
        return bool(self.usable_now([choice]))

    def wait_to_resend(self, row: Verification) -> int:
        """In how many seconds a pending verification's code may be sent again; 0 for now. One query."""
        if row.sends >= conf.MAX_SENDS:
            return reservations.until_over(row)
        [wait] = rate_limits.wait_for([self._send_counts(row, get_providers()[row.method])])
        return max(row.can_resend_in(), wait)

    def usable_now(self, choices: Sequence[Choice]) -> list[Choice]:
        """Return the choices that a send would not be refused for, because of what was sent and entered."""
        return [choice for choice, wait in zip(choices, self.waits(choices), strict=True) if not wait]

    def waits(self, choices: Sequence[Choice]) -> list[int]:
        """Return in how many seconds each choice can be used; 0 for now. Four queries at most.

        Counted are locks, limits of sends, and a running verification that takes no more sends or tokens.
        A cooldown is no reason to wait: the code that was sent is good. See also `lockout.FOR_EVER`.
        """
        locked = {apart: self._locked_for(apart) for apart in {c.provider.counted_apart for c in choices}}
        rows = [self._would_be(c) for c in choices]
        keys = [self._keys_of(c) for c in choices]
        pending = Verification.objects.filter(pending_key__in=[key for each in keys for key in each])
        held = {row.pending_key: row for row in pending.filter(expires_at__gt=timezone.now())}
        limited = rate_limits.wait_for(
            [self._send_counts(r, c.provider) for r, c in zip(rows, choices, strict=True)]
        )
        return [
            max(
                locked[choice.provider.counted_apart],
                wait,
                *(
                    reservations.until_over(held[key])
                    for key in own
                    if key in held and self._is_used_up(held[key], choice)
                ),
            )
            for choice, own, wait in zip(choices, keys, limited, strict=True)
        ]

    def _locked_for(self, apart: str) -> int:
        """Return for how many seconds a lock closes the methods of this group; 0 where there is none."""
        until = lockout.locked_until(self.user, self.flow, apart) if self.user is not None else 0
        return until if until in (0, lockout.FOR_EVER) else max(1, until - int(time.time()))

    @staticmethod
    def _is_used_up(row: Verification, choice: Choice) -> bool:
        if row.status != Status.PENDING or row.attempts >= conf.MAX_ATTEMPTS:
            return True
        return bool(row.sends >= conf.MAX_SENDS and choice.provider.sends)

    def _would_be(self, choice: Choice) -> Verification:
        """The verification that a choice would begin, not stored; to anywhere if it would register."""
        registered = choice.registered
        proves = choice.provider.device_kind is None or (
            registered is not None and registered is not self.unproven()
        )
        contact = registered.contact if registered else None
        device = registered.device if registered else None
        purpose = Purpose.PROVE if proves else Purpose.ENROL
        return Verification(user=self.user, **self._new(choice.provider, purpose, contact, device))

    def _keys_of(self, choice: Choice) -> list[str]:
        registered = choice.registered
        enrols = registered is None and choice.provider.device_kind is not None
        if enrols and choice.provider.device_kind in CONTACTS:
            return []  # to a number or an address that nobody has typed yet
        if registered is not None and registered is self.unproven():
            enrols = True
        purpose = Purpose.ENROL if enrols else Purpose.PROVE
        contact = registered.contact if registered else None
        device = registered.device if registered and not contact else None
        service = self._service_id(choice.provider, purpose)
        return self._pending_keys(choice.provider, purpose, contact, device, service)

    @staticmethod
    def _new(
        provider: MethodProvider, purpose: Purpose, contact: Contact | None, device: Device | None
    ) -> dict[str, Any]:
        """The fields of a verification that begins."""
        return {
            "purpose": purpose,
            "transport": provider.transport,
            "method": provider.name,
            "kind": provider.device_kind or "",
            "device": device,
            "destination": str(contact) if contact else "",
            "destination_digest": digest(contact.kind, contact.identity) if contact else "",
            "masked": contact.obfuscated if contact else (device.masked if device else ""),
            "line_type": getattr(contact, "carrier_type", None) or "",
            "expires_at": timezone.now() + conf.expiration,
        }

    def _send(self, row: Verification, provider: MethodProvider) -> Verification:
        self._require_own(row)
        if self.user is not None:
            lockout.refuse_locked(self.user, self.flow, provider.counted_apart)
        if lockout.refused_methods(self.user, [(provider.name, row.identity)]):
            raise errors.ChannelRefused
        again = bool(row.sid or row.last_sent_at)
        if again and not provider.sends and row.purpose == Purpose.PROVE and row.status == Status.PENDING:
            return row  # there is nothing to send again
        spent, refused = self._send_counts(row, provider), self._refused_counts(row, provider)
        client = rate_limits.for_client(self.request, self.user) if spent else []
        try:
            reservations.reserve_send(
                row, provider.name, [*client, *spent], below=refused, cooldown=provider.sends
            )
        except errors.TwoFactorError as e:
            row.refresh_from_db()
            if row.status == Status.PENDING and row.sends:
                e.verification = row
            elif row.status == Status.PENDING:
                self._end(row, Status.CANCELED)
            raise
        verb = provider.resend if again else provider.start
        try:
            sent = self._guarded(lambda: verb(row, request=self.request))
        except errors.TwoFactorError as e:
            e.during = "send"
            self._send_failed(row, e, spent, refused)
            raise
        try:
            verifications.retried(lambda: self._record_sent(row, sent))
        except errors.NotRecorded as e:
            e.verification = row  # the message went out, and its code is good
            raise
        row.refresh_from_db()
        row.secret = sent.secret
        if not provider.sends:
            return row
        signals.send(
            signals.twilio_2fa_verification_sent,
            **self._about(row),
            method=row.method,
            start_timestamp=moments.aware(row.created_at),
            last_timestamp=row.last_sent_at and moments.aware(row.last_sent_at),
        )
        return row

    def _send_counts(self, row: Verification, provider: MethodProvider) -> list[Count]:
        """What a send is counted on: a stranger's typing of a number uses none of its owner's budget."""
        if not provider.sends and row.purpose == Purpose.PROVE:
            return []
        if not provider.sends and self.user is not None:
            # An authenticator, a set of recovery codes: nothing goes out, so it costs none of the sends.
            return rate_limits.counts("setups_per_user", self.user.pk)
        proven = row.purpose == Purpose.PROVE and self.user is not None
        kind = "sends" if proven else "unproven_sends"
        found = []
        if self.user is not None:
            found += rate_limits.counts(f"{kind}_per_user", self.user.pk)
        if contact := row.contact:
            found += rate_limits.counts(f"{kind}_per_destination", row.transport, contact.mailbox)
        return found

    def _refused_counts(self, row: Verification, provider: MethodProvider) -> list[Count]:
        """What a send is counted on instead, if it is refused and certainly did not happen."""
        if not provider.sends and row.purpose == Purpose.PROVE:
            return []
        found = []
        if self.user is not None:
            found += rate_limits.counts("refused_sends_per_user", self.user.pk)
        if contact := row.contact:
            found += rate_limits.counts("refused_sends_per_destination", row.transport, contact.mailbox)
        return found
