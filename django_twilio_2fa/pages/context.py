"""What the wizard's steps show: forms, templates and their context."""

from __future__ import annotations

from typing import Any

from django import forms

from .. import errors
from ..conf import conf
from ..forms import RegistrationForm, TokenForm
from ..installed import get_providers
from ..process import lockout, wording
from ..process.methods import Choice


class StepContextMixin:
    """Rendering, apart from what the wizard does. Stands before formtools' view."""

    # Forms

    def get_form_list(self: Any) -> Any:
        """formtools' list with the provider's own forms in the places that are left to them."""
        form_list = super().get_form_list()  # type: ignore[misc]
        if form_list.get("register") is RegistrationForm and self.step == "register":
            provider = self.registering_provider()
            if provider is not None:
                form_list["register"] = provider.get_registration_form_class()
        if form_list.get("verify") is TokenForm and self.step == "verify":
            row = self.posted_verification() or self.current_verification()
            if row is not None:
                form_list["verify"] = get_providers()[row.method].get_token_form_class(row)
        return form_list

    def get_form_prefix(self, step: Any = None, form: Any = None) -> str:
        """None: templates written for 0.32 post the plain names."""
        return ""

    def get_form_kwargs(self: Any, step: str | None = None) -> dict[str, Any]:
        kwargs: dict[str, Any] = super().get_form_kwargs(step)  # type: ignore[misc]
        if issubclass(self.get_form_list()[step or self.step], RegistrationForm):
            kwargs |= {"user": self.verifier.user, "request": self.request}
        return kwargs

    def get_form_initial(self: Any, step: str) -> dict[str, Any]:
        initial: dict[str, Any] = super().get_form_initial(step)  # type: ignore[misc]
        if step == "register" and self.step == "register":
            return {**self.typed_before(self.get_form_list()[step]), **initial}
        if step == "verify" and (id := self.state.get("verification")):
            return {**initial, "verification": id}
        return initial

    # Templates

    def get_template_names(self: Any) -> list[str]:
        """The method's own template for the step, then the kit's."""
        names: list[str] = self.get_page_template_names(self.get_page_name(), self.get_shown_method())
        return names

    def get_page_name(self: Any) -> str:
        """The template of the current step, by name."""
        step: str = self.step
        return step if step in ("start", "register", "verify") else "step"

    def get_page_template_names(self, name: str, method: str = "") -> list[str]:
        names = [f"twilio_2fa/{name}.html"]
        step = getattr(self, "step", name)
        if name == "step":
            names.insert(0, f"twilio_2fa/{step}.html")
        return [f"twilio_2fa/{method}/{name}.html", *names] if method else names

    def get_shown_method(self: Any) -> str:
        """The method that the current page is about; empty if none."""
        if self.step == "register":
            provider = self.registering_provider()
            return provider.name if provider else ""
        if self.step == "verify":
            row = self.current_verification()
            return row.method if row else ""
        return ""

    # Context

    def message(self: Any, code: str, **data: Any) -> str:
        data = {"user": self.verifier.user, "request": self.request, **data}
        return wording.message(code, **data)

    def get_context_data(self: Any, form: forms.Form, **kwargs: Any) -> dict[str, Any]:
        # Past formtools' own: it reads its storage, which marks the session as changed.
        about = {"form": form, "steps": self.steps, "url_name": self.url_name}
        context = {"view": self, "form": form, "wizard": about, **self.page_context(), **kwargs}
        optional = self.is_optional()
        context |= {"is_optional": optional, "skip_href": self.get_skip_url() if optional else ""}
        context["leave_href"] = self.get_leave_url()
        if self.step in ("start", "register"):
            context |= {"site_href": self.get_site_url(), "sign_out_href": self.get_sign_out_url()}
        context |= {"has_other_methods": len(self.choices) > 1, "is_registration": self.is_registration}
        extra = {
            "start": self.start_context,
            "register": self.register_context,
            "verify": self.verify_context,
        }
        if self.step in extra:
            context |= extra[self.step]()
        context.update(self.extra_context or {})
        return context

    def display(self: Any, method: str) -> dict[str, Any]:
        provider = get_providers()[method]
        shown: dict[str, Any] = provider.display(user=self.verifier.user, request=self.request)
        return shown

    def start_context(self: Any) -> dict[str, Any]:
        registered = {r.kind: r.masked for r in reversed(self.verifier.registered())}
        waits = self.verifier.waits(self.choices)
        shown = [
            self.choice_context(c) | self.wait_context(wait)
            for c, wait in zip(self.choices, waits, strict=True)
        ]
        pending = self.current_verification()
        return {
            "methods": {c.provider.name: self.display(c.provider.name) for c in self.choices},
            "choices": shown,
            "single": len(shown) == 1,
            "any_usable": any(c["usable"] for c in shown),
            "phone_number": registered.get("phone_number", ""),
            "email": registered.get("email", ""),
            "pending_href": self.url("verify") if pending else "",
            "pending_sends": bool(pending) and self.is_typed(get_providers()[pending.method]),
            "intent": self.intent,
            "locked": errors.AccountLocked().display if lockout.FOR_EVER in waits else "",
        }

    def is_typed(self: Any, provider: Any) -> bool:
        """Return whether the method sends a code that the user types."""
        return bool(provider.sends and not provider.waits)

    def wait_context(self: Any, wait: int) -> dict[str, Any]:
        """Describe when a choice can be used. `when` is empty for now, and for a lock without an end."""
        ends = wait not in (0, lockout.FOR_EVER)
        return {"usable": not wait, "when": errors.in_words(wait) if ends else ""}

    def choice_context(self: Any, choice: Choice) -> dict[str, Any]:
        shown = self.display(choice.provider.name)
        masked, name = choice.masked, ""
        if choice.registered and choice.registered.device:
            name = choice.registered.device.name
        # Some methods show the name in place of what is masked.
        known = ", ".join(wording.isolated(text) for text in dict.fromkeys((name, masked)) if text)
        return {
            "method": choice.provider.name,
            "device": choice.registered.id if choice.registered else "",
            "label": shown["label"],
            "icon": shown["icon"],
            "detail": masked,
            "name": name,
            "heading": choice.provider.heading(str(shown["label"]), known),
        }

    def register_context(self: Any) -> dict[str, Any]:
        provider = self.registering_provider()
        return {
            "method": self.display(provider.name),
            "sends": provider.sends,
            "waits": provider.waits,
            "intent": "register",
            "replaces": "",
        }

    def fallback_context(self: Any, row: Any) -> dict[str, Any] | None:
        """The other method, as a choice; `after`: in how many seconds it comes first."""
        found = self.fallback(row)
        if found is None:
            return None
        wait = row.can_resend_in() if found.resends else 0
        wished = found.choice.provider.name == self.wish(row)
        about = {"after": found.after, "resends": found.resends, "wait": wait, "wished": wished}
        about["wait_in_words"] = errors.in_words(wait)
        return {**self.choice_context(found.choice), **about}

    def wait_to_resend(self: Any, row: Any) -> int:
        """In how many seconds the code may be sent again."""
        other = self.fallback(row)
        if other is not None and other.resends:
            # It would not be offered if anything but the cooldown stood in its way.
            return int(row.can_resend_in())
        return int(self.verifier.wait_to_resend(row))

    def sent_sentence(self: Any, provider: Any, masked: str, *, unsure: bool = False) -> str:
        """Where the token went; empty for a method that waits: its template says what to do."""
        if unsure:
            return str(self.message("send_unsure_to" if masked else "send_unsure", value=masked))
        if provider.waits:
            return ""
        shown = wording.isolated(masked)
        return wording.sent_sentence(provider, shown, user=self.verifier.user, request=self.request)

    def verify_context(self: Any) -> dict[str, Any]:
        row = self.current_verification()
        provider = get_providers()[row.method]
        wait = self.wait_to_resend(row) if provider.sends else 0
        can_resend = provider.sends and row.sends < conf.MAX_SENDS
        unsure = self.state.get("unsure") == str(row.public_id)
        return {
            "method": self.display(row.method),
            "obfuscated_value": row.masked,
            # Where Twilio has refused the very first send, there is nothing to be told of one.
            "message": ""
            if provider.sends and not row.last_sent_at and not unsure
            else self.sent_sentence(provider, row.masked, unsure=unsure),
            "unsure": unsure,
            "sends": provider.sends,
            "can_resend_in": wait,
            "can_resend": can_resend,
            "can_resend_when": errors.in_words(wait),
            "sends_used_up": provider.sends and not can_resend,
            "sends_left": max(0, conf.MAX_SENDS - row.sends),
            "attempts_left": max(0, conf.MAX_ATTEMPTS - row.attempts),
            "can_correct": bool(row.destination)
            and row.purpose == "enrol"
            and self.registering_provider() is not None,
            "verification_id": str(row.public_id),
            "waits": provider.waits,
            "give_up": provider.give_up_wording if self.secret else "",
            "fallback": self.fallback_context(row),
            "status_href": self.url("status") if provider.waits else "",
            **provider.get_verify_context(row, secret=self.secret),
        }
