from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CallConfig(AppConfig):
    name = "twilio_2fa_call"
    verbose_name = _("Two-factor verification: phone call")
