"""Tokens read out in a phone call."""

from django.utils.translation import gettext_lazy as _

from django_twilio_2fa.twilio.verify import VerifyProvider


class CallProvider(VerifyProvider):
    channel = "call"
    label = _("Phone call")
    icon = "fas fa-phone"
    device_kind = "phone_number"
    sent_wording = _("read out in a phone call")
