"""Tokens by text message."""

from django.utils.translation import gettext_lazy as _

from django_twilio_2fa.twilio.verify import VerifyProvider


class SMSProvider(VerifyProvider):
    channel = "sms"
    label = _("Text message")
    icon = "fas fa-sms"
    position = 10
    device_kind = "phone_number"
    needs_messages = True
    sent_wording = _("sent by text message")
    strength = _("restricted out-of-band authenticator (5.1.3.3); not to be the default (2.7.1)")
