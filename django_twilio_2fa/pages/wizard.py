"""The wizard: what happens to a request, and the hooks in the order in which a request meets them.

formtools supplies the list of steps with its conditions, makes the forms, and stores the steps that a
subclass adds. Each step of this package is in a file of its own: `start.py`, `register.py`, `verify.py`.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
)
from django.template.response import TemplateResponse
from django.utils.functional import cached_property

from .. import errors, session
from ..forms import RegistrationForm, StartForm, TokenForm
from ..models import Verification
from ..process.devices import Registered
from ..process.methods import Choice
from ..providers import MethodProvider
from ..reverse import site_url
from . import finish
from .fallback import Fallbacks
from .pending import PendingVerifications
from .register import RegisterStep, find_provider
from .start import StartStep
from .step import OWN_STEPS, Step
from .url_steps import StepsFromUrl, UrlStepsWizardView
from .verify import VerifyStep


class VerificationWizardView(UrlStepsWizardView):
    """Pick a method, register what it needs, type the token.

    Mount it with `path("…/", include(MyWizardView.urls(), namespace="mine"))`. Steps that a subclass puts
    into `form_list` are shown in their place, with formtools' own storage.
    """

    form_list: ClassVar[Any] = [("start", StartForm), ("register", RegistrationForm), ("verify", TokenForm)]
    methods: ClassVar[tuple[str, ...] | None] = None
    """Names of the only methods to be used on this mount; None for all that are allowed."""
    intent: ClassVar[str] = "register"
    """What a registration here is for: `register` something first, `add` to it, or `change` it."""
    adds: ClassVar[bool] = False
    """Whether this wizard adds to what the user has, and so verifies nobody."""
    step_classes: ClassVar[dict[str, type[Step]]] = {
        "start": StartStep,
        "register": RegisterStep,
        "verify": VerifyStep,
    }

    # A request comes in

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        self.step = kwargs.get("step", "")
        self.prefix = self.get_prefix(request)
        self.steps = StepsFromUrl(self)
        refused = self.enter(request)
        if refused is not None:
            return refused
        if request.method not in ("GET", "HEAD", "POST"):
            return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
        try:
            handler = self.post if request.method == "POST" else self.get
            response = handler(request, *args, **kwargs)
        except errors.TwoFactorError as e:
            response = self.fail(e)
        if "storage" in self.__dict__:
            self.storage.update_response(response)
        return response

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not self.step:
            return self.go(self.steps.first)
        self.page.forget_kept_form()
        if self.step in finish.SHOW:
            return finish.SHOW[self.step](self)
        refused = self.guard(self.step) or self.page.open()
        return refused or self.render(self.page.shown_form())

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        action = request.POST.get("action", "")
        if self.step == "failed":
            self.state.clear("error")
            return self.go("start")
        if self.step == "success":
            # What was offered there is not wanted now.
            self.state.clear("offer")
            return self.go("success")
        if self.step not in self.get_form_list():
            return self.go(self.steps.first)
        if action == "skip" and self.step in ("start", "register"):
            return self.skip_registration()
        answer = self.guard(self.step) or self.page.act(action)
        if answer is not None:
            return answer
        form = self.get_form(data=request.POST, files=request.FILES)
        if not form.is_valid():
            return self.page.ask_again(form)
        return self.page.submit(form) if self.step in OWN_STEPS else self.store_step(form)

    @cached_property
    def page(self) -> Step:
        """The step that the address names."""
        return self.step_classes.get(self.step, Step)(self)

    def guard(self, step: str) -> HttpResponseBase | None:
        """Return where to go if the step cannot be shown. None if it can."""
        steps = list(self.get_form_list())
        if step not in steps:
            return self.go(steps[0])
        before = steps[: steps.index(step)]
        for earlier in before:
            if earlier not in OWN_STEPS and not self.has_stored(earlier):
                return self.go(earlier)
        if step not in OWN_STEPS and "verify" in before and not self.is_proven():
            return self.go("start")
        return self.page.guard()

    def is_proven(self) -> bool:
        """Return whether the user is past the verify step."""
        return session.is_verified(self.request)

    # What is offered

    @cached_property
    def is_registration(self) -> bool:
        """True if a device is to be registered, not proven."""
        return not self.verifier.registered()

    @cached_property
    def replaces(self) -> Registered | None:
        """The device whose place the new one takes."""
        return None

    def get_choices(self) -> list[Choice]:
        """Return what the start page offers. Override it to choose methods."""
        if self.is_registration:
            choices = [Choice(p) for p in self.verifier.registrable()]
        else:
            choices = self.verifier.choices()
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
        """Raise if nothing can be offered."""
        if self.is_registration and not self.verifier.may_register():
            raise errors.RegistrationNotAllowed
        if not self.choices:
            raise errors.NoMethodAvailable

    def may_send_on_get(self) -> bool:
        """Return whether this GET is a person opening the page, for the first time in the session.

        Scripts, frames, prefetching and other sites' pages get the button instead: nobody else may cause a
        GET that costs money.
        """
        headers = self.request.headers
        return (
            self.request.method == "GET"
            and headers.get("Sec-Fetch-Mode") == "navigate"
            and headers.get("Sec-Fetch-Dest") == "document"
            and headers.get("Sec-Fetch-Site") in ("same-origin", "none")
            and not any(headers.get(name) for name in ("Sec-Purpose", "Purpose", "X-Moz"))
            and not session.read(self.request).get("sent_on_get")
            and bool(self.verifier.resolve("SEND_IMMEDIATELY_ON_SINGLE"))
        )

    def registering_provider(self) -> MethodProvider | None:
        """Return the method whose device is to be registered: the one picked, or the only one."""
        return find_provider(self)

    def current_verification(self, public_id: Any = None) -> Verification | None:
        """Return the pending verification of this page, by the id that its form carries or the session's."""
        return self.pending.get(public_id)

    def takes(self, row: Verification) -> bool:
        """Return whether a verification is of this wizard's kind, by one of its methods."""
        # One that adds a device verifies nobody.
        is_addition = row.proof_id is not None
        return is_addition == self.adds and (self.methods is None or row.method in self.methods)

    @cached_property
    def pending(self) -> PendingVerifications:
        return PendingVerifications(self.request, self.verifier, self.state, self.takes)

    @cached_property
    def fallbacks(self) -> Fallbacks:
        return Fallbacks(self.verifier, self.state, self.methods)

    # The form

    def get_form_list(self) -> Any:
        """Return the steps whose conditions hold, with their forms. Conditions are asked once a request."""
        return self._form_list.copy()

    @cached_property
    def _form_list(self) -> Any:
        form_list = super().get_form_list()
        if self.step in form_list:
            form_list[self.step] = self.page.form_class(form_list[self.step])
        return form_list

    def get_form_kwargs(self, step: str | None = None) -> dict[str, Any]:
        kwargs: dict[str, Any] = super().get_form_kwargs(step)
        if issubclass(self._form_list[step or self.step], RegistrationForm):
            kwargs |= {"user": self.verifier.user, "request": self.request}
        return kwargs

    def get_form_initial(self, step: str) -> dict[str, Any]:
        initial: dict[str, Any] = super().get_form_initial(step)
        if step != self.step:
            return initial
        return {**self.page.initial(self._form_list[step]), **initial}

    # The page

    def get_template_names(self) -> list[str]:
        """Return the method's own template for the step, then this package's."""
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
        # Past formtools' own: it reads its storage, which marks the session as changed.
        about = {"form": form, "steps": self.steps, "url_name": self.url_name}
        context = {"view": self, "form": form, "wizard": about, **self.page_context(), **kwargs}
        optional = self.is_optional()
        context |= {"is_optional": optional, "skip_href": self.get_skip_url() if optional else ""}
        context["leave_href"] = self.get_leave_url()
        if self.step in ("start", "register"):
            context |= {"site_href": self.get_site_url(), "sign_out_href": self.get_sign_out_url()}
        context |= {"has_other_methods": len(self.choices) > 1, "is_registration": self.is_registration}
        return context | self.page.context() | (self.extra_context or {})

    def render_page(self, name: str, context: dict[str, Any]) -> HttpResponse:
        """Return a page that is no step."""
        names = self.get_page_template_names(name)
        return TemplateResponse(self.request, names, {"view": self, **self.page_context(), **context})

    # The answer

    def on_success(self, verification: Verification) -> None:
        """Act on an approval. Called once, in the request whose token was right. Override it.

        Not in another request with the same token, nor for a value that verifies nobody yet.
        """

    def get_success_url(self) -> str:
        """Return where a verified user goes. Empty for the success page."""
        if url := self.get_next_url():
            return url
        url = self.verifier.resolve("VERIFY_SUCCESS_URL")
        return site_url(url) if url else ""

    def is_optional(self) -> bool:
        return self.is_registration and self.verifier.may_skip_registration()

    def skip_registration(self) -> HttpResponseBase:
        if not self.is_optional():
            return self.go("start")
        session.write(self.request, skipped=True)
        return HttpResponseRedirect(self.get_skip_url())

    def get_skip_url(self) -> str:
        """Return where a user goes who skips registration."""
        url: str | None = self.verifier.resolve("REGISTER_OPTIONAL_URL")
        return site_url(url) if url else self.get_next_url() or self.get_site_url()

    def get_leave_url(self) -> str:
        """Return where a user goes who does not want this wizard. Empty if they need it."""
        return ""

    def fail(self, error: errors.TwoFactorError) -> HttpResponseBase:
        """Go to the failed page; override it to act."""
        finish.remember_failure(self, error)
        return self.go("failed")
