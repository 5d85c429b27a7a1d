"""Verify a user who is named in a request and has not signed in, without revealing who exists.

Every caller gets the same answers. A name without a user, or whose user has no device for the method, gets a
decoy: a verification that no token is right for. Wrong tokens do not lock the user. Nothing is registered,
changed or listed, and nobody is signed in.

A decoy takes as long as a real verification. It makes the same SQL statements, and a free request to Twilio
(`MethodProvider.decoy`), so that a slow Twilio is slow for everybody. `UNAUTHENTICATED_MIN_SECONDS` hides the
rest: the site's callbacks and receivers, and the time that Twilio takes to send.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404
from django.utils import timezone

from .. import errors
from ..conf import conf
from ..contacts import CONTACTS, details_of
from ..digests import digest, digests
from ..models.devices import Device, ProvenContact
from ..models.verifications import UNAUTHENTICATED, Purpose, Status, Verification
from ..providers import Checked, MethodProvider, Sent
from ..providers.installed import get_providers
from . import (
    budgets,
    check,
    events,
    figures,
    limit_rows,
    lockout,
    pauses,
    places,
    rate_limits,
    reservations,
    send_reservations,
    verifications,
)
from .awaitable import awaitable
from .choices import Choice
from .database import recording, retry
from .devices import CALLBACKS, Devices, has_callback
from .methods import Methods
from .names import canonical, named_user
from .provider_call import call, service_id
from .reservations import Attempt
from .response_time import in_no_less_time
from .subject import Subject


class UnauthenticatedVerifier:
    """Verify a user who is named in a request and has not signed in.

    Codes are sent to devices of the user. Callers cannot list, register or change devices.

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
        """The user with the name. None if there is no such user."""
        return self.subject.user

    @property
    def request(self) -> Any:
        """The request that is passed to callbacks, providers and signals."""
        return self.subject.request

    def authorize(self) -> None:
        """Do nothing: a refused user gets the responses of one who does not exist."""

    def methods(self) -> list[dict[str, Any]]:
        """Return the same methods for every name, without destinations or devices."""
        shown = (p.display(user=None, request=self.request) for p in self._open_providers())
        return [{**m, "label": str(m["label"]), "obfuscated": "", "devices": []} for m in shown]

    # Sending

    @in_no_less_time()
    @recording()
    def send(self, /, method: str, **more: Any) -> Verification:
        """Send a token by a method, or pretend to. Raises `MethodNotAllowed` and the errors of limits.

        Raises `MalformedRequest` if a device or a destination is given.
        """
        if any(more.values()):
            raise errors.MalformedRequest
        provider = self._offered(method)
        choice = self._choice(provider)
        row = self._unauthenticated_row(provider, choice)
        counts = [
            *rate_limits.client_limits(self.request, None),
            *rate_limits.limits_for("unproven_sends_per_user", UNAUTHENTICATED, self.name),
            *rate_limits.limits_for(
                "unproven_sends_per_destination", UNAUTHENTICATED, provider.transport, self.name
            ),
        ]
        send_reservations.reserve_send(row, provider.name, counts, locks=pauses.keys_for(provider.name))
        sent, refused = self._try_to_send(row, provider, theirs=self._is_theirs(row, choice))
        told = {"sid": row.sid, "data": row.data}
        if sent is None:
            told["tally"] = figures.one_more(row.tally, provider.name, sent=-1, refused=refused)
        else:
            told = {"sid": sent.sid or row.sid, "data": {**row.data, **(sent.data or {})}}
        Verification.objects.filter(pk=row.pk).update(last_sent_at=timezone.now(), **told)
        row.refresh_from_db()
        return row

    def _open_providers(self) -> list[MethodProvider]:
        """Return the methods that are offered for every name, even if its user does not have them."""
        providers = get_providers()
        allowed = conf.resolve("ALLOWED_METHODS", user=None, request=self.request)
        names = providers if allowed is None else allowed
        found = [providers[name] for name in names if name in providers]
        return [p for p in found if p.sends and p.device_kind in CONTACTS and not p.approved_elsewhere]

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
            # Passing on the exception of a site's callback would reveal that the user exists.
            pass
        self._ask_as_much()
        # A value that the site changed has to be verified by its user first.
        mine = (c for c in choices if c.provider.name == provider.name)
        return next((c for c in mine if c.registered is not None and c.registered.proven), None)

    def _ask_as_much(self) -> None:
        """Make the queries that finding a user's choices takes, unless they were made already."""
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
        if self.available.standing is None:
            counts = rate_limits.limits_for("sends_per_user", UNAUTHENTICATED, self.name)
            limit_rows.read(counts, lockout.block_keys(None, [("", self.name)]))

    def _unauthenticated_row(self, provider: MethodProvider, choice: Choice | None) -> Verification:
        """Find or begin a row separate from the user's own, so that the user's attempts are not used up."""
        registered = choice.registered if choice else None
        contact, device = (registered.contact, registered.device) if registered else (None, None)
        # Pass no user: an answer of a site's callable for this user would reveal that the user exists.
        service = service_id(Subject(None, self.request), provider, Purpose.ENROL)
        where = [service] if service else []
        row, _created = verifications.get_or_create_pending(
            self.subject,
            digests("pending", UNAUTHENTICATED, self.name, provider.transport, provider.device_kind, *where),
            {
                **verifications.new_fields(provider, Purpose.PROVE, contact, device),
                "service": service,
                "user": self.user if contact else None,
                # Do not reveal the user's number or address, even masked.
                "masked": "",
                "details": {UNAUTHENTICATED: digest(UNAUTHENTICATED, self.name), **details_of(contact)},
                # The digest belongs to no session: no other caller gets the row, and it verifies no session.
                "flow_digest": digest("flow", UNAUTHENTICATED, self.name),
            },
        )
        return row

    def _is_good(self, row: Verification) -> bool:
        """Return whether the row is this user's: not a decoy, and not of a user with a similar name."""
        return self.user is not None and row.user_id == self.user.pk and bool(row.destination)

    def _is_theirs(self, row: Verification, choice: Choice | None) -> bool:
        """Return whether the row goes to a device that this user has now."""
        contact = choice.registered.contact if choice and choice.registered else None
        return self._is_good(row) and contact is not None and contact.identity == row.identity

    def _try_to_send(
        self, row: Verification, provider: MethodProvider, *, theirs: bool
    ) -> tuple[Sent | None, int]:
        """Send if the row is the user's. Returns the result or None, and the number of refused sends."""
        # Several names may lead to one user or number. Decoys are counted, too, so that both take as long.
        user = ("user", self.user.pk) if theirs else ("decoy", self.name)
        contact = row.contact if theirs else None
        where = ("destination", row.transport, contact.mailbox if contact else f"decoy {self.name}")
        unseen = [
            *rate_limits.limits_for("unproven_sends_per_user", UNAUTHENTICATED, *user),
            *rate_limits.limits_for("unproven_sends_per_destination", UNAUTHENTICATED, *where),
            *budgets.limits_for(row.purpose, row.country, provider, None, decoy="" if theirs else "decoy"),
        ]
        # Do not report a pause of a country: it would reveal the country of the user's number.
        country = row.country if theirs else places.NOWHERE
        if not rate_limits.try_to_consume(unseen, pauses.keys_for(provider.name, [country])) or not theirs:
            self._pretend(row, provider, "start")
            return None, 0
        row.user = self.user
        try:
            return call(provider.start, row, request=self.request), 0
        except errors.TwoFactorError as e:
            events.twilio_error(self.subject, e)
            # If the response was lost, the message may have been sent.
            return (Sent(), 0) if e.uncertain else (None, 1)

    def _pretend(self, row: Verification, provider: MethodProvider, verb: str) -> None:
        self._tried(provider.decoy, row, verb=verb, request=self.request)

    def _tried(self, action: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Return the provider's answer, or None if it fails. Only the site gets the error, by a signal."""
        try:
            return call(action, *args, **kwargs)
        except errors.TwoFactorError as e:
            events.twilio_error(self.subject, e)
            return None

    # Checking

    @in_no_less_time()
    @recording()
    def check(self, verification: Verification, token: str) -> Verification:
        """Check a token. Returns the approved verification. Every failure is answered as a wrong token."""
        row = verification
        provider = get_providers()[row.method]
        token = call(provider.read_token, row, token)
        spent = (
            *rate_limits.client_limits(self.request, None),
            *rate_limits.limits_for("wrong_tokens_per_user", UNAUTHENTICATED, self.name),
        )
        attempt = Attempt(row, reservations.take_lease(row, spent), spent)
        theirs = self._is_theirs(row, self._choice(provider))
        user = ("user", row.user_id) if theirs else ("decoy", self.name)
        unseen = rate_limits.limits_for("wrong_tokens_per_user", UNAUTHENTICATED, *user)
        if not rate_limits.try_to_consume(unseen) or not theirs:
            self._pretend(row, provider, "check")
            raise self._was_wrong(attempt)
        checked: Checked | None = self._tried(provider.check, row, token, request=self.request)
        if checked is None or not checked.approved:
            raise self._was_wrong(attempt)
        retry(rate_limits.refund, [*spent, *unseen])
        return check.record_approval(self.devices, attempt, Checked(approved=True, sid=row.sid))

    def _was_wrong(self, attempt: Attempt) -> errors.TwoFactorError:
        row = attempt.row
        failed = retry(reservations.release_lease, attempt)
        # Send the signal for decoys, too: its receivers take time.
        events.failed(self.subject if row.user_id is not None else Subject(None, self.request), row)
        if failed:
            return errors.MaxAttemptsReached(retry_after=reservations.until_over(row))
        return errors.InvalidVerificationCode(attempts_left=row.attempts_left)

    def resend(self, verification: Verification, method: str = "") -> Verification:
        return self.send(method or verification.method)

    @in_no_less_time()
    def cancel(self, verification: Verification) -> None:
        """End a verification here. At Twilio it expires by itself."""
        verifications.end(self.subject, verification, Status.CANCELED)

    def get(self, public_id: UUID | str) -> Verification:
        """Return the verification with this id that was begun under the same name.

        Raises `VerificationNotFound`.
        """
        try:
            row = Verification.objects.filter(public_id=public_id).first()
        except (ValidationError, ValueError):
            row = None
        if row is None or row.details.get(UNAUTHENTICATED) not in digests(UNAUTHENTICATED, self.name):
            raise errors.VerificationNotFound
        if self._is_good(row):
            row.user = self.user
        return row

    # Async versions

    asend = awaitable(send)
    aresend = awaitable(resend)
    acheck = awaitable(check)
    acancel = awaitable(cancel)
    aget = awaitable(get)
    amethods = awaitable(methods)
