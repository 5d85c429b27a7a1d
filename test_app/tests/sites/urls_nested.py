"""The URLs of the site with this package in a namespace within another namespace."""

from django.urls import include, path

from . import urls

sign_in, gate, kit = urls.urlpatterns
urlpatterns = [sign_in, gate, path("account/", include(([path("own/", include(([kit], "own")))], "account")))]
