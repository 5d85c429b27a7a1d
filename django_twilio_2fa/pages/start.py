"""The start page: pick a method."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponseBase

from .. import errors, session
from ..contacts import PhoneNumber
from ..models.counters import Lock
from ..process import offers, session_data
from ..process.choices import Choice
from ..providers import MethodProvider
from ..providers.installed import get_providers
from .step import Step, Wizard, choice_context, display


class StartStep(Step):
    """The step that offers the methods to verify with, or the methods to set up."""

    def guard(self) -> HttpResponseBase | None:
        # A page that was opened before a method was blocked may still post it. The send then shows the error.
        self.verifier.available.with_blocked = self.request.method == "POST"
        self.wizard.require_choices()
        return None

    def open(self) -> HttpResponseBase | None:
        return self.wizard.owed_phone() or self.skip()

    def skip(self) -> HttpResponseBase | None:
        """Skip the page if there is one choice, which registers a device or may send a code at once."""
        if (choice := only_choice(self.wizard.choices)) is None:
            return None
        if choice.registers:
            return self.wizard.redirect("register")
        if not self.wizard.may_send_on_get():
            return None
        session_data.write(self.request, sent_on_get=True)
        self.verifier.bind(session_data.get_flow(self.request))
        return self.send(choice)

    def submit(self, form: forms.Form) -> HttpResponseBase:
        method, device = form.cleaned_data["method"], form.cleaned_data["device"]
        try:
            choice = offers.pick(self.wizard.choices, method, device)
        except errors.MethodNotAllowed as e:
            self.wizard.add_message(messages.ERROR, e.display)
            return self.wizard.redirect("start")
        if choice.registers:
            self.state.update(method=method)
            return self.wizard.redirect("register")
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
        stopped = self.verifier.paused(wizard.choices)
        shown = [
            choice_context(wizard, choice) | when_usable(wait, pause)
            for choice, wait, pause in zip(wizard.choices, waits, stopped, strict=True)
        ]
        pending = wizard.current_verification()
        return {
            "methods": {c.provider.name: display(wizard, c.provider.name) for c in wizard.choices},
            "choices": shown,
            "groups": grouped(shown, [group_of(choice) for choice in wizard.choices]),
            "single": len(shown) == 1,
            "go_on_href": wizard.get_way_on_url(),
            "any_usable": any(c["usable"] for c in shown),
            "phone_number": registered.get("phone_number", ""),
            "email": registered.get("email", ""),
            "pending_href": wizard.url("verify") if pending else "",
            "pending_sends": pending is not None and is_typed(get_providers()[pending.method]),
            "intent": wizard.intent,
            "replaces": wizard.replaces.masked if wizard.replaces else "",
            "locked": errors.AccountLocked().display if Lock.FOR_EVER in waits else "",
        }


def is_new(wizard: Wizard) -> bool:
    """Return whether the user is not verified, and has not begun to verify."""
    if wizard.state.get("verification") or "start" not in wizard.get_form_list():
        return False
    # A site may have called the verifier itself. A new flow is not verified, so it needs no query.
    return wizard.is_signing_in or wizard.has_new_flow or not session.is_verified(wizard.request)


def begin(wizard: Wizard) -> HttpResponseBase | None:
    """Open the start page for the verify page. Return None if it has sent a code, otherwise its response."""
    page = wizard.step_classes["start"](wizard)
    answer = page.guard() or page.open() or wizard.redirect("start")
    leads_on = getattr(answer, "url", "") == wizard.url("verify") and wizard.current_verification()
    return None if leads_on else answer


def group_of(choice: Choice) -> str:
    """Return the key that groups the choices for the same phone. Empty if the choice is not grouped."""
    if choice.provider.device_kind != PhoneNumber.kind:
        return ""
    return choice.device_id or PhoneNumber.kind


def only_choice(choices: Sequence[Choice]) -> Choice | None:
    """Return the first choice if the user need not choose: there is one, or all reach the same phone.

    Backup methods do not count, unless there is nothing else. To register a phone, the user has to choose
    one of its methods.
    """
    main = [choice for choice in choices if not choice.provider.is_backup] or choices
    first, *others = main
    if first.registers:
        return first if len(choices) == 1 else None
    phone = group_of(first)
    return first if all(phone and group_of(other) == phone for other in others) else None


def grouped(shown: list[dict[str, Any]], keys: list[str]) -> list[dict[str, Any]]:
    """Return the choices in groups. Each has its first usable choice, or else its first, and the others."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for number, (choice, key) in enumerate(zip(shown, keys, strict=True)):
        groups.setdefault(key or f"#{number}", []).append(choice)
    found = []
    for group in groups.values():
        first = next((choice for choice in group if choice["usable"]), group[0])
        found.append({"first": first, "others": [choice for choice in group if choice is not first]})
    return found


def is_typed(provider: MethodProvider) -> bool:
    """Return whether the method sends a code that the user types."""
    return bool(provider.sends and not provider.approved_elsewhere)


def when_usable(wait: int, pause: errors.SendingPaused | None = None) -> dict[str, Any]:
    """Return when a choice can be used. `when` is empty for now, and for a lock without an end.

    `why`: the message, if sending is paused.
    """
    ends = wait not in (0, Lock.FOR_EVER)
    told = {"usable": not wait and pause is None, "when": errors.in_words(wait) if ends else ""}
    return {**told, "why": pause.display if pause is not None and not wait else ""}
