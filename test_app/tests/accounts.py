"""The demo's addresses, and Django's own pages to sign in and out, which let whoever is signed in change."""

from demo.urls import urlpatterns as demo
from django.contrib.auth.views import LoginView, LogoutView
from django.urls import path
from django.views.decorators.csrf import csrf_protect

urlpatterns = [
    path("accounts/in/", LoginView.as_view(next_page="home")),
    path("accounts/out/", csrf_protect(LogoutView.as_view())),
    *demo,
]
