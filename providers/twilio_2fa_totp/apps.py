from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class TOTPConfig(AppConfig):
    name = "twilio_2fa_totp"
    verbose_name = _("Two-factor verification: authenticator app")
