"""Passkeys, registered and used through the pages with a software authenticator."""

from __future__ import annotations

import hashlib
import json
import logging
import sys
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from twilio_2fa_passkey.testing import SoftwareAuthenticator, from_base64url

from django_twilio_2fa.digests import digest
from django_twilio_2fa.models import Device, Status, TrustedBrowser, Verification
from django_twilio_2fa.providers.installed import get_providers
from django_twilio_2fa.sandbox.http import sandbox_request

from ..conf.shows import shows
from ..passkeys import answers, asked, begins, creates, names_itself, options, passkeys, uses, with_passkey
from ..people import Person


@pytest.fixture(autouse=True)
def offered(settings: Any) -> None:
    settings.TWILIO_2FA_ALLOWED_METHODS = ["sms", "totp", "passkey", "recovery"]


@pytest.fixture
def phone() -> SoftwareAuthenticator:
    return SoftwareAuthenticator()


@pytest.fixture
def laptop() -> SoftwareAuthenticator:
    return SoftwareAuthenticator(step=0)


@pytest.fixture
def ann(db: None, phone: SoftwareAuthenticator) -> Person:
    """Return a user with a passkey on a phone."""
    return with_passkey("ann", phone, "My phone")


@pytest.fixture
def ben(ann: Person, phone: SoftwareAuthenticator, laptop: SoftwareAuthenticator) -> Person:
    """Return ann in a new session, with a second passkey on a laptop."""
    uses(ann, phone)
    assert creates(ann, laptop, "My laptop").is_at("devices")
    return Person("ann")


class TestSeveralPasskeys:
    def test_each_passkey_has_its_name(self, ben: Person) -> None:
        assert [device.name for device in passkeys(ben)] == ["My phone", "My laptop"]

    def test_a_passkey_without_a_name_shows_when_it_was_added(
        self, demo: Person, phone: SoftwareAuthenticator
    ) -> None:
        creates(demo, phone)
        assert "Added " in demo.opens("devices").text

    def test_the_start_page_offers_all_passkeys_as_one_choice(self, ben: Person) -> None:
        assert ben.opens("start").choices == [("passkey", "")]
        assert "My laptop" not in ben.text

    def test_a_single_passkey_is_called_by_its_name(self, ann: Person) -> None:
        assert "My phone" in ann.opens("start").text

    def test_each_passkey_verifies_and_is_recorded_as_used(
        self, ben: Person, phone: SoftwareAuthenticator, laptop: SoftwareAuthenticator
    ) -> None:
        for authenticator, name in ((laptop, "My laptop"), (phone, "My phone")):
            person = uses(Person("ann"), authenticator)
            assert person.is_verified
            row = Verification.objects.filter(status=Status.APPROVED).latest("approved_at")
            assert row.device is not None
            assert (row.device.name, row.device.last_used_at) == (name, row.approved_at)

    def test_a_removed_passkey_is_refused(self, ben: Person, laptop: SoftwareAuthenticator) -> None:
        begins(ben)
        answer = laptop.get(asked(ben))
        Device.objects.get(name="My laptop").delete()
        assert not answers(ben, answer).is_verified

    def test_removing_one_passkey_leaves_the_other_valid(
        self, ben: Person, laptop: SoftwareAuthenticator
    ) -> None:
        begins(ben)
        answer = laptop.get(asked(ben))
        Device.objects.get(name="My phone").delete()
        assert answers(ben, answer).is_verified

    @pytest.mark.parametrize("name", ["My phone", "My laptop"])
    def test_a_passkey_removed_meanwhile_is_refused(
        self,
        ben: Person,
        phone: SoftwareAuthenticator,
        laptop: SoftwareAuthenticator,
        settings: Any,
        name: str,
    ) -> None:
        begins(ben)
        settings.TWILIO_2FA_PROVIDERS = {"passkey": "tests.testing.elsewhere.RemovedMeanwhileProvider"}
        used = phone if name == "My phone" else laptop
        answers(ben, used.get(asked(ben), used.passkeys[0]))
        assert not ben.is_verified
        assert [d.name for d in passkeys(ben)] == [{"My phone": "My laptop"}.get(name, "My phone")]
        assert ben.page.status_code == 200

    def test_another_users_device_is_never_recorded(
        self, ben: Person, laptop: SoftwareAuthenticator, settings: Any
    ) -> None:
        with_passkey("eve", SoftwareAuthenticator())
        begins(ben)
        settings.TWILIO_2FA_PROVIDERS = {"passkey": "tests.testing.elsewhere.SomebodyElsesProvider"}
        answers(ben, laptop.get(asked(ben), laptop.passkeys[0]))
        assert not ben.is_verified

    def test_the_api_lists_each_passkey_separately(self, ben: Person) -> None:
        told = ben.client.get("/api/2fa/verification-methods/").json()["verification_methods"]
        assert [d["name"] for d in told["passkey"]["devices"]] == ["My phone", "My laptop"]


class TestRegistering:
    def test_registered_passkeys_are_excluded_from_registration(
        self, ben: Person, laptop: SoftwareAuthenticator
    ) -> None:
        uses(ben, laptop)
        excluded = {c["id"] for c in options(names_itself(ben))["excludeCredentials"]}
        assert excluded == {device.data["credential_id"] for device in passkeys(ben)}

    def test_the_passkey_that_is_replaced_is_not_excluded(
        self, ben: Person, laptop: SoftwareAuthenticator
    ) -> None:
        uses(ben, laptop)
        mine, other = passkeys(ben)
        ben.opens(f"/2fa/change/{mine.pk}/").posts()
        assert [c["id"] for c in options(ben)["excludeCredentials"]] == [other.data["credential_id"]]
        answers(ben, SoftwareAuthenticator().create(asked(ben)))
        assert {d.name for d in passkeys(ben)} == {"My phone", "My laptop"}
        assert not Device.objects.filter(pk=mine.pk).exists()

    def test_a_passkey_of_another_user_cannot_be_registered(
        self, ann: Person, phone: SoftwareAuthenticator
    ) -> None:
        uses(ann, phone)
        names_itself(ann)
        copy = SoftwareAuthenticator()
        answer = copy.create(asked(ann))
        Device.objects.create(
            user=get_user_model().objects.create_user("eve"),
            kind="passkey",
            value=(value := hashlib.sha256(answer["id"].encode()).hexdigest()),
            digest=digest("passkey", value),
        )
        answers(ann, answer)
        assert "That passkey did not work." in ann.text
        assert len(passkeys(ann)) == 1

    def test_the_options_have_no_attestation_and_an_opaque_user_id(self, demo: Person) -> None:
        told = options(names_itself(demo))
        assert told["attestation"] == "none"
        assert told["authenticatorSelection"]["residentKey"] == "preferred"
        assert told["user"]["name"] == "demo"
        assert len(from_base64url(told["user"]["id"])) == 32
        assert told["rp"] == {"id": "testserver", "name": "testserver"}

    def test_all_passkeys_of_a_user_have_one_user_handle(
        self, ann: Person, phone: SoftwareAuthenticator, settings: Any
    ) -> None:
        settings.TWILIO_2FA_SECRET_KEY = "another one"
        uses(ann, phone)
        assert options(names_itself(ann))["user"]["id"] == phone.passkeys[0].user_handle

    def test_two_users_have_different_user_handles(
        self, ann: Person, phone: SoftwareAuthenticator, laptop: SoftwareAuthenticator
    ) -> None:
        with_passkey("eve", laptop)
        assert laptop.passkeys[0].user_handle != phone.passkeys[0].user_handle

    def test_the_site_is_named_by_its_setting(self, demo: Person, settings: Any) -> None:
        settings.TWILIO_2FA_SERVICE_NAME = "Owl Bank"
        assert options(names_itself(demo))["rp"]["name"] == "Owl Bank"

    def test_only_the_public_key_of_a_passkey_is_stored(self, ann: Person) -> None:
        [device] = passkeys(ann)
        assert set(device.data) == {
            "credential_id",
            "public_key",
            "sign_count",
            "transports",
            "rp_id",
            "aaguid",
            "backed_up",
            "user_handle",
        }
        assert device.data["transports"] == ["internal"]

    def test_passkeys_send_nothing_to_twilio(self, db: None, phone: SoftwareAuthenticator) -> None:
        sent: list[Any] = []

        def note(**told: Any) -> None:
            sent.append(told)

        sandbox_request.connect(note)
        assert uses(with_passkey("ann", phone), phone).is_verified
        sandbox_request.disconnect(note)
        assert sent == []


class TestChallenge:
    def test_the_challenge_stays_on_reload_and_differs_by_session(self, ann: Person) -> None:
        first = options(begins(ann))["challenge"]
        assert options(ann.opens("verify"))["challenge"] == first
        assert options(begins(Person("ann")))["challenge"] != first

    def test_each_attempt_has_a_new_challenge(self, ann: Person, phone: SoftwareAuthenticator) -> None:
        first = asked(begins(ann))
        wrong = phone.get(first, challenge="AAAA")
        answers(ann, wrong)
        second = options(ann)["challenge"]
        assert second != first["publicKey"]["challenge"]
        # The right answer to the first challenge comes too late.
        answers(ann, phone.get(first))
        assert not ann.is_verified
        assert answers(ann, phone.get(asked(ann))).is_verified

    def test_a_challenge_ends_with_the_verification(self, ann: Person, phone: SoftwareAuthenticator) -> None:
        answer = phone.get(asked(begins(ann)))
        ann.posts(action="cancel")
        begins(ann)
        assert not answers(ann, answer).is_verified

    def test_the_browser_waits_no_longer_than_the_verification(self, ann: Person, later: Any) -> None:
        assert options(begins(ann))["timeout"] == 5 * 60 * 1000
        later(9 * 60)
        assert 0 < options(ann.opens("verify"))["timeout"] <= 60 * 1000


class TestUserVerification:
    @shows("PASSKEY_USER_VERIFICATION")
    @pytest.mark.parametrize("asks", ["required", "preferred", "discouraged"])
    def test_the_browser_gets_the_user_verification_of_the_setting(
        self, demo: Person, phone: SoftwareAuthenticator, settings: Any, asks: str
    ) -> None:
        settings.TWILIO_2FA_PASSKEY_USER_VERIFICATION = asks
        names_itself(demo)
        assert options(demo)["authenticatorSelection"]["userVerification"] == asks
        answers(demo, phone.create(asked(demo)))
        assert options(begins(Person("demo")))["userVerification"] == asks

    def test_user_verification_is_needed_only_if_required(
        self, ann: Person, phone: SoftwareAuthenticator, settings: Any
    ) -> None:
        phone.user_verified = False
        assert uses(ann, phone).is_verified
        settings.TWILIO_2FA_PASSKEY_USER_VERIFICATION = "required"
        assert not uses(Person("ann"), phone).is_verified

    def test_a_passkey_without_verification_cannot_be_registered(self, demo: Person, settings: Any) -> None:
        settings.TWILIO_2FA_PASSKEY_USER_VERIFICATION = "required"
        creates(demo, SoftwareAuthenticator(user_verified=False))
        assert not passkeys(demo)


class TestCounter:
    def test_the_counter_of_a_used_passkey_is_stored(self, ann: Person, phone: SoftwareAuthenticator) -> None:
        uses(ann, phone)
        assert passkeys(ann)[0].data["sign_count"] == phone.counter == 2

    def test_the_counter_of_another_user_stays(self, ann: Person, phone: SoftwareAuthenticator) -> None:
        eve = with_passkey("eve", SoftwareAuthenticator())
        before = passkeys(eve)[0].data
        assert uses(ann, phone).is_verified
        assert passkeys(eve)[0].data == before

    def test_a_copied_key_is_refused_and_logged(
        self, ann: Person, phone: SoftwareAuthenticator, caplog: Any
    ) -> None:
        phone.counter += 5
        uses(ann, phone)
        phone.counter -= 2
        with caplog.at_level(logging.WARNING):
            assert not uses(Person("ann"), phone).is_verified
        assert "there may be a copy of its key" in caplog.text
        # The higher counter stays stored.
        assert passkeys(ann)[0].data["sign_count"] == 7

    def test_a_counter_that_stops_is_refused(self, ann: Person, phone: SoftwareAuthenticator) -> None:
        phone.step, phone.counter = 0, 0
        assert not uses(ann, phone).is_verified

    def test_a_passkey_without_a_counter_works_each_time(
        self, ben: Person, laptop: SoftwareAuthenticator
    ) -> None:
        for _ in range(2):
            assert uses(Person("ann"), laptop).is_verified


class TestRelyingParty:
    @pytest.fixture(autouse=True)
    def any_host(self, settings: Any) -> None:
        settings.ALLOWED_HOSTS = ["*"]

    def at(self, host: str, username: str = "demo") -> Person:
        person = Person(username)
        person.client.defaults["HTTP_HOST"] = host
        return person

    @pytest.mark.parametrize(
        ("host", "origin"),
        [
            ("shop.example", "https://shop.example"),
            ("shop.example:8443", "https://shop.example:8443"),
            ("shop.example:443", "https://shop.example"),
            ("Shop.Example", "https://shop.example"),
            ("localhost:8000", "http://localhost:8000"),
            ("localhost", "http://localhost"),
            ("app.localhost:8000", "http://app.localhost:8000"),
        ],
    )
    def test_the_relying_party_is_the_host_of_the_request(self, demo: Person, host: str, origin: str) -> None:
        person = self.at(host)
        assert creates(person, SoftwareAuthenticator(origin=origin)).is_verified
        assert passkeys(person)[0].data["rp_id"] == host.partition(":")[0].lower()

    def test_plain_http_is_refused_except_on_localhost(self, demo: Person) -> None:
        creates(self.at("shop.example"), SoftwareAuthenticator(origin="http://shop.example"))
        assert not passkeys(demo)

    @shows("PASSKEY_RP_ID", "PASSKEY_ORIGINS")
    def test_settings_allow_a_parent_domain_and_several_origins(self, demo: Person, settings: Any) -> None:
        settings.TWILIO_2FA_PASSKEY_RP_ID = "example.com"
        settings.TWILIO_2FA_PASSKEY_ORIGINS = ["https://www.example.com", "https://shop.example.com"]
        authenticator = SoftwareAuthenticator(origin="https://www.example.com")
        assert creates(self.at("www.example.com"), authenticator).is_verified
        authenticator.origin = "https://shop.example.com"
        assert uses(self.at("shop.example.com"), authenticator).is_verified
        authenticator.origin = "https://evil.example.com"
        assert not uses(self.at("shop.example.com"), authenticator).is_verified

    def test_a_passkey_is_used_at_another_host_of_the_domain(self, demo: Person, settings: Any) -> None:
        settings.TWILIO_2FA_PASSKEY_RP_ID = "example.com"
        authenticator = SoftwareAuthenticator(origin="https://www.example.com")
        person = self.at("www.example.com")
        creates(person, authenticator)
        begins(person)
        person.client.defaults["HTTP_HOST"] = "shop.example.com"
        authenticator.origin = "https://shop.example.com"
        row = Verification.objects.latest("pk")
        answers(person, authenticator.get(asked(person)))
        row.refresh_from_db()
        assert row.status == Status.APPROVED

    def test_the_relying_party_id_may_depend_on_the_request(self, demo: Person, settings: Any) -> None:
        settings.TWILIO_2FA_PASSKEY_RP_ID = lambda request: request.get_host().partition(".")[2]
        authenticator = SoftwareAuthenticator(origin="https://one.example.com")
        assert creates(self.at("one.example.com"), authenticator).is_verified
        authenticator.origin = "https://two.example.com"
        assert uses(self.at("two.example.com"), authenticator).is_verified

    def test_a_passkey_of_another_domain_cannot_be_used(self, demo: Person) -> None:
        creates(self.at("one.example"), SoftwareAuthenticator(origin="https://one.example"))
        person = begins(self.at("two.example"))
        assert "You have no passkey for this site." in person.text
        assert person.page.status_code == 200

    def test_each_domain_has_separate_verifications(self, demo: Person) -> None:
        person, authenticators = self.at("one.example"), {}
        for host in ("one.example", "two.example"):
            person.client.defaults["HTTP_HOST"] = host
            authenticators[host] = SoftwareAuthenticator(origin=f"https://{host}")
            creates(person, authenticators[host])
        assert len(passkeys(person)) == 2
        asked_at = {}
        for host in ("one.example", "two.example"):
            person.client.defaults["HTTP_HOST"] = host
            asked_at[host] = options(begins(person))
            assert asked_at[host]["rpId"] == host
        assert asked_at["one.example"]["challenge"] != asked_at["two.example"]["challenge"]
        assert answers(person, authenticators["two.example"].get(asked(person))).is_verified

    @pytest.mark.parametrize("host", ["127.0.0.1:8000", "[::1]:8000"])
    def test_passkeys_are_not_offered_on_an_ip_address(self, demo: Person, host: str) -> None:
        assert ("passkey", "") not in self.at(host).opens("start").choices

    def test_without_a_request_the_domain_has_to_be_set(self, settings: Any) -> None:
        provider = get_providers()["passkey"]
        assert "PASSKEY_RP_ID is not set" in provider.why_unavailable(user=None)
        settings.TWILIO_2FA_PASSKEY_RP_ID = "example.com"
        assert provider.why_unavailable(user=None) == ""


class TestAvailability:
    def test_passkeys_need_their_extra(self, monkeypatch: Any, rf: Any) -> None:
        monkeypatch.setitem(sys.modules, "webauthn", None)
        why = get_providers()["passkey"].why_unavailable(user=None, request=rf.get("/"))
        assert why == "webauthn is not installed: pip install django-twilio-2fa[passkey]"

    def test_passkeys_need_their_app(self, settings: Any, rf: Any) -> None:
        settings.INSTALLED_APPS = [app for app in settings.INSTALLED_APPS if app != "twilio_2fa_passkey"]
        why = get_providers()["passkey"].why_unavailable(user=None, request=rf.get("/"))
        assert why == "twilio_2fa_passkey is not in INSTALLED_APPS"

    def test_passkeys_are_listed_as_phishing_resistant(self) -> None:
        told = {name for name, provider in get_providers().items() if provider.phishing_resistant}
        assert told == {"passkey"}

    def test_a_locked_user_may_still_use_a_passkey(self, ann: Person, phone: SoftwareAuthenticator) -> None:
        from django_twilio_2fa.models import Lock
        from django_twilio_2fa.process import lockout

        lockout.lock((ann.user.pk,), Lock.FOR_EVER)
        assert uses(ann, phone).is_verified


class TestPages:
    def test_pages_ask_for_a_passkey_not_for_a_code(self, ann: Person) -> None:
        begins(ann)
        assert "Use your passkey" in ann.text
        assert "Enter" not in ann.text
        assert "Send the code again" not in ann.text

    def test_without_script_the_page_says_what_is_missing(self, ann: Person) -> None:
        begins(ann)
        assert "Passkeys need JavaScript." in ann.text
        ann.posts(token="")
        assert "Your browser did not send a passkey." in ann.text
        row = Verification.objects.filter(status=Status.PENDING).latest("pk")
        assert row.attempts == 0

    def test_a_wrong_passkey_shows_an_error_about_passkeys(
        self, ann: Person, phone: SoftwareAuthenticator
    ) -> None:
        uses(ann, phone, challenge="AAAA")
        assert "That passkey did not work. Try again, or try another way." in ann.text
        assert "You can try 4 more times." in ann.text
        assert "code" not in ann.text

    def test_the_browser_can_be_remembered(
        self, ann: Person, phone: SoftwareAuthenticator, settings: Any
    ) -> None:
        settings.TWILIO_2FA_TRUSTED_BROWSER_AGE = timedelta(days=30)
        begins(ann)
        assert 'name="trust_browser"' in ann.page.content.decode()
        ann.posts(token=json.dumps(phone.get(asked(ann))), trust_browser="on")
        assert ann.is_verified
        assert TrustedBrowser.objects.filter(user=ann.user).count() == 1

    def test_removing_the_passkey_that_was_used_ends_the_session(
        self, ben: Person, laptop: SoftwareAuthenticator, settings: Any
    ) -> None:
        settings.TWILIO_2FA_VERIFIED_RECHECK = 0
        uses(ben, laptop)
        assert ben.is_verified
        Device.objects.get(name="My phone").delete()
        assert ben.is_verified
        Device.objects.get(name="My laptop").delete()
        assert not ben.is_verified

    def test_the_passkey_page_has_no_inline_script_or_style(self, ann: Person) -> None:
        html = begins(ann).page.content.decode()
        assert "<style" not in html
        assert "twilio_2fa_passkey/passkey.js" in html
        assert html.count("<script") == html.count("<script src=")
