from django.http import HttpResponse
from django.urls import include, path

from django_twilio_2fa.access import two_factor_required


@two_factor_required
def secret(request):
    return HttpResponse("a secret")


urlpatterns = [
    path("2fa/", include("django_twilio_2fa.urls")),
    path("sandbox/", include("django_twilio_2fa.sandbox.urls")),
    path("secret/", secret),
]
