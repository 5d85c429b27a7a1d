from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class TwilioTwoFactorConfig(AppConfig):
    name = "django_twilio_2fa"
    label = "twilio_2fa"
    verbose_name = _("Two-factor verification")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from django.db.models.signals import post_delete

        from . import checks, leftovers  # noqa: F401  registers the checks

        post_delete.connect(
            leftovers.note, sender=self.get_model("Device"), dispatch_uid="twilio_2fa_leftovers"
        )
