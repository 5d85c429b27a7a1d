"""The site with the language in its addresses."""

from django.conf.urls.i18n import i18n_patterns

from . import urls

urlpatterns = i18n_patterns(*urls.urlpatterns)
