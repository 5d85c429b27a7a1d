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

from . import acceptance, errors, limits, records, signals
from .choices import Options
from .conf import conf
from .contacts import CONTACTS, Contact, EmailAddress, PhoneNumber
from .digests import digest, digests
from .models import Device, Purpose, Status, Verification
from .providers import Checked, MethodProvider, Sent, get_providers
from .registered import CALLBACKS, Registered, get_registered, has_callback

logger = logging.getLogger(__name__)

NOT_SET = {PhoneNumber.kind: errors.PhoneNotSet, EmailAddress.kind: errors.EmailNotSet}


class Verifier(Options):
    """The process for one user.

    `flow` and `auth` bind an approval to the session that asked: its random flow id and the digest of its
    auth hash (see `session.get_verifier`). Every method raises the kit's errors.
    """

    def __init__(self, user: Any = None, *, request: Any = None, flow: str = "", auth: str = "") -> None:
        self.user = user
        self.request = request
        self.flow = flow
        self.auth = auth

    def remove(self, registered: Registered) -> None:
        """Forget a device, against a fresh proof. Raises `ChangeNotAllowed` or `ProofRequired`."""
        if registered.device is None:
            raise errors.ChangeNotAllowed
        proof = self.authorize_enrolment(registered.kind)
        if proof is None or not records.use_up(proof):
            raise errors.ProofRequired
        registered.device.delete()
        self._registered = None

    # Sending

    def send(
        self,
        method: str,
        *,
        device: Registered | None = None,
        to: Contact | None = None,
        replaces: Registered | None = None,
    ) -> Verification:
        """Send a token by a method: to a registered device, or to a new destination to register it.

        Goes on with the pending verification of the same destination if there is one. `replaces`: what the
        new destination takes the place of. Raises `ResendCooldown` and `MaxSendsReached` (with the
        `verification` to go on with), and whatever the provider raises.
        """
        self.authorize()
        provider = self.provider(method)
        if to is not None:
            row = self._enrolment(provider, to, replaces)
        elif device is not None and device is self.unproven() and device.contact is not None:
            row = self._row(provider, Purpose.ENROL, device.contact)
        else:
            row = self._proof_attempt(provider, device)
        return self._send(row, provider)

    def resend(self, verification: Verification, method: str = "") -> Verification:
        """Send the token of a pending verification again, perhaps by another method of its transport."""
        self.authorize()
        provider = self.provider(method or verification.method)
        if provider.transport != verification.transport:
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

    def _enrolment(self, provider: MethodProvider, to: Contact, replaces: Registered | None) -> Verification:
        proof = self.authorize_enrolment(to.kind)
        if provider.device_kind != to.kind:
            raise errors.MethodNotAllowed(method=provider.name)
        acceptance.refuse_country(to, user=self.user, request=self.request)
        row = self._row(
            provider, Purpose.ENROL, to, proof=proof, replaces=replaces.device if replaces else None
        )
        self._accept_line_type(row, provider, to)
        return row

    def _accept_line_type(self, row: Verification, provider: MethodProvider, to: Contact) -> None:
        """Look the number up once for each verification, and refuse what the settings refuse."""
        if not isinstance(to, PhoneNumber) or row.sends:
            return
        about = {"user": self.user, "request": self.request}
        if acceptance.wants_lookup(to, **about):
            found = row.line_type or acceptance.look_up(to)
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
        target = str(contact) if contact else (str(device.pk) if device else "")
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
        again = bool(row.sid or row.last_sent_at)
        try:
            limits.reserve_send(row, provider.name)
        except errors.TwoFactorError as e:
            e.verification = row if row.status == Status.PENDING else None
            raise
        verb = provider.resend if again else provider.start
        try:
            sent = self._guarded(lambda: verb(row, request=self.request))
        except errors.TwoFactorError as e:
            self._send_failed(row, e)
            raise
        records.retried(lambda: self._record_sent(row, sent))
        row.refresh_from_db()
        signals.send(
            signals.twilio_2fa_verification_sent,
            **self._about(row),
            method=row.method,
            start_timestamp=row.created_at,
            last_timestamp=row.last_sent_at,
        )
        return row

    def _record_sent(self, row: Verification, sent: Sent) -> None:
        fields: dict[str, Any] = {"last_sent_at": timezone.now(), "sid": sent.sid, "error_code": ""}
        if sent.started_at:
            fields |= {"created_at": sent.started_at, "expires_at": sent.started_at + conf.expiration}
        if sent.data is not None:
            fields["data"] = sent.data
        Verification.objects.filter(pk=row.pk, status=Status.PENDING).update(**fields)

    def _send_failed(self, row: Verification, error: errors.TwoFactorError) -> None:
        if not error.uncertain:
            limits.release_cooldown(row)
        Verification.objects.filter(pk=row.pk).update(error_code=error.full_code[:64])
        if isinstance(error, errors.CannotReceive) and row.device_id:
            Device.objects.filter(pk=row.device_id).update(line_type="landline")
        row.refresh_from_db()
        if error.uncertain or isinstance(error, errors.MaxSendsReached):
            # The code may have arrived, or an earlier one is good still: let the user type it.
            error.verification = row
        self._tell_twilio_error(error)

    # Checking

    def check(self, verification: Verification, token: str) -> Verification:
        """Check a token; returns the approved verification.

        Raises `InvalidVerificationCode` (data: `attempts_left`) for a wrong token, `MaxAttemptsReached`,
        `VerificationExpired`, `CheckInProgress`, and whatever the provider raises.
        """
        self.authorize()
        row = verification
        provider = get_providers().get(row.method)
        if provider is None:
            raise errors.MethodNotAllowed(method=row.method)
        try:
            lease = limits.take_lease(row)
        except errors.VerificationExpired:
            if self._approved_here(row):
                return row
            raise
        try:
            checked = self._guarded(lambda: provider.check(row, token, request=self.request))
        except errors.InvalidVerificationCode:
            checked = Checked(approved=False)
        except errors.TwoFactorError as e:
            self._check_failed(row, lease, e)
            raise
        if checked.approved:
            return self._approve(row, lease, checked)
        raise self._wrong(row, lease)

    def _approved_here(self, row: Verification) -> bool:
        """Whether this very session has had the row approved, as when a form is submitted twice."""
        return (
            row.status == Status.APPROVED
            and bool(self.flow)
            and row.flow_digest in digests("flow", self.flow)
        )

    def _wrong(self, row: Verification, lease: str) -> errors.TwoFactorError:
        failed = records.retried(lambda: limits.release_lease(row, lease))
        signals.send(signals.twilio_2fa_verification_failed, **self._about(row), method=row.method)
        if failed:
            self._tell_status(row)
            if conf.CANCEL_ON_MAX_RETRIES:
                self._cancel_at_provider(row)
            return errors.MaxAttemptsReached()
        return errors.InvalidVerificationCode(attempts_left=conf.MAX_ATTEMPTS - row.attempts)

    def _check_failed(self, row: Verification, lease: str, error: errors.TwoFactorError) -> None:
        if isinstance(error, errors.VerificationExpired):
            self._end(row, Status.EXPIRED, lease=lease)
        elif isinstance(error, errors.MaxAttemptsReached):
            self._end(row, Status.FAILED, lease=lease, error_code=error.code, keep_key=True)
        elif records.retried(lambda: limits.release_lease(row, lease)):
            self._tell_status(row)
        self._tell_twilio_error(error)

    def _approve(self, row: Verification, lease: str, checked: Checked) -> Verification:
        """Record an approval, store what it registers, and tell; its one winner comes here."""
        first = row.purpose == Purpose.ENROL and row.proof_id is None
        if first and any(r.id != row.kind or r.proven for r in get_registered(self.user, self.request)):
            outcome = records.Outcome.REFUSED
            self._end(row, Status.FAILED, lease=lease, error_code=errors.ProofRequired.code)
        else:
            destination = row.destination
            outcome = records.retried(
                lambda: records.approve(row, lease, sid=checked.sid, flow=self.flow, auth=self.auth)
            )
        row.refresh_from_db()
        if outcome is records.Outcome.LOST:
            raise errors.VerificationExpired
        self._tell_status(row)
        if outcome is records.Outcome.REFUSED:
            raise errors.ProofRequired
        self._registered = None
        if row.purpose == Purpose.ENROL:
            self._tell_registered(row, destination)
        if has_callback(row.kind):
            records.retried(lambda: records.remember_proven(row))
        signals.send(signals.twilio_2fa_verification_success, **self._about(row), method=row.method)
        return row

    def _tell_registered(self, row: Verification, destination: str) -> None:
        """Give the site the new number or address; where the site keeps it, see that it did."""
        if row.kind not in CONTACTS:
            return
        value = CONTACTS[row.kind](destination)
        before = has_callback(row.kind) and records.callback_returns(row, self.request)
        signals.send(
            signals.twilio_2fa_set_user_data,
            request=self.request,
            user=self.user,
            field=row.kind,
            value=value,
        )
        if not has_callback(row.kind):
            return
        if not records.callback_returns(row, self.request):
            logger.error(
                "No receiver of twilio_2fa_set_user_data stored the %s: TWILIO_2FA_%s does not return it",
                row.kind,
                CALLBACKS[row.kind],
            )
            raise errors.UserDataNotStored
        # A value that changed by another road has been proven as new; it verifies nobody yet.
        if row.proof_id is None and not before:
            records.retried(lambda: records.let_verify(row))

    # Giving up

    def cancel(self, verification: Verification) -> None:
        """End a pending verification, at Twilio too unless somebody else is still using it there."""
        if self._end(verification, Status.CANCELED):
            self._cancel_at_provider(verification)

    def _cancel_at_provider(self, row: Verification) -> None:
        provider = get_providers().get(row.method)
        if provider is None or (
            row.sid
            and Verification.objects.filter(sid=row.sid, status=Status.PENDING).exclude(pk=row.pk).exists()
        ):
            return
        try:
            self._guarded(lambda: provider.cancel(row, request=self.request))
        except errors.TwoFactorError as e:
            # It ends here all the same, and at Twilio when its time is up.
            self._tell_twilio_error(e)

    def get(self, public_id: UUID | str) -> Verification:
        """The user's verification with this public id; raises `VerificationNotFound`."""
        try:
            row = Verification.objects.filter(public_id=public_id, user=self.user).first()
        except (ValidationError, ValueError):
            row = None
        if row is None or self.user is None:
            raise errors.VerificationNotFound
        row.user = self.user
        if row.status == Status.PENDING and row.expires_at <= timezone.now():
            self._end(row, Status.EXPIRED)
        return row

    # Telling

    def _guarded(self, verb: Any) -> Any:
        """Call a provider; whatever else it raises becomes an error of the kit's, and is logged."""
        try:
            return verb()
        except errors.TwoFactorError:
            raise
        except Exception as e:
            logger.exception("A provider failed")
            error = errors.TwilioUnavailable(twilio_error="provider")
            error.uncertain = True
            raise error from e

    def _end(self, row: Verification, status: Status, **options: Any) -> bool:
        ended = records.retried(lambda: records.end(row, status, **options))
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
