"""A site with every kind of view, for the tests of required verification."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.contrib import admin
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import LoginView, LogoutView
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import include, path, re_path
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.http import require_POST
from django.views.static import serve
from rest_framework.authentication import BasicAuthentication, SessionAuthentication
from rest_framework.response import Response
from rest_framework.views import APIView

from django_twilio_2fa.access import TwoFactorRequiredMixin, two_factor_exempt, two_factor_required
from django_twilio_2fa.api.permissions import IsTwoFactorVerified

HERE = str(Path(__file__).parent)

RUN: list[str] = []
"""The paths of the requests that a view has answered. A view must not run before its user is verified."""


def page(request: HttpRequest, **kwargs: Any) -> HttpResponse:
    RUN.append(request.path)
    posted = {name: value for name, value in request.POST.items() if name != "csrfmiddlewaretoken"}
    return HttpResponse(f"{request.path} {posted or ''}")


async def async_page(request: HttpRequest) -> HttpResponse:
    return page(request)


def who(request: Any) -> JsonResponse:
    return JsonResponse({"user": request.user.get_username(), "verified": request.two_factor.verified})


async def async_who(request: Any) -> JsonResponse:
    state = await request.two_factor.aload()
    return JsonResponse({"user": request.user.get_username(), "verified": state.verified})


class PageView(View):
    def get(self, request: HttpRequest) -> HttpResponse:
        return page(request)


class AsyncPageView(View):
    async def get(self, request: HttpRequest) -> HttpResponse:
        return await async_page(request)


@two_factor_exempt
class OpenView(PageView):
    pass


class NotOpenView(OpenView):
    two_factor_exempt = False


class NotOpenLoginView(LoginView):
    two_factor_exempt = False


class GuardedView(TwoFactorRequiredMixin, PageView):
    two_factor_max_age = 60

    def post(self, request: HttpRequest) -> HttpResponse:
        return page(request)


class PostOnlyView(TwoFactorRequiredMixin, View):
    two_factor_max_age = 60

    def post(self, request: HttpRequest) -> HttpResponse:
        return page(request)


class AsyncGuardedView(TwoFactorRequiredMixin, AsyncPageView):
    pass


@method_decorator(two_factor_required, name="dispatch")
class AsyncDecoratedView(AsyncPageView):
    pass


@method_decorator(two_factor_exempt, name="dispatch")
class OpenByMethodView(PageView):
    pass


class DataView(APIView):
    def get(self, request: Any) -> Response:
        RUN.append(request.path)
        return Response({"data": True})


class PermittedView(DataView):
    permission_classes = (IsTwoFactorVerified,)
    authentication_classes = (BasicAuthentication, SessionAuthentication)


class ByEmail(IsTwoFactorVerified):
    methods = ("email",)


urlpatterns = [
    path("permitted/", PermittedView.as_view()),
    path("permitted/by-email/", PermittedView.as_view(permission_classes=(ByEmail,))),
    path("", page, name="home"),
    path("page/", page),
    path("class/", PageView.as_view()),
    path("async/", async_page),
    path("async-class/", AsyncPageView.as_view()),
    path("static/secrets/", page),
    path("media/login/logout/2fa/", page),
    path("open/", two_factor_exempt(page)),
    path("open/async/", two_factor_exempt(async_page)),
    path("open/class/", OpenView.as_view()),
    path("open/method/", OpenByMethodView.as_view()),
    path("not-open/", NotOpenView.as_view()),
    path("who/", two_factor_exempt(who)),
    path("who/async/", two_factor_exempt(async_who)),
    path("data/", DataView.as_view()),
    re_path(r"^files/(?P<path>.*)$", serve, {"document_root": HERE}),
    re_path(r"^private/(?P<path>.*)$", login_required(serve), {"document_root": HERE}),
    # Views that require verification themselves.
    path("guarded/", two_factor_required(page)),
    path("guarded/async/", two_factor_required(async_page)),
    path("guarded/async-class/", AsyncGuardedView.as_view()),
    path("guarded/async-method/", AsyncDecoratedView.as_view()),
    path("guarded/open/", two_factor_exempt(two_factor_required(page))),
    path("step-up/", two_factor_required(max_age=60)(page)),
    path("step-up/async/", two_factor_required(max_age=60)(async_page)),
    path("step-up/class/", GuardedView.as_view()),
    path("step-up/post-only/", require_POST(two_factor_required(max_age=60)(page))),
    path("step-up/post-only-class/", PostOnlyView.as_view()),
    path("strong/", two_factor_required(methods=["email"])(page)),
    path("if-registered/", two_factor_required(if_registered=True)(page)),
    path("login/", LoginView.as_view(template_name="registration/login.html"), name="login"),
    path("second-login/", LoginView.as_view(template_name="registration/login.html")),
    path("second-logout/", LogoutView.as_view()),
    path("guarded-login/", NotOpenLoginView.as_view(template_name="registration/login.html")),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("2fa/", include("django_twilio_2fa.urls")),
    path("api/2fa/", include("django_twilio_2fa.api.urls")),
    path("sandbox/", include("django_twilio_2fa.sandbox.urls")),
    path("admin/", admin.site.urls),
]
