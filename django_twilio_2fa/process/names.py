"""Find the user whom a visitor names without signing in."""

from __future__ import annotations

import unicodedata
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db import models

from .. import errors
from ..conf import conf
from ..managers import users

LONGEST_NAME = 254


def name_field() -> models.Field[Any, Any]:
    """Return the field of the user model that names are looked up by.

    Raises `UnauthenticatedUserFieldMissing`.
    """
    name, options = conf.UNAUTHENTICATED_USER_FIELD, get_user_model()._meta
    for field in options.concrete_fields:
        if name == field.name or (name == "pk" and field.primary_key):
            return field
    raise errors.UnauthenticatedUserFieldMissing


def _is_text(field: models.Field[Any, Any]) -> bool:
    return isinstance(field, (models.CharField, models.TextField))


def canonical(name: str) -> str:
    """Return one spelling for all names that may mean the same user, even if no such user exists."""
    field = name_field()
    text = unicodedata.normalize("NFKC", name).strip().casefold()
    if _is_text(field):
        return text
    try:
        return str(field.to_python(text))
    except (ValueError, ValidationError, OverflowError):
        return text


def named_user(name: str) -> Any:
    """Return the active user whose `UNAUTHENTICATED_USER_FIELD` is this name, or None.

    Without an exact match, case, width and outer spaces are ignored, if exactly one user then matches.
    """
    field = name_field()
    if not name.isprintable() or len(name) > LONGEST_NAME:
        return None
    active, wanted = users().filter(is_active=True), canonical(name)
    if not _is_text(field):
        return _first(active, field, wanted)
    # Always run both queries: the second may read the whole table, and its time would reveal who exists.
    found = _first(active, field, name)
    # `iexact` of the database may match more names than `canonical` does.
    close = active.filter(**{f"{field.name}__iexact": wanted})[:LONGEST_NAME]
    alike = [user for user in close if canonical(field.value_from_object(user)) == wanted]
    if found is not None:
        return found
    return alike[0] if len(alike) == 1 else None


def _first(active: Any, field: models.Field[Any, Any], name: str) -> Any:
    try:
        return active.filter(**{field.name: name}).first()
    except (ValueError, ValidationError, OverflowError):
        return None
