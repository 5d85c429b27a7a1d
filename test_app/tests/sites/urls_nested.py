"""The site with the kit in a namespace of its own, within another."""

from django.urls import include, path

from . import urls

sign_in, gate, kit = urls.urlpatterns
urlpatterns = [sign_in, gate, path("account/", include(([path("own/", include(([kit], "own")))], "account")))]
