"""The start page: pick a method."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponseBase

from .. import errors, session
from ..installed import get_providers
from ..process import lockout
from ..process.methods import Choice
from ..providers import MethodProvider
from .finish import owed_phone
from .step import Step, choice_context, display


def needs_registration(choice: Choice) -> bool:
    """Return whether a choice begins with registering something."""
    return choice.registered is None and choice.provider.device_kind is not None


class StartStep(Step):
    """Offers what the user can verify with, or what they can set up."""

    def guard(self) -> HttpResponseBase | None:
        self.wizard.require_choices()
        return None

    def open(self) -> HttpResponseBase | None:
        return owed_phone(self.wizard) or self.skip()

    def skip(self) -> HttpResponseBase | None:
        """Go on where there is a single choice, if that is free or may be sent at once."""
        if len(self.wizard.choices) != 1:
            return None
        choice = self.wizard.choices[0]
        if needs_registration(choice):
            return self.wizard.go("register")
        if not self.wizard.may_send_on_get():
            return None
        session.write(self.request, sent_on_get=True)
        return self.send(choice)

    def submit(self, form: forms.Form) -> HttpResponseBase:
        method, device = form.cleaned_data["method"], form.cleaned_data["device"]
        for choice in self.wizard.choices:
            id = choice.registered.id if choice.registered else ""
            if choice.provider.name == method and device in ("", id):
                break
        else:
            self.wizard.say(messages.ERROR, errors.MethodNotAllowed(method=method).display)
            return self.wizard.go("start")
        if needs_registration(choice):
            self.state.update(method=method)
            return self.wizard.go("register")
        return self.send(choice)

    def send(self, choice: Choice) -> HttpResponseBase:
        try:
            row = self.verifier.send(choice.provider.name, device=choice.registered)
        except errors.TwoFactorError as e:
            return self.send_failed(e, choice.provider.name)
        return self.sent(row)

    def context(self) -> dict[str, Any]:
        wizard = self.wizard
        registered = {r.kind: r.masked for r in reversed(self.verifier.registered())}
        waits = self.verifier.waits(wizard.choices)
        shown = [
            choice_context(wizard, choice) | when_usable(wait)
            for choice, wait in zip(wizard.choices, waits, strict=True)
        ]
        pending = wizard.current_verification()
        return {
            "methods": {c.provider.name: display(wizard, c.provider.name) for c in wizard.choices},
            "choices": shown,
            "single": len(shown) == 1,
            "any_usable": any(c["usable"] for c in shown),
            "phone_number": registered.get("phone_number", ""),
            "email": registered.get("email", ""),
            "pending_href": wizard.url("verify") if pending else "",
            "pending_sends": pending is not None and is_typed(get_providers()[pending.method]),
            "intent": wizard.intent,
            "locked": errors.AccountLocked().display if lockout.FOR_EVER in waits else "",
        }


def is_typed(provider: MethodProvider) -> bool:
    """Return whether the method sends a code that the user types."""
    return bool(provider.sends and not provider.waits)


def when_usable(wait: int) -> dict[str, Any]:
    """Describe when a choice can be used. `when` is empty for now, and for a lock without an end."""
    ends = wait not in (0, lockout.FOR_EVER)
    return {"usable": not wait, "when": errors.in_words(wait) if ends else ""}
