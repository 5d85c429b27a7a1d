from django.urls import include, path

urlpatterns = [
    path("2fa/", include("django_twilio_2fa.urls")),
    path("sandbox/", include("django_twilio_2fa.sandbox.urls")),
]
