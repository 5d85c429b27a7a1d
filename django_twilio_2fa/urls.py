"""Route to the pages: `path("2fa/", include("django_twilio_2fa.urls"))`."""

from django.urls import include, path

from .installed import get_providers
from .pages.base import protected
from .views import (
    AddWizardView,
    ChangeView,
    ChangeWizardView,
    DevicesView,
    RemoveView,
    VerificationWizardView,
)

app_name = "twilio_2fa"

urlpatterns = [
    *VerificationWizardView.urls()[0],
    path("devices/", protected(DevicesView.as_view()), name="devices"),
    path("remove/<str:device>/", protected(RemoveView.as_view()), name="remove"),
    path("change/", protected(ChangeView.as_view()), name="change"),
    path("change/<str:device>/", include(ChangeWizardView.urls(), namespace="changing")),
    path("add/", include(AddWizardView.urls(), namespace="adding")),
    *(
        path(f"{name}/", include((patterns, name)))
        for name, provider in get_providers().items()
        if (patterns := provider.get_urls())
    ),
]
