from typing import Any

from django.apps import AppConfig


class SandboxConfig(AppConfig):
    name = "django_twilio_2fa.sandbox"
    label = "twilio_2fa_sandbox"
    verbose_name = "Two-factor verification: sandbox"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from ..twilio.client import set_sandbox_http_client

        set_sandbox_http_client(_make_http_client)


def _make_http_client() -> Any:
    # Imported here, because the module imports `requests`.
    from .http import SandboxHttpClient

    return SandboxHttpClient()
