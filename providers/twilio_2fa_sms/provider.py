"""Send tokens by text message."""

from django.utils.translation import gettext_lazy as _

from django_twilio_2fa.twilio.verify import VerifyProvider


class SMSProvider(VerifyProvider):
    channel = "sms"
    label = _("Text message")
    icon = "fas fa-sms"
    order = 10
    device_kind = "phone_number"
    message_price = "0.0083"
    needs_messages = True
    sent_wording = _("sent by text message")
    sending_wording = _("Enter the code we texted to the number ending {ending}.")
    summary = _("We text you a code. You need a phone signal.")
    device_summary = _("We text a code to your phone ending {ending}.")
    strength = "restricted out-of-band authenticator (5.1.3.3); must not be the default (2.7.1)"
