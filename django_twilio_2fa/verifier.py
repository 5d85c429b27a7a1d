"""The process: which methods, send, check, cancel. It knows no HTTP.

The wizard, the API, commands and anyone's code share it. It carries the request to callbacks, providers and
signals and never reads it.
"""

from __future__ import annotations

import logging
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.utils import timezone

from . import acceptance, counters, errors, limits, records, signals
from .conf import conf
from .contacts import CONTACTS, Contact, EmailAddress, PhoneNumber
from .counters import Count
from .digests import digest, digests
from .models import Device, Purpose, Status, Verification
from .outcomes import Outcomes
from .providers import Checked, MethodProvider, get_providers
from .registered import Registered

logger = logging.getLogger(__name__)

NOT_SET = {PhoneNumber.kind: errors.PhoneNotSet, EmailAddress.kind: errors.EmailNotSet}


class Verifier(Outcomes):
    """The process for one user.

    `flow` and `auth` bind an approval to the session that asked: its random flow id and the digest of its
    auth hash (see `session.get_verifier`). Every method raises the kit's errors.
    """

    def __init__(self, user: Any = None, *, request: Any = None, flow: str = "", auth: str = "") -> None:
        self.user = user
        self.request = request
        self.flow = flow
        self.auth = auth

    @records.stored()
    def remove(self, registered: Registered) -> None:
        """Forget a device, against a fresh proof. Raises `ChangeNotAllowed` or `ProofRequired`."""
        if registered.device is None:
            raise errors.ChangeNotAllowed
        proof = self.authorize_enrolment(registered.kind)
        if proof is None or not records.use_up(proof):
            raise errors.ProofRequired
        registered.device.delete()
        self.forget_registered()
        left = self.registered()
        if all(self._is_backup(r) for r in left):
            # They stood in for what is gone.
            for backup in left:
                if backup.device is not None:
                    backup.device.delete()
            self.forget_registered()

    # Sending

    @records.stored()
    def send(
        self,
        method: str,
        *,
        device: Registered | None = None,
        to: Contact | None = None,
        replaces: Registered | None = None,
        enrol: bool = False,
        name: str = "",
    ) -> Verification:
        """Send a token by a method: to a registered device, or to a new destination to register it.

        `enrol` registers a device of the method's own kind, which has no destination; `name` is what the
        user calls it. What the user has to see of it is the row's `secret`, which is not stored.
        Goes on with the pending verification of the same destination if there is one. `replaces`: what the
        new destination takes the place of. Raises `ResendCooldown` and `MaxSendsReached` (with the
        `verification` to go on with), and whatever the provider raises.
        """
        self.authorize()
        provider = self.provider(method)
        if to is not None or enrol:
            row = self._enrolment(provider, to, replaces, name)
        elif device is not None and device is self.unproven() and device.contact is not None:
            row = self._row(provider, Purpose.ENROL, device.contact)
        else:
            row = self._proof_attempt(provider, device)
        return self._send(row, provider)

    @records.stored()
    def resend(self, verification: Verification, method: str = "") -> Verification:
        """Send the token of a pending verification again, perhaps by another method of its transport."""
        self.authorize()
        provider = self.provider(method or verification.method)
        if provider.name != verification.method and not self.reaches(provider, verification):
            raise errors.MethodNotAllowed(method=provider.name)
        return self._send(verification, provider)

    def _proof_attempt(self, provider: MethodProvider, device: Registered | None) -> Verification:
        if provider.device_kind is None:
            return self._row(provider, Purpose.PROVE)
        if device is None:
            device = next((c.registered for c in self.choices() if c.provider.name == provider.name), None)
        if device is None:
            raise NOT_SET.get(provider.device_kind, errors.NoMethodAvailable)
        if not device.proven or not self._suits(provider, device):
            raise errors.MethodNotAllowed(method=provider.name)
        return self._row(provider, Purpose.PROVE, device.contact, device.device)

    def _enrolment(
        self, provider: MethodProvider, to: Contact | None, replaces: Registered | None, name: str
    ) -> Verification:
        kind = to.kind if to else provider.device_kind
        if provider.is_backup and not self.registered():
            raise errors.MethodNotAllowed(method=provider.name)
        proof = self.authorize_enrolment(kind)
        # A device of the provider's own kind has no destination, any other has one.
        if provider.device_kind != kind or kind is None or (to is None) is (kind in CONTACTS):
            raise errors.MethodNotAllowed(method=provider.name)
        fields: dict[str, Any] = {"proof": proof, "replaces": replaces.device if replaces else None}
        if name:
            fields["data"] = {"name": name}
        if to is None:
            return self._row(provider, Purpose.ENROL, **fields)
        acceptance.refuse_country(to, user=self.user, request=self.request)
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
        if acceptance.wants_lookup(to, **about):
            found = row.line_type or (acceptance.look_up(to) if limits.spend_lookup(self.user) else None)
            if found and not row.line_type:
                Verification.objects.filter(pk=row.pk).update(line_type=found)
                row.line_type = found
            try:
                acceptance.refuse_line_type(found, **about)
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
        owner = self.user.pk if self.user is not None else self.flow
        if provider.per_session:
            owner = f"{owner} {self.flow}"
            fields["flow_digest"] = digest("flow", self.flow)
        target = str(contact) if contact else (str(device.pk) if device else "")
        if extension := getattr(contact, "extension", ""):
            fields["data"] = {**fields.get("data", {}), "extension": extension}
        keys = digests("pending", owner, purpose, provider.transport, target)
        row, created = records.get_or_create_pending(
            keys,
            {
                "user": self.user,
                "purpose": purpose,
                "transport": provider.transport,
                "method": provider.name,
                "kind": provider.device_kind or "",
                "device": device,
                "destination": str(contact) if contact else "",
                "destination_digest": digest(contact.kind, str(contact)) if contact else "",
                "masked": contact.obfuscated if contact else (device.masked if device else ""),
                "line_type": getattr(contact, "carrier_type", None) or "",
                "expires_at": timezone.now() + conf.expiration,
                **fields,
            },
            expired=self._tell_status,
        )
        row.user = self.user
        if not created and row.status == Status.PENDING and fields:
            # The same number again, with a newer proof or in place of another device.
            Verification.objects.filter(pk=row.pk, status=Status.PENDING).update(**fields)
            row.refresh_from_db()
        return row

    def _send(self, row: Verification, provider: MethodProvider) -> Verification:
        self._require_own(row)
        if self.user is not None:
            counters.refuse_locked(self.user, self.flow, provider.counted_apart)
        if counters.refused_methods(self.user, [(provider.name, row.destination)]):
            raise errors.ChannelRefused
        again = bool(row.sid or row.last_sent_at)
        if again and not provider.sends and row.purpose == Purpose.PROVE and row.status == Status.PENDING:
            return row  # there is nothing to send again
        try:
            limits.reserve_send(row, provider.name, self._send_counts(row, provider), cooldown=provider.sends)
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
            self._send_failed(row, e)
            raise
        try:
            records.retried(lambda: self._record_sent(row, sent))
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
            start_timestamp=row.created_at,
            last_timestamp=row.last_sent_at,
        )
        return row

    def _send_counts(self, row: Verification, provider: MethodProvider) -> list[Count]:
        """What a send is counted on: a stranger's typing of a number uses none of its owner's budget."""
        if not provider.sends and row.purpose == Purpose.PROVE:
            return []
        kind = "sends" if row.purpose == Purpose.PROVE else "unproven_sends"
        found = counters.for_client(self.request, self.user)
        if self.user is not None:
            found += counters.counts(f"{kind}_per_user", self.user.pk)
        if row.destination:
            found += counters.counts(f"{kind}_per_destination", row.transport, row.destination)
        return found

    def _require_own(self, row: Verification) -> None:
        """Raise `VerificationNotFound` for what another session of the user's began and has to itself."""
        bound = row.status == Status.PENDING and row.flow_digest
        if bound and row.flow_digest not in digests("flow", self.flow):
            raise errors.VerificationNotFound

    # Checking

    @records.stored()
    def check(self, verification: Verification, token: str) -> Verification:
        """Check a token; returns the approved verification.

        Raises `InvalidVerificationCode` for a wrong token (data: `attempts_left`; none for what cannot be a
        token, which costs no attempt), `MaxAttemptsReached`,
        `VerificationExpired`, `CheckInProgress`, and whatever the provider raises; for a method that waits
        `ApprovalPending` and `ApprovalDenied`.
        """
        self.authorize()
        row = verification
        provider = get_providers().get(row.method)
        if provider is None:
            raise errors.MethodNotAllowed(method=row.method)
        self._require_own(row)
        if self.user is not None:
            counters.refuse_locked(self.user, self.flow, provider.counted_apart)
        token = provider.read_token(row, token)
        try:
            lease = limits.take_lease(row)
        except errors.VerificationExpired:
            if self._approved_here(row):
                return row
            raise
        spent = counters.for_client(self.request, self.user)
        if self.user is not None:
            spent += counters.for_check(self.user, self.flow, provider.counted_apart)
        limits.spend_check(row, lease, spent)
        try:
            checked = self._guarded(lambda: provider.check(row, token, request=self.request))
        except errors.InvalidVerificationCode:
            checked = Checked(approved=False)
        except errors.ApprovalPending:
            self._not_yet(row, lease, spent)
            raise
        except errors.TwoFactorError as e:
            self._check_failed(row, lease, e)
            raise
        if not checked.approved:
            raise self._wrong(row, lease, spent)
        records.retried(lambda: counters.was_right(self.user, spent))
        return self._approve(row, lease, checked)

    # Giving up

    @records.stored()
    def cancel(self, verification: Verification) -> None:
        """End a pending verification, at Twilio too unless somebody else is still using it there."""
        self._require_own(verification)
        if self._end(verification, Status.CANCELED):
            self._cancel_at_provider(verification)

    def get(self, public_id: UUID | str) -> Verification:
        """The user's verification with this public id; raises `VerificationNotFound`."""
        try:
            row = Verification.objects.filter(public_id=public_id, user=self.user).first()
        except (ValidationError, ValueError):
            row = None
        if row is None or self.user is None:
            raise errors.VerificationNotFound
        row.user = self.user
        self._require_own(row)
        if row.status == Status.PENDING and row.expires_at <= timezone.now():
            self._end(row, Status.EXPIRED)
        return row
