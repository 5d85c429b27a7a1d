"""Verify with recovery codes: a set of single-use codes for users who cannot use their other methods."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote
from uuid import uuid4

from django.apps import apps
from django.db import IntegrityError, transaction
from django.forms import Form
from django.utils.formats import date_format
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from django_twilio_2fa import errors
from django_twilio_2fa.forms import RegistrationForm
from django_twilio_2fa.models import Device, Purpose, Verification
from django_twilio_2fa.moments import local
from django_twilio_2fa.notices import tell_owner
from django_twilio_2fa.providers import Checked, MethodProvider, NewDevice, Sent

from . import codes
from .signals import recovery_code_used

FEW = 3


class RecoveryCodeUsed(errors.CodeAlreadyUsed):
    """The code belongs to the user's set, and has been used before."""

    message = _("You have already used this code. Use another one from your list.")


class RecoveryProvider(MethodProvider):
    label = _("Recovery codes")
    icon = "fas fa-life-ring"
    order = 60
    device_kind = "recovery"
    sends = False
    shows_secret = True
    high_entropy = True
    per_session = True
    is_backup = True
    one_per_user = True
    summary = _("A list of codes to keep for when you cannot use your phone.")
    device_summary = _("Use one of the codes you saved.")
    give_up_wording = _("Leave without saving. These codes will not work")
    given_up_wording = _("You left without saving your recovery codes, so they will not work.")
    strength = "look-up secret of 64 bits, kept as a keyed digest (5.1.2); 2.6"

    def why_unavailable(self, *, user: Any, request: Any = None) -> str:
        if apps.is_installed("twilio_2fa_recovery"):
            return ""
        return "twilio_2fa_recovery is not in INSTALLED_APPS"

    def get_registration_form_class(self) -> type[RegistrationForm]:
        from .forms import NewCodesForm

        return NewCodesForm

    def get_token_form_class(self, verification: Verification) -> type[Form]:
        from .forms import RecoveryCodeForm, SavedForm

        return SavedForm if verification.purpose == Purpose.ENROL else RecoveryCodeForm

    def read_token(self, verification: Verification, text: str) -> str:
        return "" if verification.purpose == Purpose.ENROL else codes.normalize(text)

    # The verbs

    def start(self, verification: Verification, *, request: Any = None) -> Sent:
        if verification.purpose == Purpose.PROVE:
            return Sent()
        seed = codes.new_seed()
        return Sent(data={"codes": codes.digests_of(seed)}, secret={"seed": seed})

    def check(self, verification: Verification, token: str, *, request: Any = None) -> Checked:
        if verification.purpose == Purpose.ENROL:
            # The user enters nothing: confirming that they saved the codes is enough.
            kept = {"codes": verification.data["codes"]}
            return Checked(approved=True, device=NewDevice(value=uuid4().hex, data=kept, only=True))
        device = verification.device
        if device is None:
            raise errors.VerificationExpired
        found = codes.find(token, device.data["codes"])
        if found and not self._spend(device, found):
            raise RecoveryCodeUsed
        return Checked(approved=bool(found))

    def _spend(self, device: Device, digest: str) -> bool:
        """Mark a code as used. Return False if it was used already."""
        from .models import SpentCode

        try:
            with transaction.atomic():
                SpentCode.objects.create(device=device, digest=digest)
        except IntegrityError:
            return False
        return True

    def left(self, device: Device) -> int:
        """Return the number of unused codes of a set."""
        from .models import SpentCode

        return len(device.data.get("codes", [])) - int(SpentCode.objects.filter(device=device).count())

    def after_approval(self, verification: Verification, *, request: Any = None) -> None:
        device = verification.device
        if verification.purpose == Purpose.ENROL or device is None:
            return
        left = self.left(device)
        user = verification.user
        recovery_code_used.send_robust(sender=type(self), request=request, user=user, left=left)
        tell_owner(user, "twilio_2fa/recovery/used", left=left)

    def is_usable(self, device: Device) -> bool:
        return self.left(device) > 0

    # Display

    def get_choice_label(self, label: str, masked: str) -> str:
        return f"{label} ({masked})" if masked else label

    def get_device_label(self, device: Device) -> str:
        left = self.left(device)
        return ngettext("%(n)d left", "%(n)d left", left) % {"n": left}

    def get_uses_left(self, device: Device) -> int:
        return self.left(device)

    def get_device_warning(self, device: Device) -> str:
        left = self.left(device)
        if left > FEW:
            return ""
        text = ngettext("You have %(n)d recovery code left.", "You have %(n)d recovery codes left.", left) % {
            "n": left
        }
        if not left:
            text = gettext("You have no recovery codes left.")
        # xgettext does not find strings within f-strings.
        advice = gettext("Make new codes on the page that shows how you get codes.")
        return errors.sentences(text, advice)

    def get_api_message(self, verification: Verification) -> str:
        if verification.purpose == Purpose.ENROL:
            return gettext(
                "Save these codes, then confirm that you have them. You will not be able to see them again."
            )
        return gettext("Enter one of your recovery codes. Each works once.")

    def get_registration_data(self, verification: Verification, *, secret: dict[str, Any]) -> dict[str, Any]:
        return {"codes": codes.from_seed(secret["seed"], verification.data["codes"])} if secret else {}

    def get_verify_context(self, verification: Verification, *, secret: dict[str, Any]) -> dict[str, Any]:
        if verification.purpose != Purpose.ENROL:
            return {"message": self.get_api_message(verification)}
        shown = codes.from_seed(secret["seed"], verification.data["codes"]) if secret else []
        # The title on paper names the user, and the date shows which of several sets it is.
        made = date_format(local(verification.created_at), "DATE_FORMAT")
        user = verification.user.get_username() if verification.user else ""
        title = gettext("Recovery codes for %(user)s, made on %(date)s. Each works once.")
        title %= {"user": user, "date": made}
        text = "\n".join([title, "", *shown, ""])
        file = "data:text/plain;charset=utf-8," + quote(text)
        return {"message": "", "codes": shown, "codes_title": title, "file": file}
