from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class RecoveryConfig(AppConfig):
    name = "twilio_2fa_recovery"
    verbose_name = _("Recovery codes")
    default_auto_field = "django.db.models.BigAutoField"
