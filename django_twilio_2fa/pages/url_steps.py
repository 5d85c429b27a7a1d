"""formtools' wizard, made to take its step from the address and its state from where it belongs."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.http import HttpRequest, HttpResponseBase
from django.urls import URLPattern, path
from django.utils.decorators import classonlymethod
from django.utils.functional import cached_property
from formtools.wizard.storage import get_storage
from formtools.wizard.views import NamedUrlSessionWizardView, StepsHelper

from .. import session
from ..forms import describe_fields
from .base import PageMixin, protected
from .kept_forms import AskAgainMixin, is_stale

PAGES = ("success", "failed", "status")


def _fresh(state: Any) -> Any:
    """A mount's state without what was typed there too long ago."""
    if isinstance(state, dict) and "again" in state and is_stale(state["again"]):
        return {k: v for k, v in state.items() if k != "again"}
    return state


class StepsFromUrl(StepsHelper):  # type: ignore[misc]
    """formtools' helper with the current step taken from the address, not from the session."""

    @property
    def current(self) -> str:
        return str(self._wizard.step or self.first)


class UrlStepsWizardView(AskAgainMixin, PageMixin, NamedUrlSessionWizardView):  # type: ignore[misc]
    """A wizard whose step is in the address, so that a tab, a link and the back button mean what they say.

    No management form, no field prefix, no revalidation at the end: `post()` of a subclass guards,
    validates once, acts once and redirects. Steps that a subclass adds keep formtools' own storage.
    """

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
        """The patterns of this wizard, for `include()`: a page for each step, success and failed."""
        view = cls.as_view(**initkwargs)
        form_list = initkwargs.get("form_list", cls.form_list)
        names = [*(name for name, _form in form_list), *PAGES]
        patterns = [path(f"{name}/", view, {"step": name}, name=name) for name in names]
        return [path("", view, name="index"), *patterns], "twilio_2fa"

    def get_prefix(self, request: HttpRequest, *args: Any, **kwargs: Any) -> str:
        """The part of the session that is this mount's."""
        return "twilio_2fa_" + "_".join([self.namespace, *map(str, self.url_kwargs.values())])

    @property
    def url_kwargs(self) -> dict[str, Any]:
        return {k: v for k, v in self.kwargs.items() if k != "step"}

    def url(self, name: str, namespace: str | None = None, **kwargs: Any) -> str:
        own = self.url_kwargs if namespace in (None, self.namespace) else {}
        return super().url(name, namespace, **{**own, **kwargs})

    @cached_property
    def storage(self) -> Any:
        # Made when it is first needed: making it marks the session as changed, and on a slow GET that would
        # overwrite what another request has stored meanwhile.
        return get_storage(self.storage_name, self.prefix, self.request, getattr(self, "file_storage", None))

    # The session's part of this mount

    @property
    def state(self) -> dict[str, Any]:
        found = session.read_part(self.request, "wizards").get(self.prefix)
        return dict(found) if isinstance(found, dict) else {}

    def remember(self, **changes: Any) -> None:
        """Change entries of this mount's state; None removes one. No token, and no destination in clear."""
        state = {k: v for k, v in {**self.state, **changes}.items() if v is not None}
        told = session.read_part(self.request, "wizards")
        if state == told.get(self.prefix, {}):
            return
        # An empty one is left out: addresses of devices that are none must not fill the session.
        wizards = {k: _fresh(v) for k, v in {**told, self.prefix: state}.items() if v}
        session.write(self.request, wizards=wizards)

    def render(self, form: forms.Form | None = None, **kwargs: Any) -> HttpResponseBase:
        form = self.get_form() if form is None else form
        describe_fields(form)
        response: HttpResponseBase = super().render(form, **kwargs)
        return response

    # A step of a subclass's own

    def has_stored(self, step: str) -> bool:
        """Whether the step has been filled in; looked up without touching formtools' storage."""
        stored = self.request.session.get(f"wizard_{self.prefix}") or {}
        return step in stored.get("step_data", {})

    def store_step(self, form: forms.Form) -> HttpResponseBase:
        self.storage.set_step_data(self.step, self.process_step(form))
        self.storage.set_step_files(self.step, self.process_step_files(form))
        self.remember(again=None)
        steps = list(self.get_form_list())
        after = steps[steps.index(self.step) + 1 :]
        return self.go(after[0] if after else "success")
