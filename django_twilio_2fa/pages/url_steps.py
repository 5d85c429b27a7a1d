"""formtools' wizard, with the current step in the URL."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.http import HttpRequest, HttpResponseBase
from django.urls import URLPattern, path
from django.utils.decorators import classonlymethod
from django.utils.functional import cached_property
from formtools.wizard.storage import get_storage
from formtools.wizard.views import NamedUrlSessionWizardView, StepsHelper

from ..forms import describe_fields
from .base import PageMixin, protected
from .finish import after_last_step
from .state import WizardState
from .step import END_PAGES


class StepsFromUrl(StepsHelper):  # type: ignore[misc]
    """formtools' helper, with the current step from the URL and not from the session."""

    @property
    def current(self) -> str:
        return str(self._wizard.step or self.first)


class UrlStepsWizardView(PageMixin, NamedUrlSessionWizardView):  # type: ignore[misc]
    """A wizard whose step is in the URL, so that tabs, links and the back button work.

    It has no management form and no field prefix, and does not validate again at the end. Steps that a
    subclass adds keep formtools' own storage.
    """

    takes_signing_in: ClassVar[bool] = True
    form_list: ClassVar[Any] = []

    step: str
    template_name = None

    # Set-up

    @classonlymethod
    def as_view(cls, **initkwargs: Any) -> Any:
        initkwargs = {"url_name": "twilio_2fa", "done_step_name": "success", **initkwargs}
        return protected(super().as_view(**initkwargs))

    @classonlymethod
    def urls(cls, **initkwargs: Any) -> tuple[list[URLPattern], str]:
        """Return the patterns of this wizard, for `include()`: a page for each step, and the final pages."""
        view = cls.as_view(**initkwargs)
        form_list = initkwargs.get("form_list", cls.form_list)
        names = [*(name for name, _form in form_list), *END_PAGES]
        patterns = [path(f"{name}/", view, {"step": name}, name=name) for name in names]
        return [path("", view, name="index"), *patterns], "twilio_2fa"

    def get_prefix(self, request: HttpRequest, *args: Any, **kwargs: Any) -> str:
        """Return the name of this mount's part of the session."""
        return "twilio_2fa_" + "_".join([self.namespace, *map(str, self.url_kwargs.values())])

    @cached_property
    def url_kwargs(self) -> dict[str, Any]:
        return {k: v for k, v in self.kwargs.items() if k != "step"}

    def url(self, name: str, namespace: str | None = None, **kwargs: Any) -> str:
        own = self.url_kwargs if namespace in (None, self.namespace) else {}
        return super().url(name, namespace, **{**own, **kwargs})

    # State

    @cached_property
    def state(self) -> WizardState:
        return WizardState(self.request, self.prefix, self.changed)

    @cached_property
    def storage(self) -> Any:
        # Created only when it is needed, because creating it marks the session as changed. A slow GET would
        # then overwrite the changes of another request.
        return get_storage(self.storage_name, self.prefix, self.request, getattr(self, "file_storage", None))

    def changed(self) -> None:
        """Clear the cached list of forms: its conditions may have changed."""
        self.__dict__.pop("_form_list", None)

    def get_form_prefix(self, step: Any = None, form: Any = None) -> str:
        """Return no prefix: templates written for 0.32 post the plain names."""
        return ""

    def render(self, form: forms.Form | None = None, **kwargs: Any) -> HttpResponseBase:
        form = self.get_form() if form is None else form
        describe_fields(form)
        response: HttpResponseBase = super().render(form, **kwargs)
        return response

    # Steps that a subclass adds

    def has_stored(self, step: str) -> bool:
        """Return whether a step has been filled in. Does not touch formtools' storage."""
        stored = self.request.session.get(f"wizard_{self.prefix}") or {}
        return step in stored.get("step_data", {})

    def store_step(self, form: forms.Form) -> HttpResponseBase:
        self.storage.set_step_data(self.step, self.process_step(form))
        self.storage.set_step_files(self.step, self.process_step_files(form))
        self.state.clear("again")
        return self.go_after(self.step)

    def go_after(self, step: str) -> HttpResponseBase:
        """Redirect to the next step, or after the last step to the page that the user wants."""
        steps = list(self.get_form_list())
        after = steps[steps.index(step) + 1 :]
        return self.redirect(after[0]) if after else after_last_step(self)
