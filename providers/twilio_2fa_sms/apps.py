from django.apps import AppConfig


class SMSConfig(AppConfig):
    name = "twilio_2fa_sms"
    verbose_name = "Two-factor verification: text message"
