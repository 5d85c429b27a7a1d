"""Log in on `TwoFactorLoginView` with a passkey and without a password."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.signals import user_logged_in
from django.test import Client
from twilio_2fa_passkey.testing import SoftwareAuthenticator

from django_twilio_2fa.models import Counter, Status, Verification
from django_twilio_2fa.process import passwordless
from django_twilio_2fa.signals import twilio_2fa_verification_success
from django_twilio_2fa.testing import register_device

from ..conf.shows import shows
from ..helpers import heard
from ..passkeys import begins_to_log_in, logs_in, passkeys, posts_answer
from ..people import Person
from .visitors import Visitor


@shows("PASSWORDLESS_LOGIN")
def test_a_passkey_logs_in_without_a_password(ann: Visitor, phone: SoftwareAuthenticator) -> None:
    with heard(user_logged_in) as told, heard(twilio_2fa_verification_success) as approved:
        logs_in(ann, phone)
    assert ann.path == "/page/"
    assert [event["user"] for event in told] == [ann.user]
    assert [event["method"] for event in approved] == ["passkey"]
    assert ann.client.get("/who/").json() == {"user": "ann", "verified": True}
    ann.user.refresh_from_db()
    assert ann.user.last_login
    [device] = passkeys(ann)
    assert (device.data["sign_count"], device.last_used_at is not None) == (phone.counter, True)


def test_the_session_is_verified_by_a_phishing_resistant_method(
    ann: Visitor, phone: SoftwareAuthenticator
) -> None:
    from django_twilio_2fa.access import PHISHING_RESISTANT
    from django_twilio_2fa.session import get_two_factor

    logs_in(ann, phone)
    state = get_two_factor(ann.client.get("/who/").wsgi_request)
    assert state.method == "passkey"
    assert state.satisfies(timedelta(minutes=1), PHISHING_RESISTANT)
    assert not state.satisfies(None, ["sms"])
    # The session keeps a copy, so check the row as well.
    row = Verification.objects.get(user=ann.user, details__passwordless=True)
    assert (row.status, row.verifies_session, row.device) == (Status.APPROVED, True, passkeys(ann)[0])


def test_a_script_gets_json_after_a_passkey_log_in(ann: Visitor, phone: SoftwareAuthenticator) -> None:
    asked = begins_to_log_in(ann)
    told = {"passwordless": asked["id"], "passwordless_answer": json.dumps(phone.get(asked["ceremony"]))}
    answer = ann.client.post("/in/?next=/class/", told, headers={"accept": "application/json"})
    assert (answer.status_code, answer.json()) == (200, {"signed_in": True, "url": "/class/"})
    assert ann.is_signed_in


def test_next_is_followed_after_a_passkey(ann: Visitor, phone: SoftwareAuthenticator) -> None:
    assert logs_in(ann, phone, "/in/?next=/class/%3Fa%3D1").path == "/class/"
    assert ann.page.request["QUERY_STRING"] == "a=1"


@pytest.mark.parametrize(
    ("to", "leads"),
    [
        ("https://evil.example/", "/page/"),
        ("/2fa/start/?next=/class/", "/class/"),
        ("/2fa/start/", "/page/"),
        ("/guarded/", "/guarded/"),
    ],
)
def test_next_of_the_form_is_checked(ann: Visitor, phone: SoftwareAuthenticator, to: str, leads: str) -> None:
    assert logs_in(ann, phone, data={"next": to}).path == leads


def test_a_redirect_to_an_allowed_host_works_after_a_passkey(
    ann: Visitor, phone: SoftwareAuthenticator
) -> None:
    asked = begins_to_log_in(ann, "/in/elsewhere/")
    answer = ann.client.post(
        "/in/elsewhere/",
        {"passwordless": asked["id"], "passwordless_answer": json.dumps(phone.get(asked["ceremony"]))},
    )
    assert answer["Location"] == "https://other.example/in/"


@pytest.mark.parametrize(("remember", "ends"), [("", True), ("on", False)])
def test_remember_me_works_with_a_passkey(
    ann: Visitor, phone: SoftwareAuthenticator, remember: str, ends: bool
) -> None:
    logs_in(ann, phone, "/in/remembering/", {"remember": remember})
    assert ann.is_signed_in
    assert ann.client.session.get_expire_at_browser_close() is ends


def test_the_session_key_changes_with_a_passkey(ann: Visitor, phone: SoftwareAuthenticator) -> None:
    session = ann.client.session
    session["planted"] = True
    session.save()
    ann.client.cookies["sessionid"] = first = session.session_key
    asked = begins_to_log_in(ann)
    assert ann.client.session.session_key == first
    posts_answer(ann, asked["id"], phone.get(asked["ceremony"]))
    assert ann.client.session.session_key != first
    assert not type(session)().exists(first)


def test_a_passkey_log_in_signs_out_the_previous_user(
    ann: Visitor, phone: SoftwareAuthenticator, pat: Person
) -> None:
    ann.client.force_login(pat.user)
    session = ann.client.session
    session["basket"] = "of pat"
    session.save()
    logs_in(ann, phone)
    assert ann.client.get("/who/").json() == {"user": "ann", "verified": True}
    assert "basket" not in ann.client.session


def test_a_refused_passkey_keeps_the_current_user_signed_in(
    ann: Visitor, phone: SoftwareAuthenticator, pat: Person
) -> None:
    ann.client.force_login(pat.user)
    logs_in(ann, phone, origin="https://evil.example")
    assert ann.client.get("/who/").json()["user"] == "pat"


def test_a_passkey_replaces_a_log_in_begun_with_a_password(
    ann: Visitor, phone: SoftwareAuthenticator
) -> None:
    ann.signs_in()
    assert not ann.is_signed_in
    assert logs_in(ann, phone).is_signed_in
    assert "signing_in" not in ann.client.session["twilio_2fa"]


def test_each_tab_has_its_own_passkey_ceremony(ann: Visitor, phone: SoftwareAuthenticator) -> None:
    first, second = begins_to_log_in(ann), begins_to_log_in(ann)
    assert first["ceremony"]["publicKey"]["challenge"] != second["ceremony"]["publicKey"]["challenge"]
    posts_answer(ann, first["id"], phone.get(first["ceremony"]))
    assert ann.is_signed_in


def test_a_session_keeps_a_limited_number_of_ceremonies(ann: Visitor, phone: SoftwareAuthenticator) -> None:
    first, *_ = [begins_to_log_in(ann) for _ in range(passwordless.MOST + 1)]
    assert len(ann.client.session["twilio_2fa"]["passwordless"]) == passwordless.MOST
    posts_answer(ann, first["id"], phone.get(first["ceremony"]))
    assert not ann.is_signed_in


def test_no_session_is_created_before_the_script_begins(ann: Visitor) -> None:
    ann.opens("/in/")
    assert "sessionid" not in ann.client.cookies
    assert not Verification.objects.filter(details__passwordless=True).exists()


def test_a_user_who_must_have_a_phone_adds_one_after_log_in(
    ann: Visitor, phone: SoftwareAuthenticator, site_login: Any
) -> None:
    site_login.TWILIO_2FA_USER_MUST_HAVE_PHONE = True
    logs_in(ann, phone, "/in/?next=/class/")
    assert ann.is_signed_in
    assert ann.path.startswith("/2fa/add/")
    assert ann.page.context["next_url"] == "/class/"


def test_successful_passkey_log_ins_are_not_counted(ann: Visitor, phone: SoftwareAuthenticator) -> None:
    for _ in range(12):
        assert logs_in(ann, phone).is_signed_in
        ann.client.post("/logout/")
    assert not Counter.objects.filter(scope__startswith="passwordless", n__gt=0).exists()


def test_the_page_offers_passkeys_beside_the_password(ann: Visitor) -> None:
    page = ann.opens("/in/").page.content.decode()
    assert 'autocomplete="username webauthn"' in page
    assert 'type="password"' in page
    assert "twilio_2fa_passkey/login.js" in page
    assert "Passkeys need JavaScript. Sign in with your password." in page


def test_the_password_still_works_beside_passkeys(ann: Visitor) -> None:
    assert ann.signs_in(passwordless="", passwordless_answer="").is_at("verify") or ann.is_at("start")
    assert ann.signs_in(password="wrong", passwordless="").path == "/in/"


def test_without_the_setting_passkey_log_in_is_not_offered(
    ann: Visitor, phone: SoftwareAuthenticator, site_login: Any
) -> None:
    asked = begins_to_log_in(ann)
    site_login.TWILIO_2FA_PASSWORDLESS_LOGIN = False
    page = ann.opens("/in/").page.content.decode()
    assert "passwordless" not in page
    assert "webauthn" not in page
    assert ann.client.post("/in/", {"passwordless": "begin"})["Content-Type"].startswith("text/html")
    posts_answer(ann, asked["id"], phone.get(asked["ceremony"]))
    assert not ann.is_signed_in


def test_the_setting_may_depend_on_the_request(ann: Visitor, site_login: Any) -> None:
    site_login.TWILIO_2FA_PASSWORDLESS_LOGIN = lambda request: request.get_host() == "shop.example"
    site_login.ALLOWED_HOSTS = ["*"]
    assert "passwordless" not in ann.opens("/in/").page.content.decode()
    assert "passwordless" in ann.opens("/in/", HTTP_HOST="shop.example").page.content.decode()


def test_passkey_log_in_is_not_offered_if_not_allowed(ann: Visitor, site_login: Any) -> None:
    site_login.TWILIO_2FA_ALLOWED_METHODS = ["sms"]
    assert "passwordless" not in ann.opens("/in/").page.content.decode()


def test_a_field_of_the_sites_form_is_validated(ann: Visitor, phone: SoftwareAuthenticator) -> None:
    logs_in(ann, phone, "/in/strict/", {"remember": "on"})
    assert "Ann is on holiday." in ann.text
    assert not ann.is_signed_in
    row = Verification.objects.get(details__passwordless=True)
    assert (row.status, row.error_code) == (Status.FAILED, "holiday")
    assert logs_in(ann, phone, "/in/strict/").is_signed_in


def test_with_atomic_requests_a_passkey_logs_in(
    ann: Visitor, phone: SoftwareAuthenticator, monkeypatch: Any
) -> None:
    from django.db import connection

    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
    assert logs_in(ann, phone).is_signed_in


def test_users_with_other_devices_log_in_with_a_passkey(ann: Visitor, phone: SoftwareAuthenticator) -> None:
    register_device(ann.user)
    assert logs_in(ann, phone).path == "/page/"


def test_a_log_in_page_checks_csrf(ann: Visitor, phone: SoftwareAuthenticator) -> None:
    ann.client = Client(enforce_csrf_checks=True)
    assert ann.client.post("/in/", {"passwordless": "begin"}).status_code == 403
