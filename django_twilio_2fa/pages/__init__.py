"""The pages that people see. Internal, apart from the classes that `django_twilio_2fa.views` exports."""
