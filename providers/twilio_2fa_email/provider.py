"""Tokens by e-mail."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from django_twilio_2fa.providers import Diagnosis
from django_twilio_2fa.twilio.verify import VerifyProvider


class EmailProvider(VerifyProvider):
    channel = "email"
    label = _("E-mail")
    icon = "fas fa-envelope"
    device_kind = "email"
    sent_wording = _("sent by e-mail")

    def diagnose_service(self, service: Any) -> Diagnosis:
        return Diagnosis(None, "whether the service has an e-mail integration cannot be asked; see its page")
