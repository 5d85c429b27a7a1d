"""Send tokens by WhatsApp."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from django_twilio_2fa.providers import Diagnosis
from django_twilio_2fa.twilio.verify import VerifyProvider


class WhatsAppProvider(VerifyProvider):
    channel = "whatsapp"
    label = _("WhatsApp")
    icon = "fab fa-whatsapp"
    order = 40
    device_kind = "phone_number"
    message_price = "0.0147"
    needs_messages = True
    # The site needs its own sender at Twilio.
    on_by_default = False
    sent_wording = _("sent by WhatsApp")
    sending_wording = _("Enter the code we sent on WhatsApp to the number ending {ending}.")
    summary = _("We send you a code on WhatsApp. You need an internet connection.")
    device_summary = _("We send a code on WhatsApp to your phone ending {ending}.")
    strength = "out-of-band authenticator, bound to a number (5.1.3); 2.7"

    def diagnose_service(self, service: Any) -> Diagnosis:
        if not hasattr(service, "whatsapp"):
            return Diagnosis(None, "this version of twilio-python does not say whether there is a sender")
        told = service.whatsapp or {}
        if told.get("msg_service_sid") or told.get("from"):
            return Diagnosis(True, "the service has a sender")
        return Diagnosis(False, "the service has no WhatsApp sender")
