"""Values of settings: plain values, callables, dotted paths, and the names of 0.32."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings

from django_twilio_2fa.contacts import PhoneNumber
from django_twilio_2fa.models import Device
from django_twilio_2fa.sandbox import messages

from ..people import EMAIL, PHONE, Person
from . import callbacks


class Rules:
    """Callbacks other than plain functions: an instance, a method and a class method."""

    def __init__(self, allowed: bool) -> None:
        self.allowed = allowed

    def __call__(self, user: Any) -> bool:
        return self.allowed

    def by_method(self, request: Any) -> bool:
        return self.allowed

    @classmethod
    def never(cls, *, user: Any) -> bool:
        return False


def takes_neither() -> bool:
    return False


def takes_both(user: Any, request: Any) -> bool:
    return bool(request.user != user)


def takes_whatever_comes(**offered: Any) -> bool:
    return set(offered) != {"user", "request"}


def has_a_default(user: Any, unheard_of: bool = False) -> bool:
    return unheard_of


def with_a_prefix(answer: bool, user: Any) -> bool:
    return answer


@pytest.mark.parametrize(
    "refuses",
    [
        takes_neither,
        takes_both,
        takes_whatever_comes,
        has_a_default,
        partial(with_a_prefix, False),
        Rules(False),
        Rules(False).by_method,
        Rules.never,
        f"{__name__}.takes_both",
    ],
)
def test_a_callable_gets_only_the_keywords_in_its_signature(sam: Person, settings: Any, refuses: Any) -> None:
    settings.TWILIO_2FA_ALLOW_USER_CB = refuses
    assert sam.opens("start").path == "/"
    settings.TWILIO_2FA_ALLOW_USER_CB = Rules(True)
    assert sam.opens("start").is_at("start")


@pytest.mark.parametrize(
    "allows",
    [
        lambda u: u.username == "sam",
        lambda person, /: person.username == "sam",
        lambda whoever, **more: whoever.username == "sam" and "user" not in more,
        lambda person, request: person.username == "sam" and request.path == "/2fa/start/",
    ],
)
def test_the_first_parameter_of_a_callback_may_have_any_name(
    sam: Person, demo: Person, settings: Any, allows: Any
) -> None:
    settings.TWILIO_2FA_ALLOW_USER_CB = allows
    assert sam.opens("start").is_at("start")
    assert not demo.opens("start").is_at("start")


def test_a_text_that_looks_like_a_dotted_path_stays_a_text(pat: Person, settings: Any) -> None:
    settings.TWILIO_2FA_SERVICE_NAME = "shop.example.com"
    pat.opens("start").picks("sms")
    assert messages.delivered(PHONE)[0]["body"].startswith("Your shop.example.com verification code")


@pytest.mark.parametrize(
    "name", ["ALLOW_USER_CB", "ALLOW_REGISTRATION", "USER_METHODS_CB", "MESSAGE_DISPLAY_CB"]
)
def test_a_dotted_path_that_cannot_be_imported_lets_nobody_in(demo: Person, settings: Any, name: str) -> None:
    setattr(settings, f"TWILIO_2FA_{name}", f"{__name__}.mispelt")
    with pytest.raises(ImproperlyConfigured, match=rf"TWILIO_2FA_{name} is '[\w.]+\.mispelt', which cannot"):
        demo.opens("start").picks("sms").registers()


def test_a_changed_setting_is_used_at_once(sam: Person) -> None:
    for wanted in (["call"], ["email", "sms"], ["whatsapp"]):
        with override_settings(TWILIO_2FA_ALLOWED_METHODS=wanted):
            assert [m for m, _detail in sam.opens("start").choices] == wanted
    assert len(sam.opens("start").choices) == 4


def number(user: Any) -> str | PhoneNumber:
    return {"plain": "+1 (202) 555-0143", "ours": PhoneNumber(PHONE, verified=True)}[user.first_name]


@pytest.mark.parametrize("kind", ["plain", "ours"])
def test_a_callback_may_return_a_string_or_our_own_type(demo: Person, settings: Any, kind: str) -> None:
    settings.TWILIO_2FA_PHONE_NUMBER_CB = number
    demo.user.first_name = kind
    demo.user.save()
    assert demo.opens("start").picks("sms").types_the_code().is_verified
    assert not Device.objects.exists()


class TestNamesOf032:
    """Settings by their names of 0.32. Each still works, and its warning says what to use instead."""

    @staticmethod
    def warns(name: str, instead: str) -> Any:
        return pytest.warns(
            DeprecationWarning, match=f"^TWILIO_2FA_{name} is deprecated, use TWILIO_2FA_{instead}.$"
        )

    @pytest.mark.parametrize(
        ("name", "callback", "stored", "shown"),
        [
            ("USER_PHONE_NUMBER_CB", "phone_of", {"first_name": PHONE}, "(XXX) XXX-0143"),
            ("USER_EMAIL_CB", "email_of", {"email": EMAIL}, "sXX@eXXXXXX.com"),
        ],
    )
    def test_callbacks_work_by_their_names_of_0_32(
        self, demo: Person, settings: Any, name: str, callback: str, stored: dict[str, str], shown: str
    ) -> None:
        vars(demo.user).update(stored)
        demo.user.save()
        setattr(settings, f"TWILIO_2FA_{name}", f"{callbacks.HERE}.{callback}")
        with self.warns(name, name.removeprefix("USER_")):
            assert {detail for _method, detail in demo.opens("start").choices} == {shown}

    def test_success_redirect_url_works_by_its_name_of_0_32(self, pat: Person, settings: Any) -> None:
        settings.TWILIO_2FA_SUCCESS_REDIRECT_URL = "secret"
        with self.warns("SUCCESS_REDIRECT_URL", "VERIFY_SUCCESS_URL"):
            assert pat.opens("start").picks("sms").types_the_code().path == "/secret/"

    def test_allow_register_works_by_its_name_of_0_32(self, demo: Person, settings: Any) -> None:
        settings.TWILIO_2FA_ALLOW_REGISTER = False
        with self.warns("ALLOW_REGISTER", "ALLOW_REGISTRATION"):
            assert demo.opens("start").is_at("failed")

    def test_the_new_name_of_a_setting_overrides_the_old_one(self, demo: Person, settings: Any) -> None:
        settings.TWILIO_2FA_ALLOW_REGISTER = False
        settings.TWILIO_2FA_ALLOW_REGISTRATION = True
        assert demo.opens("start").is_at("start")
