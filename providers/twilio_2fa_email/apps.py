from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class EmailConfig(AppConfig):
    name = "twilio_2fa_email"
    verbose_name = _("Two-factor verification: e-mail")
