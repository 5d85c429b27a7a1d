"""The API: the same process over JSON, for sessions and for tokens."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied as DjangoPermissionDenied
from django.http import Http404
from django.test import Client
from rest_framework.authtoken.models import Token

from django_twilio_2fa.models import Device, Lock, Verification
from django_twilio_2fa.sandbox import messages
from django_twilio_2fa.testing import TwilioSandbox

from ..helpers import wrong_code
from ..people import EMAIL, PHONE, Person

NEW = "+12025550147"
ERROR = {"success", "error_code", "display", "data", "blocking"}


class Caller:
    """A client of the API: with a session, with a token, or anonymous."""

    def __init__(self, username: str = "", *, token: bool = False) -> None:
        self.client = Client(enforce_csrf_checks=False)
        self.headers: dict[str, str] = {}
        if not username:
            return
        self.user = get_user_model().objects.get(username=username)
        if token:
            found, _created = Token.objects.get_or_create(user=self.user)
            self.headers = {"HTTP_AUTHORIZATION": f"Token {found.key}"}
        else:
            self.client.force_login(self.user)

    def asks(self, endpoint: str, verb: str = "post", **values: Any) -> Any:
        call = getattr(self.client, verb)
        data = {} if verb == "get" else {"data": values, "content_type": "application/json"}
        return call(f"/api/2fa/{endpoint}/", **data, **self.headers)

    def sends(self, **values: Any) -> dict[str, Any]:
        answer = self.asks("send", **values)
        assert answer.status_code == 200, answer.content
        return dict(answer.json())

    def verifies(self, id: str, code: str) -> Any:
        return self.asks("verify", verification_id=id, code=code)

    @property
    def is_verified(self) -> bool:
        return bool(self.client.get("/api/verified/", **self.headers).status_code == 200)


def refused(answer: Any, status: int, code: str) -> dict[str, Any]:
    told = dict(answer.json())
    assert (answer.status_code, told["error_code"]) == (status, code), told
    assert set(told) == ERROR
    assert told["success"] is False
    return told


@pytest.fixture(params=["session", "token"])
def caller(request: Any, sam: Person) -> Caller:
    return Caller("sam", token=request.param == "token")


class TestCodeOverTheApi:
    def test_a_code_verifies(self, caller: Caller) -> None:
        assert not caller.is_verified
        told = caller.sends(method="sms")
        assert set(told) == {
            "verification_id",
            "display",
            "can_resend_in",
            "expires_in",
            "attempts",
            "sends",
        }
        assert told["display"] == "Enter the code we texted to the number ending 0143."
        assert 25 < told["can_resend_in"] <= 30
        assert (told["attempts"], told["sends"]) == (0, 1)
        answer = caller.verifies(told["verification_id"], messages.last_code(PHONE))
        assert answer.json() == {
            "verified": True,
            "signed_in": False,
            "display": "We have checked it is you.",
            "attempts": 1,
            "sends": 1,
            "phone_required": False,
            "backups": [],
        }
        assert caller.is_verified

    def test_a_device_alone_is_enough_to_send(self, caller: Caller) -> None:
        address = Device.objects.get(kind="email")
        caller.sends(device=str(address.pk))
        assert messages.delivered()[0]["to"] == EMAIL

    def test_a_wrong_code_says_how_many_tries_are_left(self, caller: Caller) -> None:
        id = caller.sends(method="sms")["verification_id"]
        told = refused(
            caller.verifies(id, wrong_code(messages.last_code(PHONE))), 400, "invalid_verification_code"
        )
        assert told["data"] == {"attempts_left": 4}
        assert not caller.is_verified

    def test_a_code_is_read_from_a_pasted_message(self, caller: Caller) -> None:
        id = caller.asks("send", method="sms").json()["verification_id"]
        text = f"{'Your Shop verification code. ' * 20} It is: {messages.last_code(PHONE)}."
        assert caller.verifies(id, text).status_code == 200

    def test_text_that_is_not_a_code_is_not_an_attempt(self, caller: Caller) -> None:
        id = caller.sends(method="sms")["verification_id"]
        for code in ("", "owl", "1" * 300, "١٢"):
            refused(caller.verifies(id, code), 400, "invalid_verification_code")
        assert Verification.objects.get().attempts == 0

    def test_a_send_during_the_cooldown_says_when_to_retry(self, caller: Caller) -> None:
        caller.sends(method="sms")
        answer = caller.asks("send", method="sms")
        told = refused(answer, 429, "resend_cooldown")
        assert answer["Retry-After"] == str(told["data"]["can_resend_in"])

    def test_a_send_in_the_cooldown_returns_the_verification_id(self, caller: Caller) -> None:
        id = caller.sends(method="sms")["verification_id"]
        told = refused(caller.asks("send", method="sms"), 429, "resend_cooldown")
        assert told["data"]["verification_id"] == id

    def test_a_send_with_a_lost_answer_can_be_continued(self, caller: Caller) -> None:
        with TwilioSandbox().fault("hang", on="/Verifications"):
            answer = caller.asks("send", method="sms")
        assert answer.status_code == 503
        id = answer.json()["data"]["verification_id"]
        assert caller.verifies(id, messages.last_code(PHONE)).status_code == 200
        assert caller.is_verified

    def test_a_send_that_certainly_failed_gives_no_verification_id(self, caller: Caller) -> None:
        with TwilioSandbox().fault("refuse", on="/Verifications", times=0):
            answer = caller.asks("send", method="sms")
        assert answer.status_code == 503
        assert "verification_id" not in answer.json()["data"]

    def test_a_canceled_verification_cannot_be_approved(self, caller: Caller) -> None:
        id = caller.sends(method="sms")["verification_id"]
        assert caller.asks("cancel", verification_id=id).json() == {"success": True}
        refused(caller.verifies(id, messages.last_code(PHONE)), 400, "verification_expired")

    @pytest.mark.parametrize("verb", ["get", "post"])
    def test_methods_are_listed_with_their_devices(self, caller: Caller, verb: str) -> None:
        told = caller.asks("verification-methods", verb).json()["verification_methods"]
        assert list(told) == ["sms", "call", "whatsapp", "email"]
        assert set(told["sms"]) == {"value", "label", "icon", "obfuscated", "devices"}
        assert told["email"]["obfuscated"] == "sXX@eXXXXXX.com"

    def test_addresses_work_without_the_last_slash(self, sam: Person) -> None:
        caller = Caller("sam")
        answer = caller.client.post("/api/2fa/send", {"method": "sms"}, content_type="application/json")
        assert answer.status_code == 200


class TestRegister:
    @pytest.mark.parametrize("token", [False, True])
    @pytest.mark.parametrize(
        ("endpoint", "values"),
        [
            ("send", {"method": "sms", "phone_number": "202 555 0147", "phone_country": "US"}),
            ("set-phone-number", {"phone_number": NEW}),
        ],
    )
    def test_a_first_phone_number_is_registered(
        self, demo: Person, endpoint: str, values: Any, token: bool
    ) -> None:
        caller = Caller("demo", token=token)
        answer = caller.asks(endpoint, **values)
        assert answer.status_code == 200
        assert not Device.objects.exists()
        caller.verifies(answer.json()["verification_id"], messages.last_code(NEW))
        assert Device.objects.get().value == NEW
        assert caller.is_verified

    def test_a_first_email_address_is_registered(self, demo: Person) -> None:
        caller = Caller("demo")
        id = caller.asks("set-email", email="new@example.com").json()["verification_id"]
        caller.verifies(id, messages.last_code("new@example.com"))
        assert Device.objects.get().value == "new@example.com"

    def test_a_second_device_needs_a_fresh_proof(self, caller: Caller) -> None:
        refused(caller.asks("set-phone-number", phone_number=NEW), 403, "proof_required")
        refused(caller.asks("send", method="sms", phone_number=NEW), 403, "proof_required")
        id = caller.sends(method="email")["verification_id"]
        caller.verifies(id, messages.last_code(EMAIL))
        id = caller.asks("set-phone-number", phone_number=NEW).json()["verification_id"]
        caller.verifies(id, messages.last_code(NEW))
        assert Device.objects.filter(value=NEW).exists()

    @pytest.mark.parametrize(
        ("values", "code"),
        [
            ({"phone_number": "owl"}, "invalid_phone_number"),
            ({"phone_number": "+4915123456789"}, "phone_country_not_allowed"),
            ({"phone_number": "202 555 0147"}, "invalid_phone_number"),
        ],
    )
    def test_an_unusable_phone_number_is_refused(
        self, demo: Person, settings: Any, values: Any, code: str
    ) -> None:
        settings.TWILIO_2FA_PHONE_NUMBER_ALLOWED_COUNTRIES = ["US"]
        refused(Caller("demo").asks("set-phone-number", **values), 400, code)


class TestDevices:
    def test_devices_are_listed_named_and_removed(self, caller: Caller) -> None:
        listed = caller.asks("devices", "get").json()
        assert [(d["kind"], d["obfuscated"]) for d in listed] == [
            ("phone_number", "(XXX) XXX-0143"),
            ("email", "sXX@eXXXXXX.com"),
        ]
        one = f"devices/{listed[0]['id']}"
        refused(caller.asks(one, "patch", name="Work"), 403, "proof_required")
        refused(caller.asks(one, "delete"), 403, "proof_required")
        id = caller.sends(method="email")["verification_id"]
        caller.verifies(id, messages.last_code(EMAIL))
        assert caller.asks(one, "patch", name="Work").json()["name"] == "Work"
        assert caller.asks(one, "delete").json() == {"success": True}
        assert Device.objects.get().kind == "email"

    def test_the_last_device_is_removed_only_if_the_site_allows_that(
        self, db: None, pat: Person, settings: Any
    ) -> None:
        caller = Caller("pat")
        one = f"devices/{Device.objects.get().pk}"
        refused(caller.asks(one, "delete"), 409, "last_device")
        settings.TWILIO_2FA_ALLOW_REMOVE_LAST = True
        refused(caller.asks(one, "delete"), 403, "proof_required")
        caller.verifies(caller.sends(method="sms")["verification_id"], messages.last_code(PHONE))
        settings.TWILIO_2FA_ALLOW_REMOVE_LAST = False
        refused(caller.asks(one, "delete"), 409, "last_device")
        settings.TWILIO_2FA_ALLOW_REMOVE_LAST = True
        assert caller.asks(one, "delete").json() == {"success": True}

    def test_one_proof_adds_devices_until_one_is_removed(self, caller: Caller) -> None:
        caller.verifies(caller.sends(method="email")["verification_id"], messages.last_code(EMAIL))
        for number in ("+12025550147", "+12025550148"):
            id = caller.asks("set-phone-number", phone_number=number).json()["verification_id"]
            caller.verifies(id, messages.last_code(number))
        assert Device.objects.count() == 4
        late = caller.asks("set-phone-number", phone_number="+12025550149").json()["verification_id"]
        assert caller.asks(f"devices/{Device.objects.first().pk}", "delete").json() == {"success": True}
        refused(caller.verifies(late, messages.last_code("+12025550149")), 403, "proof_required")
        refused(caller.asks("set-phone-number", phone_number="+12025550149"), 403, "proof_required")

    def test_more_devices_than_allowed_are_refused(self, caller: Caller, settings: Any) -> None:
        settings.TWILIO_2FA_MAX_DEVICES = 2
        caller.verifies(caller.sends(method="email")["verification_id"], messages.last_code(EMAIL))
        refused(caller.asks("set-phone-number", phone_number="+12025550147"), 409, "too_many_devices")

    def test_another_users_device_is_not_found(self, caller: Caller, pat: Person) -> None:
        theirs = Device.objects.get(user=pat.user)
        for verb, values in (("patch", {"name": "x"}), ("delete", {})):
            refused(caller.asks(f"devices/{theirs.pk}", verb, **values), 404, "missing_user_data")
        refused(caller.asks("send", method="sms", device=str(theirs.pk)), 404, "missing_user_data")


class TestAuthentication:
    ENDPOINTS = ("send", "verify", "cancel", "verification-methods", "set-phone-number", "set-email")

    @pytest.mark.parametrize("endpoint", ENDPOINTS)
    def test_a_caller_who_is_not_signed_in_gets_a_401(self, db: None, endpoint: str) -> None:
        refused(Caller().asks(endpoint, method="sms"), 401, "user_unauthenticated")

    def test_a_wrong_api_token_gets_a_401(self, sam: Person) -> None:
        caller = Caller()
        caller.headers = {"HTTP_AUTHORIZATION": "Token owl"}
        refused(caller.asks("send", method="sms"), 401, "user_unauthenticated")

    def test_a_session_needs_a_csrf_token(self, sam: Person) -> None:
        strict = Client(enforce_csrf_checks=True)
        strict.force_login(sam.user)
        answer = strict.post("/api/2fa/send/", {"method": "sms"}, content_type="application/json")
        refused(answer, 403, "user_not_allowed")
        assert not messages.delivered()

    def test_a_user_refused_by_the_site_gets_user_not_allowed(self, caller: Caller, settings: Any) -> None:
        settings.TWILIO_2FA_ALLOW_USER_CB = lambda: False
        refused(caller.asks("send", method="sms"), 403, "user_not_allowed")

    @pytest.mark.parametrize("token", [False, True])
    def test_another_users_verification_is_not_found(self, sam: Person, pat: Person, token: bool) -> None:
        id = Caller("sam").sends(method="sms")["verification_id"]
        for endpoint, values in (("verify", {"code": messages.last_code(PHONE)}), ("cancel", {})):
            answer = Caller("pat", token=token).asks(endpoint, verification_id=id, **values)
            refused(answer, 404, "verification_not_found")
        assert Verification.objects.get().attempts == 0

    @pytest.mark.parametrize("id", ["owl", "0" * 300, "00000000-0000-0000-0000-000000000000", "\0"])
    def test_an_invalid_verification_id_gets_an_error(self, caller: Caller, id: str) -> None:
        answer = caller.verifies(id, "123456")
        assert answer.status_code in (400, 404)
        assert set(answer.json()) == ERROR

    def test_a_right_code_verifies_only_the_token_of_the_request(self, sam: Person) -> None:
        one = Caller("sam", token=True)
        id = one.sends(method="sms")["verification_id"]
        one.verifies(id, messages.last_code(PHONE))
        assert one.is_verified
        assert not Caller("sam").is_verified
        Token.objects.all().delete()
        assert not Caller("sam", token=True).is_verified

    def test_an_api_token_sets_no_cookie(self, sam: Person) -> None:
        one = Caller("sam", token=True)
        id = one.sends(method="sms")["verification_id"]
        one.verifies(id, messages.last_code(PHONE))
        assert not one.client.cookies

    @pytest.mark.parametrize("token", [False, True])
    def test_a_changed_password_ends_the_verification(self, sam: Person, token: bool) -> None:
        one = Caller("sam", token=token)
        id = one.sends(method="sms")["verification_id"]
        one.verifies(id, messages.last_code(PHONE))
        sam.user.set_password("another")
        sam.user.save()
        if not token:
            one.client.force_login(sam.user)
        assert not one.is_verified

    def test_the_api_has_the_limits_of_the_pages(self, caller: Caller, settings: Any) -> None:
        settings.TWILIO_2FA_LIMITS = {"wrong_tokens_in_a_row": 2}
        id = caller.sends(method="sms")["verification_id"]
        for _ in range(2):
            caller.verifies(id, wrong_code(messages.last_code(PHONE)))
        told = refused(caller.verifies(id, messages.last_code(PHONE)), 429, "account_locked")
        assert told["blocking"] is True
        assert Lock.objects.filter(scope="lock").exists()


class TestRegistering:
    def test_backups_are_offered_after_the_first_device_only(self, demo: Person, settings: Any) -> None:
        settings.TWILIO_2FA_ALLOWED_METHODS = ["sms", "email", "recovery"]
        caller = Caller("demo")
        id = caller.asks("set-phone-number", phone_number=NEW).json()["verification_id"]
        assert caller.verifies(id, messages.last_code(NEW)).json()["backups"] == ["recovery"]
        id = caller.asks("set-email", email="demo@example.com").json()["verification_id"]
        assert caller.verifies(id, messages.last_code("demo@example.com")).json()["backups"] == []

    def test_the_response_says_that_a_phone_is_required(self, demo: Person, settings: Any) -> None:
        caller = Caller("demo")
        id = caller.asks("set-email", email="demo@example.com").json()["verification_id"]
        settings.TWILIO_2FA_USER_MUST_HAVE_PHONE = True
        answer = caller.verifies(id, messages.last_code("demo@example.com")).json()
        assert answer["phone_required"] is True

    def test_a_corrected_registration_is_canceled(self, demo: Person) -> None:
        caller = Caller("demo")
        wrong_number, right_number = "+12025550149", NEW
        first = caller.asks("set-phone-number", phone_number=wrong_number).json()["verification_id"]
        caller.asks("set-phone-number", phone_number=right_number, instead_of=first)
        assert Verification.objects.get(public_id=first).status == "canceled"
        refused(caller.verifies(first, messages.last_code(wrong_number)), 400, "verification_expired")

    def test_only_a_registration_can_be_corrected(self, sam: Person) -> None:
        caller = Caller("sam")
        proving = caller.sends(method="email")["verification_id"]
        caller.verifies(proving, messages.last_code(EMAIL))
        proving = caller.sends(method="sms")["verification_id"]
        assert caller.asks("set-phone-number", phone_number=NEW, instead_of=proving).status_code == 200
        assert Verification.objects.get(public_id=proving).status == "pending"

    def test_another_users_registration_cannot_be_corrected(self, demo: Person, sam: Person) -> None:
        first = Caller("demo").asks("set-phone-number", phone_number=NEW).json()["verification_id"]
        caller = Caller("sam")
        id = caller.sends(method="sms")["verification_id"]
        caller.verifies(id, messages.last_code(PHONE))
        answer = caller.asks("set-phone-number", phone_number="+12025550149", instead_of=first)
        refused(answer, 404, "verification_not_found")
        assert Verification.objects.get(public_id=first).status == "pending"


class TestForNobody:
    def test_userless_verification_registers_nothing(self, db: None, settings: Any) -> None:
        settings.TWILIO_2FA_ALLOW_USERLESS = True
        caller = Caller()
        told = caller.sends(method="sms", phone_number=PHONE)
        answer = caller.verifies(told["verification_id"], messages.last_code(PHONE))
        assert answer.json()["verified"] is True
        assert not Device.objects.exists()
        assert not caller.is_verified

    def test_a_userless_verification_belongs_to_its_session(self, db: None, settings: Any) -> None:
        settings.TWILIO_2FA_ALLOW_USERLESS = True
        caller, other = Caller(), Caller()
        for client in (caller.client, other.client):
            kept = client.session
            kept["basket"] = ["owl"]
            kept.save()
        id = caller.sends(method="sms", phone_number=PHONE)["verification_id"]
        for another in (other, Caller()):
            refused(another.verifies(id, messages.last_code(PHONE)), 404, "verification_not_found")
        # The second send is a resend of the same verification.
        told = refused(caller.asks("send", method="sms", phone_number=PHONE), 429, "resend_cooldown")
        assert told["data"]["verification_id"] == id
        assert caller.verifies(id, messages.last_code(PHONE)).json()["verified"] is True
        assert caller.client.session["basket"] == ["owl"]
        assert not caller.is_verified
        # A user who signs in afterwards is not verified.
        caller.client.force_login(get_user_model().objects.create_user("sam"))
        assert not caller.is_verified

    def test_userless_sends_are_limited_by_destination_and_client(self, db: None, settings: Any) -> None:
        settings.TWILIO_2FA_ALLOW_USERLESS = True
        settings.TWILIO_2FA_CLIENT_ADDRESS_CB = lambda request: request.META["REMOTE_ADDR"]
        settings.TWILIO_2FA_LIMITS = {
            "requests_per_client": "4/h",
            "unproven_sends_per_destination": "2/h",
        }
        for _ in range(2):
            Caller().sends(method="sms", phone_number=PHONE)
        answer = Caller().asks("send", method="sms", phone_number=PHONE)
        refused(answer, 429, "max_sends_reached")
        assert int(answer["Retry-After"]) > 0
        for number in (NEW, "+12025550148"):
            Caller().sends(method="sms", phone_number=number)
        answer = Caller().asks("send", method="sms", phone_number="+12025550149")
        refused(answer, 429, "max_sends_reached")
        assert (
            Caller()
            .client.post(
                "/api/2fa/send/", {"method": "sms", "phone_number": "+12025550149"}, REMOTE_ADDR="192.0.2.9"
            )
            .json()["sends"]
            == 1
        )

    @pytest.mark.parametrize("endpoint", ["devices", "set-email", "set-phone-number"])
    def test_endpoints_about_a_user_require_a_user(self, db: None, settings: Any, endpoint: str) -> None:
        settings.TWILIO_2FA_ALLOW_USERLESS = True
        verb = "get" if endpoint == "devices" else "post"
        values = {} if verb == "get" else {"email": EMAIL, "phone_number": PHONE}
        refused(Caller().asks(endpoint, verb, **values), 401, "user_unauthenticated")


class TestShape:
    @pytest.mark.parametrize(
        "body", ["", "owl", "[]", "1", '"x"', "{", '{"method": {"a": 1}}', '{"method": ["sms"]}', "null"]
    )
    def test_an_invalid_body_is_a_malformed_request(self, caller: Caller, body: str) -> None:
        answer = caller.client.post("/api/2fa/send/", body, content_type="application/json", **caller.headers)
        refused(answer, 400, "malformed_request")

    def test_another_http_method_or_content_type_is_refused(self, caller: Caller) -> None:
        refused(caller.asks("send", "get"), 405, "malformed_request")
        answer = caller.client.post("/api/2fa/send/", "x", content_type="text/plain", **caller.headers)
        refused(answer, 415, "malformed_request")

    @pytest.mark.parametrize(
        ("body", "kind"),
        [
            ("x" * 3_000_000, "application/json"),
            ("&".join(f"a{n}=1" for n in range(1500)), "application/x-www-form-urlencoded"),
        ],
    )
    def test_bodies_too_large_or_unreadable_are_refused(self, caller: Caller, body: Any, kind: str) -> None:
        answer = caller.client.generic(
            "POST", "/api/2fa/send/", body.encode(), content_type=kind, **caller.headers
        )
        refused(answer, 400, "malformed_request")

    def test_a_body_in_a_broken_encoding_gets_an_error(self, caller: Caller) -> None:
        kind = "application/x-www-form-urlencoded; charset=punycode"
        answer = caller.client.generic("POST", "/api/2fa/send/", b"method=sms", kind, **caller.headers)
        # Python versions differ in whether they can decode this body.
        assert answer.status_code == 200 or set(answer.json()) == ERROR

    @pytest.mark.parametrize("asked", ["?format=xml", "?format=api"])
    def test_responses_are_json_whatever_the_accept_header_says(self, caller: Caller, asked: str) -> None:
        answer = caller.client.get(
            f"/api/2fa/devices/{asked}", HTTP_ACCEPT="application/xml", **caller.headers
        )
        assert (answer.status_code, answer["Content-Type"]) == (200, "application/json")

    @pytest.mark.parametrize(
        ("raised", "status", "code"),
        [(DjangoPermissionDenied, 403, "user_not_allowed"), (Http404, 404, "malformed_request")],
    )
    def test_errors_of_a_sites_permission_have_the_error_format(
        self, sam: Person, settings: Any, raised: type[Exception], status: int, code: str
    ) -> None:
        def refuses(self: Any, request: Any, view: Any) -> bool:
            raise raised

        permission = type("Refuses", (), {"has_permission": refuses})
        settings.TWILIO_2FA_API_CLASSES = {"permission": permission}
        refused(Caller("sam").asks("send", method="sms"), status, code)

    def test_a_missing_device_name_does_not_remove_the_name(self, caller: Caller) -> None:
        device = Device.objects.first()
        Device.objects.update(name="Work")
        caller.verifies(caller.sends(method="sms")["verification_id"], messages.last_code(PHONE))
        refused(caller.asks(f"devices/{device.pk}", "patch", nmae="x"), 400, "malformed_request")
        assert caller.asks(f"devices/{device.pk}", "patch", name="").status_code == 200
        assert Device.objects.get(pk=device.pk).name == ""

    def test_an_unverified_request_gets_two_factor_required(self, caller: Caller) -> None:
        answer = caller.client.get("/api/verified/", **caller.headers)
        assert (answer.status_code, answer.json()["error_code"]) == (403, "two_factor_required")

    @pytest.mark.parametrize(
        ("setting", "who", "code"),
        [
            ("ALLOW_REGISTRATION", "demo", "registration_not_allowed"),
            ("ALLOW_CHANGE", "sam", "change_not_allowed"),
        ],
    )
    def test_a_refused_registration_has_an_error_code(
        self, sam: Person, demo: Person, settings: Any, setting: str, who: str, code: str
    ) -> None:
        setattr(settings, f"TWILIO_2FA_{setting}", False)
        answer = Caller(who).asks("set-phone-number", phone_number=NEW)
        assert answer.json()["error_code"] == code

    def test_a_method_that_sends_no_code_says_what_to_do(self, sam: Person, settings: Any) -> None:
        settings.TWILIO_2FA_ALLOWED_METHODS = ["sms", "email", "link"]
        told = Caller("sam").sends(method="link")
        number = Verification.objects.get(method="link").data["number"]
        assert f"pick {number} there" in told["display"]

    def test_a_twilio_error_has_status_503(self, demo: Person) -> None:
        answer = Caller("demo").asks("set-phone-number", phone_number="+12025550160")
        refused(answer, 503, "twilio_error_20503")

    def test_api_responses_are_not_cached(self, caller: Caller) -> None:
        assert caller.asks("devices", "get")["Cache-Control"] == "no-store"

    def test_api_classes_of_the_site_are_used(self, sam: Person, settings: Any) -> None:
        settings.TWILIO_2FA_API_CLASSES = {
            "permission": "rest_framework.permissions.IsAdminUser",
            "authentication": ["rest_framework.authentication.SessionAuthentication"],
        }
        refused(Caller("sam").asks("send", method="sms"), 403, "user_not_allowed")
        # The site no longer accepts tokens.
        refused(Caller("sam", token=True).asks("send", method="sms"), 401, "user_unauthenticated")

    def test_a_throttle_of_the_site_is_used(self, sam: Person, settings: Any) -> None:
        settings.TWILIO_2FA_API_CLASSES = {"throttle": [f"{__name__}.Never"]}
        answer = Caller("sam").asks("send", method="sms")
        refused(answer, 429, "twilio_rate_limited")
        assert answer["Retry-After"] == "7"


class Never:
    def allow_request(self, request: Any, view: Any) -> bool:
        return False

    def wait(self) -> float:
        return 6.1


class TestRetryAfter:
    """The `Retry-After` header of requests over a limit."""

    def test_retry_after_is_set_when_sends_are_used_up(self, caller: Caller) -> None:
        caller.sends(method="sms")
        Verification.objects.update(sends=5, next_send_at=None)
        answer = caller.asks("send", method="sms")
        told = refused(answer, 429, "max_sends_reached")
        assert 590 <= int(answer["Retry-After"]) == told["data"]["retry_after"] <= 600

    def test_retry_after_is_set_when_attempts_are_used_up(self, caller: Caller) -> None:
        id = caller.sends(method="sms")["verification_id"]
        for _ in range(4):
            caller.verifies(id, wrong_code(messages.last_code(PHONE)))
        for _ in range(2):
            answer = caller.verifies(id, wrong_code(messages.last_code(PHONE)))
            told = refused(answer, 429, "max_attempts_reached")
            assert 590 <= int(answer["Retry-After"]) == told["data"]["retry_after"] <= 600

    @pytest.mark.parametrize(
        ("fault", "code"), [(60202, "max_attempts_reached"), (60203, "max_sends_reached")]
    )
    def test_retry_after_is_set_when_twilio_limits_requests(
        self, caller: Caller, fault: int, code: str
    ) -> None:
        if fault == 60202:
            id = caller.sends(method="sms")["verification_id"]
        with TwilioSandbox().fault(fault):
            answer = caller.verifies(id, "123456") if fault == 60202 else caller.asks("send", method="sms")
        refused(answer, 429, code)
        assert 590 <= int(answer["Retry-After"]) <= 600
