"""Define the contract of a method: the class that a provider subclasses.

A provider subclasses `MethodProvider`, names its data and implements the four verbs. To use it, register
it under the method's name as an entry point of the group `django_twilio_2fa.providers`, or in the setting
`TWILIO_2FA_PROVIDERS`.
"""

from __future__ import annotations

import logging
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

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Sent:
    """What a provider says of a send.

    `sid`: its own id of the verification, if it has one. `started_at`: when the token's lifetime began
    (aware), if that was not now. `data` is added to `verification.data`. `secret` is what the user has to
    see while registering: the session holds it until the device is confirmed or given up, nothing else does.
    """

    sid: str = ""
    started_at: datetime | None = None
    data: dict[str, Any] | None = None
    secret: dict[str, Any] | None = None


@dataclass(frozen=True)
class NewDevice:
    """What is stored of a device of the provider's own kind once it is confirmed.

    `value` tells it from the user's other devices of the kind, and is not shown; `masked` is.
    """

    value: str
    masked: str = ""
    data: dict[str, Any] = field(default_factory=dict)
    only: bool = False
    """Whether it takes the place of whatever else of its kind the user has."""


@dataclass(frozen=True)
class Diagnosis:
    """Whether what is behind a method is set up: True, False, or None where that cannot be asked."""

    ok: bool | None
    says: str


@dataclass(frozen=True)
class Checked:
    """What a provider says of a token: whether it was right, and the `sid` that it was checked under.

    `device`: what the approval registers, for a kind of device that is the provider's own.
    """

    approved: bool
    sid: str = ""
    device: NewDevice | None = None


class MethodProvider:
    """One way to verify: what it is called, what it needs, and how it is carried out.

    The verbs raise the kit's errors (`django_twilio_2fa.errors`). They are called with no transaction and
    no lock open, so they may take their time. Counting, cooldowns and expiry are not their business.
    """

    # What a subclass declares

    name: str = ""
    """The method's name; set by the registry, from the entry point or the setting."""
    label: ClassVar[Any] = ""
    """What the method is called on the pages."""
    icon: ClassVar[str] = "fas fa-key"
    """CSS classes of its icon."""
    device_kind: ClassVar[str | None] = None
    """`phone_number`, `email`, a kind of its own, or None for a method that needs no device."""
    on_by_default: ClassVar[bool] = True
    """Whether the method is offered where `ALLOWED_METHODS` is not set."""
    position: ClassVar[int] = 100
    """Where the method stands there: those of lower numbers come first, those of the same by their names."""
    sends: ClassVar[bool] = True
    """Whether a token is sent; if not, nothing of resend and cooldown is shown."""
    sent_wording: ClassVar[Any] = _("sent")
    """How the token came: "Enter the code that was … to (XXX) XXX-0143."."""
    sending_wording: ClassVar[Any] = ""
    """A sentence in place of "Enter the code that was …", with `{value}` for where it goes."""
    resent_wording: ClassVar[Any] = ""
    """What is said after a resend; empty for "The code was sent again."."""
    give_up_wording: ClassVar[Any] = ""
    """The only way off the page that shows something while registering; empty for the usual links."""
    given_up_wording: ClassVar[Any] = ""
    """What is said to whoever leaves while registering: of what they have been shown, nothing is good."""
    shows_secret: ClassVar[bool] = False
    """Whether registering shows something that only the session which began it holds (see `Sent.secret`)."""
    needs_messages: ClassVar[bool] = False
    """Whether the destination has to be able to take a written message (a landline is not)."""
    token_length: ClassVar[int | None] = None
    """How many digits a token has; None for as many as `TOKEN_LENGTH` says."""
    waits: ClassVar[bool] = False
    """Whether it is approved elsewhere while the page waits; see `WaitingProvider`."""
    per_session: ClassVar[bool] = False
    """Whether each session has a verification of its own; a user's sessions share the others."""
    unguessable: ClassVar[bool] = False
    """Whether its tokens are too long to be guessed (64 bits and more). Then wrong ones are counted by
    session only and lock nothing else, and nothing else locks it: no stranger can close this door."""
    is_backup: ClassVar[bool] = False
    """Whether it stands in for other methods: never the first to be registered, offered once one is."""
    one_per_user: ClassVar[bool] = False
    """Whether a user has one device of the kind at most: another takes its place."""
    cost: ClassVar[Any] = _("free")
    """What a verification costs the site, for the table in the documentation."""
    strength: ClassVar[Any] = ""
    """What it is to NIST SP 800-63B-3 and OWASP ASVS 4.0.3, with the sections; for the documentation."""

    @property
    def transport(self) -> str:
        """Methods of one transport share a pending verification to one destination."""
        return self.name

    @property
    def counted_apart(self) -> str:
        """Under what name its wrong tokens are counted; empty for together with the other methods'."""
        return self.name if self.unguessable else ""

    # What a subclass may override

    def get_registration_form_class(self) -> type[RegistrationForm] | None:
        """The form that asks for a device; by default, the kit's form for the kind of device."""
        from .forms import REGISTRATION_FORMS

        return REGISTRATION_FORMS.get(self.device_kind or "")

    def get_token_form_class(self, verification: Verification) -> type[Form]:
        """The form of the verify page. One without a field `token` has an empty token checked."""
        from .forms import TokenForm

        return TokenForm

    def get_service_id(self, *, user: Any, request: Any = None, registration: bool = False) -> str:
        """Return where a new verification is kept, if there are several such places; else an empty string.

        It is stored as `verification.service` before the first send, at most 64 characters. Verifications of
        two places are apart, to the same destination too. `registration`: something is to be registered, or
        `user` is None because nobody has signed in.
        """
        return ""

    def why_unavailable(self, *, user: Any, request: Any = None) -> str:
        """Why this user cannot use the method now; empty if they can."""
        return ""

    def why_unsuitable(self, contact: Contact) -> str:
        """Why this number or address cannot be used with the method; empty if it can."""
        landline = getattr(contact, "carrier_type", None) == "landline"
        if self.needs_messages and (landline or getattr(contact, "extension", "")):
            return str(_("This number cannot receive messages."))
        return ""

    def is_usable(self, device: Device) -> bool:
        """Whether a device of the provider's own kind can be used now; it is registered all the same."""
        return True

    def get_urls(self) -> list[URLPattern]:
        """Addresses of the provider's own, under `<method>/` and in a namespace of the method's name."""
        return []

    def heading(self, label: str, masked: str) -> str:
        """The choice on the start page: "Text message to (XXX) XXX-0143"."""
        return gettext("%(method)s to %(value)s") % {"method": label, "value": masked} if masked else label

    def diagnose(self) -> Diagnosis:
        """What `manage.py twilio_2fa_check` says of the method. Raises the kit's errors."""
        return Diagnosis(None, "has nothing to ask")

    def read_token(self, verification: Verification, text: str) -> str:
        """What was typed, as `check` is to get it: by default as many digits as `token_length` says.

        Raises `InvalidVerificationCode` for what cannot be a token; that costs no attempt.
        """
        return tokens.normalize(text, self.token_length or conf.TOKEN_LENGTH)

    # The verbs

    def start(self, verification: Verification, *, request: Any = None) -> Sent:
        """Send the first token to `verification.destination`.

        With `purpose` "enrol" and a kind of device of the provider's own, begin to register one instead.
        """
        raise NotImplementedError

    def resend(self, verification: Verification, *, request: Any = None) -> Sent:
        """Send the token of a running verification again, which another method may have begun."""
        return self.start(verification, request=request)

    def check(self, verification: Verification, token: str, *, request: Any = None) -> Checked:
        """Whether the token is right. Called at most once for each attempt that is counted."""
        raise NotImplementedError

    def cancel(self, verification: Verification, *, request: Any = None) -> None:
        """Give the verification up; by default there is nothing to do."""

    def approve(self, verification: Verification, *, request: Any = None) -> None:
        """Let whatever is behind the method know that it is approved without a token."""

    def decoy(self, verification: Verification, *, verb: str, request: Any = None) -> None:
        """Take as long as the verb ("start" or "check") would, and send and check nothing.

        Called instead of it for whoever has not signed in, where what they named cannot be reached: it must
        cost nothing. By default there is nothing to do. Raises the kit's errors, as the verb would.
        """

    def is_answered(self, verification: Verification) -> bool:
        """Whether a check would bring an end to the waiting. Asked over and over, so it must cost nothing."""
        return False

    def approved(self, verification: Verification, *, request: Any = None) -> None:
        """Called once, when an approval is recorded and told; what it raises is logged and stops nothing."""

    def remove(self, device: Device) -> None:
        """Called once a device of the provider's own kind is gone; tried again by `twilio_2fa_prune`.

        `device` is not in the database any more. Raises the kit's errors.
        """

    # Display

    def describe(self, device: Device) -> str:
        """What the user sees of a device of the provider's own kind: what they call it, or what is masked."""
        return str(device)

    def advise(self, device: Device) -> str:
        """What the user should do about a device, said after its use and in the list; empty if nothing."""
        return ""

    def advise_wrong(self, verification: Verification) -> str:
        """What may be the reason for a wrong token, said with it; `verification.attempts` counts this one."""
        return ""

    def tell(self, verification: Verification) -> str:
        """What a user without the method's page is told of what has begun; empty for the kit's sentence."""
        return ""

    def get_verify_context(self, verification: Verification, *, secret: dict[str, Any]) -> dict[str, Any]:
        """What the method's own template of the verify page gets besides what every method's does."""
        return {}

    def display(self, *, user: Any = None, request: Any = None) -> dict[str, Any]:
        """`value`, `label` and `icon`, as `METHOD_DISPLAY_CB`, `METHOD_DETAILS` and the provider have it."""
        shown = {"label": self.label, "icon": self.icon}
        told = conf.resolve("METHOD_DISPLAY_CB", method=self.name, user=user, request=request)
        for source in (conf.METHOD_DETAILS.get(self.name), told):
            if isinstance(source, dict):
                shown.update({k: v for k, v in source.items() if k in shown and v})
        return {"value": self.name, **shown}


class WaitingProvider(MethodProvider):
    """Base of the methods that are approved elsewhere, with nothing to be typed.

    Whatever hears of the answer (a view, a webhook) records it with `Verification.objects.answer(…)`. The
    page that waits asks for it; the session that began the verification is the one that is verified.
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
