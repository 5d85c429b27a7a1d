"""Define the contract of a method: the class that a provider subclasses.

Register it under the method's name as an entry point of the group `django_twilio_2fa.providers`, or in the
setting `TWILIO_2FA_PROVIDERS`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from . import errors, tokens
from .conf import conf
from .models import Answer

if TYPE_CHECKING:
    from django.forms import Form
    from django.urls import URLPattern

    from .contacts import Contact
    from .forms import RegistrationForm
    from .models import Device, Verification


@dataclass(frozen=True)
class Sent:
    """The result of a send.

    `sid`: the provider's id of the verification, if it has one. `started_at`: when the token's lifetime began
    (aware), if not now. `data` is added to `verification.data`. `secret`: what the user has to see while
    registering. Only the session holds it, until the device is confirmed or given up.
    """

    sid: str = ""
    started_at: datetime | None = None
    data: dict[str, Any] | None = None
    secret: dict[str, Any] | None = None


@dataclass(frozen=True)
class NewDevice:
    """A device to be stored. `value` is not shown, and differs from the user's others. `masked` is shown."""

    value: str
    masked: str = ""
    data: dict[str, Any] = field(default_factory=dict)
    only: bool = False
    """True if it replaces the user's other devices of its kind."""


@dataclass(frozen=True)
class Diagnosis:
    """The state of the service behind a method. `ok`: True, False, or None if that cannot be asked."""

    ok: bool | None
    says: str


@dataclass(frozen=True)
class Checked:
    """The result of a check: whether the token was right, and the `sid` that it was checked under.

    `device`: the device to register, if its kind is the provider's own.
    """

    approved: bool
    sid: str = ""
    device: NewDevice | None = None


class MethodProvider:
    """One way to verify. Subclass it, declare what the method is, and implement `start` and `check`.

    The methods raise errors of `django_twilio_2fa.errors`. They are called without an open transaction or
    lock, so they may take time. Counting, cooldowns and expiry are done for them.
    """

    # What a subclass declares

    name: str = ""
    """The method's name. It is set from the entry point or the setting."""
    label: ClassVar[Any] = ""
    """What the method is called on the pages."""
    icon: ClassVar[str] = "fas fa-key"
    """CSS classes of its icon."""
    device_kind: ClassVar[str | None] = None
    """`phone_number`, `email`, a kind of its own, or None for a method that needs no device."""
    on_by_default: ClassVar[bool] = True
    """Whether the method is offered where `ALLOWED_METHODS` is not set."""
    position: ClassVar[int] = 100
    """The order of the methods there: low numbers first, equal ones by name."""
    sends: ClassVar[bool] = True
    """Whether a token is sent. If not, the pages show no resend and no cooldown."""
    sent_wording: ClassVar[Any] = _("sent")
    """How the token came: "Enter the code that was … to (XXX) XXX-0143."."""
    sending_wording: ClassVar[Any] = ""
    """A sentence in place of "Enter the code that was …", with `{value}` for where it goes."""
    resent_wording: ClassVar[Any] = ""
    """The sentence after a resend. Empty for "The code was sent again."."""
    give_up_wording: ClassVar[Any] = ""
    """The label of the only link on the page that shows a secret. Empty for the usual links."""
    given_up_wording: ClassVar[Any] = ""
    """The sentence for a user who leaves while registering: the secret that was shown does not work."""
    shows_secret: ClassVar[bool] = False
    """Whether registering shows a secret, which only the session that began it holds (see `Sent.secret`)."""
    needs_messages: ClassVar[bool] = False
    """Whether the destination has to receive written messages. A landline cannot."""
    token_length: ClassVar[int | None] = None
    """The number of digits of a token. None for `TOKEN_LENGTH`."""
    waits: ClassVar[bool] = False
    """Whether the user approves elsewhere while the page waits. See `WaitingProvider`."""
    per_session: ClassVar[bool] = False
    """Whether each session has its own verification. Otherwise the sessions of a user share it."""
    unguessable: ClassVar[bool] = False
    """Whether tokens have 64 bits or more. Wrong ones count per session, and other locks do not apply."""
    is_backup: ClassVar[bool] = False
    """Whether it is a backup: never registered first, and offered once another device is registered."""
    one_per_user: ClassVar[bool] = False
    """Whether a user has at most one device of the kind. A new one replaces it."""
    cost: ClassVar[Any] = _("free")
    """What a verification costs the site, for the table in the documentation."""
    strength: ClassVar[Any] = ""
    """Its class in NIST SP 800-63B-3 and OWASP ASVS 4.0.3, with the sections, for the documentation."""

    @property
    def transport(self) -> str:
        """The transport. Methods with the same one share a pending verification of a destination."""
        return self.name

    @property
    def counted_apart(self) -> str:
        """The name under which wrong tokens are counted. Empty if they count with those of other methods."""
        return self.name if self.unguessable else ""

    # What a subclass may override

    def get_registration_form_class(self) -> type[RegistrationForm] | None:
        """Return the form that asks for a device. By default, the form for `device_kind`."""
        from .forms import REGISTRATION_FORMS

        return REGISTRATION_FORMS.get(self.device_kind or "")

    def get_token_form_class(self, verification: Verification) -> type[Form]:
        """Return the form of the verify page. Without a field `token`, an empty token is checked."""
        from .forms import TokenForm

        return TokenForm

    def get_service_id(self, *, user: Any, request: Any = None, registration: bool = False) -> str:
        """Return where a new verification is kept, if there are several places. Else an empty string.

        It is stored as `verification.service`, at most 64 characters. Places have separate verifications.
        `registration`: something is to be registered, or nobody is signed in (`user` is None).
        """
        return ""

    def why_unavailable(self, *, user: Any, request: Any = None) -> str:
        """Return why this user cannot use the method now. Empty if they can."""
        return ""

    def why_unsuitable(self, contact: Contact) -> str:
        """Return why the method cannot use this number or address. Empty if it can."""
        landline = getattr(contact, "carrier_type", None) == "landline"
        if self.needs_messages and (landline or getattr(contact, "extension", "")):
            return str(_("This number cannot receive messages."))
        return ""

    def is_usable(self, device: Device) -> bool:
        """Return whether a device of the provider's own kind can be used now."""
        return True

    def get_urls(self) -> list[URLPattern]:
        """Return URL patterns, mounted under `<method>/` in a namespace with the method's name."""
        return []

    def heading(self, label: str, masked: str) -> str:
        """Return the choice on the start page: "Text message to (XXX) XXX-0143"."""
        return gettext("%(method)s to %(value)s") % {"method": label, "value": masked} if masked else label

    def diagnose(self) -> Diagnosis:
        """Ask the service behind the method whether it is set up, for `manage.py twilio_2fa_check`."""
        return Diagnosis(None, "has nothing to ask")

    def read_token(self, verification: Verification, text: str) -> str:
        """Clean what the user typed before it goes to `check`. By default it needs `token_length` digits.

        Raises `InvalidVerificationCode` for text that cannot be a token. That costs no attempt.
        """
        return tokens.normalize(text, self.token_length or conf.TOKEN_LENGTH)

    # The verbs

    def start(self, verification: Verification, *, request: Any = None) -> Sent:
        """Send the first token to `verification.destination`.

        With `purpose` "enrol" and a `device_kind` of the provider's own, begin to register a device instead.
        """
        raise NotImplementedError

    def resend(self, verification: Verification, *, request: Any = None) -> Sent:
        """Send the token of a pending verification again. Another method may have begun it."""
        return self.start(verification, request=request)

    def check(self, verification: Verification, token: str, *, request: Any = None) -> Checked:
        """Return whether the token is right. Called at most once for each counted attempt."""
        raise NotImplementedError

    def cancel(self, verification: Verification, *, request: Any = None) -> None:
        """Cancel the verification at the service. By default, do nothing."""

    def approve(self, verification: Verification, *, request: Any = None) -> None:
        """Tell the service that the verification was approved without a token. By default, do nothing."""

    def decoy(self, verification: Verification, *, verb: str, request: Any = None) -> None:
        """Take as long as the verb ("start" or "check") would, and send and check nothing.

        Called in its place if nobody is signed in and the named user cannot be reached. It must cost
        nothing. Raises what the verb would. By default, do nothing.
        """

    def is_answered(self, verification: Verification) -> bool:
        """Return whether a check would end the waiting. It is called often, so it must be cheap."""
        return False

    def approved(self, verification: Verification, *, request: Any = None) -> None:
        """React to an approval. Called once, after it is stored. Exceptions are logged and ignored."""

    def remove(self, device: Device) -> None:
        """Delete a removed device of the provider's own kind at the service.

        `device` is no longer in the database. If this raises, `twilio_2fa_prune` calls it again.
        """

    # Display

    def describe(self, device: Device) -> str:
        """Return how a device of the provider's own kind is shown: its name, or its masked value."""
        return str(device)

    def advise(self, device: Device) -> str:
        """Return a hint about a device, shown after its use and in the list. Empty if there is none."""
        return ""

    def advise_wrong(self, verification: Verification) -> str:
        """Return a possible reason for a wrong token. `verification.attempts` includes this one."""
        return ""

    def tell(self, verification: Verification) -> str:
        """Return instructions for API users. Empty for the default sentence."""
        return ""

    def get_verify_context(self, verification: Verification, *, secret: dict[str, Any]) -> dict[str, Any]:
        """Return more context for the method's template of the verify page."""
        return {}

    def display(self, *, user: Any = None, request: Any = None) -> dict[str, Any]:
        """Return `value`, `label` and `icon` from `METHOD_DISPLAY_CB`, `METHOD_DETAILS` or the provider."""
        shown = {"label": self.label, "icon": self.icon}
        told = conf.resolve("METHOD_DISPLAY_CB", method=self.name, user=user, request=request)
        for source in (conf.METHOD_DETAILS.get(self.name), told):
            if isinstance(source, dict):
                shown.update({k: v for k, v in source.items() if k in shown and v})
        return {"value": self.name, **shown}


class WaitingProvider(MethodProvider):
    """Base of methods that the user approves elsewhere. Nothing is typed.

    The view or webhook that gets the answer stores it with `Verification.objects.answer(…)`. The waiting page
    asks for it, and its session is verified.
    """

    waits = True
    per_session = True

    def get_token_form_class(self, verification: Verification) -> type[Form]:
        from .forms import WaitingForm

        return WaitingForm

    def read_token(self, verification: Verification, text: str) -> str:
        return ""

    def tell(self, verification: Verification) -> str:
        return gettext("Approve it where you have been asked, then go on here.")

    def is_answered(self, verification: Verification) -> bool:
        return bool(verification.answer)

    def check(self, verification: Verification, token: str, *, request: Any = None) -> Checked:
        if not verification.answer:
            raise errors.ApprovalPending
        if verification.answer != Answer.APPROVED:
            raise errors.ApprovalDenied
        return Checked(approved=True)
