"""Let users approve in a registered browser or an app, with Verify's push factors and challenges."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict
from importlib.util import find_spec
from typing import Any

from django.apps import apps
from django.core.cache import cache
from django.forms import Form
from django.urls import URLPattern, path
from django.utils.formats import date_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from django_twilio_2fa import errors
from django_twilio_2fa.conf import conf
from django_twilio_2fa.forms import RegistrationForm, WaitingForm
from django_twilio_2fa.models import Device, Purpose, Verification
from django_twilio_2fa.moments import local
from django_twilio_2fa.providers import Checked, Diagnosis, Endpoint, NewDevice, Sent, WaitingProvider
from django_twilio_2fa.providers.user_agent import shown_name
from django_twilio_2fa.reverse import reverse
from django_twilio_2fa.twilio.verify import FactorService

from . import answers, challenges, keys, web_push
from .forms import BrowserForm, NoSignature, SignatureForm, check_key, read_answer

# Sources of the lengths: Twilio's OpenAPI description of factors and access tokens.
LONGEST_NAME, LONGEST_APP = 64, 100
TOKEN_LIFE = 300

SDK_VERSION = "1.0"
POLL_SECONDS = 4


class NotRegistered(errors.MethodNotAllowed):
    """Twilio does not know the factor any more."""

    message = _("That browser or app is no longer registered. Try another way.")
    try_other_method = True


class PushProvider(FactorService, WaitingProvider):
    factor_type = "push"
    label = _("Approval on a device")
    summary = _("You approve on a device, such as a browser or an app. You do not need a code.")
    device_summary = _("You approve on a device, such as a browser or an app. You do not need a code.")
    icon = "fas fa-bell"
    order = 47
    on_by_default = False
    device_kind = answers.KIND
    sent_wording = _("sent to your device")
    resent_wording = _("We sent the request again, with a new number.")
    cost = "a verification"
    approval_price = "0.05"
    strength = "out-of-band authenticator with a key of its own (5.1.3); 2.7"

    def why_unavailable(self, *, user: Any, request: Any = None) -> str:
        # Without the app, Django does not find its pages and its script.
        if not apps.is_installed("twilio_2fa_push"):
            return "twilio_2fa_push is not in INSTALLED_APPS"
        missing = [name for name in ("cryptography", "jwt") if find_spec(name) is None]
        return f"{missing[0]} is not installed: pip install django-twilio-2fa[push]" if missing else ""

    def get_urls(self) -> list[URLPattern]:
        from . import views

        return [
            path("", views.approvals, name="approvals"),
            path("worker.js", views.worker, name="worker"),
            path("webhook/", views.webhook, name="webhook"),
        ]

    def get_endpoints(self) -> list[Endpoint]:
        from .endpoints import ENDPOINTS

        return ENDPOINTS

    def get_registration_form_class(self) -> type[RegistrationForm]:
        return BrowserForm

    def get_token_form_class(self, verification: Verification) -> type[Form]:
        return SignatureForm if verification.purpose == Purpose.ENROL else WaitingForm

    def get_choice_label(self, label: str, masked: str) -> str:
        return errors.labelled(label, masked) if masked else label

    def get_service_id(self, *, user: Any, request: Any = None, registration: bool = False) -> str:
        # Registrations use the same service, because a factor is challenged where it was created.
        return super().get_service_id(user=user, request=request)

    def read_token(self, verification: Verification, text: str) -> str:
        if verification.purpose == Purpose.ENROL:
            read_answer(text)
            return text
        return ""

    def diagnose(self) -> Diagnosis:
        self.fetch_service()
        return Diagnosis(True, "needs no more than the service")

    # The verbs

    def start(self, verification: Verification, *, request: Any = None) -> Sent:
        if verification.purpose == Purpose.ENROL:
            return self._begin_registration(verification, request=request)
        try:
            asked = challenges.ask(verification, request=request)
        except (errors.VerificationExpired, errors.VerificationNotFound):
            raise NotRegistered(method=self.name) from None
        addresses = self._addresses(request)
        if verification.device is not None:
            web_push.notify(verification.device, asked, addresses.get("approvals_url", ""))
        return Sent(sid=asked.sid, data={"asked": asdict(asked), **addresses})

    def _addresses(self, request: Any) -> dict[str, str]:
        """Return the URL of the page where a browser approves, and the path to which its answer is sent."""
        if request is None:
            return {}
        page = reverse(f"{self.name}:approvals", request=request)
        answer_href = reverse(f"{self.name}:answer", request=request)
        return {"approvals_url": request.build_absolute_uri(page), "answer_href": answer_href}

    def resend(self, verification: Verification, *, request: Any = None) -> Sent:
        """Ask again. Answers to the earlier challenge are no longer accepted."""
        if verification.purpose == Purpose.ENROL:
            # A factor that cannot be deleted stays unverified and cannot be used.
            with suppress(errors.TwoFactorError):
                self.cancel(verification, request=request)
        return self.start(verification, request=request)

    def _begin_registration(self, verification: Verification, *, request: Any) -> Sent:
        identity = self.identity_of(verification.user_id)
        key = (verification.data.get("registration") or {}).get("public_key", "")
        kept = {"identity": identity, "factor_key": key}
        service = self.get_service(verification.service)
        if not kept["factor_key"]:
            with self.convert_errors(service=True):
                token = service.access_tokens.create(identity=identity, factor_type="push", ttl=TOKEN_LIFE)
                shown = {"access_token": token.token, "identity": identity, "service_sid": token.service_sid}
            return Sent(data=kept, secret=shown)
        check_key(kept["factor_key"])
        host = request.get_host() if request is not None else ""
        name = verification.device_name or gettext("Browser")
        factor = self.create_factor(
            kept,
            verification.service,
            friendly_name=name[:LONGEST_NAME],
            binding_alg="ES256",
            binding_public_key=kept["factor_key"],
            config_app_id=(host or "django-twilio-2fa")[:LONGEST_APP],
            config_notification_platform="none",
            config_sdk_version=SDK_VERSION,
        )
        return Sent(sid=factor.sid, data=kept)

    def check(self, verification: Verification, token: str, *, request: Any = None) -> Checked:
        if verification.purpose == Purpose.ENROL:
            return self._confirm(verification, read_answer(token), request=request)
        self._look(verification)
        return super().check(verification, token, request=request)

    def _confirm(self, verification: Verification, answer: dict[str, str], *, request: Any) -> Checked:
        """Return the new device, approved if the browser has signed its factor or the app verified one."""
        kept = {"identity": verification.data.get("identity", ""), "service": verification.service}
        key = verification.data.get("factor_key", "")
        if ("signature" in answer) is not bool(key) or not kept["identity"]:
            raise NoSignature
        if key:
            sid = verification.sid
            if not keys.is_signature(key, answer["signature"], sid):
                return Checked(approved=False)
            factor = self.verify_factor(kept, sid, answer["signature"])
        else:
            sid = answer["factor_sid"]
            try:
                with self.convert_errors():
                    factor = self.entity_of(kept).factors(sid).fetch()
            except errors.VerificationExpired:
                return Checked(approved=False)
        known = Device.objects.with_value(self.device_kind, sid).exists()
        approved = self.is_verified(factor, kept, sid) and not known
        data = {**kept, "public_key": key, "browser": verification.browser} if key else kept
        return Checked(approved=approved, sid=sid, device=NewDevice(value=sid, data=data))

    # Waiting

    def is_answered(self, verification: Verification) -> bool:
        # Twilio is asked at most every `POLL_SECONDS`. The webhook may be faster.
        first = cache.add(f"twilio_2fa_push:{verification.public_id}", 1, POLL_SECONDS)
        if first and verification.purpose == Purpose.PROVE:
            with suppress(errors.TwoFactorError):
                self._look(verification)
        return super().is_answered(verification)

    def _look(self, verification: Verification) -> None:
        """Ask Twilio whether an app has answered. Browsers send their answers to this site."""
        device = verification.device
        if verification.answer or device is None or "public_key" in device.data:
            return
        if not answers.store_status(verification, challenges.fetch_status(verification)):
            verification.refresh_from_db(fields=["answer"])

    # The ceremony

    def get_ceremony(self, verification: Verification) -> dict[str, Any] | None:
        """Return the factor that a browser has to sign, and its key. None for apps and after registration."""
        key = verification.data.get("factor_key", "")
        if verification.purpose != Purpose.ENROL or not key:
            return None
        return {"sign": verification.sid, "public_key": key}

    # Display

    def get_device_label(self, device: Device) -> str:
        if device.name:
            return device.name
        when = date_format(local(device.registered_at), "SHORT_DATETIME_FORMAT")
        added = gettext("added %(when)s") % {"when": when}
        browser = shown_name(device.data.get("browser", ""))
        return f"{browser}, {added}" if browser else added

    def get_device_link(self, device: Device, *, request: Any = None) -> tuple[str, str] | None:
        if "public_key" not in device.data:
            return None
        return gettext("Open approvals"), reverse(f"{self.name}:approvals", request=request)

    def get_api_message(self, verification: Verification) -> str:
        if verification.purpose == Purpose.ENROL:
            return gettext("Confirm this device. Your browser or app does this for you.")
        asked = challenges.asked_in(verification)
        told = gettext("Approve the request on your device and enter %(number)s there. Then continue here.")
        return told % {"number": asked.number if asked else ""}

    def get_verify_context(self, verification: Verification, *, secret: dict[str, Any]) -> dict[str, Any]:
        if verification.purpose == Purpose.ENROL:
            # While a device is registered, nothing is sent, and the page does not wait.
            quiet = dict.fromkeys(("approved_elsewhere", "sends", "can_resend", "sends_used_up"), False)
            return {**quiet, "message": "", "registers_browser": True}
        asked, device = challenges.asked_in(verification), verification.device
        if asked is None or device is None:
            return {}
        shown: dict[str, Any] = {
            "asked": asked,
            "device": device.name or shown_name(device.data.get("browser", "")),
        }
        if "public_key" not in device.data:
            return {**shown, "is_app": True}
        shown["approvals_url"] = verification.data.get("approvals_url", "")
        if not conf.resolve("PUSH_SILENT", user=verification.user):
            return shown
        about = {"key": device.data["public_key"], "sign": asked.signed, "number": asked.number}
        return {**shown, "silent": {**about, "href": verification.data.get("answer_href", "")}}
