"""The pages for users. Internal, except the classes that `django_twilio_2fa.views` exports."""
