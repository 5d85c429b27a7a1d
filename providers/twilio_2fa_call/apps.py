from django.apps import AppConfig


class CallConfig(AppConfig):
    name = "twilio_2fa_call"
    verbose_name = "Two-factor verification: phone call"
