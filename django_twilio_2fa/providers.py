"""The contract of a method, and the registry that finds the providers.

A provider subclasses `MethodProvider`, names its data and implements the four verbs. To use it, register
it under the method's name as an entry point of the group `django_twilio_2fa.providers`, or in the setting
`TWILIO_2FA_PROVIDERS`.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar

from django.utils.module_loading import import_string
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from . import errors, registry, tokens
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


@dataclass(frozen=True)
class Broken:
    """A provider that is installed or set but cannot be used, and why."""

    name: str
    path: str
    source: str
    reason: str


@dataclass
class Registry:
    """The providers by method name, those that are broken, and where each came from."""

    providers: dict[str, MethodProvider] = field(default_factory=dict)
    broken: list[Broken] = field(default_factory=list)
    sources: dict[str, str] = field(default_factory=dict)
    apps: dict[str, str] = field(default_factory=dict)


@lru_cache(maxsize=128)
def _load(path: str) -> type[MethodProvider]:
    """The class at `package.module:Class` or `package.module.Class`. Raises whatever its import raises."""
    cls = import_string(path.replace(":", "."))
    if not (isinstance(cls, type) and issubclass(cls, MethodProvider)):
        raise TypeError(f"{path} is not a MethodProvider")
    return cls


def _add(found: Registry, name: str, path: str, source: str) -> None:
    try:
        provider = _load(path)()
    except Exception as e:
        # Somebody else's broken provider may raise anything; it costs that provider only.
        found.broken.append(Broken(name, path, source, f"{type(e).__name__}: {e}"))
        return
    provider.name = name
    found.providers[name] = provider
    found.sources[name] = source
    module = path.partition(":")[0] if ":" in path else path.rpartition(".")[0]
    found.apps[name] = module.rpartition(".")[0] or module


@lru_cache(maxsize=1)
def _installed() -> Registry:
    """The providers that are installed as entry points, read once a process."""
    found = Registry()
    by_name: dict[str, list[registry.Found]] = defaultdict(list)
    for point in registry.find():
        by_name[point.name].append(point)
    for name, points in by_name.items():
        if len(points) > 1:
            owners = " and ".join(sorted(p.distribution for p in points))
            reason = f"Claimed by {owners}; set TWILIO_2FA_PROVIDERS[{name!r}] to one of their classes"
            found.broken.append(Broken(name, points[0].path, owners, reason))
        else:
            _add(found, name, points[0].path, points[0].distribution)
    for broken in found.broken:
        logger.error("The method %s from %s cannot be used: %s", broken.name, broken.source, broken.reason)
    return found


def get_registry() -> Registry:
    """The installed providers, with those of `TWILIO_2FA_PROVIDERS` put over them."""
    installed = _installed()
    own: dict[str, str | None] = conf.PROVIDERS
    # Anything but a mapping is left to `manage.py check`, which could not run if this raised.
    if not own or not isinstance(own, dict):
        return installed
    found = Registry(
        providers={n: p for n, p in installed.providers.items() if n not in own},
        broken=[b for b in installed.broken if b.name not in own],
        sources=dict(installed.sources),
        apps=dict(installed.apps),
    )
    for name, path in own.items():
        if path is not None:
            _add(found, name, path, "TWILIO_2FA_PROVIDERS")
    return found


def why_unavailable(provider: MethodProvider, *, user: Any, request: Any = None) -> str:
    """Why a user cannot use a method now; one whose provider fails when it is asked costs that one only."""
    try:
        return provider.why_unavailable(user=user, request=request)
    except Exception as e:
        logger.exception("The provider of %s failed", provider.name)
        return f"it failed: {type(e).__name__}"


def why_unregistrable(provider: MethodProvider) -> str:
    """Why nothing can be registered for a method; empty if something can, or it needs nothing."""
    if provider.device_kind is None or provider.get_registration_form_class() is not None:
        return ""
    return f"its device_kind is {provider.device_kind!r}, for which it has no registration form"


def provider_of(kind: str) -> MethodProvider | None:
    """A provider of this kind of device, if there is one."""
    return next((p for p in get_providers().values() if p.device_kind == kind), None)


def default_methods() -> list[str]:
    """Names of the methods that are offered where `ALLOWED_METHODS` is not set."""
    found = [p for p in get_providers().values() if p.on_by_default]
    return [p.name for p in sorted(found, key=lambda p: (p.position, p.name))]


def get_providers() -> dict[str, MethodProvider]:
    """The usable providers by method name."""
    return get_registry().providers
