"""The register page: ask for a number, an address or other data that the method needs."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponseBase
from django.utils.translation import gettext as _

from .. import errors
from ..digests import digest
from ..forms import RegistrationForm
from ..process import challenges, offers
from ..providers import MethodProvider
from . import kept_forms
from .step import Step, Wizard, display

# Errors about the destination, shown at its field.
ABOUT_THE_FIELD = (
    errors.BadUserData,
    errors.InvalidPhoneNumber,
    errors.PhoneCountryNotAllowed,
    errors.InvalidCarrierType,
    errors.MobileNumberRequired,
    errors.CannotReceive,
    errors.TooManyAccounts,
    errors.TwilioInvalidParameter,
)


def find_provider(wizard: Wizard) -> MethodProvider | None:
    """Return the method that the user registers a device for: the one picked, or the only one."""
    options = [c.provider for c in wizard.choices if c.registers]
    picked = [p for p in options if p.name == wizard.state.get("method")]
    found = picked[0] if picked else options[0] if len(options) == 1 else None

    def asks_for_what_was_posted(provider: MethodProvider | None) -> bool:
        form_class = provider.get_registration_form_class() if provider else None
        return bool(form_class and form_class.contact_field in wizard.request.POST)

    if wizard.request.method != "POST" or wizard.step != "register" or asks_for_what_was_posted(found):
        return found
    # Since the form was opened, another tab has picked a method with another kind of device.
    return next(filter(asks_for_what_was_posted, options), found)


class RegisterStep(Step):
    """The step that sends a token to a new device. The device is registered once the token is entered."""

    def guard(self) -> HttpResponseBase | None:
        return self.wizard.redirect("start") if self.wizard.registering_provider() is None else None

    def form_class(self, default: Any) -> Any:
        provider = self.wizard.registering_provider() if default is RegistrationForm else None
        return default if provider is None else provider.get_registration_form_class()

    @property
    def method(self) -> str:
        provider = self.wizard.registering_provider()
        return provider.name if provider else ""

    def initial(self, form_class: Any) -> dict[str, Any]:
        """Return the values that the user has typed: refused ones, or else those of the registration."""
        if not issubclass(form_class, RegistrationForm):
            return {}
        kept = kept_forms.read(self.state.get("again"), "register").get("data", {})
        typed = {k: v[-1] for k, v in kept.items() if k in form_class.base_fields and v}
        if typed:
            return typed
        row = self.wizard.current_verification()
        provider = self.wizard.registering_provider()
        if row is None or row.purpose != "enrol" or provider is None or provider.device_kind != row.kind:
            return {}
        found = form_class.initial_of(row.contact) if row.contact else {}
        return {**found, **({"name": row.device_name} if row.device_name else {})}

    def context(self) -> dict[str, Any]:
        provider = self.wizard.registering_provider()
        if provider is None:
            return {}
        replaces = self.wizard.replaces
        return {
            "method": display(self.wizard, provider.name),
            "sends": provider.sends,
            "approved_elsewhere": provider.approved_elsewhere,
            "intent": self.wizard.intent,
            "replaces": replaces.masked if replaces else "",
            "challenge": challenges.render(self.verifier.subject) if self.state.get("challenge") else "",
        }

    def submit(self, form: RegistrationForm) -> HttpResponseBase:
        provider = self.wizard.registering_provider()
        if provider is None:
            return self.wizard.redirect("start")
        try:
            row = self.verifier.send(
                provider.name,
                to=form.contact,
                replaces=self.wizard.replaces,
                enrol=True,
                name=form.device_name,
                data=form.registration_data or None,
                instead_of=self.wizard.current_verification(),
            )
        except errors.TwoFactorError as e:
            if isinstance(e, errors.ChallengeRequired):
                self.state.update(challenge=True)
                form.add_error(None, e.display)
                return self.ask_again(form)
            other = self.other_method(provider, form) if e.try_other_method else None
            if other is not None:
                return self.offer_instead(other, e)
            if not isinstance(e, ABOUT_THE_FIELD):
                return self.send_failed(e, provider.name)
            form.add_error(form.contact_field or None, e.display)
            return self.ask_again(form)
        self.state.update(challenge=None, entered=str(row.public_id))
        return self.sent(row)

    def other_method(self, provider: MethodProvider, form: RegistrationForm) -> MethodProvider | None:
        """Return another method for the number or address that was entered. None if all were refused."""
        to = digest("refused here", form.contact.identity if form.contact else "")
        held = self.state.get("refused_here")
        refused = held["methods"] if isinstance(held, dict) and held.get("to") == to else []
        refused = sorted({*refused, provider.name})
        self.state.update(refused_here={"to": to, "methods": refused})
        options = [c.provider for c in self.wizard.choices if c.registered is None]
        if form.contact is None:
            return None
        try:
            return offers.for_destination(self.verifier.available, form.contact, options, without=refused)
        except errors.NoMethodAvailable:
            return None

    def offer_instead(self, provider: MethodProvider, error: errors.TwoFactorError) -> HttpResponseBase:
        """Show the same page for another method, with the reason and the entered values."""
        refused = display(self.wizard, self.method)["label"]
        self.state.update(method=provider.name)
        form = self.wizard.get_form(data=self.request.POST, files=self.request.FILES)
        form.is_valid()
        label = display(self.wizard, provider.name)["label"]
        form.add_error(None, errors.labelled(refused, error.display))
        form.add_error(None, _("You can use this instead: %(method)s") % {"method": label})
        return self.ask_again(form)
