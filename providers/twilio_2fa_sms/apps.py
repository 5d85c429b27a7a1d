from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class SMSConfig(AppConfig):
    name = "twilio_2fa_sms"
    verbose_name = _("Two-factor verification: text message")
