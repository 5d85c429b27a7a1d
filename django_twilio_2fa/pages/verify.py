"""The verify page: check the token, send it again, or cancel."""

from __future__ import annotations

import json
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponseBase
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from .. import browsers, errors, session
from ..conf import conf
from ..contacts import CONTACTS, Contact
from ..forms import TokenForm
from ..models.verifications import Purpose, Status, Verification
from ..process import browsers as process_browsers
from ..process import reservations, signing_in, wording
from ..providers import MethodProvider
from ..providers.installed import get_providers
from . import start
from .recognized import trust_label
from .shown import entered, minutes_left
from .step import Step, choice_context, display, given_up, message

# Temporary errors: the same form may be submitted again.
TRY_AGAIN = (
    errors.ApprovalPending,
    errors.CheckInProgress,
    errors.TwilioUnavailable,
    errors.TwilioRateLimited,
    # Twilio refused a well-formed token. Another code, or another method, may work.
    errors.TwilioInvalidParameter,
    errors.CannotReceive,
    errors.CountryUnavailable,
    errors.ChannelRefused,
    errors.MaxSendsReached,
)


class VerifyStep(Step):
    """The step that checks the token of a pending verification."""

    def guard(self) -> HttpResponseBase | None:
        row = self.wizard.current_verification()
        if row is None:
            return start.begin(self.wizard) if start.is_new(self.wizard) else self.overtaken() or self.over()
        if row.purpose == "enrol" and get_providers()[row.method].shows_secret and not self.state.secret:
            # Another session began the registration, and only that session can show the secret.
            return self.wizard.redirect("register")
        return None

    def form_class(self, default: Any) -> Any:
        found = default
        wizard = self.wizard
        if default is TokenForm and (row := wizard.pending.posted() or wizard.current_verification()):
            found = get_providers()[row.method].get_token_form_class(row)
        if conf.TRUSTED_BROWSER_AGE is None or wizard.adds or not issubclass(found, forms.BaseForm):
            return found
        kept_for = process_browsers.age()
        if kept_for is None:
            return found
        box = forms.BooleanField(required=False, label=trust_label(kept_for))
        return type(found)(found.__name__, (found,), {"trust_browser": box})

    def initial(self, form_class: Any) -> dict[str, Any]:
        return {"verification": id} if (id := self.state.get("verification")) else {}

    @property
    def method(self) -> str:
        row = self.wizard.current_verification()
        return row.method if row else ""

    @property
    def about(self) -> str:
        row = self.wizard.current_verification()
        return str(row.public_id) if row else ""

    def context(self) -> dict[str, Any]:
        row = self.wizard.current_verification()
        if row is None:
            return {}
        provider = get_providers()[row.method]
        wait = self.wizard.fallbacks.wait_to_resend(row) if provider.sends else 0
        can_resend = provider.sends and row.sends_left > 0
        unsure = self.state.get("unsure") == str(row.public_id)
        return {
            "method": display(self.wizard, row.method),
            "obfuscated_value": row.masked,
            "kind": row.kind,
            **entered(self.wizard, row),
            "message": self.sent_sentence(row, provider, unsure=unsure),
            "unsure": unsure,
            "sends": provider.sends,
            "code_minutes": minutes_left(row) if provider.sends and not provider.approved_elsewhere else 0,
            "can_resend_in": wait,
            "can_resend": can_resend,
            "can_resend_when": errors.in_words(wait),
            "sends_used_up": provider.sends and not can_resend,
            "was_sent": row.last_sent_at is not None,
            "sends_left": row.sends_left,
            "attempts_left": row.attempts_left,
            "can_correct": bool(row.destination)
            and row.purpose == "enrol"
            and self.wizard.registering_provider() is not None,
            "verification_id": str(row.public_id),
            "approved_elsewhere": provider.approved_elsewhere,
            "give_up": provider.give_up_wording if self.state.secret else "",
            "fallback": self.fallback_context(row),
            "status_href": self.wizard.url("status") if provider.approved_elsewhere else "",
            "ceremony": "" if (asked := provider.get_ceremony(row)) is None else json.dumps(asked),
            **provider.get_verify_context(row, secret=self.state.secret),
        }

    def sent_sentence(self, row: Verification, provider: MethodProvider, *, unsure: bool) -> str:
        """Return the sentence that says where the token went. Empty for a method that waits for approval."""
        if provider.sends and not row.last_sent_at and not unsure:
            # Twilio has refused the first send.
            return ""
        if unsure:
            return message(self.wizard, "send_unsure_to" if row.masked else "send_unsure", value=row.masked)
        if provider.approved_elsewhere:
            return ""
        shown = wording.isolated(row.masked)
        return wording.sent_sentence(provider, shown, user=self.verifier.user, request=self.request)

    def fallback_context(self, row: Verification) -> dict[str, Any] | None:
        """Return the method to offer instead. `after`: the seconds until it is shown first."""
        found = self.wizard.fallbacks.get(row)
        if found is None:
            return None
        wait = row.can_resend_in() if found.resends else 0
        return {
            **choice_context(self.wizard, found.choice),
            "after": found.after,
            "resends": found.resends,
            "wait": wait,
            "wished": found.choice.provider.name == self.wizard.fallbacks.wish(row),
            "wait_in_words": errors.in_words(wait),
        }

    # The token

    def submit(self, form: forms.Form) -> HttpResponseBase:
        posted = form.cleaned_data.get("verification")
        row = self.wizard.current_verification(posted)
        if row is None:
            return self.over(self.wizard.pending.known(posted))
        asked, to = row, row.contact
        field = "token" if "token" in form.fields else None
        try:
            row = self.verifier.check(row, form.cleaned_data.get("token", ""))
        except errors.InvalidVerificationCode as e:
            form.add_error(field, self.incorrect(e))
        except TRY_AGAIN as e:
            if row.status != Status.PENDING:
                return self.wizard.fail(e)
            form.add_error(field, e.display)
        except errors.ApprovalDenied as e:
            self.wizard.add_message(messages.ERROR, e.display)
            self.state.clear("verification", "secret")
            return self.wizard.redirect("start")
        except (errors.VerificationExpired, errors.VerificationNotFound):
            return self.over(asked, to)
        else:
            response = self.verified(row)
            if row.approved_now and form.cleaned_data.get("trust_browser"):
                browsers.trust(self.request, response, row)
            return response
        # The checkbox stays checked.
        self.state.update(trust=form.cleaned_data.get("trust_browser") or None)
        self.come_back_to(row)
        return self.ask_again(form)

    def incorrect(self, error: errors.InvalidVerificationCode) -> str:
        """Return the message for a wrong token, with the number of attempts left."""
        if isinstance(error, errors.CodeAlreadyUsed):
            return error.display
        text = message(self.wizard, "incorrect_code", default=error.display)
        left = error.data.get("attempts_left")
        if left is None:
            return text
        tries: str = ngettext("You can try %(n)d more time.", "You can try %(n)d more times.", left) % {
            "n": left
        }
        return errors.sentences(text, tries)

    def come_back_to(self, row: Verification) -> None:
        """Show this verification on the page. With two tabs open, the session may have the other tab's."""
        if self.state.get("verification") == str(row.public_id):
            return
        self.state.update(verification=str(row.public_id), method=row.method)
        if row.purpose == "enrol" and get_providers()[row.method].shows_secret:
            # The secret in the session belongs to the other verification.
            self.state.clear("secret")

    def verified(self, row: Verification) -> HttpResponseBase:
        """Complete an approved verification, and redirect to the next step."""
        if signing_in.is_verified_by(self.request, row):
            # Also if another request had it approved: that request's cookie may not have reached the browser.
            self.wizard.sign_in()
        if row.approved_now:
            self.remember(row)
        # Otherwise, another request had it approved after this request had read the session. If this request
        # wrote the session as well, it would undo what the site's own receivers have stored there.
        return self.wizard.go_after("verify")

    def remember(self, row: Verification) -> None:
        """Store an approval in the session, and call the subclass's `on_success`."""
        session.remember(self.request, row)
        self.state.clear(
            "verification", "method", "error", "secret", "failing", "again", "wish", "unsure", "trust"
        )
        if row.verifies_session or row.proof_id is not None:
            self.wizard.on_success(row)
        if row.is_first_registration:
            self.state.update(offer=True)
        device = None if row.kind in CONTACTS else row.device
        # For example, the number of recovery codes left.
        if device is not None and (advice := get_providers()[row.method].get_device_warning(device)):
            self.wizard.add_message(messages.WARNING, advice)

    def overtaken(self) -> HttpResponseBase | None:
        """Tell the user that a first registration ended because another tab registered another device."""
        row = self.wizard.pending.posted()
        if row is None or row.purpose != Purpose.ENROL or not self.wizard.is_proven():
            return None
        self.verifier.cancel(row)
        text = _(
            "%(value)s was not added, because you set up something else in another window. You can "
            "add it now."
        )
        name = row.masked or display(self.wizard, row.method)["label"]
        self.wizard.add_message(messages.WARNING, text % {"value": wording.isolated(str(name))})
        return self.wizard.redirect("success")

    def over(self, row: Verification | None = None, to: Contact | None = None) -> HttpResponseBase:
        """Tell the user that the verification has ended, unless it has been approved in the meantime.

        `row`: the verification that has ended. `to`: the number or address that its code was sent to.
        """
        pending = self.wizard.pending
        id = str(row.public_id) if row is not None else self.state.get("verification")
        approved = session.get_verification(self.request)
        # Without an id, the form was submitted twice, and the other request has cleared the session.
        if approved is not None and id in (None, str(approved.public_id)):
            return self.wizard.redirect("success")
        if id and (page := self.wizard.show_expired(row or pending.known(id), to)):
            return page
        if id:
            ended = pending.known(id)
            why = errors.VerificationExpired() if ended is None else reservations.refusal(ended)
            self.wizard.add_message(messages.ERROR, given_up(ended) or why.display)
            if id == self.state.get("verification"):
                # Keep the state of a newer verification that another tab has started.
                self.state.clear("verification", "secret")
        return self.wizard.redirect("start")

    def act(self, action: str) -> HttpResponseBase | None:
        return {"resend": self.resend, "cancel": self.cancel}.get(action, lambda: None)()

    def resend(self) -> HttpResponseBase:
        """Send the code again, by the same method or another."""
        row = self.wizard.current_verification(self.request.POST.get("verification"))
        if row is None:
            return self.over()
        method = self.request.POST.get("method", "")
        if self.wizard.methods is not None and method and method not in self.wizard.methods:
            return self.wizard.redirect("verify")
        self.state.clear("again")
        try:
            row = self.verifier.resend(row, method)
        except (errors.VerificationExpired, errors.VerificationNotFound):
            return self.over()
        except errors.TwoFactorError as e:
            if e.blocking:
                raise
            if e.try_other_method:
                self.state.update(failing=row.method)
            self.explain_send(e, row, method)
        else:
            self.state.update(verification=str(row.public_id), method=row.method, wish=None, unsure=None)
            sentence = get_providers()[row.method].resent_wording
            self.wizard.add_message(
                messages.SUCCESS, message(self.wizard, "verification_resent", default=sentence)
            )
        return self.wizard.redirect("verify")

    def cancel(self) -> HttpResponseBase:
        """Cancel the verification."""
        row = self.wizard.current_verification()
        if row is not None:
            self.verifier.cancel(row)
            if text := given_up(row):
                self.wizard.add_message(messages.WARNING, text)
        self.state.clear("verification", "method", "secret", "again")
        return self.wizard.redirect("start")
