"""Where the wizard ends: success, with what is offered there, and failure; and what a waiting page asks."""

from __future__ import annotations

import time
from typing import Any

from django.http import HttpResponseBase, HttpResponseRedirect, JsonResponse
from django.template.response import TemplateResponse

from .. import errors
from ..contacts import Contact
from ..installed import get_providers
from ..models import Status, Verification
from ..process.methods import Choice
from ..reverse import site_url
from .context import StepContextMixin
from .url_steps import UrlStepsWizardView

# What is in a list of forms besides these was put there by a subclass.
OURS = ("start", "register", "verify")


class EndPages(StepContextMixin, UrlStepsWizardView):
    """The pages after the steps."""

    def show_success(self) -> HttpResponseBase:
        if not self.is_proven():
            return self.go("start")
        for step in self.get_form_list():
            if step not in OURS and not self.has_stored(step):
                return self.go(step)
        if response := self.owes_phone() or self.offer_backup():
            return response
        url = self.get_success_url()
        if url:
            return HttpResponseRedirect(url)
        context = {"message": self.message("verified"), "next_url": self.get_site_url()}
        return self.render_page("success", {**context, "sign_out_href": self.get_sign_out_url()})

    def offer_backup(self) -> HttpResponseBase | None:
        """Once the first device is registered: what stands in for it, should it be lost."""
        if not self.state.get("offer") or not self.verifier.fresh_proof():
            return None
        action = self.url_with_next(
            "start",
            f"{self.home_namespace}:adding",
            then=self.url_with_next("success", then=self.get_next_url()),
        )
        offered = [self.choice_context(Choice(p)) for p in self.verifier.backups()] if action else []
        if not offered:
            return None
        return self.render_page("backup", {"offered": offered, "action": action})

    def expired_page(self, row: Verification | None, to: Contact | None) -> HttpResponseBase | None:
        """Says that a code is used or too old, with a button that sends another; None where nothing is sent.

        `to`: the number or address where it was typed, and is kept nowhere.
        """
        provider = get_providers().get(row.method) if row is not None else None
        if row is None or provider is None or row.status != Status.EXPIRED or not provider.sends:
            return None
        context: dict[str, Any] = {"waits": provider.waits, "choice": None, "fields": {}}
        if self.is_registration:
            if self.registering_provider() is not provider:
                return None
            form_class = provider.get_registration_form_class()
            form = form_class(user=self.verifier.user, request=self.request) if form_class else None
            context["fields"] = form.fields_for(to) if form is not None and to is not None else {}
        else:
            id = str(row.device_id or row.kind)
            found = [c for c in self.choices if c.provider is provider and c.registered]
            same = [c for c in found if c.registered is not None and c.registered.id == id]
            if not same:
                return None
            context["choice"] = self.choice_context(same[0])
        context["error_display"] = errors.VerificationExpired().display
        context["has_other_methods"] = len(self.choices) > 1
        return self.render_page("expired", context)

    def show_status(self) -> HttpResponseBase:
        """What a page that waits asks for: whether to go on, or whether there is nothing to wait for."""
        row = self.current_verification()
        ready = row is not None and get_providers()[row.method].is_answered(row)
        return JsonResponse({"ready": ready, "over": row is None})

    def get_success_url(self) -> str:
        """Where a verified user goes; empty for the success page."""
        if url := self.get_next_url():
            return url
        url = self.verifier.resolve("VERIFY_SUCCESS_URL")
        return site_url(url) if url else ""

    def fail(self, error: errors.TwoFactorError) -> HttpResponseBase:
        """To the failed page; override it to act."""
        row = self.current_verification()
        ended = self._rows.get(str(self.state.get("verification")))
        told = {"code": error.full_code, "display": error.display, "blocking": error.blocking}
        told["verification_id"] = str(row.public_id) if row else ""
        if wait := error.data.get("retry_after"):
            # Unfilled, since how long there is to wait changes while the page is open.
            told |= {"retry_at": int(time.time()) + wait, "sentence": error.sentence}
        # While registering, what is used up is one number: another would do, and so would another kind.
        told["kind"] = ended.kind if ended is not None and ended.purpose == "enrol" else ""
        self.remember(error=told)
        return self.go("failed")

    def show_failed(self) -> HttpResponseBase:
        told = self.state.get("error")
        if not told:
            return self.go("start")
        display, blocking = told["display"], told["blocking"]
        wait = max(0, told.get("retry_at", 0) - int(time.time()))
        if "sentence" in told:
            display = errors.fill(told["sentence"], {"retry_after": wait, "when": errors.in_words(wait)})
        return self.render_page(
            "failed",
            {
                "error_code": told["code"],
                "error_display": display,
                "is_blocking": blocking,
                "can_retry": not blocking or ("retry_at" in told and not wait),
                "retry_in": wait,
                "last_doors": self.last_doors() if blocking else [],
                "other_methods": self.other_methods(told.get("kind", "")) if wait and not blocking else [],
                "verification_id": told["verification_id"],
                "site_href": self.get_site_url(),
                "sign_out_href": self.get_sign_out_url(),
            },
        )

    def other_methods(self, used_up: str) -> list[dict[str, Any]]:
        """What can be used now, while something else cannot; nothing of the kind that was `used_up`."""
        choices = [c for c in self.choices if c.registered or c.provider.device_kind != used_up]
        return [self.choice_context(c) for c in self.verifier.usable_now(choices)]

    def last_doors(self) -> list[dict[str, Any]]:
        """What is left to a user whose other methods are locked."""
        return [self.choice_context(c) for c in self.choices if c.registered and c.provider.unguessable]

    def render_page(self, name: str, context: dict[str, Any]) -> TemplateResponse:
        names = self.get_page_template_names(name)
        return TemplateResponse(self.request, names, {"view": self, **self.page_context(), **context})
