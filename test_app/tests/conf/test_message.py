"""The text and language of messages: the parameters that are passed on to Twilio Verify."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import translation

from django_twilio_2fa import errors
from django_twilio_2fa.contacts import PhoneNumber
from django_twilio_2fa.models import Device, Verification
from django_twilio_2fa.process.reservations import take_lease
from django_twilio_2fa.process.unauthenticated import UnauthenticatedVerifier
from django_twilio_2fa.sandbox import messages
from django_twilio_2fa.sandbox.fault_injection import injected
from django_twilio_2fa.sandbox.http import sandbox_request
from django_twilio_2fa.signals import twilio_2fa_set_user_data
from django_twilio_2fa.twilio.locales import LOCALES, locale_for
from django_twilio_2fa.twilio.parameters import PARAMETERS, RESERVED, Parameter
from django_twilio_2fa.verifier import Verifier

from .. import openapi
from ..helpers import connected
from ..people import PHONE, Person
from .shows import shows


@pytest.fixture
def asked() -> Any:
    """Return the parameters of each send and each check that Twilio was asked for."""
    told: list[dict[str, Any]] = []

    def note(method: str, path: str, values: Any, **kwargs: Any) -> None:
        if method == "POST" and path.endswith(("/Verifications", "/VerificationCheck")):
            told.append(dict(values))

    with connected(sandbox_request, note):
        yield told


@shows("LOCALE_CB")
class TestLocale:
    @pytest.mark.parametrize(
        ("language", "tag"),
        [
            ("de", "de"),
            ("de-at", "de"),
            ("en-us", "en"),
            ("en-gb", "en-GB"),
            ("pt-br", "pt-BR"),
            ("pt_BR", "pt-BR"),
            ("es-mx", "es"),
            ("zh-hans", "zh-CN"),
            ("zh-hant-tw", "zh-HK"),
            ("nn", "nb"),
            ("eo", None),
            ("", None),
            (None, None),
        ],
    )
    def test_a_language_is_mapped_to_a_locale_of_verify(self, language: Any, tag: str | None) -> None:
        assert locale_for(language) == tag

    def test_every_language_tag_is_mapped_to_itself(self) -> None:
        assert {locale_for(tag) for tag in LOCALES} == LOCALES

    @pytest.mark.parametrize(("language", "tag"), [("de", "de"), ("eo", None)])
    def test_the_page_is_in_the_language_of_the_message(
        self, pat: Person, asked: list[Any], language: str, tag: str | None
    ) -> None:
        pat.client.cookies["django_language"] = language
        with translation.override("en"):
            pat.opens("start").picks("sms")
        assert asked[0].get("Locale") == tag
        assert messages.delivered(PHONE)[0]["locale"] == (tag or "")

    def test_an_email_has_one_language_only(self, sam: Person, asked: list[Any]) -> None:
        sam.opens("start").picks("email")
        assert "Locale" not in asked[0]

    def test_the_site_may_choose_the_language(self, pat: Person, asked: list[Any], settings: Any) -> None:
        settings.TWILIO_2FA_LOCALE_CB = lambda method, user, request: (
            "fr" if (method, user) == ("sms", pat.user) and request else None
        )
        pat.opens("start").picks("sms")
        assert asked[0]["Locale"] == "fr"

    def test_a_locale_callback_may_leave_the_language_to_twilio(
        self, pat: Person, asked: list[Any], settings: Any
    ) -> None:
        settings.TWILIO_2FA_LOCALE_CB = lambda: None
        pat.opens("start").picks("sms")
        assert "Locale" not in asked[0]

    @pytest.mark.parametrize("tag", ["tlh", "no tag"])
    def test_a_language_that_twilio_refuses_is_left_out(
        self, pat: Person, asked: list[Any], settings: Any, caplog: Any, tag: str
    ) -> None:
        settings.TWILIO_2FA_LOCALE_CB = lambda: tag
        pat.opens("start").picks("sms")
        assert pat.is_at("verify")
        assert [a.get("Locale") for a in asked] == [tag, None]
        assert f"refused the locale {tag}" in caplog.text
        [message] = messages.delivered(PHONE)
        assert message["locale"] == ""
        assert pat.types_the_code().is_verified

    def test_a_call_without_a_voice_is_retried_without_its_locale(
        self, pat: Person, asked: list[Any], settings: Any, caplog: Any
    ) -> None:
        settings.TWILIO_2FA_LOCALE_CB = lambda: "kn"
        with injected("60331", on="/Verifications"):
            pat.opens("start").picks("call")
        assert [a.get("Locale") for a in asked] == ["kn", None]
        assert "refused the locale kn" in caplog.text
        assert pat.has_got() == 1

    def test_a_refused_language_is_retried_once_only(self, pat: Person, asked: list[Any]) -> None:
        with injected("60331", on="/Verifications", times=0):
            pat.opens("start").picks("call")
        assert len(asked) == 2
        assert pat.has_got() == 0

    def test_a_failing_locale_callback_leaves_the_language_to_twilio(
        self, pat: Person, asked: list[Any], settings: Any, caplog: Any
    ) -> None:
        settings.TWILIO_2FA_LOCALE_CB = lambda: 1 / 0
        pat.opens("start").picks("sms")
        assert "Locale" not in asked[0]
        assert "TWILIO_2FA_LOCALE_CB failed" in caplog.text


@shows("VERIFICATION_OPTIONS_CB")
class TestOptions:
    def test_options_are_passed_on_unchanged(self, pat: Person, asked: list[Any], settings: Any) -> None:
        told = {
            "template_sid": "HJ" + "1" * 32,
            "template_custom_substitutions": '{"shop": "Birds"}',
            "tags": '{"page": "checkout"}',
            "app_hash": "0123456789a",
            "device_ip": "192.0.2.1",
        }
        settings.TWILIO_2FA_VERIFICATION_OPTIONS_CB = lambda method, user, request: told
        pat.opens("start").picks("sms")
        names = {"".join(w.title() for w in name.split("_")): value for name, value in told.items()}
        assert {k: v for k, v in asked[0].items() if k in names} == names

    def test_amount_and_payee_go_to_the_check_as_well(
        self, pat: Person, asked: list[Any], settings: Any
    ) -> None:
        settings.TWILIO_2FA_VERIFICATION_OPTIONS_CB = lambda: {
            "amount": "€39.99",
            "payee": "Birds",
            "app_hash": "x" * 11,
        }
        pat.opens("start").picks("sms").types_the_code()
        assert pat.is_verified
        send, check = asked
        assert (send["Amount"], send["Payee"]) == (check["Amount"], check["Payee"]) == ("€39.99", "Birds")
        assert "AppHash" not in check

    def test_a_custom_code_of_the_site_verifies(self, pat: Person, settings: Any) -> None:
        settings.TWILIO_2FA_VERIFICATION_OPTIONS_CB = lambda: {"custom_code": "271828"}
        assert pat.opens("start").picks("sms").types("271828").is_verified

    @pytest.mark.parametrize("own", ["1234", "1234567890", "AB12CD34", "owl-7"])
    def test_a_custom_code_may_have_letters_and_any_length(
        self, pat: Person, settings: Any, own: str
    ) -> None:
        settings.TWILIO_2FA_VERIFICATION_OPTIONS_CB = lambda: {"custom_code": own}
        pat.opens("start").picks("sms")
        assert 'inputmode="text"' in pat.page.content.decode()
        for wrong in ("123", "x" * 11, "1\0234"):
            pat.types(wrong)
            assert pat.is_at("verify")
        assert Verification.objects.get().attempts == 0
        assert pat.types(f" {own} ").is_verified

    @pytest.mark.parametrize(
        "told", [{"to": "+12025550199"}, {"code": "1"}, {"locale": "de"}, {"owl": 1}, "text"]
    )
    def test_an_unknown_option_sends_nothing(
        self, pat: Person, asked: list[Any], settings: Any, caplog: Any, told: Any
    ) -> None:
        settings.TWILIO_2FA_VERIFICATION_OPTIONS_CB = lambda: told
        pat.opens("start").picks("sms")
        assert pat.page.status_code == 200
        assert "a problem with sending or checking codes this way" in pat.text
        assert asked == []
        assert "TWILIO_2FA_VERIFICATION_OPTIONS_CB" in caplog.text

    def test_a_failing_options_callback_sends_nothing(
        self, pat: Person, asked: list[Any], settings: Any, caplog: Any
    ) -> None:
        def fails() -> None:
            raise RuntimeError("no database")

        settings.TWILIO_2FA_VERIFICATION_OPTIONS_CB = fails
        pat.opens("start").picks("sms")
        assert pat.page.status_code == 200
        assert asked == []
        assert "no database" in caplog.text
        # Nothing was sent, so the next send has no cooldown.
        settings.TWILIO_2FA_VERIFICATION_OPTIONS_CB = None
        assert pat.opens("start").picks("sms").types_the_code().is_verified

    @pytest.mark.parametrize("goes", [{"start": True}, {"start": False, "check": True}])
    def test_an_option_unknown_to_an_older_library_sends_nothing(
        self,
        pat: Person,
        asked: list[Any],
        settings: Any,
        caplog: Any,
        monkeypatch: Any,
        goes: dict[str, Any],
    ) -> None:
        monkeypatch.setitem(PARAMETERS, "owl", Parameter("owl", "What only a later version knows.", **goes))
        settings.TWILIO_2FA_VERIFICATION_OPTIONS_CB = lambda: {"owl": "hoot"}
        pat.opens("start").picks("sms")
        assert pat.page.status_code == 200
        assert asked == []
        assert "This version of twilio-python does not know 'owl'" in caplog.text

    def test_a_failing_options_callback_checks_nothing(
        self, pat: Person, asked: list[Any], settings: Any
    ) -> None:
        pat.opens("start").picks("sms")
        settings.TWILIO_2FA_VERIFICATION_OPTIONS_CB = lambda: 1 / 0
        pat.types_the_code()
        assert pat.page.status_code == 200
        assert len(asked) == 1
        assert not pat.is_verified
        settings.TWILIO_2FA_VERIFICATION_OPTIONS_CB = None
        assert pat.types_the_code().is_verified

    @pytest.mark.skipif(not openapi.HERE, reason="Twilio's description lies beside the checkout only")
    @pytest.mark.parametrize(("path", "goes"), [("Verifications", "start"), ("VerificationCheck", "check")])
    def test_every_parameter_that_twilio_describes_is_known(self, path: str, goes: str) -> None:
        described = openapi.parameters("POST", f"/v2/Services/VA{1:032}/{path}")
        told = {name for name, option in PARAMETERS.items() if getattr(option, goes)}
        assert told <= described
        assert described - told <= set(RESERVED)


class TestExtension:
    """Phone numbers with an extension: a call dials it, and text messages are not possible."""

    @pytest.fixture(autouse=True)
    def any_line(self, settings: Any, no_cooldown: None) -> None:
        settings.TWILIO_2FA_PHONE_NUMBER_CARRIER_LOOKUP = False

    @pytest.mark.parametrize(
        "typed", ["202 555 0143 ext. 12", "202-555-0143 x12", "+1 202 555 0143;ext=12", "(202) 555 0143 #12"]
    )
    def test_an_extension_is_dialled_on_each_call(self, demo: Person, asked: list[Any], typed: str) -> None:
        demo.opens("start").picks("call").registers(typed)
        assert demo.is_at("verify")
        assert demo.page.context["obfuscated_value"] == "(XXX) XXX-0143 ext. XX"
        assert (asked[0]["To"], asked[0]["SendDigits"]) == (PHONE, "wwww12")
        assert demo.types_the_code().is_verified
        again = Person("demo").opens("start")
        assert again.choices == [("call", "(XXX) XXX-0143 ext. XX")]
        again.picks("call")
        assert asked[-1]["SendDigits"] == "wwww12"
        assert again.types_the_code().is_verified

    def test_text_messages_are_not_sent_to_an_extension(self, demo: Person, asked: list[Any]) -> None:
        demo.opens("start").picks("sms").registers("202 555 0143 ext. 12")
        assert asked == []
        assert "cannot get text messages" in demo.text
        assert demo.page.context["method"]["value"] == "call"

    @pytest.mark.parametrize(("method", "says"), [("call", True), ("sms", False)])
    def test_only_the_page_of_a_call_mentions_pressing_a_key(
        self, pat: Person, method: str, says: bool
    ) -> None:
        assert ("have to press a key" in pat.opens("start").picks(method).text) is says

    def test_without_an_extension_nothing_is_dialled(self, demo: Person, asked: list[Any]) -> None:
        demo.opens("start").picks("call").registers()
        assert "SendDigits" not in asked[0]

    def test_an_option_of_the_site_overrides_the_dialled_digits(
        self, demo: Person, asked: list[Any], settings: Any
    ) -> None:
        settings.TWILIO_2FA_VERIFICATION_OPTIONS_CB = lambda: {"send_digits": "w9"}
        demo.opens("start").picks("call").registers("202 555 0143 ext. 12")
        assert asked[0]["SendDigits"] == "w9"

    def test_a_resend_dials_the_extension_again(self, demo: Person, asked: list[Any], settings: Any) -> None:
        settings.TWILIO_2FA_SEND_COOLDOWN = 0
        demo.opens("start").picks("call").registers("202 555 0143 ext. 12").posts("verify", action="resend")
        assert [a["SendDigits"] for a in asked] == ["wwww12", "wwww12"]

    def test_a_resend_to_an_extension_cannot_be_a_text_message(self, demo: Person, asked: list[Any]) -> None:
        demo.opens("start").picks("call").registers("202 555 0143 ext. 12")
        demo.posts("verify", action="resend", method="sms")
        assert [a["Channel"] for a in asked] == ["call"]

    def test_the_code_for_one_extension_does_not_register_another(
        self, demo: Person, asked: list[Any]
    ) -> None:
        demo.opens("start").picks("call").registers("202 555 0143 ext. 12")
        first = messages.last_code(PHONE)
        demo.opens("start").picks("call").registers("202 555 0143 ext. 13")
        assert [a["SendDigits"] for a in asked] == ["wwww12", "wwww13"]
        demo.types(first)
        assert not Device.objects.exists()
        demo.types_the_code()
        assert Device.objects.get().contact.extension == "13"

    def test_an_extension_cannot_be_replaced_during_a_check(self, demo: Person) -> None:
        verifier = Verifier(demo.user)
        row = verifier.send("call", to="+1 202 555 0143 ext. 12")
        take_lease(row)
        with pytest.raises(errors.CheckInProgress):
            verifier.send("call", to="+1 202 555 0143 ext. 13")
        row.refresh_from_db()
        assert (row.status, row.contact.extension) == ("pending", "12")

    def test_correcting_a_number_removes_its_extension(self, demo: Person, asked: list[Any]) -> None:
        demo.opens("start").picks("call").registers("202 555 0143 ext. 12")
        demo.opens("start").picks("sms").registers("202 555 0143")
        assert "ext." not in demo.text
        demo.types_the_code()
        device = Device.objects.get()
        assert (device.masked, device.contact.extension) == ("(XXX) XXX-0143", "")

    def test_registering_again_removes_the_extension(self, demo: Person) -> None:
        Device.objects.register(demo.user, PhoneNumber("202 555 0143 x12", "US"))
        Device.objects.register(demo.user, PhoneNumber(PHONE))
        assert Device.objects.get().contact.extension == ""

    def test_set_user_data_has_the_extension(self, demo: Person, asked: list[Any], settings: Any) -> None:
        kept: list[Any] = []

        def keep(field: str, value: Any, **kwargs: Any) -> None:
            kept.append(f"{value} ext. {value.extension}")

        settings.TWILIO_2FA_PHONE_NUMBER_CB = lambda: kept[-1] if kept else None
        with connected(twilio_2fa_set_user_data, keep):
            demo.opens("start").picks("call").registers("202 555 0143 ext. 12").types_the_code()
        assert kept == [f"{PHONE} ext. 12"]
        Person("demo").opens("start").picks("call")
        assert asked[-1]["SendDigits"] == "wwww12"

    def test_a_named_user_is_called_at_the_extension(
        self, demo: Person, asked: list[Any], settings: Any
    ) -> None:
        settings.TWILIO_2FA_ALLOW_UNAUTHENTICATED_USERS = True
        Device.objects.register(demo.user, PhoneNumber("202 555 0143 x12", "US"))
        UnauthenticatedVerifier(str(demo.user.pk)).send("call")
        assert asked[0]["SendDigits"] == "wwww12"
