"""Tokens by e-mail."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from django_twilio_2fa.providers import Diagnosis
from django_twilio_2fa.twilio.verify import VerifyProvider


class EmailProvider(VerifyProvider):
    channel = "email"
    speaks = False
    label = _("E-mail")
    icon = "fas fa-envelope"
    position = 30
    device_kind = "email"
    cost = _("a verification and an e-mail of SendGrid's")
    sent_wording = _("sent by e-mail")
    strength = _("no authenticator: proves a mailbox, not a device (5.1.3.1); 2.7.1")

    def diagnose_service(self, service: Any) -> Diagnosis:
        return Diagnosis(None, "whether the service has an e-mail integration cannot be asked; see its page")
