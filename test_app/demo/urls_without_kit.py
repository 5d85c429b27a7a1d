"""What is left of the demo without the kit, for `make bench` to compare with."""

from django.contrib import admin
from django.contrib.auth.views import LoginView
from django.urls import path

urlpatterns = [path("login/", LoginView.as_view()), path("admin/", admin.site.urls)]
