"""Custom methods of a project, and the display of methods."""

from __future__ import annotations

from typing import Any

import pytest
from django.core import mail

from django_twilio_2fa.contacts import EmailAddress
from django_twilio_2fa.models import Device, Verification
from django_twilio_2fa.providers import Checked, MethodProvider, Sent

from ..helpers import six_digits, wrong_code
from ..people import EMAIL, Person

PIGEON = {"pigeon": "demo.pigeon.provider.PigeonProvider"}


class SecretProvider(MethodProvider):
    """A method without devices and messages: it compares a secret that the user knows."""

    label = "Secret"
    sends = False

    def start(self, verification: Verification, *, request: Any = None) -> Sent:
        return Sent()

    def check(self, verification: Verification, token: str, *, request: Any = None) -> Checked:
        return Checked(approved=token == "424242")


class FaultyProvider(SecretProvider):
    device_kind = "email"

    def start(self, verification: Verification, *, request: Any = None) -> Sent:
        raise RuntimeError("somebody else's bug")


class FaultyCheckProvider(SecretProvider):
    def check(self, verification: Verification, token: str, *, request: Any = None) -> Checked:
        raise RuntimeError("somebody else's bug")


class FaultyTokenProvider(SecretProvider):
    def read_token(self, verification: Verification, text: str) -> str:
        raise RuntimeError("somebody else's bug")


class FaultyDeviceProvider(SecretProvider):
    """A provider that raises in each method about its devices."""

    device_kind = "charm"

    def is_usable(self, device: Device) -> bool:
        raise RuntimeError("somebody else's bug")

    def get_device_label(self, device: Device) -> str:
        raise RuntimeError("somebody else's bug")

    def get_choice_label(self, label: str, masked: str) -> str:
        raise RuntimeError("somebody else's bug")

    def get_device_warning(self, device: Device) -> str:
        raise RuntimeError("somebody else's bug")

    def get_uses_left(self, device: Device) -> int | None:
        raise RuntimeError("somebody else's bug")

    def get_device_link(self, device: Device, *, request: Any = None) -> tuple[str, str] | None:
        raise RuntimeError("somebody else's bug")

    def get_registration_form_class(self) -> Any:
        raise RuntimeError("somebody else's bug")


class FaultyContactProvider(SecretProvider):
    device_kind = "phone_number"

    def why_unsuitable(self, contact: Any) -> str:
        raise RuntimeError("somebody else's bug")


def code() -> str:
    return six_digits(mail.outbox[-1].body)


@pytest.fixture
def pigeon(settings: Any) -> None:
    settings.TWILIO_2FA_PROVIDERS = PIGEON
    settings.TWILIO_2FA_ALLOWED_METHODS = ["sms", "pigeon"]


class TestPigeon:
    @pytest.fixture(autouse=True)
    def registered(self, pigeon: None) -> None:
        pass

    def test_the_pigeon_registers_and_verifies_with_its_template(self, demo: Person) -> None:
        demo.opens("/secret/").picks("pigeon").posts(email=EMAIL)
        assert demo.page.templates[0].name == "twilio_2fa/pigeon/verify.html"
        demo.types(code())
        assert demo.path == "/secret/"
        assert Device.objects.get().value == EMAIL

    def test_the_pigeon_verifies_a_registered_device(self, sam: Person) -> None:
        sam.opens("start").picks("pigeon").types(wrong_code(code()))
        assert "You can try 4 more times" in sam.text
        sam.types(code())
        assert sam.is_verified

    def test_the_pigeon_is_sent_again_after_the_cooldown(self, sam: Person, later: Any) -> None:
        sam.opens("start").picks("pigeon")
        later(31)
        sam.posts("verify", action="resend")
        assert len(mail.outbox) == 2
        assert sam.types(code()).is_verified

    def test_a_pigeon_verification_has_our_id_and_stores_no_code(self, sam: Person) -> None:
        sam.opens("start").picks("pigeon")
        row = Verification.objects.get()
        assert row.verification_sid == str(row.public_id)
        assert code() not in str(Verification.objects.values().get())


def test_a_method_may_need_no_device_and_send_nothing(sam: Person, settings: Any) -> None:
    settings.TWILIO_2FA_PROVIDERS = {"secret": f"{__name__}.SecretProvider"}
    settings.TWILIO_2FA_ALLOWED_METHODS = ["secret", "email"]
    sam.opens("start").picks("secret")
    assert not sam.page.context["can_resend"]
    assert sam.types("424242").is_verified


@pytest.mark.parametrize("name", ["FaultyProvider", "FaultyCheckProvider", "FaultyTokenProvider"])
def test_a_provider_that_raises_shows_a_page_and_is_logged(
    sam: Person, settings: Any, caplog: Any, name: str
) -> None:
    settings.TWILIO_2FA_PROVIDERS = {"faulty": f"{__name__}.{name}"}
    settings.TWILIO_2FA_ALLOWED_METHODS = ["faulty", "sms"]
    sam.opens("start").picks("faulty")
    message = "We are not sure the code was sent"
    if name != "FaultyProvider":
        sam.types("424242")
        message = "a problem with sending or checking"
    assert sam.page.status_code == 200
    assert message in sam.text
    assert "somebody else's bug" in caplog.text
    assert not sam.is_verified


@pytest.mark.parametrize("name", ["FaultyCheckProvider", "FaultyTokenProvider"])
def test_the_api_answers_503_if_a_provider_raises_in_a_check(sam: Person, settings: Any, name: str) -> None:
    settings.TWILIO_2FA_PROVIDERS = {"faulty": f"{__name__}.{name}"}
    settings.TWILIO_2FA_ALLOWED_METHODS = ["faulty", "sms"]
    id = sam.client.post("/api/2fa/send/", {"method": "faulty"}).json()["verification_id"]
    answer = sam.client.post("/api/2fa/verify/", {"verification_id": id, "code": "424242"})
    assert answer.status_code == 503
    assert not sam.is_verified


class TestOtherMethods:
    """The other methods still work if a provider raises while methods are listed."""

    @pytest.fixture(autouse=True)
    def faulty(self, settings: Any) -> None:
        names = {"charm": "FaultyDeviceProvider", "letter": "FaultyContactProvider"}
        settings.TWILIO_2FA_PROVIDERS = {n: f"{__name__}.{cls}" for n, cls in names.items()}
        settings.TWILIO_2FA_ALLOWED_METHODS = ["charm", "letter", "sms", "email"]

    def test_other_methods_verify_a_user_with_a_faulty_device(self, sam: Person, caplog: Any) -> None:
        Device.objects.create(user=sam.user, kind="charm", value="c", digest="c", masked="A charm")
        sam.opens("start").picks("sms").types_the_code()
        assert sam.is_verified
        assert "A provider failed" in caplog.text
        assert "A charm" in sam.opens("devices").text
        [charm] = [d for d in sam.client.get("/api/2fa/devices/").json() if d["kind"] == "charm"]
        assert (charm["obfuscated"], charm["left"]) == ("A charm", None)

    def test_other_methods_can_be_registered(self, demo: Person) -> None:
        demo.opens("start").picks("sms").registers().types_the_code()
        assert demo.is_verified


class TestDisplay:
    def test_the_display_callback_overrides_details_and_provider(self, sam: Person, settings: Any) -> None:
        settings.TWILIO_2FA_METHOD_DETAILS = {"sms": {"label": "Text", "icon": "fas fa-a"}}
        settings.TWILIO_2FA_METHOD_DISPLAY_CB = lambda method: {
            "label": f"<b>{method}",
            "value": "x",
            "more": 1,
        }
        shown = sam.opens("start").page.context["methods"]
        assert shown["sms"] == {"value": "sms", "label": "<b>sms", "icon": "fas fa-a"}
        assert "&lt;b&gt;sms" in sam.page.content.decode()

    @pytest.mark.parametrize("answer", [None, {}, "rubbish"])
    def test_an_unusable_answer_of_a_display_callback_is_ignored(
        self, sam: Person, settings: Any, answer: Any
    ) -> None:
        settings.TWILIO_2FA_METHOD_DISPLAY_CB = lambda method: answer
        assert sam.opens("start").page.context["methods"]["sms"]["label"] == "Text message"

    def test_a_failing_display_callback_is_logged(self, sam: Person, settings: Any, caplog: Any) -> None:
        settings.TWILIO_2FA_METHOD_DISPLAY_CB = "tests.conf.callbacks.raises"
        assert sam.opens("start").page.context["methods"]["sms"]["label"] == "Text message"
        assert "METHOD_DISPLAY_CB failed" in caplog.text

    def test_the_name_of_a_device_is_escaped(self, sam: Person) -> None:
        Device.objects.register(sam.user, EmailAddress("x@example.com"), name="<script>")
        assert "<script>&" not in sam.opens("devices").page.content.decode()
        assert "&lt;script&gt;" in sam.page.content.decode()
