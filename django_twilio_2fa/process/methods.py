"""Find the methods and devices that a user may use, and the methods to register a device for."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.utils import timezone

from .. import errors
from ..conf import conf
from ..contacts import CONTACTS, PhoneNumber
from ..models.verifications import Purpose, Verification
from ..providers import MethodProvider
from ..providers.installed import default_methods, get_providers, provider_of, why_unavailable
from . import grace, lockout, phone_rules
from .choices import Choice, Standing
from .devices import Devices, Registered, has_callback, is_backup
from .provider_call import answer_of
from .subject import Subject

logger = logging.getLogger(__name__)

PROOF_AGE = timedelta(minutes=10)


class Methods:
    """The methods that one user may use now, with the devices for each."""

    def __init__(self, subject: Subject, devices: Devices) -> None:
        self.subject = subject
        self.devices = devices
        self.standing: Standing | None = None
        """The limits, locks and pauses of the choices. None if they were not read since the last send."""
        self.with_blocked = False
        """True if choices include blocked methods. A send looks for blocks itself."""
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

    def method_for(self, device: str) -> str:
        """Return the first method that can use a device, given by its id. Raises `MissingUserData`."""
        for choice in self.choices():
            if device and choice.device_id == device:
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
        # The user's default device comes first, regardless of the order of the methods.
        with_device.sort(key=lambda c: c.registered is None or c.registered.default_at is None)
        found = [*self._without_blocked(with_device, without), *without]
        if rows and not found:
            logger.warning("User %s has devices, but can use none of them now", self.subject.user.pk)
        return found

    def _without_blocked(self, with_device: list[Choice], without: list[Choice]) -> list[Choice]:
        """Leave out methods that Twilio refused as fraud for this user and destination."""
        if not with_device or self.with_blocked:
            return with_device
        self.standing = Standing(self.subject, self.devices, [*with_device, *without])
        return [choice for choice in with_device if not self.standing.is_blocked(choice)]

    def suits(self, provider: MethodProvider, row: Registered) -> bool:
        """Return whether the method can be used with a device."""
        if provider.device_kind != row.kind:
            return False
        if row.contact is None:
            if row.kind in CONTACTS or row.device is None:
                return False
            return answer_of(False, provider.is_usable, row.device)
        try:
            about = {"user": self.subject.user, "request": self.subject.request}
            phone_rules.refuse_country(row.contact, proven=row.proven, **about)
        except errors.TwoFactorError:
            return False
        return not answer_of("it failed", provider.why_unsuitable, row.contact)

    def alternatives(self, row: Verification) -> list[Choice]:
        """Return the choices that could replace a running verification, including its own method."""
        if row.purpose == Purpose.PROVE:
            return self.choices()
        same = [Choice(p) for p in self.registrable(row.kind) if p.transport == row.transport]
        refused = lockout.blocked_methods(self.subject.user, [(c.provider.name, row.identity) for c in same])
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

    # Registering, naming and removing devices

    def may_change(self, kind: str | None) -> bool:
        """Return whether a user who has a device may add, replace, name or remove one of this kind."""
        return bool(self.subject.setting("ALLOW_CHANGE", field=kind))

    def may_register(self, kind: str | None) -> bool:
        """Return whether the site allows the user to register a device of this kind, first or additional."""
        if self.devices.all():
            return self.may_change(kind)
        return bool(self.subject.setting("ALLOW_REGISTRATION", field=kind))

    def may_skip_registration(self) -> bool:
        """Return whether the user may skip registering a first device."""
        if self.devices.all():
            return False
        return bool(self.subject.setting("REGISTER_OPTIONAL")) or grace.ends_at(self.subject) is not None

    def grace_ends_at(self) -> datetime | None:
        """Return the end of the grace period. None if there is none, it is over, or the user has a device."""
        until = grace.ends_at(self.subject)
        return until if until is not None and not self.devices.all() else None

    def registrable(self, kind: str | None = None) -> list[MethodProvider]:
        """Return the allowed methods that a device can be registered for; of one kind if given."""
        must_have_phone = kind is None and self.needs_phone()
        first = not self.devices.all()
        return [
            p
            for p in self.allowed()
            if p.device_kind is not None
            and answer_of(None, p.get_registration_form_class) is not None
            and not (first and p.is_backup)
            and (kind is None or p.device_kind == kind)
            and (not must_have_phone or p.device_kind == PhoneNumber.kind)
            and self.may_register(p.device_kind)
        ]

    def addable(self) -> list[MethodProvider]:
        """Return the methods that one more device can be registered for. Some kinds allow only one."""
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

    def backups_after(self, row: Verification) -> list[MethodProvider]:
        """Return the backups to offer after an approval: only after the user's first registration."""
        return self.backups() if row.is_first_registration else []

    def too_many(self) -> list[MethodProvider]:
        """Return the methods that the user cannot add a device for, because of `MAX_DEVICES`."""
        return [p for p in self.registrable() if self._is_full(p)] if self.devices.all() else []

    def refuse_too_many(self, provider: MethodProvider) -> None:
        """Raise `TooManyDevices` if no device can be added for this method."""
        if self.devices.all() and self._is_full(provider):
            raise errors.TooManyDevices

    def _is_full(self, provider: MethodProvider) -> bool:
        """Return whether a device of this method would exceed `MAX_DEVICES`."""
        most: int | None = self.subject.setting("MAX_DEVICES")
        if most is None or provider.is_backup or has_callback(provider.device_kind or ""):
            return False
        return sum(r.device is not None and not is_backup(r) for r in self.devices.all()) >= most

    def needs_phone(self) -> bool:
        """Return whether the user still has to register a phone number, regardless of other devices."""
        if not conf.USER_MUST_HAVE_PHONE or not self.subject.setting("USER_MUST_HAVE_PHONE"):
            return False
        return all(r.kind != PhoneNumber.kind for r in self.devices.all())

    def may_rename(self, registered: Registered) -> bool:
        """Return whether the user may name a device. A kind with one device per user needs no names."""
        provider = provider_of(registered.kind)
        several = provider is None or not provider.one_per_user
        may_change = self.may_change(registered.kind)
        return registered.device is not None and several and may_change

    def may_be_default(self, registered: Registered) -> bool:
        """Return whether the user may make a device the default. False for backups and for an only device."""
        several = sum(not is_backup(r) for r in self.devices.all()) > 1
        return several and not is_backup(registered) and self.may_change(registered.kind)

    def may_remove_last(self) -> bool:
        """Return whether the last device may be removed: `ALLOW_REMOVE_LAST`, or else `REGISTER_OPTIONAL`."""
        told = self.subject.setting("ALLOW_REMOVE_LAST")
        return bool(self.subject.setting("REGISTER_OPTIONAL") if told is None else told)

    def refuse_removal(self, registered: Registered) -> None:
        """Raise `ChangeNotAllowed` or `LastDevice` if the user may not remove a device, even with a proof."""
        self.subject.authorize()
        if registered.device is None or not self.may_change(registered.kind):
            raise errors.ChangeNotAllowed
        if self.devices.is_last(registered) and not self.may_remove_last():
            raise errors.LastDevice

    def authorize(self, kind: str | None = None) -> Verification | None:
        """Return the proof that allows a registration now. None for a first device, which needs no proof.

        Raises `RegistrationNotAllowed`, `ChangeNotAllowed` or `ProofRequired`.
        """
        self.subject.authorize()
        first = not self.devices.all()
        if not self.may_register(kind):
            raise errors.RegistrationNotAllowed if first else errors.ChangeNotAllowed
        if first:
            return None
        proof = self.fresh_proof()
        if proof is None:
            raise errors.ProofRequired
        return proof

    def fresh_proof(self) -> Verification | None:
        """Return an approved verification of this session, at most ten minutes old and not used up.

        The proof is enough for any number of additions, and one change or removal, which uses it up.
        """
        subject = self.subject
        if not subject.flow or subject.user is None:
            return None
        rows = Verification.objects.approved_in(subject.user, subject.flow_digests, [subject.auth])
        return rows.filter(approved_at__gte=timezone.now() - PROOF_AGE, proof_used_at=None).first()
