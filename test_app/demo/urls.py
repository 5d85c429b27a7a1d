from importlib.util import find_spec

from django.contrib import admin
from django.contrib.auth import views as auth_views
from django.urls import include, path

urlpatterns = [
    path("login/", auth_views.LoginView.as_view(), name="login"),
    path("logout/", auth_views.LogoutView.as_view(), name="logout"),
    path("admin/", admin.site.urls),
]
if find_spec("django_twilio_2fa.urls"):
    urlpatterns.append(path("2fa/", include("django_twilio_2fa.urls")))
if find_spec("django_twilio_2fa.sandbox.urls"):
    urlpatterns.append(path("sandbox/", include("django_twilio_2fa.sandbox.urls")))
if find_spec("demo.views"):
    urlpatterns.append(path("", include("demo.pages")))
