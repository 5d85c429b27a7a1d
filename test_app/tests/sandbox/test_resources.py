"""Services, entities, authenticators and lists of the sandbox."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.rest import Client

from django_twilio_2fa.sandbox import authenticators, engine, messages
from django_twilio_2fa.sandbox.http import SandboxHttpClient
from django_twilio_2fa.sandbox.routes import ROUTES

from ..clock import pass_time
from ..helpers import wrong_code
from .asking import ACCOUNT, IDENTITY, SERVICE, TO, TOKEN, ask, created, delete, get, post

pytestmark = pytest.mark.django_db

OTHER = "+442079460123"


def send(to: str = TO, channel: str = "sms", service: str = SERVICE, **values: str) -> Any:
    return post(f"{service}/Verifications", {"To": to, "Channel": channel, **values})


def check(to: str = TO, code: str = "", service: str = SERVICE, **values: str) -> Any:
    return post(f"{service}/VerificationCheck", {"To": to, "Code": code or messages.last_code(to), **values})


def service(**configuration: str) -> str:
    return "/v2/Services/" + created("/v2/Services", {"FriendlyName": "Owl Bank", **configuration})["sid"]


class TestService:
    def test_the_configuration_of_a_service_decides_what_is_sent(self) -> None:
        path = service(CodeLength="8", DoNotShareWarningEnabled="true")
        assert send(service=path).status == 201
        message = messages.last(TO)
        assert len(message["code"]) == 8
        assert message["body"].startswith("Your Owl Bank verification code is: ")
        assert "Don't share" in message["body"]

    def test_a_configured_service_has_the_features_it_enables(self) -> None:
        plain, custom = service(), service(CustomCodeEnabled="true", Psd2Enabled="true")
        payment = {"Amount": "39.99", "Payee": "Owl"}
        assert send(service=plain, CustomCode="1234").code == 60204
        assert send(service=custom, CustomCode="1234", **payment).status == 201
        assert messages.last_code(TO) == "1234"
        assert send(service=custom).code == 60206
        assert send(service=custom, channel="call", **payment).code == 60214
        assert send(CustomCode="123").code == 60200

    def test_a_check_is_for_the_payment_that_was_sent(self) -> None:
        path, payment = service(Psd2Enabled="true"), {"Amount": "39.99", "Payee": "Owl"}
        send(service=path, **payment)
        for other in ({}, {**payment, "Amount": "3999.00"}, {**payment, "Payee": "Fox"}):
            assert check(service=path, **other)["status"] == "pending"
        assert check(service=path, **payment)["status"] == "approved"

    @pytest.mark.parametrize("wrong", [{"DeviceIp": "here"}, {"RiskCheck": "perhaps"}, {"Tags": "[1]"}])
    def test_wrong_options_of_a_send_are_refused(self, wrong: dict[str, str]) -> None:
        assert send(**wrong).code == 60200

    def test_a_service_can_skip_text_messages_to_landlines(self) -> None:
        path = service(LookupEnabled="true", SkipSmsToLandlines="true")
        assert send("+12025550156", service=path).code == 60205
        assert send(service=path)["lookup"]["carrier"]["type"] == "mobile"
        assert send("+12025550156")["lookup"] == {}

    def test_authenticators_have_the_settings_of_the_service(self) -> None:
        values = {"Issuer": "Owl", "TimeStep": "60", "CodeLength": "8", "Skew": "0"}
        path = service(**{f"Totp.{name}": value for name, value in values.items()})
        factor = created(
            f"{path}/Entities/{IDENTITY}/Factors",
            {"FactorType": "totp", "FriendlyName": "Ann", "Config.Alg": "sha256"},
        )
        assert factor["config"] == {"alg": "sha256", "skew": 0, "code_length": 8, "time_step": 60}
        assert "otpauth://totp/Owl:Ann?" in factor["binding"]["uri"]
        [shown] = authenticators.shown()
        one = f"{path}/Entities/{IDENTITY}/Factors/{factor['sid']}"
        assert post(one, {"AuthPayload": shown["code"]})["status"] == "verified"

    def test_an_update_of_a_service_keeps_its_other_values(self) -> None:
        path = service(CodeLength="8", LookupEnabled="true")
        changed = post(path, {"LookupEnabled": "false", "Whatsapp.From": "whatsapp:+1"})
        assert (changed["code_length"], changed["lookup_enabled"]) == (8, False)
        assert changed["whatsapp"]["from"] == "whatsapp:+1"
        assert post(SERVICE, {"CodeLength": "4"})["code_length"] == 4
        assert len(get("/v2/Services")["services"]) == 2

    def test_deleting_a_service_deletes_its_resources(self) -> None:
        path = service()
        send(service=path)
        assert delete(path).status == 204
        assert get(path).code == check(service=path).code == get(f"{path}/Entities").code == 20404
        assert get("/v2/Services")["services"] == []

    @pytest.mark.parametrize(
        "changed",
        [
            {"FriendlyName": ""},
            {"FriendlyName": "x" * 33},
            {"CodeLength": "11"},
            {"LookupEnabled": "perhaps"},
            {"Totp.TimeStep": "10"},
            {"DefaultTemplateSid": "HJ1"},
            {"Passkeys.UserVerification": "maybe"},
        ],
    )
    def test_an_invalid_configuration_of_a_service_is_refused(self, changed: dict[str, str]) -> None:
        assert post("/v2/Services", {"FriendlyName": "x", **changed}).code == 60200

    def test_templates_are_the_text_of_a_message(self) -> None:
        templates = get("/v2/Templates", FriendlyName="Sandbox: short")["templates"]
        assert len(templates) == 1
        assert len(get("/v2/Templates")["templates"]) > 1
        send(TemplateSid=templates[0]["sid"])
        assert messages.last(TO)["body"] == f"{messages.last_code(TO)} is your code."

    def test_an_app_hash_is_at_the_end_of_a_text_message(self) -> None:
        send(AppHash="He42w354ol9")
        assert messages.last(TO)["body"].endswith("\nHe42w354ol9")


class TestEntities:
    def test_an_entity_is_created_with_its_first_factor(self) -> None:
        values = {"FactorType": "totp", "FriendlyName": "Ann"}
        factor = created(f"{SERVICE}/Entities/{IDENTITY}/Factors", values)
        [entity] = get(f"{SERVICE}/Entities")["entities"]
        assert (entity["identity"], entity["sid"]) == (IDENTITY, factor["entity_sid"])
        assert created(f"{SERVICE}/Entities", {"Identity": IDENTITY})["sid"] == entity["sid"]

    def test_factors_are_deleted_with_their_entity(self) -> None:
        path = f"{SERVICE}/Entities/{IDENTITY}"
        factor = created(f"{path}/Factors", {"FactorType": "totp", "FriendlyName": "Ann"})
        assert delete(path).status == 204
        assert get(path).code == get(f"{path}/Factors/{factor['sid']}").code == 20404

    def test_a_factor_of_an_earlier_release_keeps_its_entity(self) -> None:
        from django_twilio_2fa.sandbox.models import SandboxFactor

        fields = {"sid": "YF" + "1" * 32, "account_sid": "AC" + "b" * 32, "service_sid": "VA" + "a" * 32}
        SandboxFactor.objects.create(
            **fields, entity_sid="YE" + "2" * 32, identity=IDENTITY, friendly_name="x", secret="A" * 32
        )
        assert created(f"{SERVICE}/Entities", {"Identity": IDENTITY})["sid"] == "YE" + "2" * 32


class TestAuthenticators:
    def test_a_pending_challenge_accepts_a_code_later(self) -> None:
        path = f"{SERVICE}/Entities/{IDENTITY}"
        secret = "JBSWY3DPEHPK3PXP"
        values = {"FactorType": "totp", "FriendlyName": "Ann", "Binding.Secret": secret}
        factor = created(f"{path}/Factors", values)
        assert factor["binding"]["secret"] == secret
        one = f"{path}/Factors/{factor['sid']}"
        post(one, {"AuthPayload": authenticators.current_code(secret)})
        asked = f"{path}/Challenges/" + created(f"{path}/Challenges", {"FactorSid": factor["sid"]})["sid"]
        pass_time(60)
        code = authenticators.code_at(secret, int(authenticators.clock.time()) // 30 + 1)
        assert post(asked, {"AuthPayload": wrong_code(code)})["status"] == "pending"
        assert post(asked, {"AuthPayload": code})["status"] == "approved"
        assert post(asked, {"AuthPayload": code}).code == 60322

    @pytest.mark.parametrize(
        "changed",
        [{"Binding.Secret": "1"}, {"Config.Skew": "3"}, {"Config.Alg": "md5"}, {"FriendlyName": ""}],
    )
    def test_an_authenticator_with_wrong_values_is_refused(self, changed: dict[str, str]) -> None:
        values = {"FactorType": "totp", "FriendlyName": "Ann", **changed}
        assert post(f"{SERVICE}/Entities/{IDENTITY}/Factors", values).code == 60200


def test_a_country_has_one_messaging_configuration() -> None:
    path = f"{SERVICE}/MessagingConfigurations"
    sid = {"MessagingServiceSid": "MG" + "1" * 32}
    for country in ("CA", "all"):
        created(path, {"Country": country, **sid})
    assert post(path, {"Country": "CA", **sid}).code == 60213
    assert post(path, {"Country": "Canada", **sid}).code == post(path, {"Country": "FR"}).code == 60200


class TestPages:
    @pytest.fixture
    def limits(self) -> list[str]:
        return [created(f"{SERVICE}/RateLimits", {"UniqueName": f"n{n}"})["sid"] for n in range(5)]

    def test_every_page_leads_to_the_next(self, limits: list[str]) -> None:
        page = get(f"{SERVICE}/RateLimits", PageSize="2")
        first, found = page["meta"]["url"], []
        while True:
            found += [row["sid"] for row in page["rate_limits"]]
            if not page["meta"]["next_page_url"]:
                break
            last, page = page, ask("GET", page["meta"]["next_page_url"])
            assert page["meta"]["page"] == last["meta"]["page"] + 1
            before = ask("GET", page["meta"]["previous_page_url"])
            assert before["rate_limits"] == last["rate_limits"]
        assert found == limits
        assert ask("GET", page["meta"]["first_page_url"])["rate_limits"] == ask("GET", first)["rate_limits"]

    def test_twilios_library_reads_all_pages(self, limits: list[str]) -> None:
        client = Client(ACCOUNT, TOKEN, http_client=SandboxHttpClient())
        found = client.verify.v2.services(SERVICE.rpartition("/")[2]).rate_limits.list(page_size=2)
        assert [limit.sid for limit in found] == limits

    def test_addresses_of_further_pages_keep_the_filters(self) -> None:
        for _ in range(3):
            send()
        page = get("/v2/Attempts", PageSize="2", Channel="sms")
        assert "Channel=sms" in page["meta"]["next_page_url"]

    @pytest.mark.parametrize(
        "asked", [{"PageSize": "0"}, {"PageSize": "1001"}, {"Page": "-1"}, {"PageToken": "x"}]
    )
    def test_an_invalid_page_of_a_list_is_refused(self, asked: dict[str, str]) -> None:
        assert get(f"{SERVICE}/RateLimits", **asked).code == 60200


SIDS = {"service": "VA" + "a" * 32, "identity": IDENTITY, "country": "CA", "number": TO, "id": TO}
NAMES = ["To", "Channel", "Code", "FriendlyName", "Identity", "FactorType", "AuthPayload", "ExpirationDate"]
NAMES += ["Max", "Interval", "UniqueName", "EventTypes", "WebhookUrl", "RateLimits", "PageSize", "Country"]
NAMES += ["FactorSid", "Details.Fields", "PhoneNumber", "Binding.PublicKey", "DateCreatedAfter", "Status"]


@given(
    route=st.sampled_from(ROUTES),
    values=st.dictionaries(
        st.sampled_from(NAMES), st.text(max_size=30) | st.lists(st.text(max_size=9), max_size=3), max_size=8
    ),
)
def test_any_request_to_any_path_is_answered(route: Any, values: dict[str, Any]) -> None:
    path = route.path
    while "{" in path:
        name, _, prefix = path.partition("{")[2].partition("}")[0].partition(":")
        part = f"{{{name}:{prefix}}}" if prefix else f"{{{name}}}"
        path = path.replace(part, SIDS.get(name, prefix + "a" * 32))
    request = engine.Request(route.method, path, values, ACCOUNT, TOKEN)
    assert engine.handle(request).status < 500
