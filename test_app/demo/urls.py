from importlib.util import find_spec

from django.contrib import admin
from django.contrib.auth.views import LogoutView
from django.urls import include, path

urlpatterns = [
    path("logout/", LogoutView.as_view(), name="logout"),
    path("admin/", admin.site.urls),
]
if find_spec("django_twilio_2fa.access") and find_spec("django_twilio_2fa.session"):
    from . import views

    urlpatterns += [
        path("", views.HomeView.as_view(), name="home"),
        path("secret/", views.SecretView.as_view(), name="secret"),
        path("login/", views.SignInView.as_view(), name="login"),
    ]
if find_spec("django_twilio_2fa.urls"):
    urlpatterns += [path("2fa/", include("django_twilio_2fa.urls"))]
if find_spec("django_twilio_2fa.sandbox.urls"):
    urlpatterns += [path("sandbox/", include("django_twilio_2fa.sandbox.urls"))]
