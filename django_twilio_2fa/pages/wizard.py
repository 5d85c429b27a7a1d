"""The wizard: how a request is handled, and the hooks in the order in which they are called.

formtools supplies the list of steps with its conditions, makes the forms, and stores the steps that a
subclass adds. Each step of this package is in a file of its own: `start.py`, `register.py`, `verify.py`.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotAllowed
from django.template.response import TemplateResponse
from django.utils.functional import cached_property

from .. import browsers, errors, session
from ..access.first_page import may_send_at_once
from ..contacts import Contact
from ..forms import RegistrationForm, StartForm, TokenForm
from ..models.verifications import Verification
from ..process import offers
from ..process.choices import Choice, grouped
from ..process.devices import Registered
from ..providers import MethodProvider
from ..reverse import site_url
from . import finish, recognized
from .fallback import Fallbacks
from .pending import PendingVerifications
from .register import RegisterStep, find_provider
from .shown import progress
from .start import StartStep
from .step import OWN_STEPS, Step
from .url_steps import StepsFromUrl, UrlStepsWizardView
from .verify import VerifyStep


class VerificationWizardView(UrlStepsWizardView):
    """The wizard: pick a method, register a device if there is none, enter the token.

    Mount it with `path("…/", include(MyWizardView.urls(), namespace="mine"))`. Steps that a subclass puts
    into `form_list` are shown in their place, with formtools' own storage.
    """

    form_list: ClassVar[Any] = [("start", StartForm), ("register", RegistrationForm), ("verify", TokenForm)]
    methods: ClassVar[tuple[str, ...] | None] = None
    """The names of the only methods on this mount. None for all allowed methods."""
    intent: ClassVar[str] = "register"
    """The purpose of a registration: `register` the first device, `add` another, or `change` one."""
    adds: ClassVar[bool] = False
    """True if this wizard adds devices, and so does not verify the session."""
    step_classes: ClassVar[dict[str, type[Step]]] = {
        "start": StartStep,
        "register": RegisterStep,
        "verify": VerifyStep,
    }

    # Handling a request

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        self.step = kwargs.get("step", "")
        self.prefix = self.get_prefix(request)
        self.steps = StepsFromUrl(self)
        if (refused := self.enter(request)) is not None:
            return refused
        self.methods = self.asked_methods(self.methods)  # type: ignore[misc]
        if request.method not in ("GET", "HEAD", "POST"):
            return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
        try:
            response = (self.post if request.method == "POST" else self.get)(request, *args, **kwargs)
        except errors.TwoFactorError as e:
            response = self.fail(e)
        if "storage" in self.__dict__:
            self.storage.update_response(response)
        if hasattr(request, "twilio_2fa_browser"):
            browsers.renew_cookie(request, response)
        return response

    def needs_flow(self) -> bool:
        return self.step not in ("", "start") or self.request.method == "POST"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if led := recognized.lead_on(self):
            return led
        if not self.step:
            return self.redirect(self.steps.first)
        self.page.forget_kept_form()
        if self.step in finish.SHOW:
            return finish.SHOW[self.step](self)
        refused = self.guard(self.step) or self.page.open()
        return refused or self.render(self.page.shown_form())

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        action = request.POST.get("action", "")
        if self.step == "failed":
            self.state.clear("error")
            return self.redirect("start")
        if self.step == "success":
            self.state.clear("offer")  # the user does not want the offered backup
            return self.redirect("success")
        if self.step not in self.get_form_list():
            return self.redirect(self.steps.first)
        if action == "skip" and self.step in ("start", "register"):
            return finish.skip_registration(self)
        answer = self.guard(self.step) or self.page.act(action)
        if answer is not None:
            return answer
        form = self.get_form(data=request.POST, files=request.FILES)
        if not form.is_valid():
            return self.page.ask_again(form)
        return self.page.submit(form) if self.step in OWN_STEPS else self.store_step(form)

    @cached_property
    def page(self) -> Step:
        """The current step, from the URL."""
        return self.step_classes.get(self.step, Step)(self)

    def guard(self, step: str) -> HttpResponseBase | None:
        """Return a redirect if the step cannot be shown. None if it can."""
        steps = list(self.get_form_list())
        if step not in steps:
            return self.redirect(steps[0])
        before = steps[: steps.index(step)]
        for earlier in before:
            if earlier not in OWN_STEPS and not self.has_stored(earlier):
                return self.redirect(earlier)
        if step not in OWN_STEPS and "verify" in before and not self.is_proven():
            return self.redirect("start")
        return self.page.guard()

    def is_proven(self) -> bool:
        """Return whether the user has verified in this wizard."""
        return session.is_verified(self.request)

    # The choices

    @cached_property
    def is_registration(self) -> bool:
        """True if the user registers a device. False if they verify with one."""
        return not self.verifier.registered()

    @cached_property
    def replaces(self) -> Registered | None:
        """The device that the new one replaces."""
        return None

    def get_choices(self) -> list[Choice]:
        """Return the choices of the start page. Override it to offer others."""
        if self.is_registration:
            choices = [Choice(p) for p in self.verifier.registrable()]
        else:
            choices = offers.last_used_first(grouped(self.verifier.choices()))
        return [c for c in choices if self.methods is None or c.provider.name in self.methods]

    @cached_property
    def choices(self) -> list[Choice]:
        """The choices in order. A method that has just failed comes last."""
        last = self.state.get("failing")
        row = self.current_verification()
        if row is not None and (other := self.fallbacks.get(row)) and not other.after:
            last = row.method
        return sorted(self.get_choices(), key=lambda c: c.provider.name == last)

    def require_choices(self) -> None:
        """Raise an error if there is no choice."""
        if self.is_registration and not self.verifier.may_register():
            raise errors.RegistrationNotAllowed
        if not self.choices:
            raise errors.NoMethodAvailable

    def may_send_on_get(self) -> bool:
        """Return whether this GET request may send a code: if a person opens the page, once in a session.

        Other requests get a button instead. Nobody must be able to cause a GET request that costs money.
        """
        return self.request.method == "GET" and may_send_at_once(self.request) and not self.get_way_on_url()

    def get_way_on_url(self) -> str:
        """Return the URL for a user who is verified already. Empty if something asks for more."""
        acts = type(self).on_success is not VerificationWizardView.on_success
        return "" if acts else recognized.way_on(self)

    def registering_provider(self) -> MethodProvider | None:
        """Return the method that the user registers a device for: the one picked, or the only one."""
        return find_provider(self)

    def current_verification(self, public_id: Any = None) -> Verification | None:
        """Return the pending verification of this page, by the id in the form or in the session."""
        return self.pending.get(public_id)

    def takes(self, row: Verification) -> bool:
        """Return whether a verification belongs to this wizard, by its purpose and method."""
        is_addition = row.proof_id is not None  # it does not verify the session
        return is_addition == self.adds and (self.methods is None or row.method in self.methods)

    @cached_property
    def pending(self) -> PendingVerifications:
        return PendingVerifications(self.request, self.verifier.get, self.state, self.takes)

    @cached_property
    def fallbacks(self) -> Fallbacks:
        return Fallbacks(self.verifier.available, self.state, self.methods)

    # The form

    def get_form_list(self) -> Any:
        """Return the steps whose conditions are true, with their forms. Evaluated once per request."""
        return self._form_list.copy()

    @cached_property
    def _form_list(self) -> Any:
        found = super().get_form_list()
        if self.step in found:
            found[self.step] = self.page.form_class(found[self.step])
        return found

    def get_form_kwargs(self, step: str | None = None) -> dict[str, Any]:
        kwargs: dict[str, Any] = super().get_form_kwargs(step)
        if issubclass(self._form_list[step or self.step], RegistrationForm):
            kwargs |= {"user": self.verifier.user, "request": self.request}
        return kwargs

    def get_form_initial(self, step: str) -> dict[str, Any]:
        initial: dict[str, Any] = super().get_form_initial(step)
        return initial if step != self.step else {**self.page.initial(self._form_list[step]), **initial}

    # The page

    def get_template_names(self) -> list[str]:
        """Return the template of the step for the method, and the one for all methods."""
        return self.get_page_template_names(self.get_page_name(), self.page.method)

    def get_page_name(self) -> str:
        """Return the name of the current step's template."""
        return self.step if self.step in OWN_STEPS else "step"

    def get_page_template_names(self, name: str, method: str = "") -> list[str]:
        names = [f"twilio_2fa/{name}.html"]
        if name == "step":
            names.insert(0, f"twilio_2fa/{self.step}.html")
        return [f"twilio_2fa/{method}/{name}.html", *names] if method else names

    def get_context_data(self, form: forms.Form, **kwargs: Any) -> dict[str, Any]:
        # Does not call formtools' method, which reads its storage and so marks the session as changed.
        about = {"form": form, "steps": self.steps, "url_name": self.url_name}
        context = {"view": self, "form": form, "wizard": about, **self.page_context(), **kwargs}
        optional = self.is_optional()
        skip_href = self.get_skip_url() if optional else ""
        context |= {"is_optional": optional, "skip_href": skip_href, "leave_href": self.get_leave_url()}
        context |= progress(self)
        context |= {"has_other_methods": len(self.choices) > 1, "is_registration": self.is_registration}
        return context | self.page.context() | (self.extra_context or {})

    def render_page(self, name: str, context: dict[str, Any]) -> HttpResponse:
        """Return a response for a page that is not a step."""
        context = {"view": self, **self.page_context(), **context}
        return TemplateResponse(self.request, self.get_page_template_names(name), context)

    # The response

    def on_success(self, verification: Verification) -> None:
        """Handle an approved verification. Override it: by default, it does nothing.

        It is called once, in the request that checked the token, and not in another request with the same
        token. It is not called for a number or address that does not verify the user yet.
        """

    def get_success_url(self) -> str:
        """Return the URL for a verified user. Empty for the success page."""
        if url := self.get_next_url() or self.signed_in_to:
            return url
        url = self.verifier.resolve("VERIFY_SUCCESS_URL")
        return site_url(url) if url else ""

    def is_optional(self) -> bool:
        return self.is_registration and self.may_skip()

    def get_skip_url(self) -> str:
        """Return the URL for a user who skips registration."""
        url: str | None = self.verifier.resolve("REGISTER_OPTIONAL_URL")
        return site_url(url) if url else self.get_next_url() or self.get_site_url()

    def get_leave_url(self) -> str:
        """Return the URL for leaving this wizard. Empty if the user has to verify."""
        return ""

    def owed_phone(self) -> HttpResponseBase | None:
        return finish.owed_phone(self)

    def show_expired(self, row: Verification | None, to: Contact | None) -> HttpResponseBase | None:
        return finish.show_expired(self, row, to)

    def fail(self, error: errors.TwoFactorError) -> HttpResponseBase:
        """Redirect to the failed page. Override it to react to an error."""
        finish.remember_failure(self, error)
        return self.redirect("failed")
