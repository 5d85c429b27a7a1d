"""Verifying somebody who has not signed in and is named by a parameter, without saying whether they exist.

Whoever asks is answered alike. A name that is nobody's, or of somebody who has nothing that the method could
use, gets a decoy: a verification that no token is right for. What is typed feeds no lock of the user's,
nothing is registered, changed or listed, and nobody is signed in.

A decoy takes as long. It makes the same SQL statements, and a request to Twilio that is free
(`MethodProvider.decoy`), so that a slow Twilio is slow for everybody. What remains (the site's callbacks and
receivers, and what Twilio itself does longer) is hidden by `UNAUTHENTICATED_MIN_SECONDS`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4

from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404
from django.utils import timezone

from .. import contention, errors
from ..conf import conf
from ..contacts import CONTACTS
from ..digests import digest, digests
from ..installed import get_providers
from ..models import STRANGER, Device, ProvenContact, Purpose, Status, Verification, details_of
from ..providers import Checked, MethodProvider, Sent
from . import check, events, lockout, pending, rate_limits, reservations, verifications
from .awaitable import awaitable
from .database import recording, retry
from .devices import CALLBACKS, Devices, has_callback
from .methods import Choice, Methods
from .names import canonical, named_user
from .provider_call import call, service_id
from .rate_limits import Count
from .reservations import Attempt
from .subject import Subject


def _spent(counts: Sequence[Count]) -> bool:
    """Count on all of these, unless one is at its limit; returns whether it was counted."""
    try:
        contention.durably(lambda: rate_limits.spend(counts))
    except rate_limits.LimitReached:
        return False
    return True


@contextmanager
def in_no_less_time() -> Iterator[None]:
    """Take `UNAUTHENTICATED_MIN_SECONDS` at least, however it ends."""
    began = time.monotonic()
    try:
        yield
    finally:
        left = conf.seconds("UNAUTHENTICATED_MIN_SECONDS") - (time.monotonic() - began)
        if left > 0:
            time.sleep(left)


class UnauthenticatedVerifier:
    """Verify a user who has not signed in and is named. It sends to what that user has registered.

    It offers what such a caller may do, and nothing else: no devices, no registration, no change.

    Limits per name are reported to the caller. Limits per user and destination are silent: when one is
    reached, nothing is sent and every token is rejected, but the answers do not change.
    """

    def __init__(self, name: str, *, request: Any = None) -> None:
        self.subject = Subject(named_user(name), request)
        self.devices = Devices(self.subject)
        self.available = Methods(self.subject, self.devices)
        self.name = canonical(name)
        self._asked_as_much = False

    @property
    def user(self) -> Any:
        """The user who is named; None if there is none."""
        return self.subject.user

    @property
    def request(self) -> Any:
        """The request that is handed on to callbacks, providers and signals."""
        return self.subject.request

    def resolve(self, name: str, **offered: Any) -> Any:
        """Return a setting for this user and request."""
        return self.subject.setting(name, **offered)

    def authorize(self) -> None:
        """Do nothing: a user who is kept out gets the answers of one who does not exist."""

    def methods(self) -> list[dict[str, Any]]:
        """Return the methods that may be tried, the same for every name: `value`, `label`, `icon`.

        `obfuscated` and `devices` are empty.
        """
        about = {"user": None, "request": self.request}
        shown = [provider.display(**about) for provider in self._open_providers()]
        return [{**m, "label": str(m["label"]), "obfuscated": "", "devices": []} for m in shown]

    # Sending

    @in_no_less_time()
    @recording()
    def send(self, /, method: str, **more: Any) -> Verification:
        """Send a token by a method, or seem to. Raises `MethodNotAllowed` and what the limits raise.

        Raises `MalformedRequest` where a device or a destination is named.
        """
        if any(more.values()):
            raise errors.MalformedRequest
        provider = self._offered(method)
        choice = self._choice(provider)
        row = self._strangers_row(provider, choice)
        counts = [
            *rate_limits.for_client(self.request, None),
            *rate_limits.counts("unproven_sends_per_user", STRANGER, self.name),
            *rate_limits.counts("unproven_sends_per_destination", STRANGER, provider.transport, self.name),
        ]
        reservations.reserve_send(row, provider.name, counts)
        sent = self._try_to_send(row, provider, theirs=self._is_theirs(row, choice))
        told = {"sid": sent.sid or row.sid, "data": {**row.data, **(sent.data or {})}}
        Verification.objects.filter(pk=row.pk).update(last_sent_at=timezone.now(), **told)
        row.refresh_from_db()
        return row

    def _open_providers(self) -> list[MethodProvider]:
        """The methods that are offered to everybody: whether this user has them is not said."""
        providers = get_providers()
        allowed = conf.resolve("ALLOWED_METHODS", user=None, request=self.request)
        names = providers if allowed is None else allowed
        found = [providers[name] for name in names if name in providers]
        return [p for p in found if p.sends and p.device_kind in CONTACTS and not p.waits]

    def _offered(self, method: str) -> MethodProvider:
        for provider in self._open_providers():
            if provider.name == method:
                return provider
        raise errors.MethodNotAllowed(method=method)

    def _choice(self, provider: MethodProvider) -> Choice | None:
        choices: list[Choice] = []
        try:
            if self.user is not None and self.subject.setting("ALLOW_USER_CB"):
                choices = self.available.choices()
        except (PermissionDenied, Http404):
            # Passed on, what a site's callback raises would tell that there is such a user.
            pass
        self._ask_as_much()
        # What has changed by another road is for its owner to prove first.
        mine = (c for c in choices if c.provider.name == provider.name)
        return next((c for c in mine if c.registered is not None and c.registered.proven), None)

    def _ask_as_much(self) -> None:
        """Make the queries that finding a user's choices takes, as far as they were not made."""
        if self._asked_as_much:
            return
        self._asked_as_much = True
        rows = self.devices.all() if self.devices.is_read else []
        told = {row.kind for row in rows if row.contact is not None and row.device is None}
        for kind in CALLBACKS:
            if has_callback(kind) and kind not in told:
                ProvenContact.objects.filter(pk=0).values_list("digest", flat=True).first()
        if not self.devices.is_read:
            list(Device.objects.filter(pk=uuid4()))
        if not self.available.asked_refused:
            lockout.refused_methods(None, [("", self.name)])

    def _strangers_row(self, provider: MethodProvider, choice: Choice | None) -> Verification:
        """A row apart from the user's own: no stranger uses their tries up."""
        registered = choice.registered if choice else None
        contact = registered.contact if registered else None
        device = registered.device if registered else None
        # By the request alone: what a site's callable says of this user would tell that there is one.
        service = str(service_id(Subject(None, self.request), provider, Purpose.ENROL))
        where = [service] if service else []
        row, _created = verifications.get_or_create_pending(
            self.subject,
            digests("pending", STRANGER, self.name, provider.transport, provider.device_kind, *where),
            {
                **pending.new_fields(provider, Purpose.PROVE, contact, device),
                "service": service,
                "user": self.user if contact else None,
                # What they have is not said, masked neither.
                "masked": "",
                "details": {STRANGER: digest(STRANGER, self.name), **details_of(contact)},
                # No session's, so that nobody else comes by it and it verifies nobody.
                "flow_digest": digest("flow", STRANGER, self.name),
            },
        )
        return row

    def _is_good(self, row: Verification) -> bool:
        """Whether it is this very user's, and no decoy, nor that of somebody whose name is much alike."""
        return self.user is not None and row.user_id == self.user.pk and bool(row.destination)

    def _is_theirs(self, row: Verification, choice: Choice | None) -> bool:
        """Whether the row goes where this very user has something registered now."""
        contact = choice.registered.contact if choice and choice.registered else None
        return self._is_good(row) and contact is not None and contact.identity == row.identity

    def _try_to_send(self, row: Verification, provider: MethodProvider, *, theirs: bool) -> Sent:
        """Send, if there is somebody to send to, and return what the provider says of it."""
        # Several names may lead to one user or number. A decoy is counted, too: that is as much work.
        user = ("user", self.user.pk) if theirs else ("decoy", self.name)
        where = ("destination", row.transport, row.identity if theirs else f"decoy {self.name}")
        unseen = [
            *rate_limits.counts("unproven_sends_per_user", STRANGER, *user),
            *rate_limits.counts("unproven_sends_per_destination", STRANGER, *where),
        ]
        if not _spent(unseen) or not theirs:
            self._pretend(row, provider, "start")
            return Sent()
        row.user = self.user
        sent: Sent | None = self._tried(lambda: provider.start(row, request=self.request))
        return sent or Sent()

    def _pretend(self, row: Verification, provider: MethodProvider, verb: str) -> None:
        self._tried(lambda: provider.decoy(row, verb=verb, request=self.request))

    def _tried(self, verb: Callable[[], Any]) -> Any:
        """What a provider returns, or None: a fault is told to the site, and not to whoever asks."""
        try:
            return call(verb)
        except errors.TwoFactorError as e:
            events.twilio_error(self.subject, e)
            return None

    # Checking

    @in_no_less_time()
    @recording()
    def check(self, verification: Verification, token: str) -> Verification:
        """Check a token; what is wrong is answered as a wrong token, whatever it was."""
        row = verification
        provider = get_providers()[row.method]
        token = provider.read_token(row, token)
        lease = reservations.take_lease(row)
        spent = (
            *rate_limits.for_client(self.request, None),
            *rate_limits.counts("wrong_tokens_per_user", STRANGER, self.name),
        )
        attempt = Attempt(row, lease, spent)
        reservations.spend_check(attempt)
        theirs = self._is_theirs(row, self._choice(provider))
        user = ("user", row.user_id) if theirs else ("decoy", self.name)
        unseen = rate_limits.counts("wrong_tokens_per_user", STRANGER, *user)
        if not _spent(unseen) or not theirs:
            self._pretend(row, provider, "check")
            raise self._was_wrong(attempt)
        checked: Checked | None = self._tried(lambda: provider.check(row, token, request=self.request))
        if checked is None or not checked.approved:
            raise self._was_wrong(attempt)
        retry(lambda: rate_limits.refund([*spent, *unseen]))
        return check.record_approval(self.devices, attempt, Checked(approved=True, sid=row.sid))

    def _was_wrong(self, attempt: Attempt) -> errors.TwoFactorError:
        row = attempt.row
        failed = retry(lambda: reservations.release_lease(attempt))
        # For a decoy, too: receivers of the signal take time.
        events.failed(self.subject if row.user_id is not None else Subject(None, self.request), row)
        if failed:
            return errors.MaxAttemptsReached(retry_after=reservations.until_over(row))
        return errors.InvalidVerificationCode(attempts_left=conf.MAX_ATTEMPTS - row.attempts)

    def resend(self, verification: Verification, method: str = "") -> Verification:
        return self.send(method or verification.method)

    @in_no_less_time()
    def cancel(self, verification: Verification) -> None:
        """End it here. At Twilio it is left alone, whosever it is, until its time is up."""
        verifications.end(self.subject, verification, Status.CANCELED)

    def get(self, public_id: UUID | str) -> Verification:
        """The verification with this id that was begun under the same name; raises `VerificationNotFound`."""
        try:
            row = Verification.objects.filter(public_id=public_id).first()
        except (ValidationError, ValueError):
            row = None
        if row is None or row.details.get(STRANGER) not in digests(STRANGER, self.name):
            raise errors.VerificationNotFound
        if self._is_good(row):
            row.user = self.user
        return row

    # The same, awaited.

    asend = awaitable(send)
    aresend = awaitable(resend)
    acheck = awaitable(check)
    acancel = awaitable(cancel)
    aget = awaitable(get)
    amethods = awaitable(methods)
