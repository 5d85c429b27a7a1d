"""Import the devices of another package, and report those that could not be taken over."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from .. import errors
from ..authenticators import NotTaken, SharedSecret, TakesSecrets
from ..contacts import CONTACTS, Contact
from ..digests import digest
from ..managers import users
from ..models.devices import Device
from ..models.imports import ImportedDevice
from ..models.verifications import Purpose
from ..notices import address_of
from ..process import events
from ..process.devices import clean_name, has_callback
from ..process.phone_rules import refuse_country
from ..process.provider_call import service_id, trace
from ..process.subject import Subject
from ..providers.installed import get_providers, why_unavailable
from .sources import SOURCES, Decrypt, Found
from .tables import columns_of, rows_of

logger = logging.getLogger(__name__)


@dataclass
class Report:
    """The result of an import.

    `taken`: the number of new devices by kind. `there`: the number of rows that were
    imported before, or whose device exists.
    `not_taken`: the other devices, each with the reason.
    """

    taken: Counter[str] = field(default_factory=Counter)
    there: int = 0
    not_taken: list[dict[str, str]] = field(default_factory=list)


def tables_of(source: str, alias: str) -> list[str]:
    """Return the tables of a source that the database has."""
    return [table.name for table in SOURCES[source] if columns_of(alias, table.name)]


def take_all(source: str, alias: str, decrypt: Decrypt, *, dry_run: bool = False) -> Report:
    """Import all devices that can be taken over, except those of earlier runs. `dry_run` stores nothing."""
    report = Report()
    done = set(ImportedDevice.objects.filter(source=source).values_list("key", flat=True))
    for found in _found(source, alias, decrypt):
        if found.key in done:
            report.there += 1
            continue
        try:
            is_new = _take(source, found, dry_run=dry_run)
        except NotTaken as e:
            about = {"user": str(found.user), "kind": found.kind, "why": str(e)}
            report.not_taken.append(about)
            continue
        if is_new:
            report.taken[found.kind] += 1
        else:
            report.there += 1
    return report


def _found(source: str, alias: str, decrypt: Decrypt) -> Iterator[Found]:
    there = tables_of(source, alias)
    for table in SOURCES[source]:
        if table.name in there:
            yield from table.found(rows_of(alias, table.name, table.columns), _careful(decrypt))


def _careful(decrypt: Decrypt) -> Decrypt:
    """Wrap the site's function so that any error becomes `NotTaken`. The other rows are still imported."""

    def decrypted(text: str) -> str:
        try:
            return str(decrypt(text))
        except Exception as e:
            logger.error("The function that decrypts failed\n%s", trace(e))
            raise NotTaken(f"its secret cannot be decrypted ({type(e).__name__})") from None

    return decrypted


def _take(source: str, found: Found, *, dry_run: bool) -> bool:
    """Import one device. Return False if it existed already. Raises `NotTaken`."""
    if found.why_not:
        raise NotTaken(found.why_not)
    user = _user_of(found)
    if found.secret is not None:
        return _take_secret(source, found, user, found.secret, dry_run=dry_run)
    return _take_contact(source, found, user, dry_run=dry_run)


def _user_of(found: Found) -> Any:
    model = users().model
    try:
        if found.by_name:
            return users().get(**{model.USERNAME_FIELD: found.user})
        return users().get(pk=found.user)
    except (model.DoesNotExist, ValueError, ValidationError):
        raise NotTaken("there is no such user") from None


def _name(found: Found) -> str:
    try:
        return clean_name(found.name)
    except errors.MalformedRequest:
        return ""


# Numbers and addresses


def _take_contact(source: str, found: Found, user: Any, *, dry_run: bool) -> bool:
    contact = _contact(found, user)
    if Device.objects.for_value(user, found.kind, str(contact)).exists():
        return False
    if not dry_run:
        with transaction.atomic():
            device = Device.objects.register(user, contact, name=_name(found))
            _remember(source, found, device)
    return True


def _contact(found: Found, user: Any) -> Contact:
    if has_callback(found.kind):
        raise NotTaken("your site stores these itself")
    value = found.value or address_of(user)
    if not value:
        raise NotTaken("the user has no e-mail address")
    try:
        contact = CONTACTS[found.kind](value)
        refuse_country(contact, user=user)
    except errors.TwoFactorError as e:
        raise NotTaken(e.display) from None
    return contact


# Authenticators


def _take_secret(source: str, found: Found, user: Any, shared: SharedSecret, *, dry_run: bool) -> bool:
    provider = _provider(user)
    name = _name(found)
    try:
        provider.refuse_secret(shared)
        if dry_run:
            return True
        service = service_id(Subject(user), provider, Purpose.ENROL)
        new = provider.take_secret(user, shared, name=name, service=service, at=time.time())
    except NotTaken:
        raise
    except errors.TwoFactorError as e:
        raise NotTaken(f"Twilio did not take it, try again later ({e.full_code})") from None
    except Exception as e:
        # A provider may raise any exception. The other rows are still imported.
        logger.error("A provider failed\n%s", trace(e))
        raise NotTaken(f"its method failed, try again later ({type(e).__name__})") from None
    kind = provider.device_kind
    with transaction.atomic():
        device = Device.objects.create(
            user=user,
            kind=kind,
            value=new.value,
            digest=digest(kind, new.value),
            masked=new.masked,
            data=new.data,
            name=name,
        )
        _remember(source, found, device)
    return True


def _provider(user: Any) -> Any:
    """Return the provider that imports secrets of authenticators. Raises `NotTaken` if there is none."""
    why = "no method for authenticators is installed"
    for provider in get_providers().values():
        if isinstance(provider, TakesSecrets):
            why = why_unavailable(provider, user=user)
            if not why:
                return provider
    raise NotTaken(why)


def _remember(source: str, found: Found, device: Device) -> None:
    """Store that a row was imported, so that later runs skip it even if the user has removed the device."""
    ImportedDevice.objects.create(source=source, key=found.key)
    transaction.on_commit(lambda: events.device_imported(device), robust=True)
