from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class SandboxConfig(AppConfig):
    name = "django_twilio_2fa.sandbox"
    label = "twilio_2fa_sandbox"
    verbose_name = _("Two-factor verification: sandbox")
    default_auto_field = "django.db.models.BigAutoField"
