"""Keep an invalid form across a redirect, so that a reload or the back button does not post it again."""

from __future__ import annotations

import json
import time
from typing import Any

from django import forms
from django.forms.utils import ErrorDict
from django.utils.datastructures import MultiValueDict

from ..process import sealed

LIFETIME = 600
"""The number of seconds for which a form is kept."""
LONGEST = 2000
"""The most characters of a form that the session stores. The session may be a cookie."""
PURPOSE = "again"

Kept = dict[str, Any]


def is_stale(kept: Any) -> bool:
    """Return whether a kept form has expired, or is missing."""
    at = kept.get("at") if isinstance(kept, dict) else None
    return not isinstance(at, int) or time.time() > at + LIFETIME


def _is_secret(widget: forms.Widget) -> bool:
    """Return whether a widget's value must not be kept, even encrypted: a password, code or card number."""
    hint = str(widget.attrs.get("autocomplete", ""))
    return (
        getattr(widget, "input_type", "") == "password"
        or hint.endswith(("one-time-code", "password"))
        or "cc-" in hint
        or any(map(_is_secret, getattr(widget, "widgets", ())))
    )


def _keepable(form: forms.BaseForm, posted: MultiValueDict[str, str]) -> dict[str, list[str]]:
    """Return the posted values of a form's fields, except secret ones."""
    secret: list[str] = []
    others: list[str] = []
    for name, field in form.fields.items():
        kind = secret if name == "token" or _is_secret(field.widget) else others
        kind.append(form.add_prefix(name))

    def is_of(key: str, names: list[str]) -> bool:
        # Widgets with several inputs append to the name.
        return any(key == name or key.startswith((f"{name}_", f"{name}-")) for name in names)

    return {k: list(v) for k, v in posted.lists() if is_of(k, others) and not is_of(k, secret)}


def keep(form: forms.BaseForm, step: str, about: str, posted: MultiValueDict[str, str]) -> Kept | None:
    """Return the data of an invalid form for the session. None if it is too long.

    For a form that asks for a token, only the errors are kept.
    """
    found = {
        name: [[str(e.message % e.params if e.params else e.message), e.code or ""] for e in errors]
        for name, errors in form.errors.as_data().items()
    }
    # A token is not kept. Other fields in the same form may be secret as well.
    data = {} if step == "verify" else _keepable(form, posted)
    if len(json.dumps([data, found])) > LONGEST:
        return None
    return {
        "step": step,
        "about": about,
        "at": int(time.time()),
        "sealed": sealed.seal({"data": data, "errors": found}, PURPOSE),
    }


def read(kept: Any, step: str) -> Kept:
    """Return the `data` and `errors` that are kept for a step. Empty if there are none."""
    if is_stale(kept) or kept.get("step") != step:
        return {}
    found = sealed.unseal(str(kept.get("sealed")), PURPOSE)
    return found if isinstance(found, dict) else {}


def restore_errors(form: Any, found: Kept) -> None:
    """Add the kept errors to a form. The form is not validated again: a GET request validates nothing."""
    form._errors = ErrorDict()
    form.cleaned_data = {}
    for name, texts in found.get("errors", {}).items():
        for text, code in texts:
            form.add_error(name if name in form.fields else None, forms.ValidationError(text, code))
