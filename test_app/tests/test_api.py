"""The API: the same process over JSON, for sessions and for tokens."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied as DjangoPermissionDenied
from django.http import Http404
from django.test import Client
from rest_framework.authtoken.models import Token

from django_twilio_2fa.models import Counter, Device, Verification
from django_twilio_2fa.sandbox import messages
from django_twilio_2fa.testing import TwilioSandbox

from .people import EMAIL, PHONE, Person

NEW = "+12025550147"
ERROR = {"success", "error_code", "display", "data", "blocking"}


class Caller:
    """Somebody who speaks JSON: with a session, with a token, or as nobody."""

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


def wrong(code: str) -> str:
    return code[:-1] + str((int(code[-1]) + 1) % 10)


def refused(answer: Any, status: int, code: str) -> dict[str, Any]:
    told = dict(answer.json())
    assert (answer.status_code, told["error_code"]) == (status, code), told
    assert set(told) == ERROR
    assert told["success"] is False
    return told


@pytest.fixture(params=["session", "token"])
def caller(request: Any, sam: Person) -> Caller:
    return Caller("sam", token=request.param == "token")


class TestTheWayThrough:
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
        assert told["display"] == "Enter the code that was sent by text message to (XXX) XXX-0143."
        assert 25 < told["can_resend_in"] <= 30
        assert (told["attempts"], told["sends"]) == (0, 1)
        answer = caller.verifies(told["verification_id"], messages.last_code(PHONE))
        assert answer.json() == {
            "verified": True,
            "display": "You are verified.",
            "attempts": 1,
            "sends": 1,
        }
        assert caller.is_verified

    def test_by_a_device_alone(self, caller: Caller) -> None:
        address = Device.objects.get(kind="email")
        caller.sends(device=str(address.pk))
        assert messages.delivered()[0]["to"] == EMAIL

    def test_a_wrong_code_says_how_many_tries_are_left(self, caller: Caller) -> None:
        id = caller.sends(method="sms")["verification_id"]
        told = refused(
            caller.verifies(id, wrong(messages.last_code(PHONE))), 400, "invalid_verification_code"
        )
        assert told["data"] == {"attempts_left": 4}
        assert not caller.is_verified

    def test_a_whole_message_is_read(self, caller: Caller) -> None:
        id = caller.asks("send", method="sms").json()["verification_id"]
        text = f"{'Your Shop verification code. ' * 20} It is: {messages.last_code(PHONE)}."
        assert caller.verifies(id, text).status_code == 200

    def test_what_is_no_code_costs_nothing(self, caller: Caller) -> None:
        id = caller.sends(method="sms")["verification_id"]
        for code in ("", "owl", "1" * 300, "١٢"):
            refused(caller.verifies(id, code), 400, "invalid_verification_code")
        assert Verification.objects.get().attempts == 0

    def test_too_soon_says_when(self, caller: Caller) -> None:
        caller.sends(method="sms")
        answer = caller.asks("send", method="sms")
        told = refused(answer, 429, "resend_cooldown")
        assert answer["Retry-After"] == str(told["data"]["can_resend_in"])

    def test_whoever_has_lost_the_answer_is_told_again_what_to_go_on_with(self, caller: Caller) -> None:
        id = caller.sends(method="sms")["verification_id"]
        told = refused(caller.asks("send", method="sms"), 429, "resend_cooldown")
        assert told["data"]["verification_id"] == id

    def test_a_send_that_nobody_knows_of_can_be_gone_on_with(self, caller: Caller) -> None:
        with TwilioSandbox().fault("hang", on="/Verifications"):
            answer = caller.asks("send", method="sms")
        assert answer.status_code == 503
        id = answer.json()["data"]["verification_id"]
        assert caller.verifies(id, messages.last_code(PHONE)).status_code == 200
        assert caller.is_verified

    def test_one_that_certainly_failed_cannot(self, caller: Caller) -> None:
        with TwilioSandbox().fault("refuse", on="/Verifications", times=0):
            answer = caller.asks("send", method="sms")
        assert answer.status_code == 503
        assert "verification_id" not in answer.json()["data"]

    def test_canceled_is_over(self, caller: Caller) -> None:
        id = caller.sends(method="sms")["verification_id"]
        assert caller.asks("cancel", verification_id=id).json() == {"success": True}
        refused(caller.verifies(id, messages.last_code(PHONE)), 400, "verification_expired")

    @pytest.mark.parametrize("verb", ["get", "post"])
    def test_what_there_is(self, caller: Caller, verb: str) -> None:
        told = caller.asks("verification-methods", verb).json()["verification_methods"]
        assert list(told) == ["sms", "call", "whatsapp", "email"]
        assert set(told["sms"]) == {"value", "label", "icon", "obfuscated", "devices"}
        assert told["email"]["obfuscated"] == "sXX@eXXXXXX.com"

    def test_without_the_last_slash_as_it_was(self, sam: Person) -> None:
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
    def test_a_first_number(self, demo: Person, endpoint: str, values: Any, token: bool) -> None:
        caller = Caller("demo", token=token)
        answer = caller.asks(endpoint, **values)
        assert answer.status_code == 200
        assert not Device.objects.exists()
        caller.verifies(answer.json()["verification_id"], messages.last_code(NEW))
        assert Device.objects.get().value == NEW
        assert caller.is_verified

    def test_a_first_address(self, demo: Person) -> None:
        caller = Caller("demo")
        id = caller.asks("set-email", email="new@example.com").json()["verification_id"]
        caller.verifies(id, messages.last_code("new@example.com"))
        assert Device.objects.get().value == "new@example.com"

    def test_another_takes_a_fresh_proof_and_verifies_nobody(self, caller: Caller) -> None:
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
    def test_what_is_no_number(self, demo: Person, settings: Any, values: Any, code: str) -> None:
        settings.TWILIO_2FA_PHONE_NUMBER_ALLOWED_COUNTRIES = ["US"]
        refused(Caller("demo").asks("set-phone-number", **values), 400, code)


class TestDevices:
    def test_they_are_listed_named_and_removed(self, caller: Caller) -> None:
        listed = caller.asks("devices", "get").json()
        assert [(d["kind"], d["obfuscated"]) for d in listed] == [
            ("phone_number", "(XXX) XXX-0143"),
            ("email", "sXX@eXXXXXX.com"),
        ]
        one = f"devices/{listed[0]['id']}"
        assert caller.asks(one, "patch", name="Work").json()["name"] == "Work"
        refused(caller.asks(one, "delete"), 403, "proof_required")
        id = caller.sends(method="email")["verification_id"]
        caller.verifies(id, messages.last_code(EMAIL))
        assert caller.asks(one, "delete").json() == {"success": True}
        assert Device.objects.get().kind == "email"

    def test_the_last_one_stays_unless_the_site_allows_it(self, db: None, pat: Person, settings: Any) -> None:
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

    def test_one_proof_adds_several_until_something_is_removed(self, caller: Caller) -> None:
        caller.verifies(caller.sends(method="email")["verification_id"], messages.last_code(EMAIL))
        for number in ("+12025550147", "+12025550148"):
            id = caller.asks("set-phone-number", phone_number=number).json()["verification_id"]
            caller.verifies(id, messages.last_code(number))
        assert Device.objects.count() == 4
        late = caller.asks("set-phone-number", phone_number="+12025550149").json()["verification_id"]
        assert caller.asks(f"devices/{Device.objects.first().pk}", "delete").json() == {"success": True}
        refused(caller.verifies(late, messages.last_code("+12025550149")), 403, "proof_required")
        refused(caller.asks("set-phone-number", phone_number="+12025550149"), 403, "proof_required")

    def test_more_than_a_user_may_have_are_refused(self, caller: Caller, settings: Any) -> None:
        settings.TWILIO_2FA_MAX_DEVICES = 2
        caller.verifies(caller.sends(method="email")["verification_id"], messages.last_code(EMAIL))
        refused(caller.asks("set-phone-number", phone_number="+12025550147"), 409, "too_many_devices")

    def test_another_users_is_none(self, caller: Caller, pat: Person) -> None:
        theirs = Device.objects.get(user=pat.user)
        for verb, values in (("patch", {"name": "x"}), ("delete", {})):
            refused(caller.asks(f"devices/{theirs.pk}", verb, **values), 404, "missing_user_data")
        refused(caller.asks("send", method="sms", device=str(theirs.pk)), 404, "missing_user_data")


class TestWhoAsks:
    ENDPOINTS = ("send", "verify", "cancel", "verification-methods", "set-phone-number", "set-email")

    @pytest.mark.parametrize("endpoint", ENDPOINTS)
    def test_nobody_is_told_to_sign_in(self, db: None, endpoint: str) -> None:
        refused(Caller().asks(endpoint, method="sms"), 401, "user_unauthenticated")

    def test_a_wrong_token_is_nobody(self, sam: Person) -> None:
        caller = Caller()
        caller.headers = {"HTTP_AUTHORIZATION": "Token owl"}
        refused(caller.asks("send", method="sms"), 401, "user_unauthenticated")

    def test_a_session_needs_its_csrf_token(self, sam: Person) -> None:
        strict = Client(enforce_csrf_checks=True)
        strict.force_login(sam.user)
        answer = strict.post("/api/2fa/send/", {"method": "sms"}, content_type="application/json")
        refused(answer, 403, "user_not_allowed")
        assert not messages.delivered()

    def test_a_user_who_is_kept_out(self, caller: Caller, settings: Any) -> None:
        settings.TWILIO_2FA_ALLOW_USER_CB = lambda: False
        refused(caller.asks("send", method="sms"), 403, "user_not_allowed")

    @pytest.mark.parametrize("token", [False, True])
    def test_another_users_verification_is_none(self, sam: Person, pat: Person, token: bool) -> None:
        id = Caller("sam").sends(method="sms")["verification_id"]
        for endpoint, values in (("verify", {"code": messages.last_code(PHONE)}), ("cancel", {})):
            answer = Caller("pat", token=token).asks(endpoint, verification_id=id, **values)
            refused(answer, 404, "verification_not_found")
        assert Verification.objects.get().attempts == 0

    @pytest.mark.parametrize("id", ["owl", "0" * 300, "00000000-0000-0000-0000-000000000000", "\0"])
    def test_an_id_that_is_none(self, caller: Caller, id: str) -> None:
        answer = caller.verifies(id, "123456")
        assert answer.status_code in (400, 404)
        assert set(answer.json()) == ERROR

    def test_what_a_token_proves_is_good_for_that_token_only(self, sam: Person) -> None:
        one = Caller("sam", token=True)
        id = one.sends(method="sms")["verification_id"]
        one.verifies(id, messages.last_code(PHONE))
        assert one.is_verified
        assert not Caller("sam").is_verified
        Token.objects.all().delete()
        assert not Caller("sam", token=True).is_verified

    def test_and_no_cookie_is_set_by_it(self, sam: Person) -> None:
        one = Caller("sam", token=True)
        id = one.sends(method="sms")["verification_id"]
        one.verifies(id, messages.last_code(PHONE))
        assert not one.client.cookies

    @pytest.mark.parametrize("token", [False, True])
    def test_a_changed_password_ends_it(self, sam: Person, token: bool) -> None:
        one = Caller("sam", token=token)
        id = one.sends(method="sms")["verification_id"]
        one.verifies(id, messages.last_code(PHONE))
        sam.user.set_password("another")
        sam.user.save()
        if not token:
            one.client.force_login(sam.user)
        assert not one.is_verified

    def test_the_limits_are_the_same(self, caller: Caller, settings: Any) -> None:
        settings.TWILIO_2FA_LIMITS = {"wrong_tokens_in_a_row": 2}
        id = caller.sends(method="sms")["verification_id"]
        for _ in range(2):
            caller.verifies(id, wrong(messages.last_code(PHONE)))
        told = refused(caller.verifies(id, messages.last_code(PHONE)), 429, "account_locked")
        assert told["blocking"] is True
        assert Counter.objects.filter(scope="lock").exists()


class TestForNobody:
    def test_a_number_is_verified_and_nothing_registered(self, db: None, settings: Any) -> None:
        settings.TWILIO_2FA_ALLOW_USERLESS = True
        caller = Caller()
        told = caller.sends(method="sms", phone_number=PHONE)
        answer = caller.verifies(told["verification_id"], messages.last_code(PHONE))
        assert answer.json()["verified"] is True
        assert not Device.objects.exists()
        assert not caller.is_verified

    def test_it_is_of_the_session_that_asked_where_there_is_one(self, db: None, settings: Any) -> None:
        settings.TWILIO_2FA_ALLOW_USERLESS = True
        caller, other = Caller(), Caller()
        for client in (caller.client, other.client):
            kept = client.session
            kept["basket"] = ["owl"]
            kept.save()
        id = caller.sends(method="sms", phone_number=PHONE)["verification_id"]
        for stranger in (other, Caller()):
            refused(stranger.verifies(id, messages.last_code(PHONE)), 404, "verification_not_found")
        # Sending again is a resend of the same.
        told = refused(caller.asks("send", method="sms", phone_number=PHONE), 429, "resend_cooldown")
        assert told["data"]["verification_id"] == id
        assert caller.verifies(id, messages.last_code(PHONE)).json()["verified"] is True
        assert caller.client.session["basket"] == ["owl"]
        assert not caller.is_verified
        # Nor is anybody who signs in after.
        caller.client.force_login(get_user_model().objects.create_user("sam"))
        assert not caller.is_verified

    def test_the_limits_by_destination_and_by_client_hold(self, db: None, settings: Any) -> None:
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
    def test_what_is_a_users_needs_one(self, db: None, settings: Any, endpoint: str) -> None:
        settings.TWILIO_2FA_ALLOW_USERLESS = True
        verb = "get" if endpoint == "devices" else "post"
        values = {} if verb == "get" else {"email": EMAIL, "phone_number": PHONE}
        refused(Caller().asks(endpoint, verb, **values), 401, "user_unauthenticated")


class TestShape:
    @pytest.mark.parametrize(
        "body", ["", "owl", "[]", "1", '"x"', "{", '{"method": {"a": 1}}', '{"method": ["sms"]}', "null"]
    )
    def test_what_is_no_request_is_said_so(self, caller: Caller, body: str) -> None:
        answer = caller.client.post("/api/2fa/send/", body, content_type="application/json", **caller.headers)
        refused(answer, 400, "malformed_request")

    def test_another_verb_and_another_type(self, caller: Caller) -> None:
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
    def test_what_is_too_much_and_what_cannot_be_read(self, caller: Caller, body: Any, kind: str) -> None:
        answer = caller.client.generic(
            "POST", "/api/2fa/send/", body.encode(), content_type=kind, **caller.headers
        )
        refused(answer, 400, "malformed_request")

    def test_an_encoding_that_breaks_breaks_nothing_else(self, caller: Caller) -> None:
        kind = "application/x-www-form-urlencoded; charset=punycode"
        answer = caller.client.generic("POST", "/api/2fa/send/", b"method=sms", kind, **caller.headers)
        # Pythons differ in what they can read of it.
        assert answer.status_code == 200 or set(answer.json()) == ERROR

    @pytest.mark.parametrize("asked", ["?format=xml", "?format=api"])
    def test_the_answer_is_json_whatever_is_asked_for(self, caller: Caller, asked: str) -> None:
        answer = caller.client.get(
            f"/api/2fa/devices/{asked}", HTTP_ACCEPT="application/xml", **caller.headers
        )
        assert (answer.status_code, answer["Content-Type"]) == (200, "application/json")

    @pytest.mark.parametrize(
        ("raised", "status", "code"),
        [(DjangoPermissionDenied, 403, "user_not_allowed"), (Http404, 404, "malformed_request")],
    )
    def test_what_a_permission_of_the_sites_raises(
        self, sam: Person, settings: Any, raised: type[Exception], status: int, code: str
    ) -> None:
        def refuses(self: Any, request: Any, view: Any) -> bool:
            raise raised

        permission = type("Refuses", (), {"has_permission": refuses})
        settings.TWILIO_2FA_API_CLASSES = {"permission": permission}
        refused(Caller("sam").asks("send", method="sms"), status, code)

    def test_a_name_that_is_left_out_is_not_taken_for_none(self, caller: Caller) -> None:
        device = Device.objects.first()
        Device.objects.update(name="Work")
        refused(caller.asks(f"devices/{device.pk}", "patch", nmae="x"), 400, "malformed_request")
        assert caller.asks(f"devices/{device.pk}", "patch", name="").status_code == 200
        assert Device.objects.get(pk=device.pk).name == ""

    def test_what_is_not_verified_is_told_so_by_a_code(self, caller: Caller) -> None:
        answer = caller.client.get("/api/verified/", **caller.headers)
        assert (answer.status_code, answer.json()["error_code"]) == (403, "two_factor_required")

    @pytest.mark.parametrize(
        ("setting", "who", "code"),
        [
            ("ALLOW_REGISTRATION", "demo", "registration_not_allowed"),
            ("ALLOW_CHANGE", "sam", "change_not_allowed"),
        ],
    )
    def test_why_nothing_can_be_registered(
        self, sam: Person, demo: Person, settings: Any, setting: str, who: str, code: str
    ) -> None:
        setattr(settings, f"TWILIO_2FA_{setting}", False)
        answer = Caller(who).asks("set-phone-number", phone_number=NEW)
        assert answer.json()["error_code"] == code

    def test_what_is_to_be_done_where_no_code_is_sent(self, sam: Person, settings: Any) -> None:
        settings.TWILIO_2FA_ALLOWED_METHODS = ["sms", "email", "link"]
        told = Caller("sam").sends(method="link")
        number = Verification.objects.get(method="link").data["number"]
        assert f"pick {number} there" in told["display"]

    def test_a_fault_of_twilio_has_its_status(self, demo: Person) -> None:
        answer = Caller("demo").asks("set-phone-number", phone_number="+12025550160")
        refused(answer, 503, "twilio_error_20503")

    def test_nothing_is_kept_by_a_cache(self, caller: Caller) -> None:
        assert caller.asks("devices", "get")["Cache-Control"] == "no-store"

    def test_classes_of_the_sites_own(self, sam: Person, settings: Any) -> None:
        settings.TWILIO_2FA_API_CLASSES = {
            "permission": "rest_framework.permissions.IsAdminUser",
            "authentication": ["rest_framework.authentication.SessionAuthentication"],
        }
        refused(Caller("sam").asks("send", method="sms"), 403, "user_not_allowed")
        # A token is none any more.
        refused(Caller("sam", token=True).asks("send", method="sms"), 401, "user_unauthenticated")

    def test_a_throttle_of_the_sites_own(self, sam: Person, settings: Any) -> None:
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
    """Whoever has had too much of it is told when there will be more."""

    def test_of_codes(self, caller: Caller) -> None:
        caller.sends(method="sms")
        Verification.objects.update(sends=5, next_send_at=None)
        answer = caller.asks("send", method="sms")
        told = refused(answer, 429, "max_sends_reached")
        assert 590 <= int(answer["Retry-After"]) == told["data"]["retry_after"] <= 600

    def test_of_tries(self, caller: Caller) -> None:
        id = caller.sends(method="sms")["verification_id"]
        for _ in range(4):
            caller.verifies(id, wrong(messages.last_code(PHONE)))
        for _ in range(2):
            answer = caller.verifies(id, wrong(messages.last_code(PHONE)))
            told = refused(answer, 429, "max_attempts_reached")
            assert 590 <= int(answer["Retry-After"]) == told["data"]["retry_after"] <= 600

    @pytest.mark.parametrize(
        ("fault", "code"), [(60202, "max_attempts_reached"), (60203, "max_sends_reached")]
    )
    def test_of_what_twilio_has_had_enough_of(self, caller: Caller, fault: int, code: str) -> None:
        if fault == 60202:
            id = caller.sends(method="sms")["verification_id"]
        with TwilioSandbox().fault(fault):
            answer = caller.verifies(id, "123456") if fault == 60202 else caller.asks("send", method="sms")
        refused(answer, 429, code)
        assert 590 <= int(answer["Retry-After"]) <= 600
