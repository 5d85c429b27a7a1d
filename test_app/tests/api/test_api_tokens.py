"""Verification with a token: it holds for the token, or for all tokens of its log-in, and for no other."""

from __future__ import annotations

from base64 import b64encode
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client, RequestFactory
from rest_framework.authentication import BaseAuthentication, BasicAuthentication
from rest_framework.authtoken.models import Token
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework_simplejwt.authentication import JWTAuthentication, JWTStatelessUserAuthentication
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken

from django_twilio_2fa.api.permissions import IsTwoFactorVerified
from django_twilio_2fa.models import Verification
from django_twilio_2fa.sandbox import messages

from ..conf.shows import shows
from ..people import PHONE, Person
from .test_api import Caller, refused


class ByPlace:
    """An object whose `repr` shows only its address in memory."""


class InACookie(BaseAuthentication):
    def authenticate(self, request: Any) -> Any:
        name, _dot, token = request.COOKIES.get("jwt", "").partition(".")
        user = get_user_model().objects.filter(username=name).first()
        return (user, f"{name}.{token}") if user else None


class ByAHeader(BaseAuthentication):
    """Authenticate the user named in a header. `request.auth` does not identify a credential."""

    said: Any = None

    def authenticate(self, request: Any) -> Any:
        user = get_user_model().objects.filter(username=request.META.get("HTTP_X_KEY", "")).first()
        return (user, self.said) if user else None


class ByAHeaderAndPlace(ByAHeader):
    said = ByPlace()


class Bearer(Caller):
    def __init__(self, token: Any) -> None:
        super().__init__()
        self.headers = {"HTTP_AUTHORIZATION": f"Bearer {token}"}

    def proves(self) -> Bearer:
        id = self.sends(method="sms")["verification_id"]
        assert self.verifies(id, messages.last_code(PHONE)).status_code == 200
        return self


def verified(caller: Caller, by: type[BaseAuthentication]) -> bool:
    """Return whether an endpoint of the site with the same authentication sees a verified caller."""

    class View(APIView):
        authentication_classes = (by,)
        permission_classes = (IsTwoFactorVerified,)

        def get(self, request: Any) -> Response:
            return Response({})

    request = RequestFactory().get("/", **caller.headers)
    request.COOKIES = {name: morsel.value for name, morsel in caller.client.cookies.items()}
    return bool(View.as_view()(request).status_code == 200)


@pytest.fixture
def jwt(settings: Any) -> type[JWTAuthentication]:
    path = "rest_framework_simplejwt.authentication.JWTAuthentication"
    settings.TWILIO_2FA_API_CLASSES = {"authentication": path}
    return JWTAuthentication


@shows("API_SESSION_CB")
class TestJWT:
    def test_a_jwt_is_verified_for_itself_only(self, sam: Person, jwt: Any) -> None:
        one, two = (Bearer(AccessToken.for_user(sam.user)) for _ in range(2))
        one.proves()
        assert verified(one, jwt)
        assert not verified(two, jwt)
        assert not one.client.cookies

    def test_another_user_cannot_continue_a_verification(self, sam: Person, pat: Person, jwt: Any) -> None:
        id = Bearer(AccessToken.for_user(sam.user)).sends(method="sms")["verification_id"]
        other = Bearer(AccessToken.for_user(pat.user))
        refused(other.verifies(id, messages.last_code(PHONE)), 404, "verification_not_found")
        assert Verification.objects.get().attempts == 0

    def test_an_expired_or_forged_jwt_is_refused(self, sam: Person, jwt: Any) -> None:
        token = AccessToken.for_user(sam.user)
        one = Bearer(token).proves()
        token.set_exp(lifetime=timedelta(seconds=-1))
        refused(Bearer(token).asks("send", method="sms"), 401, "user_unauthenticated")
        one.headers["HTTP_AUTHORIZATION"] += "x"
        refused(one.asks("send", method="sms"), 401, "user_unauthenticated")

    def test_a_changed_password_ends_the_verification(self, sam: Person, jwt: Any) -> None:
        one = Bearer(AccessToken.for_user(sam.user)).proves()
        sam.user.set_password("another")
        sam.user.save()
        assert not verified(one, jwt)

    def test_tokens_of_one_log_in_may_share_a_verification(
        self, sam: Person, jwt: Any, settings: Any
    ) -> None:
        settings.TWILIO_2FA_API_SESSION_CB = lambda auth: auth.get("sid")
        refresh = RefreshToken.for_user(sam.user)
        refresh["sid"] = "one"
        elsewhere = RefreshToken.for_user(sam.user)
        elsewhere["sid"] = "two"
        Bearer(refresh.access_token).proves()
        assert verified(Bearer(refresh.access_token), jwt)
        assert not verified(Bearer(elsewhere.access_token), jwt)
        assert not verified(Bearer(AccessToken.for_user(sam.user)), jwt)

    @pytest.mark.parametrize("told", [lambda: None, lambda: "", lambda: 1 / 0, lambda: ["sid"]])
    def test_without_a_log_in_id_only_the_token_is_verified(
        self, sam: Person, jwt: Any, settings: Any, told: Any
    ) -> None:
        settings.TWILIO_2FA_API_SESSION_CB = told
        one = Bearer(AccessToken.for_user(sam.user)).proves()
        assert verified(one, jwt)
        assert not verified(Bearer(AccessToken.for_user(sam.user)), jwt)


class TestOtherAuthentication:
    def test_basic_authentication_is_never_verified(self, sam: Person, settings: Any) -> None:
        settings.TWILIO_2FA_API_CLASSES = {"authentication": BasicAuthentication}
        sam.user.set_password("owl")
        sam.user.save()
        owner = Caller()
        owner.headers = {"HTTP_AUTHORIZATION": "Basic " + b64encode(b"sam:owl").decode()}
        id = owner.sends(method="sms")["verification_id"]
        assert owner.verifies(id, messages.last_code(PHONE)).status_code == 200
        # Otherwise, everybody with the password would be verified.
        assert not verified(owner, BasicAuthentication)

    def test_a_stateless_user_gets_a_401(self, sam: Person, settings: Any) -> None:
        by = JWTStatelessUserAuthentication
        settings.TWILIO_2FA_API_CLASSES = {"authentication": by}
        caller = Bearer(AccessToken.for_user(sam.user))
        refused(caller.asks("send", method="sms"), 401, "user_unauthenticated")
        assert not verified(caller, by)

    def test_the_demo_gives_a_new_token_at_each_log_in(self, sam: Person) -> None:
        sam.user.set_password("owl")
        sam.user.save()
        callers = []
        for _ in range(2):
            token = Client().post("/api/token/", {"username": "sam", "password": "owl"}).json()["token"]
            caller = Caller()
            caller.headers = {"HTTP_AUTHORIZATION": f"Token {token}"}
            if not callers:
                id = caller.sends(method="sms")["verification_id"]
                caller.verifies(id, messages.last_code(PHONE))
                assert caller.is_verified
            callers.append(caller)
        assert not any(caller.is_verified for caller in callers)

    @pytest.mark.parametrize("spelled", ["token {}", "TOKEN   {}", "Token  {} "])
    def test_spellings_of_the_header_are_the_same_token(self, sam: Person, spelled: str) -> None:
        caller = Caller("sam", token=True)
        caller.verifies(caller.sends(method="sms")["verification_id"], messages.last_code(PHONE))
        key = Token.objects.get(user=sam.user).key
        caller.headers = {"HTTP_AUTHORIZATION": spelled.format(key)}
        assert caller.is_verified

    def test_a_verification_is_bound_to_a_token_in_a_cookie(self, sam: Person, settings: Any) -> None:
        # JWTs are often kept in a cookie. A header that all callers share, such as that of a proxy, does not
        # make them share a verification.
        settings.TWILIO_2FA_API_CLASSES = {"authentication": f"{__name__}.InACookie"}
        one, two = Caller(), Caller()
        for caller, token in ((one, "first"), (two, "second")):
            caller.client.cookies["jwt"] = f"sam.{token}"
            caller.headers = {"HTTP_AUTHORIZATION": "Basic of-the-proxy"}
        id = one.sends(method="sms")["verification_id"]
        assert one.verifies(id, messages.last_code(PHONE)).status_code == 200
        assert verified(one, InACookie)
        assert not verified(two, InACookie)

    @pytest.mark.parametrize("by", [ByAHeader, ByAHeaderAndPlace])
    def test_callers_that_cannot_be_distinguished_are_not_verified(
        self, sam: Person, settings: Any, by: type[ByAHeader]
    ) -> None:
        settings.TWILIO_2FA_API_CLASSES = {"authentication": f"{__name__}.{by.__name__}"}
        caller = Caller()
        caller.headers = {"HTTP_X_KEY": "sam"}
        id = caller.sends(method="sms")["verification_id"]
        assert caller.verifies(id, messages.last_code(PHONE)).status_code == 200
        assert not verified(caller, by)

    def test_another_users_session_beside_a_key_is_not_used(
        self, sam: Person, pat: Person, settings: Any
    ) -> None:
        pat.opens("start").picks("sms").types_the_code()
        assert pat.is_verified
        settings.TWILIO_2FA_API_CLASSES = {"authentication": f"{__name__}.ByAHeader"}
        both = Caller()
        both.client = pat.client
        both.headers = {"HTTP_X_KEY": "sam"}
        both.sends(method="email")
        assert pat.is_verified
