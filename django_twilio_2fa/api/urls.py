"""The endpoints. Include them anywhere: `path("api/2fa/", include("django_twilio_2fa.api.urls"))`."""

from django.urls import path

from . import log_in, provider_endpoints, views

app_name = "twilio_2fa_api"

ENDPOINTS = (
    ("send", views.SendView, "send"),
    ("verify", views.VerifyView, "verify"),
    ("log-in/begin", log_in.BeginLogInView, "begin_log_in"),
    ("log-in", log_in.FinishLogInView, "log_in"),
    ("cancel", views.CancelView, "cancel"),
    ("verification-methods", views.MethodsView, "methods"),
    ("set-phone-number", views.SetPhoneNumberView, "set_phone_number"),
    ("set-email", views.SetEmailView, "set_email"),
    ("register", views.RegisterDeviceView, "register"),
    ("devices", views.DevicesView, "devices"),
    ("devices/<str:device>", views.DeviceView, "device"),
    ("browsers", views.BrowsersView, "browsers"),
    ("browsers/<str:browser>", views.BrowserView, "browser"),
    ("activity", views.ActivityView, "activity"),
)

urlpatterns = [path(f"{route}/", view.as_view(), name=name) for route, view, name in ENDPOINTS]
urlpatterns += provider_endpoints.patterns()
# In 0.32, the URLs had no trailing slash, and a POST request cannot be redirected.
urlpatterns += [path(route, view.as_view(schema=None)) for route, view, name in ENDPOINTS]
