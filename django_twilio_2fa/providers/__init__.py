"""Define the base class of providers, and the classes that its methods return.

Register a provider under the method's name as an entry point of the group `django_twilio_2fa.providers`, or
in the setting `TWILIO_2FA_PROVIDERS`.
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
    """True to offer the method if `ALLOWED_METHODS` is not set."""
    order: ClassVar[int] = 100
    """The position among the methods if `ALLOWED_METHODS` is not set: low numbers first, then by name."""
    sends: ClassVar[bool] = True
    """True if the method sends a token. If False, the user cannot request the token again."""
    sent_wording: ClassVar[Any] = _("sent")
    """The words in "Enter the code that was ... to (XXX) XXX-0143", such as "sent by text message".

    Used if `sending_wording` is empty.
    """
    sending_wording: ClassVar[Any] = ""
    """The first sentence of the verify page, with `{value}` (masked) or `{ending}` (the last digits of the
    number)."""
    summary: ClassVar[Any] = ""
    """A line that helps users to choose the method while registering."""
    device_summary: ClassVar[Any] = ""
    """A line that helps users to choose a device, with `{value}` or `{ending}` as in `sending_wording`."""
    resent_wording: ClassVar[Any] = ""
    """The message after the token was sent again. Empty for "We sent the code again."."""
    wrong_wording: ClassVar[Any] = ""
    """The message for a wrong token. Empty for "That code is incorrect. Check it and try again."."""
    give_up_wording: ClassVar[Any] = ""
    """The label of Cancel on the page that shows a secret. If set, Cancel is the only way to leave the page
    without confirming."""
    given_up_wording: ClassVar[Any] = ""
    """The message for a user who leaves the page that shows a secret without confirming."""
    shows_secret: ClassVar[bool] = False
    """True if the user sees a secret while registering (`Sent.secret`). It is stored only in the session."""
    needs_messages: ClassVar[bool] = False
    """True if the phone number has to receive text messages. Landlines are then refused."""
    token_length: ClassVar[int | None] = None
    """The number of digits of a token. None: `TOKEN_LENGTH`."""
    approved_elsewhere: ClassVar[bool] = False
    """True if the user approves elsewhere, such as in an app, while the page waits. See `WaitingProvider`."""
    any_device: ClassVar[bool] = False
    """True if a verification accepts [any device](#several-devices-of-a-user) of the user."""
    per_session: ClassVar[bool] = False
    """True if each session has its own verification. If False, the sessions of a user share one."""
    high_entropy: ClassVar[bool] = False
    """True if tokens are too long to be guessed. See [backup methods](#a-backup-method)."""
    phishing_resistant: ClassVar[bool] = False
    """True if a token works on this site only, so that users cannot be tricked into giving it away."""
    passwordless: ClassVar[bool] = False
    """True if users can [log in without a password](#a-log-in-without-a-password) with the method."""
    is_backup: ClassVar[bool] = False
    """True for a [backup method](#a-backup-method)."""
    one_per_user: ClassVar[bool] = False
    """True if a user has at most one device of this kind: the pages offer no second one, and no name.

    Also return `NewDevice(only=True)` from `check`, so that a new device replaces the old one.
    """
    cost: ClassVar[Any] = "free"
    """The charges for a verification, for the table in the documentation."""
    message_price: ClassVar[str] = ""
    """The price of a message in US dollars, used in the daily figures and in budgets. Empty: unknown."""
    approval_price: ClassVar[str] = ""
    """The price of an approved verification in US dollars, used in the daily figures. Empty: unknown."""
    strength: ClassVar[Any] = ""
    """The class in NIST SP 800-63B-3 and OWASP ASVS 4.0.3, for the table in the documentation."""

    @property
    def transport(self) -> str:
        """The name of the group of methods that send the same code, so that users can switch between them.

        By default, the name of the method.
        """
        return self.name

    @property
    def lockout_group(self) -> str:
        """The name of the group of methods that share a count of wrong tokens.

        By default, the name of the method if it has `high_entropy`, otherwise empty. Too many wrong tokens
        lock only this group, and only in the current session. If the name is empty, they can lock the user.
        """
        return self.name if self.high_entropy else ""

    # What a subclass may override

    def get_registration_form_class(self) -> type[RegistrationForm] | None:
        """Return the form of the register page. By default, the form for `device_kind`."""
        from ..forms import REGISTRATION_FORMS

        return REGISTRATION_FORMS.get(self.device_kind or "")

    def get_token_form_class(self, verification: Verification) -> type[Form]:
        """Return the form of the verify page. Without a field `token`, `check` gets an empty token."""
        from ..forms import TokenForm

        return TokenForm

    def get_service_id(self, *, user: Any, request: Any = None, registration: bool = False) -> str:
        """Return the id of the service for a new verification, if the method uses several. By default, empty.

        The id is stored as `verification.service` (at most 64 characters). With another id, a new
        verification begins. `registration` is True if a device is being registered, or if nobody is signed in
        (`user` is None).
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
        """Return [endpoints](providers.md#an-endpoint-of-your-own) for the pages and the API."""
        return []

    def get_choice_label(self, label: str, masked: str) -> str:
        """Return the label of a choice on the start page, such as "Text message to (XXX) XXX-0143"."""
        return gettext("%(method)s to %(value)s") % {"method": label, "value": masked} if masked else label

    def diagnose(self) -> Diagnosis:
        """Ask the service behind the method whether it is set up, for `manage.py twilio_2fa_check`."""
        return Diagnosis(None, "has nothing to ask")

    def read_token(self, verification: Verification, text: str) -> str:
        """Return the token in the text that the user entered. By default, a token has `token_length` digits.

        Raises `InvalidVerificationCode` for text that cannot be a token. This does not count as an attempt.
        """
        return tokens.normalize(text, self.token_length or conf.TOKEN_LENGTH)

    # The verbs

    def start(self, verification: Verification, *, request: Any = None) -> Sent:
        """Send the first token to `verification.destination`.

        To register a device of the provider's own kind, begin the registration, and return the data that the
        user has to see.
        """
        raise NotImplementedError

    def resend(self, verification: Verification, *, request: Any = None) -> Sent:
        """Send the token again. By default, call `start`.

        Also called if another method with the same `transport` sent the first token.
        """
        return self.start(verification, request=request)

    def check(self, verification: Verification, token: str, *, request: Any = None) -> Checked:
        """Return whether the token is right. Each call counts as an attempt, and is not tried again.

        Only a call that raises `ApprovalPending` or, up to a limit, `CodeAlreadyUsed` does not count.
        """
        raise NotImplementedError

    def cancel(self, verification: Verification, *, request: Any = None) -> None:
        """Cancel the verification at the service. By default, do nothing."""

    def approve(self, verification: Verification, *, request: Any = None) -> None:
        """Tell the service that your code has called `Verifier.approve`. By default, do nothing."""

    def decoy(self, verification: Verification, *, verb: str, request: Any = None) -> None:
        """Take as long as `start` or `check` (`verb`), but send and check nothing. By default, do nothing.

        Called in place of them for a caller who is not signed in, if the user whom they name does not exist,
        cannot use the method, or has reached a limit. See below.
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

    # A ceremony, in which the client computes the token

    def get_ceremony(self, verification: Verification) -> dict[str, Any] | None:
        """Return the data from which the client computes the token, as JSON. None if the user enters a token.

        The page passes the data to the script of the method, and the API to its caller. Called again after
        each wrong token. See [ceremonies](#a-ceremony-in-the-browser).
        """
        return None

    def find_user(self, verification: Verification, token: str, *, request: Any = None) -> Any:
        """Return the primary key of the user whom a token names, for a log-in without a password.

        None if the token names no user. The token has not been checked yet.
        """
        return None

    def get_registration_data(self, verification: Verification, *, secret: dict[str, Any]) -> dict[str, Any]:
        """Return the data that an API caller shows to a user who registers. By default, `Sent.secret`."""
        return secret

    # Display

    def get_device_label(self, device: Device) -> str:
        """Return the label of a device of the provider's own kind. By default, its name or masked value."""
        return str(device)

    def get_uses_left(self, device: Device) -> int | None:
        """Return how often a device can still be used. None, the default, if that is not limited."""
        return None

    def get_device_warning(self, device: Device) -> str:
        """Return a hint to show after a device is used and in the list of devices. Empty for none."""
        return ""

    def get_device_link(self, device: Device, *, request: Any = None) -> tuple[str, str] | None:
        """Return the text and the URL of a link in the list of devices. None for no link."""
        return None

    def get_wrong_token_hint(self, verification: Verification) -> str:
        """Return a possible reason for a wrong token, to show to the user. Empty for none."""
        return ""

    def get_api_message(self, verification: Verification) -> str:
        """Return the text that responses of the API have in `display`. Empty for the default sentence."""
        return ""

    def get_verify_context(self, verification: Verification, *, secret: dict[str, Any]) -> dict[str, Any]:
        """Return additional context for the verify page. `secret` is `Sent.secret`, or empty."""
        return {}

    def display(self, *, user: Any = None, request: Any = None) -> dict[str, Any]:
        """Return `value` (the name), `label` and `icon`. Settings override the provider's label and icon."""
        shown = {"label": self.label, "icon": self.icon}
        told = conf.resolve("METHOD_DISPLAY_CB", method=self.name, user=user, request=request)
        for source in (conf.METHOD_DETAILS.get(self.name), told):
            if isinstance(source, dict):
                shown.update({k: v for k, v in source.items() if k in shown and v})
        return {"value": self.name, **shown}


class WaitingProvider(MethodProvider):
    """Base class of methods that the user approves elsewhere, without entering a token.

    Your view or webhook that receives the answer stores it with `Verification.objects.answer(…)`. The page
    that waits finds the answer, and its session is verified.
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


# Return values of the methods


@dataclass(frozen=True)
class Sent:
    """The result of a send.

    `sid`: the provider's id of the verification, if it has one. `started_at`: the start of the token's
    lifetime (aware), if not now. `data` is added to `verification.data`. `secret`: the data that the user has
    to see while registering. It is stored only in the session, until the registration ends.
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
    """True if the device replaces the user's other devices of its kind."""


@dataclass(frozen=True)
class Diagnosis:
    """The state of the service behind a method. `ok` is True if it is set up, or None if that is unknown."""

    ok: bool | None
    says: str


@dataclass(frozen=True)
class Checked:
    """The result of a check. `approved` is True if the token was right.

    `sid`: the service's id of the verification. `device`: the device to register, if its kind is the
    provider's own. `used`: the device that the token came from, for a provider with `any_device`.
    """

    approved: bool
    sid: str = ""
    device: NewDevice | None = None
    used: Device | None = None
