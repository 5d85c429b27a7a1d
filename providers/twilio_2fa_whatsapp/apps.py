from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class WhatsAppConfig(AppConfig):
    name = "twilio_2fa_whatsapp"
    verbose_name = _("Two-factor verification: WhatsApp")
