"""Recovery codes: a set of single-use codes to be kept for the day when nothing else is at hand."""

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
    """A code of the user's own set that has let them in before."""

    message = _("This code has been used. Use another one from your list.")


class RecoveryProvider(MethodProvider):
    label = _("Recovery codes")
    icon = "fas fa-life-ring"
    position = 60
    device_kind = "recovery"
    sends = False
    shows_secret = True
    unguessable = True
    per_session = True
    is_backup = True
    one_per_user = True
    give_up_wording = _("Leave without saving: these codes will not work")
    given_up_wording = _("You did not save the recovery codes that you were shown, so they do not work.")
    strength = _("look-up secret of 64 bits, kept as a keyed digest (5.1.2); 2.6")

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
            # Nothing to be typed: whoever has seen the codes has them.
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
        """Use a code up; returns whether it was good still."""
        from .models import SpentCode

        try:
            with transaction.atomic():
                SpentCode.objects.create(device=device, digest=digest)
        except IntegrityError:
            return False
        return True

    def left(self, device: Device) -> int:
        """Return how many codes of a set are unused."""
        from .models import SpentCode

        return len(device.data.get("codes", [])) - int(SpentCode.objects.filter(device=device).count())

    def approved(self, verification: Verification, *, request: Any = None) -> None:
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

    def heading(self, label: str, masked: str) -> str:
        return f"{label} ({masked})" if masked else label

    def describe(self, device: Device) -> str:
        left = self.left(device)
        return ngettext("%d is left", "%d are left", left) % left

    def advise(self, device: Device) -> str:
        left = self.left(device)
        if left > FEW:
            return ""
        text = ngettext("Only %d recovery code is left.", "Only %d recovery codes are left.", left) % left
        if not left:
            text = gettext("No recovery code is left.")
        return f"{text} {gettext('Make new ones among what you have registered.')}"

    def tell(self, verification: Verification) -> str:
        return gettext("Enter one of your recovery codes. Each lets you in once.")

    def get_verify_context(self, verification: Verification, *, secret: dict[str, Any]) -> dict[str, Any]:
        if verification.purpose != Purpose.ENROL:
            return {"message": self.tell(verification)}
        shown = codes.from_seed(secret["seed"], verification.data["codes"]) if secret else []
        # On paper they have to say by themselves whose they are, and which of several sets.
        made = date_format(local(verification.created_at), "DATE_FORMAT")
        user = verification.user.get_username() if verification.user else ""
        title = gettext("Recovery codes of %(user)s, made on %(date)s. Each lets you in once.")
        title %= {"user": user, "date": made}
        text = "\n".join([title, "", *shown, ""])
        file = "data:text/plain;charset=utf-8," + quote(text)
        return {"message": "", "codes": shown, "codes_title": title, "file": file}
