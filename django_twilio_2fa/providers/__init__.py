"""Define the base class of providers, and the classes of what its methods return.

Register it under the method's name as an entry point of the group `django_twilio_2fa.providers`, or in the
setting `TWILIO_2FA_PROVIDERS`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from .. import errors, tokens
from ..conf import conf
from ..models.verifications import Answer
from .endpoints import Endpoint, Proven, Value

if TYPE_CHECKING:
    from django.forms import Form
    from django.urls import URLPattern

    from ..contacts import Contact
    from ..forms import RegistrationForm
    from ..models.devices import Device
    from ..models.verifications import Verification

__all__ = [
    "Checked",
    "Diagnosis",
    "Endpoint",
    "MethodProvider",
    "NewDevice",
    "Proven",
    "Sent",
    "Value",
    "WaitingProvider",
]


class MethodProvider:
    """Base class of a method. Subclass it, set its attributes, and implement `start` and `check`.

    The methods raise errors of `django_twilio_2fa.errors`. They are called without an open transaction or
    lock, so they may take time. Counting, cooldowns and expiry are done for them.
    """

    # What a subclass declares

    name: str = ""
    """The name of the method. Do not set it: it is taken from the entry point or the setting."""
    label: ClassVar[Any] = ""
    """The method's name, as users see it."""
    icon: ClassVar[str] = "fas fa-key"
    """The CSS classes of the icon."""
    device_kind: ClassVar[str | None] = None
    """What the user registers: `phone_number`, `email`, a name of your own, or None for nothing."""
    on_by_default: ClassVar[bool] = True
    """Whether the method is offered if `ALLOWED_METHODS` is not set."""
    order: ClassVar[int] = 100
    """The position among the methods if `ALLOWED_METHODS` is not set: low numbers first, then by name."""
    sends: ClassVar[bool] = True
    """Whether a token is sent. If not, the user cannot request it again."""
    sent_wording: ClassVar[Any] = _("sent")
    """How the token was sent, in "Enter the code that was … to (XXX) XXX-0143", without `sending_wording`."""
    sending_wording: ClassVar[Any] = ""
    """The first sentence of the verify page, with `{value}` (masked) or `{ending}` (a number's end)."""
    summary: ClassVar[Any] = ""
    """A line that helps to choose the method while registering."""
    device_summary: ClassVar[Any] = ""
    """A line that helps to choose a device. `{value}` and `{ending}` are as in `sending_wording`."""
    resent_wording: ClassVar[Any] = ""
    """The message after the token was sent again. Empty for "We sent the code again."."""
    wrong_wording: ClassVar[Any] = ""
    """The message for a wrong token. Empty for "That code is incorrect. Check it and try again."."""
    give_up_wording: ClassVar[Any] = ""
    """The label of Cancel on the page that shows a secret, if that is to be its only link."""
    given_up_wording: ClassVar[Any] = ""
    """The message for a user who leaves the page with the secret without confirming."""
    shows_secret: ClassVar[bool] = False
    """Whether the user sees a secret while registering (`Sent.secret`). Only the session has it."""
    needs_messages: ClassVar[bool] = False
    """Whether the phone number has to receive text messages. Then landlines are refused."""
    token_length: ClassVar[int | None] = None
    """The number of digits of a token. None: `TOKEN_LENGTH`."""
    approved_elsewhere: ClassVar[bool] = False
    """Whether the user approves in another place while the page waits. See `WaitingProvider`."""
    any_device: ClassVar[bool] = False
    """Whether one verification takes [any device](#several-devices-of-a-user) of the user."""
    per_session: ClassVar[bool] = False
    """Whether each session has its own verification. If not, the sessions of a user share it."""
    high_entropy: ClassVar[bool] = False
    """Whether tokens are too long to be guessed, see [backup methods](#a-backup-method)."""
    phishing_resistant: ClassVar[bool] = False
    """Whether a token cannot be used on another site, so that no user can be tricked into giving it away."""
    passwordless: ClassVar[bool] = False
    """Whether it can [log in without a password](#a-log-in-without-a-password)."""
    is_backup: ClassVar[bool] = False
    """Whether it is a [backup method](#a-backup-method)."""
    one_per_user: ClassVar[bool] = False
    """Whether a user has at most one device of this kind. A new device replaces the old one."""
    cost: ClassVar[Any] = "free"
    """What a verification costs the site, for the table in the documentation."""
    message_price: ClassVar[str] = ""
    """What the provider charges for a message, in US dollars, for the figures. Empty: nothing is known."""
    approval_price: ClassVar[str] = ""
    """What the provider charges for an approved verification, in US dollars. Empty: nothing is known."""
    strength: ClassVar[Any] = ""
    """The class in NIST SP 800-63B-3 and OWASP ASVS 4.0.3, for the table in the documentation."""

    @property
    def transport(self) -> str:
        """By default, the name. Methods with the same transport send the same code to a destination."""
        return self.name

    @property
    def lockout_group(self) -> str:
        """A name, to count wrong tokens separately. Empty: they count with those of other methods."""
        return self.name if self.high_entropy else ""

    # What a subclass may override

    def get_registration_form_class(self) -> type[RegistrationForm] | None:
        """Return the form of the register page. By default, the form for `device_kind`."""
        from ..forms import REGISTRATION_FORMS

        return REGISTRATION_FORMS.get(self.device_kind or "")

    def get_token_form_class(self, verification: Verification) -> type[Form]:
        """Return the form of the verify page. If it has no field `token`, `check` gets an empty token."""
        from ..forms import TokenForm

        return TokenForm

    def get_service_id(self, *, user: Any, request: Any = None, registration: bool = False) -> str:
        """Return the id of the service for a new verification, if the method uses several. By default, empty.

        It is stored as `verification.service` (at most 64 characters). Services have separate verifications.
        `registration` is True if a device is to be registered, or if nobody is signed in (`user` is None).
        """
        return ""

    def why_unavailable(self, *, user: Any, request: Any = None) -> str:
        """Return a reason if this user cannot use the method now. Empty if they can."""
        return ""

    def why_unsuitable(self, contact: Contact) -> str:
        """Return a reason if the method cannot use this phone number or e-mail address. Empty if it can."""
        landline = getattr(contact, "carrier_type", None) == "landline"
        if self.needs_messages and (landline or getattr(contact, "extension", "")):
            return str(_("This number cannot get text messages."))
        return ""

    def is_usable(self, device: Device) -> bool:
        """Return whether a device of the provider's own kind can be used now."""
        return True

    def get_urls(self) -> list[URLPattern]:
        """Return URL patterns. They are included under `<method>/` in a namespace with the method's name."""
        return []

    def get_endpoints(self) -> list[Endpoint]:
        """Return [endpoints](providers.md#an-endpoint-of-your-own), which are limited and in the API."""
        return []

    def get_choice_label(self, label: str, masked: str) -> str:
        """Return the label of a choice on the start page, such as "Text message to (XXX) XXX-0143"."""
        return gettext("%(method)s to %(value)s") % {"method": label, "value": masked} if masked else label

    def diagnose(self) -> Diagnosis:
        """Ask the service behind the method whether it is set up, for `manage.py twilio_2fa_check`."""
        return Diagnosis(None, "has nothing to ask")

    def read_token(self, verification: Verification, text: str) -> str:
        """Clean what the user entered, for `check`. By default, a token has `token_length` digits.

        Raises `InvalidVerificationCode` for text that cannot be a token. This does not count as an attempt.
        """
        return tokens.normalize(text, self.token_length or conf.TOKEN_LENGTH)

    # The verbs

    def start(self, verification: Verification, *, request: Any = None) -> Sent:
        """Send the first token to `verification.destination`.

        To register a device of the provider's own kind: begin that, and return what the user has to see.
        """
        raise NotImplementedError

    def resend(self, verification: Verification, *, request: Any = None) -> Sent:
        """Send the token again. By default, call `start`. The first send may have been by another method."""
        return self.start(verification, request=request)

    def check(self, verification: Verification, token: str, *, request: Any = None) -> Checked:
        """Return whether the token is right. Each call counts as an attempt, and is not repeated."""
        raise NotImplementedError

    def cancel(self, verification: Verification, *, request: Any = None) -> None:
        """Cancel the verification at the service. By default, do nothing."""

    def approve(self, verification: Verification, *, request: Any = None) -> None:
        """Tell the service that the verification was approved without a token. By default, do nothing."""

    def decoy(self, verification: Verification, *, verb: str, request: Any = None) -> None:
        """Take as long as `start` or `check` (`verb`), without sending or checking anything. See below.

        Called instead of them if a caller who is not signed in names a user who does not exist or has no
        device for the method. By default, do nothing.
        """

    def is_answered(self, verification: Verification) -> bool:
        """Return whether the user has answered, so that the page stops waiting. Called often."""
        return False

    def after_approval(self, verification: Verification, *, request: Any = None) -> None:
        """React to an approval. Called once, when the approval is stored. Exceptions are only logged."""

    def remove(self, device: Device) -> None:
        """Delete a device of the provider's own kind at the service, after the user has removed it.

        `device` is no longer in the database. If this raises, `manage.py twilio_2fa_prune` tries again.
        """

    # A ceremony: the client computes the token

    def get_ceremony(self, verification: Verification) -> dict[str, Any] | None:
        """Return what the client needs to compute the token, as JSON values. None if the user enters it.

        The page gives it to the script of the method, and the API to its caller. It is called again after
        each wrong token. See [ceremonies](#a-ceremony-in-the-browser).
        """
        return None

    def find_user(self, verification: Verification, token: str, *, request: Any = None) -> Any:
        """Return the primary key of the user whom a token names, for a log-in without a password.

        None if it names no user. It proves nothing: `check` comes afterwards.
        """
        return None

    def get_registration_data(self, verification: Verification, *, secret: dict[str, Any]) -> dict[str, Any]:
        """Return what an API caller shows to the user while registering. By default, `Sent.secret`."""
        return secret

    # Display

    def get_device_label(self, device: Device) -> str:
        """Return a text for a device of the provider's own kind: by default, its name or its masked value."""
        return str(device)

    def get_uses_left(self, device: Device) -> int | None:
        """Return how often a device can still be used. None, the default, if there is no such number."""
        return None

    def get_device_warning(self, device: Device) -> str:
        """Return a hint about a device, to show after its use and in the list of devices. Empty for none."""
        return ""

    def get_device_link(self, device: Device, *, request: Any = None) -> tuple[str, str] | None:
        """Return the text and the URL of a link in the list of devices. None for no link."""
        return None

    def get_wrong_token_hint(self, verification: Verification) -> str:
        """Return a possible reason for a wrong token, to show to the user. Empty for none."""
        return ""

    def get_api_message(self, verification: Verification) -> str:
        """Return the text of `display` in the API, which says what to do. Empty for the default sentence."""
        return ""

    def get_verify_context(self, verification: Verification, *, secret: dict[str, Any]) -> dict[str, Any]:
        """Return additional context for the verify page. `secret` is that of `Sent`, or empty."""
        return {}

    def display(self, *, user: Any = None, request: Any = None) -> dict[str, Any]:
        """Return `value` (the name), `label` and `icon`. The settings override those of the provider."""
        shown = {"label": self.label, "icon": self.icon}
        told = conf.resolve("METHOD_DISPLAY_CB", method=self.name, user=user, request=request)
        for source in (conf.METHOD_DETAILS.get(self.name), told):
            if isinstance(source, dict):
                shown.update({k: v for k, v in source.items() if k in shown and v})
        return {"value": self.name, **shown}


class WaitingProvider(MethodProvider):
    """Base class of methods that the user approves in another place, without entering a token.

    The view or webhook that gets the answer stores it with `Verification.objects.answer(…)`. The waiting page
    asks for it, and its session is verified.
    """

    approved_elsewhere = True
    per_session = True

    def get_token_form_class(self, verification: Verification) -> type[Form]:
        from ..forms import WaitingForm

        return WaitingForm

    def read_token(self, verification: Verification, text: str) -> str:
        return ""

    def get_api_message(self, verification: Verification) -> str:
        return gettext("Answer the request we sent you, then continue here.")

    def is_answered(self, verification: Verification) -> bool:
        return bool(verification.answer)

    def check(self, verification: Verification, token: str, *, request: Any = None) -> Checked:
        if not verification.answer:
            raise errors.ApprovalPending
        if verification.answer != Answer.APPROVED:
            raise errors.ApprovalDenied
        return Checked(approved=True)


# What the methods return


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
    """A device to store. `value` identifies it among the user's devices of its kind. `masked` is shown."""

    value: str
    masked: str = ""
    data: dict[str, Any] = field(default_factory=dict)
    only: bool = False
    """True if it replaces the user's other devices of its kind."""


@dataclass(frozen=True)
class Diagnosis:
    """The state of the service behind a method. `ok`: whether it is set up, or None if that is unknown."""

    ok: bool | None
    says: str


@dataclass(frozen=True)
class Checked:
    """The result of a check: whether the token was right, and the id of the verification at the service.

    `device`: the device to register, if its kind is the provider's own. `used`: the device that the token
    came from, for a provider with `any_device`.
    """

    approved: bool
    sid: str = ""
    device: NewDevice | None = None
    used: Device | None = None
