"""Send tokens by e-mail."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from django_twilio_2fa.providers import Diagnosis
from django_twilio_2fa.twilio.verify import VerifyProvider


class EmailProvider(VerifyProvider):
    channel = "email"
    speaks = False
    label = pgettext_lazy("method", "Email")
    icon = "fas fa-envelope"
    order = 30
    device_kind = "email"
    message_price = "0"
    cost = "a verification and an e-mail by SendGrid"
    sent_wording = _("sent by email")
    sending_wording = _("Enter the code we emailed to {value}.")
    summary = _("We email you a code.")
    device_summary = _("We email a code to {value}.")
    strength = "not an authenticator: proves access to a mailbox, not a device (5.1.3.1); 2.7.1"

    def diagnose_service(self, service: Any) -> Diagnosis:
        return Diagnosis(None, "whether the service has an e-mail integration cannot be asked; see its page")
