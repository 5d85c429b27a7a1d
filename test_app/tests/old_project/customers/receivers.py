from datetime import datetime, timedelta

from django.dispatch import receiver

from django_twilio_2fa.dispatch import twilio_2fa_set_user_data, twilio_2fa_verification_success
from django_twilio_2fa.utils import DATEFMT

from .models import Profile


@receiver(twilio_2fa_set_user_data)
def store(sender, user, field, value, **kwargs):
    if field == "phone_number":
        profile, _is_new = Profile.objects.get_or_create(user=user)
        profile.phone_number = str(value)
        profile.save()
        user.profile = profile


@receiver(twilio_2fa_verification_success)
def remember(sender, request, user, **kwargs):
    request.session["verified_until"] = (datetime.now() + timedelta(hours=1)).strftime(DATEFMT)
