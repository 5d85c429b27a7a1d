"""Post/Redirect/Get: a form with something wrong in it is shown again on a page that was not posted.

A reload then posts nothing, and the back button never meets the browser's own question whether to.
"""

from __future__ import annotations

import json
import time
from typing import Any

from django import forms
from django.forms.utils import ErrorDict
from django.http import HttpResponseBase
from django.utils.datastructures import MultiValueDict

from .. import sealed
from ..forms import RegistrationForm

LIFETIME = 600
"""For how many seconds what was typed is kept."""
LONGEST = 2000
"""How many characters of it a session takes, which may be a cookie."""
PURPOSE = "again"

Kept = dict[str, Any]


def is_stale(kept: Any) -> bool:
    at = kept.get("at") if isinstance(kept, dict) else None
    return not isinstance(at, int) or time.time() > at + LIFETIME


def _is_secret(widget: forms.Widget) -> bool:
    """Whether what is typed there is not to be kept, even sealed: passwords, codes and cards."""
    hint = str(widget.attrs.get("autocomplete", ""))
    return (
        getattr(widget, "input_type", "") == "password"
        or hint.endswith(("one-time-code", "password"))
        or "cc-" in hint
        or any(map(_is_secret, getattr(widget, "widgets", ())))
    )


def _keepable(form: forms.BaseForm, posted: MultiValueDict[str, str]) -> dict[str, list[str]]:
    """What was typed into a form's fields, but for what is secret."""
    secret: list[str] = []
    others: list[str] = []
    for name, field in form.fields.items():
        kind = secret if name == "token" or _is_secret(field.widget) else others
        kind.append(form.add_prefix(name))

    def is_of(key: str, names: list[str]) -> bool:
        # Widgets of several inputs add to the name.
        return any(key == name or key.startswith((f"{name}_", f"{name}-")) for name in names)

    return {k: list(v) for k, v in posted.lists() if is_of(k, others) and not is_of(k, secret)}


class AskAgainMixin:
    """Keeps what is wrong with a form over the redirect. Stands before formtools' view."""

    def ask_again(self: Any, form: Any) -> HttpResponseBase:
        """To the step's page, which says what is wrong.

        Files cannot be kept, a formset has errors of another shape, and a session takes only so much: those
        are shown at once.
        """
        if self.request.FILES or not isinstance(form, forms.BaseForm):
            shown: HttpResponseBase = self.render(form)
            return shown
        told = {
            name: [[str(e.message % e.params if e.params else e.message), e.code or ""] for e in found]
            for name, found in form.errors.as_data().items()
        }
        # A token is not kept, and what else stands beside one may be as secret.
        data = {} if self.step == "verify" else _keepable(form, self.request.POST)
        if len(json.dumps([data, told])) > LONGEST:
            shown = self.render(form)
            return shown
        self.remember(
            again={
                "step": self.step,
                "about": self._about(),
                "at": int(time.time()),
                "sealed": sealed.seal({"data": data, "errors": told}, PURPOSE),
            }
        )
        response: HttpResponseBase = self.go(self.step)
        return response

    def _about(self: Any) -> str:
        """What the page is about besides its step: the verification, or the method."""
        if self.step == "verify":
            row = self.current_verification()
            return str(row.public_id) if row else ""
        return str(self.get_shown_method())

    def _kept(self: Any, step: str) -> tuple[Kept, Kept]:
        """What is kept for a step, with what was sealed of it; empty if nothing is."""
        kept = self.state.get("again")
        if is_stale(kept) or kept.get("step") != step:
            return {}, {}
        told = sealed.unseal(str(kept.get("sealed")), PURPOSE)
        return (kept, told) if isinstance(told, dict) else ({}, {})

    def shown_form(self: Any) -> Any:
        """The step's form as a GET shows it: with what was wrong with it, if it has just been posted."""
        kept, told = self._kept(self.step)
        if not kept or kept.get("about") != self._about():
            return self.get_form()
        data = MultiValueDict(told.get("data", {}))
        if self.step == "verify":
            data["verification"] = kept["about"]
        form = self.get_form(data=data)
        # Told, not found out again: a GET validates nothing.
        form._errors = ErrorDict()
        form.cleaned_data = {}
        for name, found in told.get("errors", {}).items():
            for text, code in found:
                form.add_error(name if name in form.fields else None, forms.ValidationError(text, code))
        return form

    def typed_before(self: Any, form_class: Any) -> dict[str, Any]:
        """What the user has typed of a device already, by the form's fields; nobody is to type it twice.

        As they typed it where that was refused, else of what this session is registering.
        """
        if not issubclass(form_class, RegistrationForm):
            return {}
        _kept, told = self._kept("register")
        typed = {k: v[-1] for k, v in told.get("data", {}).items() if k in form_class.base_fields and v}
        if typed:
            return typed
        row = self.current_verification()
        provider = self.registering_provider()
        if row is None or row.purpose != "enrol" or provider is None or provider.device_kind != row.kind:
            return {}
        found = form_class.initial_of(row.contact) if row.contact else {}
        return {**found, **({"name": row.device_name} if row.device_name else {})}

    def forget_left(self: Any) -> None:
        """Drop the errors of a page that the user has left. Keep what they typed for another method."""
        kept = self.state.get("again")
        if not kept or self.step == "status":
            return
        on_the_way = kept.get("step") == "register" and self.step == "start"
        if is_stale(kept) or not (kept.get("step") == self.step or on_the_way):
            self.remember(again=None)
