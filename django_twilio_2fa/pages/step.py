"""Base of the steps: the hooks of a page, and the response after a send."""

from __future__ import annotations

from typing import Any, Protocol

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext as _

from .. import errors
from ..contacts import Contact
from ..models.verifications import Status, Verification
from ..process import wording
from ..process.choices import Choice
from ..process.devices import Registered
from ..process.provider_call import answer_of
from ..providers import MethodProvider
from ..providers.installed import get_providers
from ..verifier import Verifier
from . import kept_forms
from .fallback import Fallbacks
from .pending import PendingVerifications
from .state import WizardState, seal_secret

# The steps of this package. Any other step in `form_list` comes from a subclass.
OWN_STEPS = ("start", "register", "verify")
# The pages of a wizard that are not steps.
END_PAGES = ("success", "failed", "status")


class Wizard(Protocol):
    """The part of `VerificationWizardView` that a step may use."""

    request: HttpRequest
    verifier: Verifier
    step: str
    methods: Any
    intent: Any
    adds: Any
    step_classes: Any
    has_new_flow: bool

    @property
    def state(self) -> WizardState: ...
    @property
    def pending(self) -> PendingVerifications: ...
    @property
    def fallbacks(self) -> Fallbacks: ...
    @property
    def home_namespace(self) -> str: ...
    @property
    def is_registration(self) -> bool: ...
    @property
    def replaces(self) -> Registered | None: ...
    @property
    def choices(self) -> list[Choice]: ...
    @property
    def is_signing_in(self) -> bool: ...

    def redirect(self, name: str) -> HttpResponse: ...
    def go_after(self, step: str) -> HttpResponseBase: ...
    def add_message(self, level: int, text: str) -> None: ...
    def url(self, name: str, namespace: str | None = None, **kwargs: Any) -> str: ...
    def url_with_next(self, name: str, namespace: str | None = None, *, then: str, **kw: Any) -> str: ...
    def get_next_url(self) -> str: ...
    def get_site_url(self) -> str: ...
    def get_sign_out_url(self) -> str: ...
    def get_success_url(self) -> str: ...
    def get_skip_url(self) -> str: ...
    def get_way_on_url(self) -> str: ...
    def get_form(self, step: Any = None, data: Any = None, files: Any = None) -> Any: ...
    def get_form_list(self) -> Any: ...
    def has_stored(self, step: str) -> bool: ...
    def is_proven(self) -> bool: ...
    def is_optional(self) -> bool: ...
    def sign_in(self) -> None: ...
    def is_asked_strictly(self) -> bool: ...
    def require_choices(self) -> None: ...
    def may_send_on_get(self) -> bool: ...
    def registering_provider(self) -> MethodProvider | None: ...
    def current_verification(self, public_id: Any = None) -> Verification | None: ...
    def render(self, form: Any = None, **kwargs: Any) -> HttpResponseBase: ...
    def render_page(self, name: str, context: dict[str, Any]) -> HttpResponseBase: ...
    def on_success(self, verification: Verification) -> None: ...
    def owed_phone(self) -> HttpResponseBase | None: ...
    def show_expired(self, row: Verification | None, to: Contact | None) -> HttpResponseBase | None: ...
    def fail(self, error: errors.TwoFactorError) -> HttpResponseBase: ...


# Texts of the pages


def display(wizard: Wizard, method: str) -> dict[str, Any]:
    """Return the label and the icon of a method."""
    provider = get_providers()[method]
    shown: dict[str, Any] = provider.display(user=wizard.verifier.user, request=wizard.request)
    return shown


def message(wizard: Wizard, code: str, **data: Any) -> str:
    """Return a message. The site may have replaced it."""
    data = {"user": wizard.verifier.user, "request": wizard.request, **data}
    return wording.message(code, **data)


def choice_context(wizard: Wizard, choice: Choice) -> dict[str, Any]:
    """Return the template context of a choice."""
    shown = display(wizard, choice.provider.name)
    masked, name = choice.masked, choice.device_name
    # Some methods show the name in place of the masked value.
    known = errors.listed(*dict.fromkeys(wording.isolated(text) for text in (name, masked)))
    provider = choice.provider
    heading = answer_of(str(shown["label"]), provider.get_choice_label, str(shown["label"]), known)
    line = provider.summary if choice.registers else provider.device_summary
    summary = wording.about_destination(line, wording.isolated(masked))
    says_more = type(provider).get_choice_label is not MethodProvider.get_choice_label
    named = wording.isolated(name)
    return {
        "method": provider.name,
        "device": choice.device_id,
        "label": shown["label"],
        "icon": shown["icon"],
        "detail": masked,
        "name": name,
        "known": known,
        "summary": summary,
        # A label that the provider makes is more specific than its summary.
        "title": heading if not summary or says_more else errors.listed(str(shown["label"]), named),
        "heading": heading,
    }


def given_up(row: Verification | None) -> str:
    """Return the message about a secret that was shown and not confirmed. Empty if there was none."""
    if row is None or row.purpose != "enrol" or row.status == Status.APPROVED:
        return ""
    provider = get_providers().get(row.method)
    return str(provider.given_up_wording) if provider else ""


class Step:
    """One step of the wizard. A step that a subclass of the wizard adds has only a form."""

    def __init__(self, wizard: Wizard) -> None:
        self.wizard = wizard
        self.request = wizard.request
        self.verifier = wizard.verifier
        self.state = wizard.state

    def guard(self) -> HttpResponseBase | None:
        """Return a redirect if the step cannot be shown. None if it can."""
        return None

    def open(self) -> HttpResponseBase | None:
        """Return the response to a GET request if it is not the page. None to show the page."""
        return None

    def form_class(self, default: Any) -> Any:
        """Return the step's form. `default` is the one in the wizard's `form_list`."""
        return default

    def initial(self, form_class: Any) -> dict[str, Any]:
        """Return the form's initial values."""
        return {}

    @property
    def method(self) -> str:
        """The method that the page is about. Empty if there is none."""
        return ""

    @property
    def about(self) -> str:
        """The subject of the page. An error is shown only on the page with the same subject."""
        return self.method

    def context(self) -> dict[str, Any]:
        """Return the context of the step's template."""
        return {}

    def act(self, action: str) -> HttpResponseBase | None:
        """Return the response to a button that posts no form. None for another `action`."""
        return None

    def submit(self, form: Any) -> HttpResponseBase:
        """Return the response to a valid form."""
        raise NotImplementedError

    # Showing a form again

    def shown_form(self) -> Any:
        """Return the form as a GET shows it: with its errors if it has just been posted."""
        kept = self.state.get("again")
        found = kept_forms.read(kept, self.wizard.step)
        if not found or kept.get("about") != self.about:
            return self.wizard.get_form()
        data = MultiValueDict(found.get("data", {}))
        if self.wizard.step == "verify":
            data["verification"] = kept["about"]
            if self.state.get("trust"):
                data["trust_browser"] = "on"
        form = self.wizard.get_form(data=data)
        kept_forms.restore_errors(form, found)
        return form

    def ask_again(self, form: Any) -> HttpResponseBase:
        """Redirect to the step's page, which shows the errors.

        Forms with files and formsets cannot be kept. They are rendered at once.
        """
        kept = None
        if not self.request.FILES and isinstance(form, forms.BaseForm):
            kept = kept_forms.keep(form, self.wizard.step, self.about, self.request.POST)
        if kept is None:
            return self.wizard.render(form)
        self.state.update(again=kept)
        return self.wizard.redirect(self.wizard.step)

    def forget_kept_form(self) -> None:
        """Delete the kept form of a page that the user has left. Keep it while they pick another method."""
        kept = self.state.get("again")
        if not kept or self.wizard.step == "status":
            return
        on_the_way = kept.get("step") == "register" and self.wizard.step == "start"
        if kept_forms.is_stale(kept) or not (kept.get("step") == self.wizard.step or on_the_way):
            self.state.clear("again")

    # After a send

    def sent(self, row: Verification) -> HttpResponseBase:
        """Redirect to the page where the token is entered."""
        # A secret is shown until its device is confirmed or abandoned. Another verification abandons it, too.
        earlier = self.state.get("verification")
        held = self.state.get("secret") if earlier == str(row.public_id) else None
        if self.state.secret and not held:
            self.wizard.current_verification(earlier)
            if text := given_up(self.wizard.pending.known(earlier)):
                self.wizard.add_message(messages.WARNING, text)
        secret = seal_secret(row.secret) if row.secret else held
        self.wizard.pending.add(row)
        self.state.update(
            method=row.method,
            verification=str(row.public_id),
            error=None,
            secret=secret,
            again=None,
            wish=None,
            unsure=None,
        )
        return self.wizard.redirect("verify")

    def send_failed(self, error: errors.TwoFactorError, method: str) -> HttpResponseBase:
        """Redirect to the page where the user can go on: with an earlier code, or with another choice."""
        if error.try_other_method:
            self.state.update(failing=method)
        if error.verification is not None:
            row = error.verification
            self.state.update(method=row.method, verification=str(row.public_id), again=None)
            self.explain_send(error, row, method)
            return self.wizard.redirect("verify")
        if len(self.wizard.choices) > 1 and not error.blocking:
            self.wizard.add_message(messages.ERROR, error.display)
            return self.wizard.redirect("start")
        return self.wizard.fail(error)

    def explain_send(self, error: errors.TwoFactorError, row: Verification, method: str) -> None:
        """Tell the user why nothing was sent. They may have an earlier code."""
        say = self.wizard.add_message
        if error.uncertain:
            # The page itself says so, and does not say where the code was sent.
            self.state.update(unsure=str(row.public_id))
            if error.site_sentence is not None:
                say(messages.WARNING, error.display)
        elif isinstance(error, errors.ResendCooldown) and method not in ("", row.method):
            say(messages.WARNING, self.keep_wish(method, error, row))
        elif isinstance(error, errors.ResendCooldown):
            # A limit across verifications may let the user wait for longer than the cooldown does.
            wait = max(error.data["can_resend_in"], self.verifier.wait_to_resend(row))
            say(messages.WARNING, errors.ResendCooldown(can_resend_in=wait).display)
        elif isinstance(error, errors.MaxSendsReached) and not row.sends_left:
            pass  # the page itself says so
        else:
            say(messages.WARNING, error.display)

    def keep_wish(self, method: str, error: errors.ResendCooldown, row: Verification) -> str:
        """Remember the method that the user wants after the cooldown. Return the message for the user."""
        self.state.update(wish={"method": method, "verification": str(row.public_id)})
        wait = max(error.data["can_resend_in"], self.verifier.wait_to_resend(row))
        about = {"method": display(self.wizard, method)["label"], "when": errors.in_words(wait)}
        text = _(
            "You chose: %(method)s. We can send a code that way %(when)s. Until then, you can use "
            "the code you have."
        )
        return text % about
