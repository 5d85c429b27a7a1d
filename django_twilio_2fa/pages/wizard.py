"""The wizard that leads a person through start, register and verify."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib import messages
from django.http import (
    HttpRequest,
    HttpResponseBase,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
)
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from .. import errors, session
from ..conf import conf
from ..contacts import CONTACTS, Contact
from ..digests import digest
from ..forms import RegistrationForm, StartForm, TokenForm
from ..installed import get_providers
from ..models import Status, Verification
from ..process.methods import Choice, Fallback
from ..providers import MethodProvider
from ..reverse import site_url
from ..sealed import seal, unseal
from .finish import OURS, EndPages
from .url_steps import PAGES, StepsFromUrl

# What is wrong with what was typed into the registration form, and is said at its field.
ABOUT_THE_FIELD = (
    errors.BadUserData,
    errors.InvalidPhoneNumber,
    errors.PhoneCountryNotAllowed,
    errors.InvalidCarrierType,
    errors.MobileNumberRequired,
    errors.CannotReceive,
    errors.TwilioInvalidParameter,
)


# The purpose for which what a new device shows is sealed in the session.
NEW_DEVICE = "new device"

# What passes: the same form may be sent again.
TRY_AGAIN = (
    errors.ApprovalPending,
    errors.CheckInProgress,
    errors.TwilioUnavailable,
    errors.TwilioRateLimited,
    # What Twilio makes of a token that was fit to be checked; another code, or method, may do.
    errors.TwilioInvalidParameter,
    errors.CannotReceive,
    errors.CountryUnavailable,
    errors.ChannelRefused,
    errors.MaxSendsReached,
)


class VerificationWizardView(EndPages):
    """Pick a method, register what it needs, type the token.

    Mount it with `path("…/", include(MyWizardView.urls(), namespace="mine"))`. Steps that a subclass puts
    into `form_list` are shown in their place, with formtools' own storage.
    """

    form_list: ClassVar[Any] = [("start", StartForm), ("register", RegistrationForm), ("verify", TokenForm)]
    methods: ClassVar[tuple[str, ...] | None] = None
    """Names of the only methods to be used on this mount; None for all that are allowed."""
    intent: ClassVar[str] = "register"
    """What a registration here is for: `register` something first, `add` to it, or `change` it."""

    # A request comes in

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        self.step = kwargs.get("step", "")
        self._rows: dict[str, Verification] = {}
        self._fallbacks: dict[Any, Fallback | None] = {}
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
        self.forget_left()
        if self.step in PAGES:
            shown: HttpResponseBase = getattr(self, f"show_{self.step}")()
            return shown
        refused = self.guard(self.step)
        if refused is not None:
            return refused
        if self.step == "start" and (response := self.owes_phone() or self.skip_start()):
            return response
        return self.render(self.shown_form())

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        action = request.POST.get("action", "")
        if self.step == "failed":
            self.remember(error=None)
            return self.go("start")
        if self.step == "success":
            # What was offered there is not wanted now.
            self.remember(offer=None)
            return self.go("success")
        if self.step not in self.get_form_list():
            return self.go(self.steps.first)
        if action == "skip" and self.step in ("start", "register"):
            return self.skip_registration()
        refused = self.guard(self.step)
        if refused is not None:
            return refused
        if self.step == "verify" and action in ("resend", "cancel"):
            return self.resend() if action == "resend" else self.cancel()
        form = self.get_form(data=request.POST, files=request.FILES)
        if not form.is_valid():
            return self.ask_again(form)
        act = {"start": self.start, "register": self.register, "verify": self.verify}.get(self.step)
        return act(form) if act else self.store_step(form)

    def guard(self, step: str) -> HttpResponseBase | None:
        """Where to go instead, if the step cannot be shown yet or any more."""
        steps = list(self.get_form_list())
        if step not in steps:
            return self.go(steps[0])
        for earlier in steps[: steps.index(step)]:
            if earlier not in OURS and not self.has_stored(earlier):
                return self.go(earlier)
        if step == "start":
            self.require_choices()
        if step == "register" and self.registering_provider() is None:
            return self.go("start")
        if step == "verify":
            row = self.current_verification()
            if row is None:
                return self.over()
            if row.purpose == "enrol" and get_providers()[row.method].shows_secret and not self.secret:
                # Another session began it, and only that one can show what has to be seen.
                return self.go("register")
        if step not in OURS and "verify" in steps[: steps.index(step)] and not self.is_proven():
            return self.go("start")
        return None

    @property
    def secret(self) -> dict[str, Any]:
        """What the user has to see of the device that is being registered; empty if there is none."""
        held = unseal(self.state.get("secret"), NEW_DEVICE)
        return held if isinstance(held, dict) else {}

    def is_proven(self) -> bool:
        """Whether the verify step is behind the user."""
        return session.is_verified(self.request)

    # Start

    @cached_property
    def is_registration(self) -> bool:
        """Whether something is to be registered, not proven."""
        return not self.verifier.registered()

    def get_choices(self) -> list[Choice]:
        """What the start page offers; override it to choose methods."""
        if self.is_registration:
            choices = [Choice(p) for p in self.verifier.registrable()]
        else:
            choices = self.verifier.choices()
        return [c for c in choices if self.methods is None or c.provider.name in self.methods]

    @cached_property
    def choices(self) -> list[Choice]:
        """What is offered, in order: a method that brings nothing comes last."""
        last = self.state.get("failing")
        row = self.current_verification()
        if row is not None and (other := self.fallback(row)) and not other.after:
            last = row.method
        return sorted(self.get_choices(), key=lambda c: c.provider.name == last)

    def fallback(self, row: Verification) -> Fallback | None:
        """Another method to be offered before a resend; None where this mount has none."""
        key = (row.pk, row.method, row.sends)
        if key not in self._fallbacks:
            self._fallbacks[key] = self._find_fallback(row)
        return self._fallbacks[key]

    def _find_fallback(self, row: Verification) -> Fallback | None:
        if (wish := self.wish(row)) and (wished := self.verifier.wished(row, wish)):
            return wished
        found = self.verifier.fallback(row, failing=self.state.get("failing") == row.method)
        if found is None or (self.methods is not None and found.choice.provider.name not in self.methods):
            return None
        return found

    def wish(self, row: Verification) -> str:
        """The method that the user asked for while the cooldown of another one ran; empty if none."""
        wish = self.state.get("wish")
        if not isinstance(wish, dict) or wish.get("verification") != str(row.public_id):
            return ""
        method = str(wish.get("method"))
        return "" if method == row.method or (self.methods and method not in self.methods) else method

    def wishes(self, method: str, error: errors.ResendCooldown, row: Verification) -> str:
        """Keep the wish, and what is said of it."""
        self.remember(wish={"method": method, "verification": str(row.public_id)})
        wait = max(error.data["can_resend_in"], self.verifier.wait_to_resend(row))
        about = {"method": self.display(method)["label"], "when": errors.in_words(wait)}
        text = _(
            "You chose: %(method)s. The code can go out that way %(when)s. Until then, you can enter the "
            "code that you have."
        )
        return text % about

    def require_choices(self) -> None:
        if self.is_registration and not self.verifier.resolve("ALLOW_REGISTRATION"):
            raise errors.RegistrationNotAllowed
        if not self.choices:
            raise errors.NoMethodAvailable

    def skip_start(self) -> HttpResponseBase | None:
        """With a single choice there is nothing to ask: go on, if that is free or may be sent at once."""
        if len(self.choices) != 1:
            return None
        choice = self.choices[0]
        if choice.registered is None and choice.provider.device_kind is not None:
            return self.go("register")
        if not self.may_send_on_get():
            return None
        session.write(self.request, sent_on_get=True)
        return self.send(choice)

    def owes_phone(self) -> HttpResponseBase | None:
        """On to adding a phone number, if there has to be one and the user has just proven the rest."""
        if self.is_registration or not self.verifier.needs_phone() or not self.verifier.fresh_proof():
            return None
        url = self.url("index", f"{self.home_namespace}:adding")
        return HttpResponseRedirect(url) if url else None

    def may_send_on_get(self) -> bool:
        """Whether this GET is a person opening the page, for the first time in the session.

        Scripts, frames, prefetching and other sites' pages get the button instead: a GET must not cost
        money at a stranger's will.
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

    def start(self, form: forms.Form) -> HttpResponseBase:
        method, device = form.cleaned_data["method"], form.cleaned_data["device"]
        for choice in self.choices:
            id = choice.registered.id if choice.registered else ""
            if choice.provider.name == method and device in ("", id):
                break
        else:
            self.say(messages.ERROR, errors.MethodNotAllowed(method=method).display)
            return self.go("start")
        if choice.registered is None and choice.provider.device_kind is not None:
            self.remember(method=method)
            return self.go("register")
        return self.send(choice)

    def send(self, choice: Choice) -> HttpResponseBase:
        try:
            row = self.verifier.send(choice.provider.name, device=choice.registered)
        except errors.TwoFactorError as e:
            return self.send_failed(e, choice.provider.name)
        return self.sent(row)

    def sent(self, row: Verification) -> HttpResponseBase:
        # A secret is shown until its device is confirmed or given up; another verification ends that, too.
        earlier = self.state.get("verification")
        held = self.state.get("secret") if earlier == str(row.public_id) else None
        if self.secret and not held:
            self.current_verification(earlier)
            if text := self.given_up(self._rows.get(str(earlier))):
                self.say(messages.WARNING, text)
        secret = seal(row.secret, NEW_DEVICE) if row.secret else held
        self.remember(
            method=row.method, verification=str(row.public_id), error=None, secret=secret, again=None
        )
        self.remember(wish=None, unsure=None)
        return self.go("verify")

    def send_failed(self, error: errors.TwoFactorError, method: str) -> HttpResponseBase:
        """Back to where the user can go on: the code they have, or another choice."""
        if error.of_channel:
            self.remember(failing=method)
        if error.verification is not None:
            row = error.verification
            self.remember(method=row.method, verification=str(row.public_id), again=None)
            self.say_of_send(error, row, method)
            return self.go("verify")
        if len(self.choices) > 1 and not error.blocking:
            self.say(messages.ERROR, error.display)
            return self.go("start")
        return self.fail(error)

    def say_of_send(self, error: errors.TwoFactorError, row: Verification, method: str) -> None:
        """Tell why nothing was sent, where a code is there to be typed."""
        if error.uncertain:
            # The page itself says so, in place of where the code went.
            self.remember(unsure=str(row.public_id))
            if error.site_sentence is not None:
                self.say(messages.WARNING, error.display)
        elif isinstance(error, errors.ResendCooldown) and method not in ("", row.method):
            self.say(messages.WARNING, self.wishes(method, error, row))
        elif isinstance(error, errors.ResendCooldown):
            # A limit across verifications may let the user wait for longer than the cooldown does.
            wait = max(error.data["can_resend_in"], self.verifier.wait_to_resend(row))
            self.say(messages.WARNING, errors.ResendCooldown(can_resend_in=wait).display)
        elif isinstance(error, errors.MaxSendsReached) and row.sends >= conf.MAX_SENDS:
            pass  # the page itself says so
        else:
            self.say(messages.WARNING, error.display)

    # Register

    def registering_provider(self) -> MethodProvider | None:
        """The method whose device is to be registered: the one picked, or the only one."""
        options = [c.provider for c in self.choices if c.registered is None and c.provider.device_kind]
        picked = [p for p in options if p.name == self.state.get("method")]
        found = picked[0] if picked else options[0] if len(options) == 1 else None
        return self._provider_of_posted(options, found)

    def _provider_of_posted(
        self, options: list[MethodProvider], found: MethodProvider | None
    ) -> MethodProvider | None:
        """The method whose form was posted, where another tab has chosen a method of another kind since."""

        def asks_for_what_was_posted(provider: MethodProvider | None) -> bool:
            form_class = provider.get_registration_form_class() if provider else None
            return bool(form_class and form_class.contact_field in self.request.POST)

        if self.request.method != "POST" or self.step != "register" or asks_for_what_was_posted(found):
            return found
        return next(filter(asks_for_what_was_posted, options), found)

    def register(self, form: RegistrationForm) -> HttpResponseBase:
        provider = self.registering_provider()
        if provider is None:
            return self.go("start")
        earlier = self.current_verification()
        try:
            row = self.send_registration(provider, form)
        except errors.TwoFactorError as e:
            other = self.other_registration(provider, form) if e.of_channel else None
            if other is not None:
                return self.register_by_another(other, e)
            if not isinstance(e, ABOUT_THE_FIELD):
                return self.send_failed(e, provider.name)
            form.add_error(form.contact_field or None, e.display)
            return self.ask_again(form)
        if earlier is not None and earlier.pk != row.pk and self.is_given_up(earlier, row):
            self.verifier.cancel(earlier)
        return self.sent(row)

    def is_given_up(self, earlier: Verification, later: Verification) -> bool:
        """Whether a registration ends because its user has begun another one.

        A number was corrected: the code that went to the wrong one is good for nothing. What is registered of
        another kind may be in another tab, and goes on there, unless it shows a secret: the session keeps one
        of these, and the user is told that the other was not set up.
        """
        return earlier.kind == later.kind or get_providers()[earlier.method].shows_secret

    def other_registration(self, provider: MethodProvider, form: RegistrationForm) -> MethodProvider | None:
        """Another method that takes what was typed for this one; None where each was refused there."""
        to = digest("refused here", form.contact.identity if form.contact else "")
        told = self.state.get("refused_here")
        refused = told["methods"] if isinstance(told, dict) and told.get("to") == to else []
        refused = sorted({*refused, provider.name})
        self.remember(refused_here={"to": to, "methods": refused})
        options = [c.provider for c in self.choices if c.registered is None]
        same = [p for p in options if p.device_kind == provider.device_kind and p.name not in refused]
        return same[0] if same else None

    def register_by_another(self, provider: MethodProvider, error: errors.TwoFactorError) -> HttpResponseBase:
        """The same page for another method, with what was typed and with the reason."""
        self.remember(method=provider.name)
        form = self.get_form(data=self.request.POST, files=self.request.FILES)
        form.is_valid()
        label = self.display(provider.name)["label"]
        form.add_error(None, error.display)
        form.add_error(None, _("You can use this instead: %(method)s.") % {"method": label})
        return self.ask_again(form)

    def send_registration(self, provider: MethodProvider, form: RegistrationForm) -> Verification:
        return self.verifier.send(provider.name, to=form.contact, enrol=True, name=form.device_name)

    def is_optional(self) -> bool:
        return self.is_registration and bool(self.verifier.resolve("REGISTER_OPTIONAL"))

    def skip_registration(self) -> HttpResponseBase:
        if not self.is_optional():
            return self.go("start")
        session.write(self.request, skipped=True)
        return HttpResponseRedirect(self.get_skip_url())

    def get_leave_url(self) -> str:
        """Where a user goes who does not want what this wizard is for; empty if they have to."""
        return ""

    def get_skip_url(self) -> str:
        url: str | None = self.verifier.resolve("REGISTER_OPTIONAL_URL")
        return site_url(url) if url else self.get_next_url() or self.get_site_url()

    # Verify

    def current_verification(self, public_id: Any = None) -> Verification | None:
        """The pending verification of this page, by the id that its form carries or by the session."""
        id = str(public_id or self.state.get("verification") or "")
        if not id:
            return None
        if id not in self._rows:
            try:
                self._rows[id] = self.verifier.get(id)
            except errors.VerificationNotFound:
                return None
        row = self._rows[id]
        if row.status != Status.PENDING or not self.takes(row):
            return None
        allowed = self.methods is None or row.method in self.methods
        return row if allowed and row.method in get_providers() else None

    def posted_verification(self) -> Verification | None:
        """The pending verification whose page was posted, where two tabs have different ones."""
        id = self.request.POST.get("verification", "") if self.request.method == "POST" else ""
        return self.current_verification(id) if id else None

    def takes(self, row: Verification) -> bool:
        """Whether the verification is of this wizard's kind: what a proof allows to add proves nothing."""
        return row.proof_id is None

    def over(self, row: Verification | None = None, to: Contact | None = None) -> HttpResponseBase:
        """There is nothing to verify: say so if there was, unless it has been approved meanwhile.

        `row`: what has just turned out to be over, and `to`: where its code went.
        """
        id = str(row.public_id) if row is not None else self.state.get("verification")
        approved = session.get_verification(self.request)
        # Without an id the other request of a form submitted twice has tidied the session up already.
        if approved is not None and id in (None, str(approved.public_id)):
            return self.go("success")
        if id and (page := self.expired_page(row or self._rows.get(id), to)):
            return page
        if id:
            text = self.given_up(self._rows.get(str(id))) or errors.VerificationExpired().display
            self.say(messages.ERROR, text)
            if id == self.state.get("verification"):
                # Not where another tab has gone on with another one.
                self.remember(verification=None, secret=None)
        return self.go("start")

    def verify(self, form: forms.Form) -> HttpResponseBase:
        posted = form.cleaned_data.get("verification")
        row = self.current_verification(posted)
        if row is None:
            return self.over(self._rows.get(str(posted)))
        asked, to = row, row.contact
        try:
            row = self.verifier.check(row, form.cleaned_data.get("token", ""))
        except errors.InvalidVerificationCode as e:
            form.add_error(self.token_field(form), self.incorrect(e))
        except TRY_AGAIN as e:
            if row.status != Status.PENDING:
                return self.fail(e)
            form.add_error(self.token_field(form), e.display)
        except errors.ApprovalDenied as e:
            self.say(messages.ERROR, e.display)
            self.remember(verification=None, secret=None)
            return self.go("start")
        except (errors.VerificationExpired, errors.VerificationNotFound):
            return self.over(asked, to)
        else:
            return self.verified(row)
        self.come_back_to(row)
        return self.ask_again(form)

    def come_back_to(self, row: Verification) -> None:
        """Let the page be about this verification: with two tabs open the session may hold the other's."""
        if self.state.get("verification") == str(row.public_id):
            return
        # What the session shows of a device belongs to the other.
        shows = row.purpose == "enrol" and get_providers()[row.method].shows_secret
        self.remember(verification=str(row.public_id), method=row.method)
        if shows:
            self.remember(secret=None)

    def token_field(self, form: forms.Form) -> str | None:
        """Where to say what is wrong: at the token, or above the form if none is typed."""
        return "token" if "token" in form.fields else None

    def incorrect(self, error: errors.InvalidVerificationCode) -> str:
        about = {"user": self.verifier.user, "request": self.request}
        if isinstance(error, errors.CodeAlreadyUsed):
            return error.display
        text = self.message("incorrect_code", default=error.display, **about)
        left = error.data.get("attempts_left")
        if left is None:
            return text
        tries: str = ngettext("%d try is left.", "%d tries are left.", left) % left
        return f"{text} {tries}"

    def verified(self, row: Verification) -> HttpResponseBase:
        """The token was right: remember it, let a subclass act, go on."""
        if row.approved_now:
            self.remember_verified(row)
        # Another request has had it approved. This one read the session before that one wrote it: writing
        # it as well would undo what receivers of the site's own have put there.
        steps = list(self.get_form_list())
        after = steps[steps.index("verify") + 1 :]
        return self.go(after[0] if after else "success")

    def remember_verified(self, row: Verification) -> None:
        session.remember(self.request, row)
        self.remember(
            **dict.fromkeys(
                ("verification", "method", "error", "secret", "failing", "again", "wish", "unsure")
            )
        )
        if row.verifies or row.proof_id is not None:
            self.on_success(row)
        if row.purpose == "enrol" and row.proof_id is None:
            self.remember(offer=True)
        if advice := self.advice(row):
            self.say(messages.WARNING, advice)

    def advice(self, row: Verification) -> str:
        """What the user should do about the device that they have just used."""
        if row.kind in CONTACTS or row.device is None:
            return ""
        return get_providers()[row.method].advise(row.device)

    def on_success(self, verification: Verification) -> None:
        """Called once, in the request whose token was approved; override it to act.

        Not in another request with the same token, nor for a value that verifies nobody yet.
        """

    def resend(self) -> HttpResponseBase:
        row = self.current_verification(self.request.POST.get("verification"))
        if row is None:
            return self.over()
        method = self.request.POST.get("method", "")
        if self.methods is not None and method and method not in self.methods:
            return self.go("verify")
        self.remember(again=None)
        try:
            row = self.verifier.resend(row, method)
        except (errors.VerificationExpired, errors.VerificationNotFound):
            return self.over()
        except errors.TwoFactorError as e:
            if e.blocking:
                raise
            if e.of_channel:
                self.remember(failing=row.method)
            self.say_of_send(e, row, method)
        else:
            self.remember(verification=str(row.public_id), method=row.method, wish=None, unsure=None)
            wording = get_providers()[row.method].resent_wording
            self.say(messages.SUCCESS, self.message("verification_resent", default=wording))
        return self.go("verify")

    def given_up(self, row: Verification | None) -> str:
        """What to say of what the user was shown, if it was not confirmed; empty if there was nothing."""
        if row is None or row.purpose != "enrol" or row.status == Status.APPROVED:
            return ""
        provider = get_providers().get(row.method)
        return str(provider.given_up_wording) if provider else ""

    def cancel(self) -> HttpResponseBase:
        row = self.current_verification()
        if row is not None:
            self.verifier.cancel(row)
            if text := self.given_up(row):
                self.say(messages.WARNING, text)
        self.remember(verification=None, method=None, secret=None, again=None)
        return self.go("start")
