"""`Verifier`: list the methods, send, check, approve, cancel. It does not depend on HTTP.

The pages, the API, commands and your own code use it. The rules are in `process`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from .contacts import Contact
from .errors import SendingPaused
from .models.browsers import TrustedBrowser
from .models.verifications import Verification
from .process import activity, begin, changes, check, offers, verifications, waiting
from .process.activity import Activity
from .process.awaitable import awaitable
from .process.check import mark_errors
from .process.choices import Choice
from .process.database import recording
from .process.devices import Devices, Registered
from .process.methods import Methods
from .process.subject import Subject
from .providers import MethodProvider


class Verifier:
    """Verify one user, or a phone number or e-mail address without a user.

    `flow` and `auth` bind an approval to a session: the session's random flow id, and the digest of its auth
    hash (see `session.get_verifier`). Every method raises the errors of `errors`.
    """

    def __init__(self, user: Any = None, *, request: Any = None, flow: str = "", auth: str = "") -> None:
        # Django's AnonymousUser counts as no user.
        user = user if getattr(user, "is_authenticated", True) else None
        self.subject = Subject(user, request, flow, auth)
        self.devices = Devices(self.subject)
        self.available = Methods(self.subject, self.devices)

    def methods(self) -> list[dict[str, Any]]:
        """Return each method's `value`, `label`, `icon`, `obfuscated` and `devices`.

        `devices` have `id`, `name` and `obfuscated`; `send(device=…)` takes the id. A method's `obfuscated`
        is that of its first device. An anonymous visitor gets the methods that need a number or an address.
        """
        return offers.listed(self.available)

    @recording()
    def send(
        self,
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
        """Send a token by a method, to a device, or to a number or address that is to be registered.

        `device`: one of `registered()`, or its id; by default, the first that suits the method. `to`: a
        number or an address; text is parsed for the method's kind of device, numbers as E.164. `replaces`:
        the device that the new destination replaces. An anonymous visitor (`ALLOW_USERLESS`) needs `to`;
        nothing is registered, and each call begins a new verification.

        `enrol` registers a device of the method's own kind, which has no destination; `name` is the user's
        name for it, and `data` comes from the client, such as its public key: `start` finds it in
        `verification.data["registration"]`. The returned row's `secret` has what the user has to see of the
        device. It is not stored.
        `instead_of`: a registration that this one corrects. It is canceled once the new token is sent.
        A pending verification of the same destination is continued. Returns the verification. Raises
        `ResendCooldown` and `MaxSendsReached` (with the `verification` to continue), and the provider's
        errors.
        """
        about: dict[str, Any] = {"replaces": replaces, "enrol": enrol, "name": name, "data": data}
        return begin.send(self.available, method, device=device, to=to, instead_of=instead_of, **about)

    @recording()
    def resend(self, verification: Verification, method: str = "") -> Verification:
        """Send the token of a pending verification again, perhaps by another method to the same number."""
        return begin.resend(self.available, verification, method)

    @mark_errors
    @recording()
    def check(self, verification: Verification, token: str) -> Verification:
        """Check a token. Return the verification, which is then approved.

        Raises `InvalidVerificationCode` for a wrong token, with `attempts_left` in its data, and for text
        that cannot be a token, without it (this does not count as an attempt). `CodeAlreadyUsed` is a
        subclass. Also raises `MaxAttemptsReached`, `VerificationExpired`, `CheckInProgress`, errors of the
        provider, and for a method that waits `ApprovalPending` and `ApprovalDenied`.
        """
        return check.check(self.devices, verification, token)

    @mark_errors
    @recording()
    def approve(self, verification: Verification) -> Verification:
        """Approve a verification without a token, if your code has verified the user in another way.

        A verification of Twilio Verify is approved at Twilio, too. Returns the approved verification. Raises
        `VerificationExpired`, `MaxAttemptsReached`, `CheckInProgress`, and `MethodNotAllowed` for a
        registration that needs its token.
        """
        return check.approve(self.devices, verification)

    @recording()
    def cancel(self, verification: Verification) -> None:
        """Cancel a pending verification, also at Twilio unless another verification shares it there."""
        verifications.cancel(self.subject, verification)

    def get(self, public_id: UUID | str) -> Verification:
        """Return the user's verification with this public id. Raises `VerificationNotFound`."""
        return verifications.get(self.subject, public_id)

    @recording()
    def rename(self, device: str, name: str, *, is_default: bool = False) -> Registered:
        """Set the name of a device, given by its id. An empty name removes the name. Returns the device.

        With `is_default`, the device is also made the default. If one of the two is refused, nothing
        changes. Requires a fresh proof. Raises `MissingUserData`, `ChangeNotAllowed`, `ProofRequired`, and
        `MalformedRequest` for a bad name.
        """
        return changes.rename(self.available, device, name, is_default=is_default)

    @recording()
    def make_default(self, device: str) -> Registered:
        """Make a device, given by its id, the default. Requires a fresh proof. Returns the device.

        Raises `MissingUserData`, `ChangeNotAllowed` or `ProofRequired`.
        """
        return changes.make_default(self.available, device)

    @recording()
    def forget_browsers(self, id: str = "") -> list[TrustedBrowser]:
        """Forget one of the user's remembered browsers, or all. Requires a fresh proof. Returns them.

        Raises `MissingUserData` or `ProofRequired`.
        """
        return changes.forget_browsers(self.available, id)

    @recording()
    def remove(self, registered: Registered) -> None:
        """Remove a device. Requires a fresh proof (see `fresh_proof`), and uses it up.

        Raises `ChangeNotAllowed`, `LastDevice` or `ProofRequired`.
        """
        changes.remove(self.available, registered)

    # The same methods for async code

    asend = awaitable(send)
    aresend = awaitable(resend)
    acheck = awaitable(check)
    aapprove = awaitable(approve)
    acancel = awaitable(cancel)
    aget = awaitable(get)
    amethods = awaitable(methods)

    def bind(self, flow: str) -> None:
        """Set the flow id of the session that further calls are bound to."""
        self.subject = self.devices.subject = self.available.subject = replace(self.subject, flow=flow)

    # For the pages and the API. The rules are in `process`.

    @property
    def user(self) -> Any:
        """The user. None for an anonymous visitor."""
        return self.subject.user

    @property
    def request(self) -> Any:
        """The request that is passed to callbacks, providers and signals."""
        return self.subject.request

    @property
    def flow(self) -> str:
        """The session's random flow id."""
        return self.subject.flow

    @property
    def auth(self) -> str:
        """The digest of the session's auth hash."""
        return self.subject.auth

    def activity(self) -> list[Activity]:
        """Return the user's last verifications, the newest first."""
        return activity.recent(self.subject)

    def resolve(self, name: str, **offered: Any) -> Any:
        """Return a setting for this user and request."""
        return self.subject.setting(name, **offered)

    def authorize(self) -> None:
        """Raise `UserNotAllowed` if the site refuses this user, or `UserRequired` if there is no user."""
        self.subject.authorize()

    def registered(self) -> list[Registered]:
        """Return all devices of the user, including those that cannot be used now."""
        return self.devices.all()

    def find_registered(self, id: str) -> Registered | None:
        """Return the registered device with this id, or None."""
        return self.devices.find(id)

    def is_last(self, registered: Registered) -> bool:
        """Return whether the user would have no device left without this one, except backups."""
        return self.devices.is_last(registered)

    def method_for(self, device: str) -> str:
        """Return the first method that can use a device, given by its id. Raises `MissingUserData`."""
        return self.available.method_for(device)

    def choices(self) -> list[Choice]:
        """Return each allowed method with each suitable device."""
        return self.available.choices()

    def registrable(self, kind: str | None = None) -> list[MethodProvider]:
        """Return the methods that the user can register a device for, or only those of one kind of device."""
        return self.available.registrable(kind)

    def addable(self) -> list[MethodProvider]:
        """Return the methods that the user can add another device for."""
        return self.available.addable()

    def backups(self) -> list[MethodProvider]:
        """Return the backup methods that a user with a device may add."""
        return self.available.backups()

    def too_many(self) -> list[MethodProvider]:
        """Return the methods that the user cannot add a device for, because of `MAX_DEVICES`."""
        return self.available.too_many()

    def needs_phone(self) -> bool:
        """Return whether the user still has to register a phone number."""
        return self.available.needs_phone()

    def may_change(self, kind: str | None) -> bool:
        """Return whether a user who has a device may add, replace, name or remove one of this kind."""
        return self.available.may_change(kind)

    def may_register(self, kind: str | None = None) -> bool:
        """Return whether the site allows the user to register a device of this kind, first or additional."""
        return self.available.may_register(kind)

    def may_skip_registration(self) -> bool:
        """Return whether the user may skip registering a first device."""
        return self.available.may_skip_registration()

    def grace_ends_at(self) -> datetime | None:
        """Return the end of the grace period. None if there is none, it is over, or the user has a device."""
        return self.available.grace_ends_at()

    def may_rename(self, registered: Registered) -> bool:
        """Return whether the user may name a device."""
        return self.available.may_rename(registered)

    def may_be_default(self, registered: Registered) -> bool:
        """Return whether the user may make a device the default."""
        return self.available.may_be_default(registered)

    def may_remove_last(self) -> bool:
        """Return whether the user may remove the last device."""
        return self.available.may_remove_last()

    def refuse_removal(self, registered: Registered) -> None:
        """Raise `ChangeNotAllowed` or `LastDevice` if the user may not remove a device, even with a proof."""
        self.available.refuse_removal(registered)

    def authorize_enrolment(self, kind: str | None = None) -> Verification | None:
        """Return the proof that allows a registration now. None for a first device, which needs no proof.

        Raises `RegistrationNotAllowed`, `ChangeNotAllowed` or `ProofRequired`.
        """
        return self.available.authorize(kind)

    def fresh_proof(self) -> Verification | None:
        """Return an approved verification of this session, at most ten minutes old and not used up."""
        return self.available.fresh_proof()

    def wait_to_resend(self, row: Verification) -> int:
        """Return the seconds until the code of a pending verification may be sent again. 0 for now."""
        return waiting.wait_to_resend(self.available, row)

    def usable_now(self, choices: Sequence[Choice]) -> list[Choice]:
        """Return the choices that the user can use now. Takes locks and limits into account."""
        return waiting.usable_now(self.available, choices)

    def waits(self, choices: Sequence[Choice]) -> list[int]:
        """Return the seconds until each choice can be used: 0 for now, `Lock.FOR_EVER` until an unlock."""
        return waiting.waits(self.available, choices)

    def paused(self, choices: Sequence[Choice]) -> list[SendingPaused | None]:
        """Return for each choice the error of a pause that stops it, or None. No query after `waits`."""
        return waiting.paused(self.available, choices)
