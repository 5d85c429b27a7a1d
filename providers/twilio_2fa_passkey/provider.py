"""Verify with passkeys: WebAuthn credentials whose public keys are stored as devices. Twilio is not used."""

from __future__ import annotations

import base64
import hashlib
import logging
import secrets
from importlib.util import find_spec
from typing import Any

from django.apps import apps
from django.forms import Form
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from django_twilio_2fa import errors
from django_twilio_2fa.conf import conf
from django_twilio_2fa.digests import digest
from django_twilio_2fa.forms import RegistrationForm
from django_twilio_2fa.models import Device, Purpose, Verification
from django_twilio_2fa.moments import local
from django_twilio_2fa.providers import Checked, MethodProvider, NewDevice, Sent

from . import answers, ceremony, relying_party
from .ceremony import Asked

logger = logging.getLogger(__name__)

LONGEST_SERVICE = 64


class NoPasskeyHere(errors.MethodNotAllowed):
    """The user's passkeys belong to other domains of the site."""

    message = _("You have no passkey for this site. Try another way.")
    try_other_method = True


class PasskeyProvider(MethodProvider):
    """Ask the browser for a passkey.

    To store passkeys elsewhere, override `start`, `get_ceremony`, `verify_registration` and
    `verify_assertion`.
    """

    label = _("Passkey")
    icon = "fas fa-fingerprint"
    order = 45
    device_kind = "passkey"
    sends = False
    any_device = True
    per_session = True
    high_entropy = True
    phishing_resistant = True
    passwordless = True
    sent_wording = _("asked for by your browser")
    summary = _("Use your fingerprint, face, PIN or security key.")
    device_summary = _("Use your fingerprint, face, PIN or security key.")
    wrong_wording = _("That passkey did not work. Try again, or try another way.")
    strength = (
        "cryptographic device with verifier impersonation resistance (5.1.7, with user verification 5.1.9; "
        "5.2.5); 2.9"
    )

    def why_unavailable(self, *, user: Any, request: Any = None) -> str:
        # Without the app, Django does not find its page and its script.
        if not apps.is_installed("twilio_2fa_passkey"):
            return "twilio_2fa_passkey is not in INSTALLED_APPS"
        if find_spec("webauthn") is None:
            return "webauthn is not installed: pip install django-twilio-2fa[passkey]"
        party = relying_party.find(request)
        if party is None:
            return "there is no request, and TWILIO_2FA_PASSKEY_RP_ID is not set"
        if relying_party.is_address(party.id):
            return "passkeys need a domain name, and this is an IP address"
        return ""

    def get_registration_form_class(self) -> type[RegistrationForm]:
        from .forms import PasskeyNameForm

        return PasskeyNameForm

    def get_token_form_class(self, verification: Verification) -> type[Form]:
        from .forms import PasskeyForm

        return PasskeyForm

    def get_service_id(self, *, user: Any, request: Any = None, registration: bool = False) -> str:
        """Return the relying party, because each domain of a site has separate verifications."""
        party = relying_party.find(request)
        id = party.id if party else ""
        return id if len(id) <= LONGEST_SERVICE else hashlib.sha256(id.encode()).hexdigest()

    def get_choice_label(self, label: str, masked: str) -> str:
        return errors.labelled(label, masked) if masked else label

    def read_token(self, verification: Verification, text: str) -> str:
        answers.parse(text)
        return text

    # The verbs

    def start(self, verification: Verification, *, request: Any = None) -> Sent:
        party = relying_party.find(request)
        if party is None:
            raise errors.MethodNotAllowed(method=self.name)
        anyone = verification.is_passwordless
        if verification.purpose == Purpose.PROVE and not anyone and not self._devices(verification, party.id):
            raise NoPasskeyHere(method=self.name)
        name = conf.resolve("SERVICE_NAME", user=verification.user, request=request)
        asked = {"rp_id": party.id, "rp_name": str(name or party.id), "origins": list(party.origins)}
        return Sent(data={"nonce": secrets.token_urlsafe(32), **asked})

    def check(self, verification: Verification, token: str, *, request: Any = None) -> Checked:
        answer = answers.parse(token)
        # The challenge was made before this attempt was counted.
        asked = self._asked(verification, verification.attempts - 1, request=request)
        if verification.purpose == Purpose.ENROL:
            device = self.verify_registration(verification, asked, answer)
            return Checked(approved=device is not None, device=device)
        used = self.verify_assertion(verification, asked, answer)
        return Checked(approved=used is not None, used=used)

    def verify_registration(
        self, verification: Verification, asked: Asked, answer: dict[str, Any]
    ) -> NewDevice | None:
        """Return the new passkey. None if the answer is not valid or the passkey is already registered."""
        kept = ceremony.verify_creation(asked, answer)
        if kept is None:
            return None
        kept["user_handle"] = self._user_handle(verification)
        value = self._value(kept["credential_id"])
        if Device.objects.with_value(self.device_kind, value).exists():
            return None
        return NewDevice(value=value, data=kept)

    def verify_assertion(
        self, verification: Verification, asked: Asked, answer: dict[str, Any]
    ) -> Device | None:
        """Return the user's passkey that answered. None if the answer is not valid."""
        known = self._devices(verification, asked.rp_id)
        device = next((d for d in known if d.data["credential_id"] == answer["id"]), None)
        found = ceremony.verify_assertion(asked, answer, device.data) if device else None
        if device is None or found is None:
            return None
        return device if self._count(device, found) else None

    def _count(self, device: Device, found: ceremony.Assertion) -> bool:
        """Store the counter of a passkey. Return False if it did not go up, as with a copy of the key.

        Passkeys that are synchronized between devices have no counter. It is always 0.
        """
        kept, counted = device.data["sign_count"], found.sign_count
        if not kept and not counted:
            return True
        data = {**device.data, "sign_count": counted, "backed_up": found.backed_up}
        # The condition also refuses the lower counter of two concurrent answers.
        if Device.objects.filter(pk=device.pk, data__sign_count__lt=counted).update(data=data):
            return True
        logger.warning(
            "The counter of passkey %s of user %s did not go up: there may be a copy of its key",
            device.pk,
            device.user_id,
        )
        return False

    def find_user(self, verification: Verification, token: str, *, request: Any = None) -> Any:
        answer = answers.parse(token)
        value = self._value(answer["id"])
        found = Device.objects.with_value(self.device_kind, value)
        handle = answer["response"].get("userHandle")
        return next((d.user_id for d in found if handle and handle == d.data.get("user_handle")), None)

    def _value(self, credential_id: str) -> str:
        # JSON may contain half of a surrogate pair, which cannot be encoded. No id of a passkey has one.
        return hashlib.sha256(credential_id.encode(errors="replace")).hexdigest()

    # The ceremony

    def get_ceremony(self, verification: Verification) -> dict[str, Any]:
        """Return `publicKey` for `navigator.credentials.create()` while registering, else for `get()`."""
        asked = self._asked(verification, verification.attempts)
        known = self._devices(verification, asked.rp_id)
        left = verification.expires_at - timezone.now()
        wait = max(0, int(left.total_seconds() * 1000))
        if verification.purpose == Purpose.PROVE:
            return {"publicKey": ceremony.request_options(asked, known=known, wait=wait)}
        options = ceremony.creation_options(
            asked,
            user=verification.user,
            user_handle=self._user_handle(verification),
            rp_name=verification.data["rp_name"],
            # The authenticator of the passkey that is being replaced may make the new one.
            known=[d for d in known if d.pk != verification.replaces_id],
            wait=wait,
        )
        return {"publicKey": options}

    def _asked(self, verification: Verification, attempt: int, *, request: Any = None) -> Asked:
        data = verification.data
        # The user may have moved to another host of the domain.
        party = relying_party.find(request) if request is not None else None
        if "nonce" not in data:
            # The verification could not be started.
            raise errors.VerificationExpired
        return Asked(
            challenge=ceremony.challenge(data["nonce"], attempt),
            rp_id=data["rp_id"],
            origins=list(party.origins) if party else data["origins"],
            # Without a password, the passkey is both factors: possession, and PIN, fingerprint or face.
            user_verification="required" if verification.is_passwordless else conf.PASSKEY_USER_VERIFICATION,
        )

    def _devices(self, verification: Verification, rp_id: str) -> list[Device]:
        """Return the user's passkeys for a relying party."""
        mine = Device.objects.filter(user=verification.user, kind=self.device_kind)
        return [device for device in mine if device.data.get("rp_id") == rp_id]

    def _user_handle(self, verification: Verification) -> str:
        """Return the WebAuthn user handle: an opaque value that is the same for all passkeys of the user."""
        mine = Device.objects.filter(user=verification.user, kind=self.device_kind)
        kept = next((d.data["user_handle"] for d in mine), "")
        handle = bytes.fromhex(digest("passkey user", verification.user_id))
        return kept or base64.urlsafe_b64encode(handle).rstrip(b"=").decode()

    # Display

    def get_device_label(self, device: Device) -> str:
        if device.name:
            return device.name
        added = date_format(local(device.registered_at), "SHORT_DATETIME_FORMAT")
        return gettext("Added %(when)s") % {"when": added}

    def get_api_message(self, verification: Verification) -> str:
        if verification.purpose == Purpose.ENROL:
            return gettext("Create a passkey. Your browser will tell you how.")
        return gettext("Use your passkey. Your browser will tell you how.")

    def get_verify_context(self, verification: Verification, *, secret: dict[str, Any]) -> dict[str, Any]:
        enrols = verification.purpose == Purpose.ENROL
        text = gettext("Your browser will ask for your fingerprint, face, PIN or security key.")
        return {"message": text, "creates_passkey": enrols}
