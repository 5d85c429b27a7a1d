"""Find the methods that a user may use, with which devices, and the ones they may register a device for."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

from .. import errors
from ..conf import conf
from ..contacts import CONTACTS, PhoneNumber, identity_of
from ..installed import default_methods, get_providers, provider_of, why_unavailable
from ..models import Purpose, Verification
from ..providers import MethodProvider
from . import lockout, phone_rules
from .devices import Devices, Registered, has_callback, is_backup
from .subject import Subject

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Choice:
    """A method with the device that it uses; without one while registering, or if it needs none."""

    provider: MethodProvider
    registered: Registered | None = None

    @property
    def masked(self) -> str:
        return self.registered.masked if self.registered else ""


@dataclass(frozen=True)
class Fallback:
    """Another method to offer for a verification, and in how many seconds to offer it.

    `resends`: it sends the same code again, to the same destination by the same transport.
    """

    choice: Choice
    after: int
    resends: bool


class Methods:
    """The methods that one user may use now, and with which of their devices."""

    def __init__(self, subject: Subject, devices: Devices) -> None:
        self.subject = subject
        self.devices = devices
        self.asked_refused = False
        """Whether the database was asked which methods are refused."""
        self._choices: tuple[list[Registered], list[Choice]] | None = None

    def allowed(self) -> list[MethodProvider]:
        """Return the methods that this user may use now, in the order of `ALLOWED_METHODS`."""
        providers = get_providers()
        names = self.subject.setting("ALLOWED_METHODS")
        if names is None:
            names = default_methods()
        if conf.is_set("USER_METHODS_CB"):
            own = self.subject.setting("USER_METHODS_CB")
            names = [name for name in names if own is None or name in own]
        about = {"user": self.subject.user, "request": self.subject.request}
        return [
            providers[name]
            for name in names
            if name in providers and not why_unavailable(providers[name], **about)
        ]

    def get(self, method: str) -> MethodProvider:
        """Return the allowed method of that name. Raises `MethodNotAllowed`."""
        for provider in self.allowed():
            if provider.name == method:
                return provider
        raise errors.MethodNotAllowed(method=method)

    def listed(self) -> list[dict[str, Any]]:
        """Return each method's `value`, `label`, `icon`, `obfuscated` and `devices`.

        `devices` have `id`, `name` and `obfuscated`; `send(device=…)` takes the id. `obfuscated` of the
        method is that of its first. An anonymous visitor gets each method that takes a number or an address.
        """
        if self.subject.user is None:
            choices = [Choice(p) for p in self.allowed() if p.device_kind in CONTACTS]
        else:
            choices = self.choices()
        found: dict[str, dict[str, Any]] = {}
        for choice in choices:
            shown = choice.provider.display(user=self.subject.user, request=self.subject.request)
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
        """Return the first method that can be used with a device (its id). Raises `MissingUserData`."""
        for choice in self.choices():
            if choice.registered is not None and choice.registered.id == device:
                return choice.provider.name
        raise errors.MissingUserData

    # Methods and devices

    def choices(self) -> list[Choice]:
        """Return each allowed method with each suitable device. Cached until `Devices.refresh()`."""
        rows = self.devices.all()
        if self._choices is None or self._choices[0] is not rows:
            self._choices = rows, self._find_choices(rows)
        return self._choices[1]

    def _find_choices(self, rows: list[Registered]) -> list[Choice]:
        providers = self.allowed()
        with_device = [
            Choice(provider, row)
            for provider in providers
            for row in rows
            if self.suits(provider, row) and (row.proven or row is self.devices.unproven())
        ]
        without = [Choice(p) for p in providers if rows and p.device_kind is None]
        found = [*self._without_refused(with_device), *without]
        if rows and not found:
            logger.warning(
                "User %s has registered something, and can use none of it now", self.subject.user.pk
            )
        return found

    def _without_refused(self, choices: list[Choice]) -> list[Choice]:
        """Leave out what Twilio refused as fraud for this user and destination."""
        contacts = [c.registered.contact if c.registered else None for c in choices]
        pairs = [(c.provider.name, identity_of(to)) for c, to in zip(choices, contacts, strict=True)]
        self.asked_refused = any(identity for _method, identity in pairs)
        refused = lockout.refused_methods(self.subject.user, {pair for pair in pairs if pair[1]})
        return [choice for pair, choice in zip(pairs, choices, strict=True) if pair not in refused]

    def suits(self, provider: MethodProvider, row: Registered) -> bool:
        """Return whether the method can be used with a device."""
        if provider.device_kind != row.kind:
            return False
        if row.contact is None:
            return row.kind not in CONTACTS and row.device is not None and provider.is_usable(row.device)
        try:
            about = {"user": self.subject.user, "request": self.subject.request}
            phone_rules.refuse_country(row.contact, proven=row.proven, **about)
        except errors.TwoFactorError:
            return False
        return not provider.why_unsuitable(row.contact)

    def alternatives(self, row: Verification) -> list[Choice]:
        """Return what could be used instead of a running verification, the same method among it."""
        if row.purpose == Purpose.PROVE:
            return self.choices()
        same = [Choice(p) for p in self.registrable(row.kind) if p.transport == row.transport]
        refused = lockout.refused_methods(self.subject.user, [(c.provider.name, row.identity) for c in same])
        return [
            c
            for c in same
            if (c.provider.name, row.identity) not in refused and self.reaches(c.provider, row)
        ]

    def reaches(self, provider: MethodProvider, row: Verification) -> bool:
        """Return whether the method can send a running verification's code to its destination."""
        if provider.transport != row.transport or provider.device_kind != row.kind:
            return False
        contact = row.contact
        return contact is None or not provider.why_unsuitable(contact)

    # What may be registered, named and removed

    def may_change(self, kind: str | None) -> bool:
        """Return whether a user who has a device may add, replace, name or remove one of this kind."""
        return bool(self.subject.setting("ALLOW_CHANGE", field=kind))

    def may_register(self, kind: str | None) -> bool:
        """Return whether the site lets the user register this kind now: a first device, or another one."""
        if self.devices.all():
            return self.may_change(kind)
        return bool(self.subject.setting("ALLOW_REGISTRATION", field=kind))

    def may_skip_registration(self) -> bool:
        """Return whether the user may go on without registering a first device."""
        return not self.devices.all() and bool(self.subject.setting("REGISTER_OPTIONAL"))

    def registrable(self, kind: str | None = None) -> list[MethodProvider]:
        """Return the allowed methods that a device can be registered for; of one kind if given."""
        must_have_phone = kind is None and self.needs_phone()
        first = not self.devices.all()
        return [
            p
            for p in self.allowed()
            if p.device_kind is not None
            and p.get_registration_form_class() is not None
            and not (first and p.is_backup)
            and (kind is None or p.device_kind == kind)
            and (not must_have_phone or p.device_kind == PhoneNumber.kind)
            and self.may_register(p.device_kind)
        ]

    def addable(self) -> list[MethodProvider]:
        """Return the methods that one more device can be registered for: of some kinds there is only one."""
        have = {r.kind for r in self.devices.all()}
        return [
            p
            for p in self.registrable()
            if (p.device_kind not in have or not (p.one_per_user or has_callback(p.device_kind or "")))
            and not self._is_full(p)
        ]

    def backups(self) -> list[MethodProvider]:
        """Return the backup methods that a user with a device may add."""
        return [p for p in self.addable() if p.is_backup] if self.devices.all() else []

    def too_many(self) -> list[MethodProvider]:
        """Return the methods that could be added if the user had fewer devices."""
        return [p for p in self.registrable() if self._is_full(p)] if self.devices.all() else []

    def refuse_too_many(self, provider: MethodProvider) -> None:
        """Raise `TooManyDevices` where no device can be added for this method."""
        if self.devices.all() and self._is_full(provider):
            raise errors.TooManyDevices

    def _is_full(self, provider: MethodProvider) -> bool:
        """Return whether the user has the most devices allowed, and this would be one more."""
        most: int | None = self.subject.setting("MAX_DEVICES")
        if most is None or provider.is_backup or has_callback(provider.device_kind or ""):
            return False
        return sum(r.device is not None and not is_backup(r) for r in self.devices.all()) >= most

    def needs_phone(self) -> bool:
        """Return whether the user still has to register a phone number, whatever else they have."""
        if not self.subject.setting("USER_MUST_HAVE_PHONE"):
            return False
        return all(r.kind != PhoneNumber.kind for r in self.devices.all())

    def may_rename(self, registered: Registered) -> bool:
        """Return whether the user may name it. A kind with one device per user needs no names."""
        provider = provider_of(registered.kind)
        several = provider is None or not provider.one_per_user
        may_change = self.may_change(registered.kind)
        return registered.device is not None and several and may_change

    def may_remove_last(self) -> bool:
        """Return what `ALLOW_REMOVE_LAST` says, or `REGISTER_OPTIONAL` if that is not set."""
        told = self.subject.setting("ALLOW_REMOVE_LAST")
        return bool(self.subject.setting("REGISTER_OPTIONAL") if told is None else told)

    def refuse_removal(self, registered: Registered) -> None:
        """Raise `ChangeNotAllowed` or `LastDevice` for a device that no proof lets the user remove."""
        self.subject.authorize()
        if registered.device is None or not self.may_change(registered.kind):
            raise errors.ChangeNotAllowed
        if self.devices.is_last(registered) and not self.may_remove_last():
            raise errors.LastDevice
