from django.contrib import admin
from django.http import HttpResponse
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("2fa/", include("django_twilio_2fa.urls")),
    path("api/2fa/", include("django_twilio_2fa.api.urls")),
    path("orders/", lambda request: HttpResponse("your orders"), name="orders"),
]
