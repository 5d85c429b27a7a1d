"""The demo's URLs and Django's pages to sign in and out, with which a browser can switch users."""

from demo.urls import urlpatterns as demo
from django.contrib.auth.views import LoginView, LogoutView
from django.urls import path
from django.views.decorators.csrf import csrf_protect

urlpatterns = [
    path("accounts/in/", LoginView.as_view(next_page="home")),
    path("accounts/out/", csrf_protect(LogoutView.as_view())),
    *demo,
]
