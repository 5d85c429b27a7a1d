from django.contrib import admin
from django.contrib.auth.views import LogoutView
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from . import views

urlpatterns = [
    path("", views.HomeView.as_view(), name="home"),
    path("secret/", views.SecretView.as_view(), name="secret"),
    path("transfer/", views.transfer, name="transfer"),
    path("keys/", views.keys, name="keys"),
    path("profile/", views.profile, name="profile"),
    path("dress/", views.dress, name="dress"),
    path("mail/", views.MailView.as_view(), name="mail"),
    path("login/", views.SignInView.as_view(), name="login"),
    path("login/verified/", views.VerifiedSignInView.as_view(), name="verified-login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("2fa/", include("django_twilio_2fa.urls")),
    path("api/2fa/", include("django_twilio_2fa.api.urls")),
    path("api/verified/", views.VerifiedOnlyView.as_view(), name="verified-only"),
    path("api/demo/", views.APIDemoView.as_view(), name="api-demo"),
    path("api/token/", views.TokenView.as_view()),
    path(
        "api/docs/",
        SpectacularSwaggerSplitView.as_view(url_name="schema", template_name="demo/api_docs.html"),
        name="api-docs",
    ),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("sandbox/", include("django_twilio_2fa.sandbox.urls")),
    path("admin/", admin.site.urls),
]
