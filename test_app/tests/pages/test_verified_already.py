"""The start page for users who are already verified, with a link to continue."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.urls import include, path

from django_twilio_2fa.access import two_factor_required
from django_twilio_2fa.views import VerificationWizardView

from ..clock import pass_time
from ..people import Person

SAYS = "We have already checked it is you"


@two_factor_required(max_age=timedelta(microseconds=1))
def strict(request: HttpRequest) -> HttpResponse:
    return HttpResponse("strict")


class Order(VerificationWizardView):
    def on_success(self, verification: Any) -> None:
        self.request.session["ordered"] = True


urlpatterns = [
    path("strict/", strict),
    path("order/2fa/", include(Order.urls(), namespace="order")),
    path("", include("demo.urls")),
]


@pytest.fixture
def verified(pat: Person, settings: Any) -> Person:
    settings.ROOT_URLCONF = __name__
    pat.opens("start").picks("sms").types_the_code()
    assert pat.is_verified
    return pat


@pytest.mark.parametrize(("address", "to"), [("/2fa/start/?next=/secret/", "/secret/"), ("/2fa/start/", "/")])
def test_start_lets_a_verified_user_continue(verified: Person, address: str, to: str) -> None:
    verified.opens(address)
    assert SAYS in verified.text
    assert f'href="{to}" data-hx-boost="false">Continue</a>' in verified.page.content.decode()
    # The user may still verify again.
    assert verified.choices
    sent = verified.has_got()
    pass_time(60)
    assert verified.picks("sms").is_at("verify")
    assert verified.has_got() == sent + 1


def test_start_sends_a_verified_user_no_code_at_once(verified: Person, settings: Any) -> None:
    settings.TWILIO_2FA_ALLOWED_METHODS = ["sms"]
    sent = verified.has_got()
    pass_time(60)
    verified.navigates("start")
    assert SAYS in verified.text
    assert verified.has_got() == sent
    # An unverified session gets a code at once.
    assert Person("pat").navigates("start").is_at("verify")
    assert verified.has_got() == sent + 1


def test_start_does_not_call_other_sessions_verified(verified: Person, demo: Person) -> None:
    assert SAYS not in Person("pat").opens("start").text
    assert SAYS not in demo.opens("start").text


def test_a_stricter_page_makes_a_verified_user_verify_again(verified: Person) -> None:
    verified.opens("/strict/")
    assert verified.is_at("start")
    assert SAYS not in verified.text


def test_a_change_makes_a_verified_user_verify_again(verified: Person) -> None:
    pass_time(601)
    verified.opens("/2fa/add/")
    assert verified.is_at("start")
    assert SAYS not in verified.text


def test_a_wizard_with_on_success_always_asks_for_a_code(verified: Person) -> None:
    assert SAYS not in verified.opens("/order/2fa/start/").text


def test_a_password_change_ends_the_verification(verified: Person) -> None:
    verified.user.set_password("another")
    verified.user.save()
    verified.client.force_login(verified.user)
    assert SAYS not in verified.opens("start").text
