"""What a user may use: which methods, with which devices, and what they may register."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.utils import timezone

from .. import errors
from ..conf import conf
from ..contacts import CONTACTS, PhoneNumber, identity_of
from ..installed import default_methods, get_providers, provider_of, why_unavailable
from ..models import Purpose, Verification
from ..providers import MethodProvider
from . import lockout, phone_rules, verifications
from .devices import Registered, get_registered, has_callback

logger = logging.getLogger(__name__)

PROOF_AGE = timedelta(minutes=10)

# Twilio's advice is to offer a call after the third message; whoever has waited for a minute may try it, too.
SENDS_BEFORE_ANOTHER = 3
WAIT_BEFORE_ANOTHER = timedelta(seconds=60)


@dataclass(frozen=True)
class Choice:
    """A method, with the device it would use, or none while registering or where it needs none."""

    provider: MethodProvider
    registered: Registered | None = None

    @property
    def masked(self) -> str:
        return self.registered.masked if self.registered else ""


@dataclass(frozen=True)
class Fallback:
    """Another method for a verification that does not get on, and in how many seconds to offer it first.

    `resends`: it goes to the same destination by the same transport, so that it is a resend of the same code.
    """

    choice: Choice
    after: int
    resends: bool


class Options:
    """What one user may use now; the verifier stands on it."""

    user: Any
    request: Any
    flow: str
    auth: str
    _registered: list[Registered] | None = None
    _choices: list[Choice] | None = None

    def resolve(self, name: str, **offered: Any) -> Any:
        return conf.resolve(name, user=self.user, request=self.request, **offered)

    def authorize(self) -> None:
        """Raise `UserNotAllowed` where the site keeps this user out, `UserRequired` where one is needed."""
        if self.user is None:
            if not self.resolve("ALLOW_USERLESS"):
                raise errors.UserRequired
        elif not self.resolve("ALLOW_USER_CB"):
            raise errors.UserNotAllowed

    def allowed_providers(self) -> list[MethodProvider]:
        """The methods that this user may use now, in the order of `ALLOWED_METHODS`."""
        providers = get_providers()
        names = self.resolve("ALLOWED_METHODS")
        if names is None:
            names = default_methods()
        if conf.is_set("USER_METHODS_CB"):
            own = self.resolve("USER_METHODS_CB")
            names = [name for name in names if own is None or name in own]
        return [
            providers[name]
            for name in names
            if name in providers
            and not why_unavailable(providers[name], user=self.user, request=self.request)
        ]

    def methods(self) -> list[dict[str, Any]]:
        """What this user may verify with: of each method `value`, `label`, `icon`, `obfuscated`, `devices`.

        `devices` have `id`, `name` and `obfuscated`; `send(device=…)` takes the id. `obfuscated` of the
        method is that of its first. For nobody: each method that takes a number or an address.
        """
        if self.user is None:
            choices = [Choice(p) for p in self.allowed_providers() if p.device_kind in CONTACTS]
        else:
            choices = self.choices()
        found: dict[str, dict[str, Any]] = {}
        for choice in choices:
            shown = choice.provider.display(user=self.user, request=self.request)
            new = {**shown, "label": str(shown["label"]), "obfuscated": choice.masked, "devices": []}
            entry = found.setdefault(choice.provider.name, new)
            if choice.registered is not None:
                device = choice.registered.device
                entry["devices"].append(
                    {
                        "id": choice.registered.id,
                        "name": device.name if device else "",
                        "obfuscated": choice.masked,
                    }
                )
        return list(found.values())

    def method_for(self, device: str) -> str:
        """The first method that can be used with a device (its id); raises `MissingUserData`."""
        for choice in self.choices():
            if choice.registered is not None and choice.registered.id == device:
                return choice.provider.name
        raise errors.MissingUserData

    def provider(self, method: str) -> MethodProvider:
        """The allowed provider of that name; raises `MethodNotAllowed`."""
        for provider in self.allowed_providers():
            if provider.name == method:
                return provider
        raise errors.MethodNotAllowed(method=method)

    def registered(self) -> list[Registered]:
        """What the user has registered, usable now or not; read once for each verifier."""
        if self._registered is None:
            self._registered = get_registered(self.user, self.request)
        return self._registered

    def find_registered(self, id: str) -> Registered | None:
        return next((r for r in self.registered() if r.id == id), None)

    def unproven(self) -> Registered | None:
        """A callback's value that changed by another road, while nothing else is left to prove."""
        rows = self.registered()
        return rows[0] if len(rows) == 1 and not rows[0].proven and rows[0].contact else None

    def choices(self) -> list[Choice]:
        """Each allowed method with each suitable device of the user's; read once for each verifier."""
        if self._choices is None:
            self._choices = self._find_choices()
        return self._choices

    def forget_registered(self) -> None:
        """Read anew, next time, what the user has registered."""
        self._registered = self._choices = None

    def _find_choices(self) -> list[Choice]:
        rows, providers = self.registered(), self.allowed_providers()
        with_device = [
            Choice(provider, row)
            for provider in providers
            for row in rows
            if self._suits(provider, row) and (row.proven or row is self.unproven())
        ]
        without = [Choice(p) for p in providers if rows and p.device_kind is None]
        found = [*self._without_refused(with_device), *without]
        if rows and not found:
            logger.warning("User %s has registered something, and can use none of it now", self.user.pk)
        return found

    def fallback(self, row: Verification, *, failing: bool = False) -> Fallback | None:
        """What to offer before another send by the same method; at once where that one is `failing`.

        Nothing that would be refused, because so many codes have been sent or entered, but for a cooldown.
        """
        if not get_providers()[row.method].sends:
            return None
        others = [c for c in self._others(row) if c.provider.name != row.method]
        others.sort(key=lambda c: (not self._resends(c, row), c.provider.is_backup))
        best = next((c for c in others if self.may_send(c, row)), None)
        if best is None:
            return None
        waited = row.sends >= SENDS_BEFORE_ANOTHER or failing
        # From our own send on: Twilio's verification may be older, if somebody else began it.
        left = ((row.last_sent_at or timezone.now()) + WAIT_BEFORE_ANOTHER - timezone.now()).total_seconds()
        return Fallback(best, 0 if waited else max(0, math.ceil(left)), self._resends(best, row))

    def wished(self, row: Verification, method: str) -> Fallback | None:
        """A method that was asked for while another's cooldown ran, as what to offer for its verification."""
        for choice in self._others(row):
            if choice.provider.name == method and self._resends(choice, row) and self.may_send(choice, row):
                return Fallback(choice, 0, resends=True)
        return None

    def may_send(self, choice: Choice, row: Verification) -> bool:
        """Whether a send by another method in a running verification's stead would be let through."""
        return True

    def _others(self, row: Verification) -> list[Choice]:
        if row.purpose == Purpose.PROVE:
            return self.choices()
        same = [Choice(p) for p in self.registrable(row.kind) if p.transport == row.transport]
        return self._without_unsuitable(same, row)

    def _without_unsuitable(self, choices: list[Choice], row: Verification) -> list[Choice]:
        """Less what the destination of a registration cannot take, or was refused there."""
        refused = lockout.refused_methods(self.user, [(c.provider.name, row.identity) for c in choices])
        return [
            c
            for c in choices
            if (c.provider.name, row.identity) not in refused and self.reaches(c.provider, row)
        ]

    def reaches(self, provider: MethodProvider, row: Verification) -> bool:
        """Whether the method can take a running verification's code to where it goes."""
        if provider.transport != row.transport or provider.device_kind != row.kind:
            return False
        contact = row.contact
        return contact is None or not provider.why_unsuitable(contact)

    def _resends(self, choice: Choice, row: Verification) -> bool:
        if choice.provider.transport != row.transport:
            return False
        registered = choice.registered
        if registered is None:
            return True
        if row.device_id is not None:
            return registered.device is not None and registered.device.pk == row.device_id
        return identity_of(registered.contact) == row.identity

    def _without_refused(self, choices: list[Choice]) -> list[Choice]:
        """Less what Twilio refused as fraud to this user and destination."""
        contacts = [c.registered.contact if c.registered else None for c in choices]
        pairs = [(c.provider.name, identity_of(to)) for c, to in zip(choices, contacts, strict=True)]
        refused = lockout.refused_methods(self.user, {pair for pair in pairs if pair[1]})
        return [choice for pair, choice in zip(pairs, choices, strict=True) if pair not in refused]

    def _suits(self, provider: MethodProvider, row: Registered) -> bool:
        if provider.device_kind != row.kind:
            return False
        if row.contact is None:
            return row.kind not in CONTACTS and row.device is not None and provider.is_usable(row.device)
        try:
            about = {"user": self.user, "request": self.request}
            phone_rules.refuse_country(row.contact, proven=row.proven, **about)
        except errors.TwoFactorError:
            return False
        return not provider.why_unsuitable(row.contact)

    def registrable(self, kind: str | None = None) -> list[MethodProvider]:
        """The allowed methods that something can be registered for; of one kind of device if given."""
        must_have_phone = self.needs_phone() and kind is None
        first = not self.registered()
        allowed = "ALLOW_REGISTRATION" if first else "ALLOW_CHANGE"
        return [
            p
            for p in self.allowed_providers()
            if p.device_kind is not None
            and p.get_registration_form_class() is not None
            and not (first and p.is_backup)
            and (kind is None or p.device_kind == kind)
            and (not must_have_phone or p.device_kind == PhoneNumber.kind)
            and self.resolve(allowed, field=p.device_kind)
        ]

    def addable(self) -> list[MethodProvider]:
        """The methods that something more can be registered for: of some kinds there is only one."""
        have = {r.kind for r in self.registered()}
        return [
            p
            for p in self.registrable()
            if (p.device_kind not in have or not (p.one_per_user or has_callback(p.device_kind or "")))
            and not self._is_full(p)
        ]

    def backups(self) -> list[MethodProvider]:
        """The methods that stand in for others and that this user, who has something registered, may add."""
        return [p for p in self.addable() if p.is_backup] if self.registered() else []

    def _is_backup(self, registered: Registered) -> bool:
        provider = provider_of(registered.kind)
        return provider is not None and provider.is_backup

    def may_rename(self, registered: Registered) -> bool:
        """Whether the user may give it a name. Where a user has one of its kind at most, none is needed."""
        provider = provider_of(registered.kind)
        several = provider is None or not provider.one_per_user
        may_change = bool(self.resolve("ALLOW_CHANGE", field=registered.kind))
        return registered.device is not None and several and may_change

    def _is_full(self, provider: MethodProvider) -> bool:
        """Whether the user has as many devices as they may have, and this would be one more."""
        most: int | None = self.resolve("MAX_DEVICES")
        if most is None or provider.is_backup or has_callback(provider.device_kind or ""):
            return False
        return sum(r.device is not None and not self._is_backup(r) for r in self.registered()) >= most

    def refuse_too_many(self, provider: MethodProvider) -> None:
        """Raise `TooManyDevices` where nothing more can be added for this method."""
        if self.registered() and self._is_full(provider):
            raise errors.TooManyDevices

    def too_many(self) -> list[MethodProvider]:
        """The methods that something more could be registered for if the user had fewer devices."""
        return [p for p in self.registrable() if self._is_full(p)] if self.registered() else []

    # What may be removed

    def is_last(self, registered: Registered) -> bool:
        """Whether without it nothing would be left, or nothing but what stands in for others."""
        return all(r.id == registered.id or self._is_backup(r) for r in self.registered())

    def may_remove_last(self) -> bool:
        """What `ALLOW_REMOVE_LAST` says, or `REGISTER_OPTIONAL` where it says nothing."""
        told = self.resolve("ALLOW_REMOVE_LAST")
        return bool(self.resolve("REGISTER_OPTIONAL") if told is None else told)

    def refuse_removal(self, registered: Registered) -> None:
        """Raise `ChangeNotAllowed` or `LastDevice` for what no proof would let the user remove."""
        self.authorize()
        if registered.device is None or not self.resolve("ALLOW_CHANGE", field=registered.kind):
            raise errors.ChangeNotAllowed
        if self.is_last(registered) and not self.may_remove_last():
            raise errors.LastDevice

    def needs_phone(self) -> bool:
        """Whether the user still has to register a phone number, whatever else they have."""
        if not self.resolve("USER_MUST_HAVE_PHONE"):
            return False
        return all(r.kind != PhoneNumber.kind for r in self.registered())

    # What may be registered

    def authorize_enrolment(self, kind: str | None = None) -> Verification | None:
        """The proof that lets the user register something now; None where nothing is registered yet.

        Raises `RegistrationNotAllowed`, `ChangeNotAllowed` or `ProofRequired`.
        """
        self.authorize()
        if not self.registered():
            if not self.resolve("ALLOW_REGISTRATION", field=kind):
                raise errors.RegistrationNotAllowed
            return None
        if not self.resolve("ALLOW_CHANGE", field=kind):
            raise errors.ChangeNotAllowed
        proof = self.fresh_proof()
        if proof is None:
            raise errors.ProofRequired
        return proof

    def fresh_proof(self) -> Verification | None:
        """An approved verification of this session, at most ten minutes old and not used up.

        It serves any number of additions, and one change or removal, which uses it up.
        """
        if not self.flow or self.user is None:
            return None
        return (
            verifications.approved_in(self.user, self.flow, self.auth)
            .filter(approved_at__gte=timezone.now() - PROOF_AGE, proof_used_at=None)
            .first()
        )
