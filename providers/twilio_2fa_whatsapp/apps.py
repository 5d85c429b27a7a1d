from django.apps import AppConfig


class WhatsAppConfig(AppConfig):
    name = "twilio_2fa_whatsapp"
    verbose_name = "Two-factor verification: WhatsApp"
