"""The process: which methods, send, check, cancel. It knows no HTTP.

The wizard, the API, commands and anyone's code share it. It carries the request to callbacks, providers and
signals and never reads it.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar
from uuid import UUID

from asgiref.sync import sync_to_async
from django.core.exceptions import ValidationError
from django.utils import timezone

from . import errors
from .contacts import CONTACTS
from .installed import get_providers
from .models import Purpose, Status, Verification
from .notices import tell_owner
from .process import lockout, rate_limits, reservations, verifications, wording
from .process.devices import Registered
from .process.methods import Options
from .process.sending import Sending, clean_name
from .providers import Checked

S = TypeVar("S")
P = ParamSpec("P")
T = TypeVar("T")


def off_the_loop(
    method: Callable[Concatenate[S, P], T],
) -> Callable[Concatenate[S, P], Coroutine[Any, Any, T]]:
    """The awaitable counterpart of a method, as the class of the very object has it."""
    name = method.__name__

    @wraps(method)
    async def awaitable(self: S, /, *args: P.args, **kwargs: P.kwargs) -> T:
        found: T = await sync_to_async(getattr(self, name))(*args, **kwargs)
        return found

    awaitable.__name__ = awaitable.__qualname__ = f"a{name}"
    return awaitable


def of_a_check(method: Callable[P, T]) -> Callable[P, T]:
    """Have the errors of a method say what was being done: nothing was sent."""

    @wraps(method)
    def told(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return method(*args, **kwargs)
        except errors.TwoFactorError as e:
            e.during = "check"
            raise

    return told


class Verifier(Sending):
    """The process for one user.

    `flow` and `auth` bind an approval to the session that asked: its random flow id and the digest of its
    auth hash (see `session.get_verifier`). Every method raises the kit's errors.
    """

    def __init__(self, user: Any = None, *, request: Any = None, flow: str = "", auth: str = "") -> None:
        # Django's AnonymousUser is nobody.
        self.user = user if getattr(user, "is_authenticated", True) else None
        self.request = request
        self.flow = flow
        self.auth = auth

    @verifications.stored()
    def remove(self, registered: Registered) -> None:
        """Forget a device, against a fresh proof, which it uses up.

        Raises `ChangeNotAllowed`, `LastDevice` or `ProofRequired`.
        """
        self.refuse_removal(registered)
        proof, device = self.authorize_enrolment(registered.kind), registered.device
        if proof is None or device is None:
            raise errors.ProofRequired
        # What the site keeps itself is there whatever happens to our devices.
        spare = any(r.device is None for r in self.registered())
        may_be_last = spare or self._is_backup(registered) or self.may_remove_last()
        gone = [wording.called(device.kind, masked=device.masked, name=device.name)]
        verifications.retried(lambda: verifications.remove(device, proof, may_be_last=may_be_last))
        self.forget_registered()
        left = self.registered()
        if all(self._is_backup(r) for r in left):
            # They stood in for what is gone.
            for backup in left:
                if backup.device is not None:
                    backup.device.delete()
                    gone.append(wording.called(backup.kind, name=backup.device.name))
            self.forget_registered()
        tell_owner(self.user, "twilio_2fa/email/removed", gone=gone)

    @verifications.stored()
    def rename(self, device: str, name: str) -> Registered:
        """Call a device (its id) something else; nothing, for its number. Returns it.

        Raises `MissingUserData`, `ChangeNotAllowed`, and `MalformedRequest` for what is too long, or no text.
        """
        self.authorize()
        name = clean_name(name)
        found = self.find_registered(device)
        if found is None:
            raise errors.MissingUserData
        if found.device is None or not self.may_rename(found):
            raise errors.ChangeNotAllowed
        found.device.name = name
        found.device.save(update_fields=["name"])
        return found

    # Checking

    @of_a_check
    @verifications.stored()
    def check(self, verification: Verification, token: str) -> Verification:
        """Check a token; returns the approved verification.

        Raises `InvalidVerificationCode` for a wrong token (data: `attempts_left`; none for what cannot be a
        token, which costs no attempt) and its subclass `CodeAlreadyUsed`, `MaxAttemptsReached`,
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
            lockout.refuse_locked(self.user, self.flow, provider.counted_apart)
        token = provider.read_token(row, token)
        try:
            lease = reservations.take_lease(row)
        except errors.VerificationExpired:
            if self._approved_here(row):
                return row
            raise
        spent = rate_limits.for_client(self.request, self.user)
        if self.user is not None:
            spent += lockout.for_check(self.user, self.flow, provider.counted_apart)
        reservations.spend_check(row, lease, spent)
        try:
            checked = self._guarded(lambda: provider.check(row, token, request=self.request))
        except errors.InvalidVerificationCode as e:
            # Of one's own used code a few are free: whoever goes on is guessing.
            if isinstance(e, errors.CodeAlreadyUsed) and reservations.spend_used_code(self.user):
                self._not_yet(row, lease, [c for c in spent if c.name != rate_limits.PER_CLIENT])
                raise
            checked = Checked(approved=False)
        except errors.ApprovalPending:
            self._not_yet(row, lease, spent)
            raise
        except errors.TwoFactorError as e:
            failure = self._check_failed(row, lease, e)
            if failure is e:
                raise
            raise failure from e
        if not checked.approved:
            raise self._wrong(row, lease, spent)
        verifications.retried(lambda: lockout.was_right(self.user, spent))
        return self._approve(row, lease, checked)

    @of_a_check
    @verifications.stored()
    def approve(self, verification: Verification) -> Verification:
        """Approve a verification without a token, for a caller that has made sure by other means.

        At Twilio, too, where it is one of Verify's. Returns the approved verification. Raises
        `VerificationExpired`, `MaxAttemptsReached`, `CheckInProgress`, and `MethodNotAllowed` for what only
        its token can register.
        """
        self.authorize()
        row = verification
        provider = get_providers().get(row.method)
        if provider is None or (row.purpose == Purpose.ENROL and row.kind not in CONTACTS):
            raise errors.MethodNotAllowed(method=row.method)
        self._require_own(row)
        lease = reservations.take_lease(row)
        try:
            self._guarded(lambda: provider.approve(row, request=self.request))
        except errors.TwoFactorError as e:
            failure = self._check_failed(row, lease, e)
            if failure is e:
                raise
            raise failure from e
        return self._approve(row, lease, Checked(approved=True, sid=row.sid))

    # Giving up

    @verifications.stored()
    def cancel(self, verification: Verification) -> None:
        """End a pending verification, at Twilio too unless somebody else is still using it there."""
        self._require_own(verification)
        if self._end(verification, Status.CANCELED):
            self._cancel_at_provider(verification)

    def get(self, public_id: UUID | str) -> Verification:
        """The user's verification with this public id, or nobody's; raises `VerificationNotFound`."""
        try:
            row = Verification.objects.filter(public_id=public_id, user=self.user).first()
        except (ValidationError, ValueError):
            row = None
        # What somebody who has not signed in began is theirs alone, decoys among it.
        if row is None or row.by_stranger:
            raise errors.VerificationNotFound
        row.user = self.user
        self._require_own(row)
        if row.status == Status.PENDING and row.expires_at <= timezone.now():
            self._end(row, Status.EXPIRED)
        return row

    # The same off the event loop, for async views: in the thread that Django keeps for a request's database.

    asend = off_the_loop(Sending.send)
    aresend = off_the_loop(Sending.resend)
    acheck = off_the_loop(check)
    aapprove = off_the_loop(approve)
    acancel = off_the_loop(cancel)
    aget = off_the_loop(get)
    amethods = off_the_loop(Options.methods)
