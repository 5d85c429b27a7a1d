from django.apps import AppConfig


class EmailConfig(AppConfig):
    name = "twilio_2fa_email"
    verbose_name = "Two-factor verification: e-mail"
