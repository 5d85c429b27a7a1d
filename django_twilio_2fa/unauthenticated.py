"""Verifying somebody who has not signed in and is named by a parameter, without saying whether they exist.

Whoever asks is answered alike. A name that is nobody's, or of somebody who has nothing that the method could
use, gets a decoy: a verification that no token is right for. What is typed feeds no lock of the user's,
nothing is registered, changed or listed, and nobody is signed in. How long an answer takes may tell them
apart.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import models
from django.http import Http404
from django.utils import timezone

from . import contention, counters, errors, limits, records, signals
from .choices import Choice
from .conf import conf
from .contacts import CONTACTS
from .counters import Count
from .digests import digest, digests
from .models import STRANGER, Purpose, Status, Verification, data_of
from .providers import Checked, MethodProvider, get_providers
from .verifier import Verifier

LONGEST_NAME = 254


def name_field() -> models.Field[Any, Any]:
    """The field of the user model that names are looked up by; raises `UnauthenticatedUserFieldMissing`."""
    name, options = conf.UNAUTHENTICATED_USER_FIELD, get_user_model()._meta
    for field in options.concrete_fields:
        if name == field.name or (name == "pk" and field.primary_key):
            return field
    raise errors.UnauthenticatedUserFieldMissing


def _is_text(field: models.Field[Any, Any]) -> bool:
    return isinstance(field, (models.CharField, models.TextField))


def canonical(name: str) -> str:
    """One spelling of a name for all that may mean the same, whether there is such a user or not."""
    field = name_field()
    text = unicodedata.normalize("NFKC", name).strip().casefold()
    if _is_text(field):
        return text
    try:
        return str(field.to_python(text))
    except (ValueError, ValidationError, OverflowError):
        return text


def named_user(name: str) -> Any:
    """The active user whose `UNAUTHENTICATED_USER_FIELD` this is, or None.

    Text that is nobody's as it stands is somebody's if it is one user's but for case, width and spaces.
    """
    field = name_field()
    if not name.isprintable() or len(name) > LONGEST_NAME:
        return None
    users, wanted = get_user_model()._default_manager.filter(is_active=True), canonical(name)
    if not _is_text(field):
        return _first(users, field, wanted)
    found = _first(users, field, name)
    if found is not None:
        return found
    # The database may hold more to be alike than we do.
    close = users.filter(**{f"{field.name}__iexact": wanted})[:LONGEST_NAME]
    alike = [user for user in close if canonical(field.value_from_object(user)) == wanted]
    return alike[0] if len(alike) == 1 else None


def _first(users: Any, field: models.Field[Any, Any], name: str) -> Any:
    try:
        return users.filter(**{field.name: name}).first()
    except (ValueError, ValidationError, OverflowError):
        return None


def _spent(counts: Sequence[Count]) -> bool:
    """Count on all of these, unless one is at its limit; returns whether it was counted."""
    try:
        contention.durably(lambda: counters.spend(counts))
    except counters.LimitReached:
        return False
    return True


class UnauthenticatedVerifier(Verifier):
    """The process for whoever names a user. It sends to what that user has registered, and checks it.

    What whoever asks can see is counted by the name, in one spelling. Several names may lead to one user, or
    one number: those are counted beside it, unseen. Where that is used up nothing goes out and no token is
    right, and the answers are what they would have been.
    """

    def __init__(self, name: str, *, request: Any = None) -> None:
        super().__init__(named_user(name), request=request)
        self.name = canonical(name)

    def authorize(self) -> None:
        """A user who is kept out is answered as one who does not exist."""

    # Sending

    @records.stored()
    def send(self, method: str, **more: Any) -> Verification:
        """Send a token by a method, or seem to. Raises `MethodNotAllowed` and what the limits raise.

        Raises `MalformedRequest` where a device or a destination is named.
        """
        if any(more.values()):
            raise errors.MalformedRequest
        provider = self._offered(method)
        choice = self._choice(provider)
        row = self._strangers_row(provider, choice)
        counts = [
            *counters.for_client(self.request, None),
            *counters.counts("unproven_sends_per_user", STRANGER, self.name),
            *counters.counts("unproven_sends_per_destination", STRANGER, provider.transport, self.name),
        ]
        limits.reserve_send(row, provider.name, counts)
        sid = self._try_to_send(row, provider) if self._is_theirs(row, choice) else ""
        Verification.objects.filter(pk=row.pk).update(last_sent_at=timezone.now(), sid=sid or row.sid)
        row.refresh_from_db()
        return row

    def _offered(self, method: str) -> MethodProvider:
        """The method, where it is one for everybody: whether this user has it is not said."""
        allowed = conf.resolve("ALLOWED_METHODS", user=None, request=self.request)
        provider = get_providers().get(method)
        fits = (
            provider is not None
            and provider.sends
            and provider.device_kind in CONTACTS
            and not provider.waits
        )
        if provider is None or not fits or (allowed is not None and method not in allowed):
            raise errors.MethodNotAllowed(method=method)
        return provider

    def _choice(self, provider: MethodProvider) -> Choice | None:
        try:
            if self.user is None or not self.resolve("ALLOW_USER_CB"):
                return None
            choices = self.choices()
        except (PermissionDenied, Http404):
            # Passed on, what a site's callback raises would tell that there is such a user.
            return None
        # What has changed by another road is for its owner to prove first.
        mine = (c for c in choices if c.provider.name == provider.name)
        return next((c for c in mine if c.registered is not None and c.registered.proven), None)

    def _strangers_row(self, provider: MethodProvider, choice: Choice | None) -> Verification:
        """A row apart from the user's own: no stranger uses their tries up."""
        registered = choice.registered if choice else None
        contact = registered.contact if registered else None
        device = registered.device if registered else None
        row, _created = records.get_or_create_pending(
            digests("pending", STRANGER, self.name, provider.transport, provider.device_kind),
            {
                **self._new(provider, Purpose.PROVE, contact, device),
                "user": self.user if contact else None,
                # What they have is not said, masked neither.
                "masked": "",
                "data": {STRANGER: digest(STRANGER, self.name), **data_of(contact)},
                # No session's, so that nobody else comes by it and it verifies nobody.
                "flow_digest": digest("flow", STRANGER),
            },
            expired=self._tell_status,
        )
        return row

    def _is_good(self, row: Verification) -> bool:
        """Whether it is this very user's, and no decoy, nor that of somebody whose name is much alike."""
        return self.user is not None and row.user_id == self.user.pk and bool(row.destination)

    def _is_theirs(self, row: Verification, choice: Choice | None) -> bool:
        """Whether the row goes where this very user has something registered now."""
        contact = choice.registered.contact if choice and choice.registered else None
        return self._is_good(row) and contact is not None and str(contact) == row.destination

    def _try_to_send(self, row: Verification, provider: MethodProvider) -> str:
        """Twilio's SID of what was sent; a fault is told to the site, and not to whoever asks."""
        row.user = self.user
        unseen = [
            *counters.counts("unproven_sends_per_user", STRANGER, "user", self.user.pk),
            *counters.counts(
                "unproven_sends_per_destination", STRANGER, "destination", row.transport, row.destination
            ),
        ]
        if not _spent(unseen):
            return ""
        try:
            return str(self._guarded(lambda: provider.start(row, request=self.request)).sid)
        except errors.TwoFactorError as e:
            self._tell_twilio_error(e)
            return ""

    # Checking

    @records.stored()
    def check(self, verification: Verification, token: str) -> Verification:
        """Check a token; what is wrong is answered as a wrong token, whatever it was."""
        row = verification
        provider = get_providers()[row.method]
        token = provider.read_token(row, token)
        lease = limits.take_lease(row)
        spent = [
            *counters.for_client(self.request, None),
            *counters.counts("wrong_tokens_per_user", STRANGER, self.name),
        ]
        limits.spend_check(row, lease, spent)
        unseen = counters.counts("wrong_tokens_per_user", STRANGER, "user", row.user_id)
        if not self._is_right(row, provider, token, unseen):
            raise self._was_wrong(row, lease)
        records.retried(lambda: counters.refund([*spent, *unseen]))
        return self._approve(row, lease, Checked(approved=True, sid=row.sid))

    def _is_right(
        self, row: Verification, provider: MethodProvider, token: str, unseen: Sequence[Count]
    ) -> bool:
        if not self._is_theirs(row, self._choice(provider)) or not _spent(unseen):
            return False
        try:
            checked: Checked = self._guarded(lambda: provider.check(row, token, request=self.request))
        except errors.TwoFactorError as e:
            self._tell_twilio_error(e)
            return False
        return checked.approved

    def _was_wrong(self, row: Verification, lease: str) -> errors.TwoFactorError:
        failed = records.retried(lambda: limits.release_lease(row, lease))
        if row.user_id is not None:
            signals.send(signals.twilio_2fa_verification_failed, **self._about(row), method=row.method)
        if failed:
            return errors.MaxAttemptsReached(retry_after=limits.until_over(row))
        return errors.InvalidVerificationCode(attempts_left=conf.MAX_ATTEMPTS - row.attempts)

    def resend(self, verification: Verification, method: str = "") -> Verification:
        return self.send(method or verification.method)

    def cancel(self, verification: Verification) -> None:
        self._end(verification, Status.CANCELED)

    def get(self, public_id: UUID | str) -> Verification:
        """The verification with this id that was begun under the same name; raises `VerificationNotFound`."""
        try:
            row = Verification.objects.filter(public_id=public_id).first()
        except (ValidationError, ValueError):
            row = None
        if row is None or row.data.get(STRANGER) not in digests(STRANGER, self.name):
            raise errors.VerificationNotFound
        if self._is_good(row):
            row.user = self.user
        return row

    def approve(self, verification: Verification) -> Verification:
        raise errors.UserUnauthenticated
