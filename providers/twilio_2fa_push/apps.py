from django.apps import AppConfig


class PushConfig(AppConfig):
    name = "twilio_2fa_push"
    verbose_name = "Two-factor verification: approval in a browser or app"

    def ready(self) -> None:
        from . import checks  # noqa: F401
