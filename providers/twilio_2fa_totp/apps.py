from django.apps import AppConfig


class TOTPConfig(AppConfig):
    name = "twilio_2fa_totp"
    verbose_name = "Two-factor verification: authenticator app"
