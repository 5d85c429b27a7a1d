"""Verify with the codes of an authenticator app: Verify's TOTP factors. No code is sent."""

from __future__ import annotations

from contextlib import suppress
from importlib.util import find_spec
from typing import Any

from django import forms
from django.apps import apps
from django.utils.formats import date_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from django_twilio_2fa import errors
from django_twilio_2fa.authenticators import NotTaken, SharedSecret, TakesSecrets
from django_twilio_2fa.forms import RegistrationForm, TokenForm
from django_twilio_2fa.models import Device, Purpose, Verification
from django_twilio_2fa.moments import local
from django_twilio_2fa.providers import Checked, Diagnosis, MethodProvider, NewDevice, Sent
from django_twilio_2fa.providers.replay import is_used, use_once
from django_twilio_2fa.twilio.verify import FactorService

from .labels import kept_of, label_of

# Source of the lengths: Twilio's OpenAPI description of factors. This package uses the defaults.
CODE_LENGTH = 6
LONGEST_NAME = 64
PERIODS = range(20, 61)

# The number of light modules around a QR code. Source: ISO/IEC 18004.
QUIET_ZONE = 4

# A code is valid for at most five steps (a skew of two) of sixty seconds, the maximum of factors.
LONGEST_LIFE = 5 * 60


class AuthenticatorForm(RegistrationForm):
    """Ask for a name, so that users can distinguish their authenticators."""

    name = forms.CharField(
        label=_("Name for this app (optional)"),
        help_text=_("For example, work phone"),
        max_length=LONGEST_NAME,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off", "autofocus": True}),
    )


class AuthenticatorTokenForm(TokenForm):
    length = CODE_LENGTH


class FirstCodeForm(AuthenticatorTokenForm):
    """Ask for the first code of a new authenticator, without focus: it would scroll past the QR code."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["token"].widget.attrs.pop("autofocus", None)


class TOTPProvider(FactorService, TakesSecrets, MethodProvider):
    factor_type = "totp"
    label = _("Authenticator app")
    icon = "fas fa-mobile-alt"
    order = 50
    device_kind = "totp"
    sends = False
    token_length = CODE_LENGTH
    shows_secret = True
    sent_wording = _("shown by your authenticator app")
    sending_wording = _("Enter the code from your authenticator app.")
    summary = _("An app on your phone or computer shows a code. You do not need a signal.")
    device_summary = _("Open your app to see the code.")
    given_up_wording = _(
        "You did not finish setting up the app. If your app shows a new entry, delete it there."
    )
    cost = "a verification"
    approval_price = "0.05"
    strength = "one-time-password authenticator (5.1.4); 2.8"

    def why_unavailable(self, *, user: Any, request: Any = None) -> str:
        # Without the app, Django does not find the page that shows the secret.
        if not apps.is_installed("twilio_2fa_totp"):
            return "twilio_2fa_totp is not in INSTALLED_APPS"
        return "" if find_spec("segno") else "segno is not installed: pip install django-twilio-2fa[totp]"

    def get_registration_form_class(self) -> type[RegistrationForm]:
        return AuthenticatorForm

    def get_token_form_class(self, verification: Verification) -> type[TokenForm]:
        return FirstCodeForm if verification.purpose == Purpose.ENROL else AuthenticatorTokenForm

    def get_choice_label(self, label: str, masked: str) -> str:
        return errors.labelled(label, masked) if masked else label

    def diagnose(self) -> Diagnosis:
        told = (getattr(self.fetch_service(), "totp", None) or {}).get("code_length", CODE_LENGTH)
        return Diagnosis(told == CODE_LENGTH, f"authenticators of the service show {told} digits")

    # The verbs

    def start(self, verification: Verification, *, request: Any = None) -> Sent:
        if verification.purpose == Purpose.PROVE:
            return Sent()
        identity = self.identity_of(verification.user_id)
        # The app shows the label beside the service's name.
        label = label_of(verification.user, verification.device_name, request=request)
        kept = {"identity": identity, "label": kept_of(label)}
        factor = self.create_factor(kept, verification.service, friendly_name=label)
        with self.convert_errors(service=True):
            shown = {"secret": factor.binding["secret"], "uri": factor.binding["uri"]}
        return Sent(sid=factor.sid, data=kept, secret=shown)

    def resend(self, verification: Verification, *, request: Any = None) -> Sent:
        """Create a new factor, because the secret of the first one cannot be fetched again."""
        # A factor that cannot be deleted stays unverified and cannot be used.
        with suppress(errors.TwoFactorError):
            self.cancel(verification, request=request)
        return self.start(verification, request=request)

    def check(self, verification: Verification, token: str, *, request: Any = None) -> Checked:
        if verification.purpose == Purpose.ENROL:
            return self._confirm(verification, token)
        device = verification.device
        if device is None:
            raise errors.VerificationExpired
        if is_used("totp", device.value, token, seconds=LONGEST_LIFE):
            raise errors.CodeAlreadyUsed
        # A 404 means that the factor or the service does not exist any more. A new code would not help.
        with self.convert_errors(service=True):
            challenge = self.entity_of(device.data).challenges.create(
                factor_sid=device.value, auth_payload=token
            )
            same = challenge.factor_sid == device.value and challenge.identity == device.data["identity"]
            approved = challenge.status == "approved" and same
        if approved and not self._is_first(device.value, token):
            raise errors.CodeAlreadyUsed
        return Checked(approved=approved, sid=challenge.sid)

    def _is_first(self, factor: str, token: str) -> bool:
        """Mark the code as used. Return False if it was used before: RFC 6238 (5.2) requires single use."""
        return use_once("totp", factor, token, seconds=LONGEST_LIFE)

    def _confirm(self, verification: Verification, token: str) -> Checked:
        kept = {name: verification.data.get(name, "") for name in ("identity", "label")}
        kept["service"] = verification.service
        factor = self.verify_factor(kept, verification.sid, token)
        approved = self.is_verified(factor, kept, verification.sid)
        approved = approved and self._is_first(verification.sid, token)
        device = NewDevice(value=verification.sid, data=kept)
        return Checked(approved=approved, sid=verification.sid, device=device)

    # Authenticators of other packages

    def refuse_secret(self, shared: SharedSecret) -> None:
        if shared.digits != CODE_LENGTH:
            raise NotTaken(f"its codes have {shared.digits} digits")
        if shared.period not in PERIODS:
            raise NotTaken(f"its codes change every {shared.period} seconds")

    def take_secret(
        self, user: Any, shared: SharedSecret, *, name: str, service: str, at: float
    ) -> NewDevice:
        label = label_of(user, name)
        kept = {"identity": self.identity_of(user.pk), "label": kept_of(label), "service": service}
        factor = self.create_factor(
            kept,
            service,
            friendly_name=label,
            binding_secret=shared.secret,
            config_alg=shared.algorithm,
            config_time_step=shared.period,
        )
        with self.convert_errors(service=True):
            made = self.entity_of(kept).factors(factor.sid)
            done = made.update(auth_payload=shared.code(at))
        if done.status != "verified":
            with suppress(errors.TwoFactorError), self.convert_errors():
                made.delete()
            raise NotTaken("Twilio did not accept a code of it")
        return NewDevice(value=factor.sid, data=kept)

    # Display

    def get_device_label(self, device: Device) -> str:
        if device.name:
            return device.name
        added = date_format(local(device.registered_at), "SHORT_DATETIME_FORMAT")
        return gettext("Added %(when)s") % {"when": added}

    def get_wrong_token_hint(self, verification: Verification) -> str:
        if verification.attempts < 2:
            return ""
        return gettext("Wait for the next code. Check that your phone sets its date and time automatically.")

    def get_verify_context(self, verification: Verification, *, secret: dict[str, Any]) -> dict[str, Any]:
        if verification.purpose == Purpose.PROVE:
            return {"authenticator": verification.device.name if verification.device else ""}
        if not secret:
            return {}
        import segno

        picture = segno.make(secret["uri"], error="m", micro=False)
        grouped = " ".join(secret["secret"][n : n + 4] for n in range(0, len(secret["secret"]), 4))
        image = picture.svg_data_uri(scale=5, border=QUIET_ZONE, light="#fff", omitsize=False)
        # Users who have the app on the same device cannot scan the QR code. They open this link.
        opens = secret["uri"] if secret["uri"].startswith("otpauth://") else ""
        return {"qr_code": image, "secret": grouped, "app_href": opens, "message": ""}
