from django.apps import AppConfig


class PasskeyConfig(AppConfig):
    name = "twilio_2fa_passkey"
    verbose_name = "Two-factor verification: passkeys"
