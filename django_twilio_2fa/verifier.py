"""`Verifier`: list the methods, send, check, approve, cancel. It knows no HTTP.

The pages, the API, commands and your own code use it. The rules are in `process`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from .contacts import Contact
from .models import Verification
from .process import check, registration, send, verifications, waiting
from .process.awaitable import awaitable
from .process.check import mark_errors
from .process.database import recording
from .process.devices import Devices, Registered
from .process.methods import Choice, Fallback, Methods
from .process.subject import Subject
from .providers import MethodProvider


class Verifier:
    """Verify one user, or an anonymous visitor.

    `flow` and `auth` bind an approval to the session that asked: its random flow id and the digest of its
    auth hash (see `session.get_verifier`). Every method raises the errors of `errors`.
    """

    def __init__(self, user: Any = None, *, request: Any = None, flow: str = "", auth: str = "") -> None:
        # Django's AnonymousUser counts as no user.
        user = user if getattr(user, "is_authenticated", True) else None
        self.subject = Subject(user, request, flow, auth)
        self.devices = Devices(self.subject)
        self.available = Methods(self.subject, self.devices)

    def methods(self) -> list[dict[str, Any]]:
        """Return each method's `value`, `label`, `icon`, `obfuscated` and `devices`.

        `devices` have `id`, `name` and `obfuscated`; `send(device=…)` takes the id. `obfuscated` of the
        method is that of its first. An anonymous visitor gets each method that takes a number or an address.
        """
        return self.available.listed()

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
    ) -> Verification:
        """Send a token by a method: to a registered device, or to a new destination to register it.

        `device`: one of `registered()`, or its id; left out, the first that suits the method. `to`: a number
        or an address; text is read by the method's kind of device, numbers as E.164. `replaces`: the device
        that the new destination replaces. An anonymous visitor (`ALLOW_USERLESS`) needs `to`; nothing is
        registered, and each call begins a verification of its own.

        `enrol` registers a device of the method's own kind, which has no destination; `name` is the user's
        name for it. The row's `secret` has what the user has to see of it, and is not stored.
        A pending verification of the same destination is continued. Returns the verification. Raises
        `ResendCooldown` and `MaxSendsReached` (with the `verification` to go on with), and the provider's
        errors.
        """
        return send.send(
            self.available, method, device=device, to=to, replaces=replaces, enrol=enrol, name=name
        )

    @recording()
    def resend(self, verification: Verification, method: str = "") -> Verification:
        """Send the token of a pending verification again, perhaps by another method of its transport."""
        return send.resend(self.available, verification, method)

    @mark_errors
    @recording()
    def check(self, verification: Verification, token: str) -> Verification:
        """Check a token. Returns the approved verification.

        Raises `InvalidVerificationCode` for a wrong token (data: `attempts_left`; left out for text that
        cannot be a token, which costs no attempt) and its subclass `CodeAlreadyUsed`, `MaxAttemptsReached`,
        `VerificationExpired`, `CheckInProgress`, and the provider's errors; for a method that waits
        `ApprovalPending` and `ApprovalDenied`.
        """
        return check.check(self.devices, verification, token)

    @mark_errors
    @recording()
    def approve(self, verification: Verification) -> Verification:
        """Approve a verification without a token, for a caller that has made sure by other means.

        One of Twilio Verify's is approved at Twilio, too. Returns the approved verification. Raises
        `VerificationExpired`, `MaxAttemptsReached`, `CheckInProgress`, and `MethodNotAllowed` for a
        registration that needs its token.
        """
        return check.approve(self.devices, verification)

    @recording()
    def cancel(self, verification: Verification) -> None:
        """End a pending verification, and at Twilio unless another one still needs it there."""
        verifications.cancel(self.subject, verification)

    def get(self, public_id: UUID | str) -> Verification:
        """Return the user's verification with this public id. Raises `VerificationNotFound`."""
        return verifications.get(self.subject, public_id)

    @recording()
    def rename(self, device: str, name: str) -> Registered:
        """Name a device (its id), or remove its name. Returns the device.

        Raises `MissingUserData`, `ChangeNotAllowed`, and `MalformedRequest` for a bad name.
        """
        return registration.rename(self.available, device, name)

    @recording()
    def remove(self, registered: Registered) -> None:
        """Remove a device, against a fresh proof, which it uses up.

        Raises `ChangeNotAllowed`, `LastDevice` or `ProofRequired`.
        """
        registration.remove(self.available, registered)

    # The same, awaited.

    asend = awaitable(send)
    aresend = awaitable(resend)
    acheck = awaitable(check)
    aapprove = awaitable(approve)
    acancel = awaitable(cancel)
    aget = awaitable(get)
    amethods = awaitable(methods)

    # Questions of the pages and the API. Each is answered in `process`.

    @property
    def user(self) -> Any:
        """The user; None for an anonymous visitor."""
        return self.subject.user

    @property
    def request(self) -> Any:
        """The request that is handed on to callbacks, providers and signals."""
        return self.subject.request

    @property
    def flow(self) -> str:
        """The session's random flow id."""
        return self.subject.flow

    @property
    def auth(self) -> str:
        """The digest of the session's auth hash."""
        return self.subject.auth

    def resolve(self, name: str, **offered: Any) -> Any:
        """Return a setting for this user and request."""
        return self.subject.setting(name, **offered)

    def authorize(self) -> None:
        """Raise `UserNotAllowed` or `UserRequired` where the site keeps this user out."""
        self.subject.authorize()

    def registered(self) -> list[Registered]:
        """Return what the user has registered, usable now or not."""
        return self.devices.all()

    def find_registered(self, id: str) -> Registered | None:
        """Return the registered device with this id, or None."""
        return self.devices.find(id)

    def forget_registered(self) -> None:
        """Read again, at the next call, what the user has registered."""
        self.devices.refresh()

    def unproven(self) -> Registered | None:
        """Return the callback's value if it changed outside these pages and is all that the user has."""
        return self.devices.unproven()

    def is_last(self, registered: Registered) -> bool:
        """Return whether nothing but backups would be left without it."""
        return self.devices.is_last(registered)

    def allowed_providers(self) -> list[MethodProvider]:
        """Return the methods that this user may use now."""
        return self.available.allowed()

    def provider(self, method: str) -> MethodProvider:
        """Return the allowed method of that name. Raises `MethodNotAllowed`."""
        return self.available.get(method)

    def method_for(self, device: str) -> str:
        """Return the first method that can be used with a device (its id). Raises `MissingUserData`."""
        return self.available.method_for(device)

    def choices(self) -> list[Choice]:
        """Return each allowed method with each suitable device."""
        return self.available.choices()

    def reaches(self, provider: MethodProvider, row: Verification) -> bool:
        """Return whether the method can send a running verification's code to its destination."""
        return self.available.reaches(provider, row)

    def registrable(self, kind: str | None = None) -> list[MethodProvider]:
        """Return the methods that a device can be registered for; of one kind if given."""
        return self.available.registrable(kind)

    def addable(self) -> list[MethodProvider]:
        """Return the methods that one more device can be registered for."""
        return self.available.addable()

    def backups(self) -> list[MethodProvider]:
        """Return the backup methods that a user with a device may add."""
        return self.available.backups()

    def too_many(self) -> list[MethodProvider]:
        """Return the methods that could be added if the user had fewer devices."""
        return self.available.too_many()

    def refuse_too_many(self, provider: MethodProvider) -> None:
        """Raise `TooManyDevices` where no device can be added for this method."""
        self.available.refuse_too_many(provider)

    def needs_phone(self) -> bool:
        """Return whether the user still has to register a phone number."""
        return self.available.needs_phone()

    def may_change(self, kind: str | None) -> bool:
        """Return whether a user who has a device may add, replace, name or remove one of this kind."""
        return self.available.may_change(kind)

    def may_register(self, kind: str | None = None) -> bool:
        """Return whether the site lets the user register this kind now: a first device, or another one."""
        return self.available.may_register(kind)

    def may_skip_registration(self) -> bool:
        """Return whether the user may go on without registering a first device."""
        return self.available.may_skip_registration()

    def may_rename(self, registered: Registered) -> bool:
        """Return whether the user may name a device."""
        return self.available.may_rename(registered)

    def may_remove_last(self) -> bool:
        """Return whether the user may remove the last device."""
        return self.available.may_remove_last()

    def refuse_removal(self, registered: Registered) -> None:
        """Raise `ChangeNotAllowed` or `LastDevice` for a device that no proof lets the user remove."""
        self.available.refuse_removal(registered)

    def authorize_enrolment(self, kind: str | None = None) -> Verification | None:
        """Return the proof that lets the user register something now; None if nothing is registered yet.

        Raises `RegistrationNotAllowed`, `ChangeNotAllowed` or `ProofRequired`.
        """
        return registration.authorize(self.available, kind)

    def fresh_proof(self) -> Verification | None:
        """Return an approved verification of this session, at most ten minutes old and not used up."""
        return registration.fresh_proof(self.subject)

    def fallback(self, row: Verification, *, failing: bool = False) -> Fallback | None:
        """Return another method to offer for a verification, at once where its own is `failing`; or None."""
        return waiting.fallback(self.available, row, failing=failing)

    def wished(self, row: Verification, method: str) -> Fallback | None:
        """Return a method that the user asked for during another one's cooldown, to offer it; or None."""
        return waiting.wished(self.available, row, method)

    def wait_to_resend(self, row: Verification) -> int:
        """Return in how many seconds a pending verification's code may be sent again; 0 for now."""
        return waiting.wait_to_resend(self.subject, row)

    def usable_now(self, choices: Sequence[Choice]) -> list[Choice]:
        """Return the choices that no lock and no limit keeps the user from."""
        return waiting.usable_now(self.available, choices)

    def waits(self, choices: Sequence[Choice]) -> list[int]:
        """Return in how many seconds each choice can be used; 0 for now. See also `lockout.FOR_EVER`."""
        return waiting.waits(self.available, choices)
