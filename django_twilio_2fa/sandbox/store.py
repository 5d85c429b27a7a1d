"""Create, read, update and delete simple resources, which share one table."""

from __future__ import annotations

from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from .models import SandboxResource, new_sid
from .twilio_errors import Refused, not_found


class Taken(Exception):
    """A resource with this name exists already."""


def rows(kind: str, **where: Any) -> QuerySet[SandboxResource]:
    """Return the resources of a kind, oldest first."""
    return SandboxResource.objects.filter(kind=kind, **where).order_by("pk")


def find(kind: str, **where: Any) -> SandboxResource:
    """Return the resource. Raises `Refused` (20404) if there is none."""
    found = rows(kind, **where).first()
    if found is None:
        raise not_found(f"/{kind}/{where.get('sid') or where.get('name')}")
    return found


def create(
    kind: str,
    prefix: str,
    data: dict[str, Any],
    *,
    account: str,
    service: str = "",
    parent: str = "",
    name: str = "",
    taken: Refused | None = None,
) -> SandboxResource:
    """Create a resource.

    A `name` is unique below its parent. If it exists already, raises `taken`, or by default `Taken`.
    """
    scope = parent or service or account
    try:
        with transaction.atomic():
            return SandboxResource.objects.create(
                kind=kind,
                sid=new_sid(prefix),
                account_sid=account,
                service_sid=service,
                parent_sid=parent,
                name=name,
                key=f"{kind}:{scope}:{name}" if name else None,
                data=data,
            )
    except IntegrityError:
        raise taken or Taken from None


def rename(row: SandboxResource, name: str, *, taken: Refused) -> None:
    """Give a resource another name. Raises `taken` if the name exists already below its parent."""
    scope = row.parent_sid or row.service_sid or row.account_sid
    row.name, row.key = name, f"{row.kind}:{scope}:{name}"
    try:
        with transaction.atomic():
            row.save(update_fields=["name", "key"])
    except IntegrityError:
        raise taken from None


def update(row: SandboxResource, changes: dict[str, Any]) -> None:
    """Change the data of a resource. A value of None leaves the stored value unchanged."""
    row.data = {**row.data, **{name: value for name, value in changes.items() if value is not None}}
    row.updated_at = timezone.now()
    row.save(update_fields=["data", "updated_at"])
