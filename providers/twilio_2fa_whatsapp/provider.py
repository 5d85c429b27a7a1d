"""Tokens by WhatsApp."""

from django.utils.translation import gettext_lazy as _

from django_twilio_2fa.twilio.verify import VerifyProvider


class WhatsAppProvider(VerifyProvider):
    channel = "whatsapp"
    label = _("WhatsApp")
    icon = "fab fa-whatsapp"
    device_kind = "phone_number"
    needs_messages = True
    # It needs a sender of one's own at Twilio.
    on_by_default = False
    sent_wording = _("sent by WhatsApp")
