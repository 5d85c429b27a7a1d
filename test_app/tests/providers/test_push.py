"""Push approvals in a registered browser, by pages and API, and in an app with Twilio's library."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from twilio.request_validator import RequestValidator
from twilio_2fa_push.challenges import asked_in
from twilio_2fa_push.testing import SoftwareBrowser

from django_twilio_2fa import signals
from django_twilio_2fa.models import Answer, Device, Status
from django_twilio_2fa.providers.installed import get_providers
from django_twilio_2fa.sandbox.models import SandboxFactor
from django_twilio_2fa.testing.scene import SignalRecorder

from ..api.test_api import Caller, refused
from ..conf.shows import shows
from ..people import Person
from ..pushes import (
    approves,
    confirms,
    denies,
    is_asked,
    names_itself,
    newest,
    pending,
    registers,
    requests,
    with_browser,
)
from ..sandbox.asking import ask, post
from ..sandbox.push_device import PushDevice


@pytest.fixture(autouse=True)
def offered(settings: Any) -> None:
    settings.TWILIO_2FA_ALLOWED_METHODS = ["sms", "push", "recovery"]
    settings.TWILIO_2FA_SEND_COOLDOWN = 0


@pytest.fixture
def laptop() -> SoftwareBrowser:
    return SoftwareBrowser()


@pytest.fixture
def ann(db: None, laptop: SoftwareBrowser) -> Person:
    """Return a user with a registered browser, who signs in from another one."""
    return with_browser("ann", laptop, "My laptop")


class TestBrowsers:
    def test_browsers_are_listed_by_name_and_asked_separately(
        self, ann: Person, laptop: SoftwareBrowser
    ) -> None:
        is_asked(ann)
        approves(laptop, newest().data["asked"]["number"])
        ann.posts("verify")
        tablet = SoftwareBrowser()
        assert registers(ann, tablet, "Tablet").is_at("devices")
        other = Person("ann").opens("start")
        assert [detail for _method, detail in other.choices] == ["My laptop", "Tablet"]
        is_asked(other, str(Device.objects.get(name="Tablet").pk))
        assert requests(laptop) == []
        approves(tablet, newest().data["asked"]["number"])
        assert other.posts("verify").is_verified

    def test_an_answer_stored_after_the_row_was_read_counts(
        self, ann: Person, laptop: SoftwareBrowser
    ) -> None:
        is_asked(ann)
        read_before = newest()
        approves(laptop, read_before.data["asked"]["number"])
        ann.verifier.check(read_before, "")
        assert read_before.status == Status.APPROVED

    def test_each_browser_has_a_separate_cooldown(self, ann: Person, settings: Any) -> None:
        settings.TWILIO_2FA_SEND_COOLDOWN = 30
        laptop = Device.objects.get(name="My laptop")
        copied = {name: getattr(laptop, name) for name in ("user", "kind", "value", "data")}
        tablet = Device.objects.create(digest="d", **copied)
        is_asked(ann, str(laptop.pk))
        is_asked(Person("ann"), str(tablet.pk))
        Person("ann").posts("start", method="push", device=str(tablet.pk))
        assert asked_in(newest()) is None

    def test_a_browser_without_a_name_shows_when_it_was_added(
        self, demo: Person, laptop: SoftwareBrowser
    ) -> None:
        registers(demo, laptop)
        assert "Added " in demo.opens("devices").text
        assert 'href="/2fa/push/"' in demo.page.content.decode()

    def test_a_browser_without_a_name_is_called_by_its_kind(
        self, demo: Person, laptop: SoftwareBrowser
    ) -> None:
        demo.client.defaults["HTTP_USER_AGENT"] = "Mozilla/5.0 (X11; Linux) Firefox/130.0"
        names_itself(demo, laptop)
        assert "Not received a code?" not in demo.text
        confirms(demo, laptop)
        other = Person("demo")
        assert "Approval on a device: Firefox on Linux, added " in other.opens("start").text
        is_asked(other)
        assert "We sent a request to Firefox on Linux. Open approvals there" in other.text
        # A browser of unknown kind.
        device = Device.objects.get()
        Device.objects.update(data={**device.data, "browser": ""})
        assert "We sent a request to your device. Enter this number there:" in other.opens("verify").text

    def test_a_removed_browser_is_deleted_at_twilio(self, ann: Person, laptop: SoftwareBrowser) -> None:
        assert SandboxFactor.objects.filter(sid=laptop.factor, status="verified").exists()
        get_providers()["push"].remove(Device.objects.get(kind="push"))
        assert not SandboxFactor.objects.filter(sid=laptop.factor).exists()
        # A second removal, as after a lost answer, is no error.
        get_providers()["push"].remove(Device.objects.get(kind="push"))

    def test_a_canceled_registration_is_deleted_at_twilio(
        self, demo: Person, laptop: SoftwareBrowser
    ) -> None:
        names_itself(demo, laptop)
        assert SandboxFactor.objects.filter(status="unverified").count() == 1
        demo.posts("verify", action="cancel")
        assert not SandboxFactor.objects.exists()

    def test_a_restarted_registration_uses_the_new_key(self, demo: Person, laptop: SoftwareBrowser) -> None:
        names_itself(demo, SoftwareBrowser())
        names_itself(demo, laptop)
        assert confirms(demo, laptop).is_verified
        assert SandboxFactor.objects.count() == 1

    def test_a_browser_deleted_at_twilio_shows_an_error(self, ann: Person) -> None:
        SandboxFactor.objects.all().delete()
        ann.posts("start", method="push", device="")
        assert "no longer registered" in ann.text
        assert ann.page.status_code == 200

    def test_push_says_which_library_or_app_is_missing(
        self, demo: Person, monkeypatch: Any, settings: Any
    ) -> None:
        provider = get_providers()["push"]
        assert provider.why_unavailable(user=demo.user) == ""
        monkeypatch.setattr("twilio_2fa_push.provider.find_spec", lambda name: None)
        assert "pip install django-twilio-2fa[push]" in provider.why_unavailable(user=demo.user)
        settings.INSTALLED_APPS = [a for a in settings.INSTALLED_APPS if a != "twilio_2fa_push"]
        assert "INSTALLED_APPS" in provider.why_unavailable(user=demo.user)


class TestRequestDetails:
    @shows("PUSH_PLACE_CB")
    def test_both_pages_show_site_browser_place_and_time(
        self, ann: Person, laptop: SoftwareBrowser, settings: Any
    ) -> None:
        settings.TWILIO_2FA_SERVICE_NAME = "Owl Post"
        settings.TWILIO_2FA_PUSH_PLACE_CB = lambda user, request: "Rome, <Italy>"
        ann.client.defaults["HTTP_USER_AGENT"] = "Mozilla/5.0 (Windows NT 10.0) Firefox/140.0"
        asked = is_asked(ann)
        [shown] = requests(laptop)
        details = {d["label"]: d["value"] for d in shown["details"]}
        assert set(details) == {"Site", "Browser", "Place", "Time"}
        assert details["Site"] == "Owl Post (testserver)"
        assert (details["Browser"], details["Place"]) == ("Firefox on Windows", "Rome, <Italy>")
        assert shown["message"] == "Sign in to Owl Post?"
        for text in ("Owl Post (testserver)", "Firefox on Windows", "Rome, &lt;Italy&gt;", asked.number):
            assert text in ann.page.content.decode()
        assert "http://testserver/2fa/push/" in ann.text

    def test_a_callback_that_fails_shows_no_place(self, ann: Person, settings: Any) -> None:
        settings.TWILIO_2FA_PUSH_PLACE_CB = lambda user: 1 / 0
        assert {d["label"] for d in is_asked(ann).details} == {"Site", "Time"}

    def test_long_values_are_cut_to_what_twilio_takes(self, ann: Person, settings: Any) -> None:
        settings.TWILIO_2FA_SERVICE_NAME = "x" * 400
        asked = is_asked(ann)
        assert len(asked.message) == 256
        assert max(len(d["value"]) for d in asked.details) == 128

    @shows("PUSH_SILENT")
    def test_the_page_signs_silently_only_with_the_setting(self, ann: Person, settings: Any) -> None:
        is_asked(ann)
        assert "silent" not in ann.page.context
        assert "twilio-2fa-push-silent" not in ann.page.content.decode()
        settings.TWILIO_2FA_PUSH_SILENT = lambda user: user.username == "ann"
        ann.opens("verify")
        assert ann.page.context["silent"]["href"] == "/2fa/push/answer/"
        settings.TWILIO_2FA_PUSH_SILENT = lambda user: 1 / 0
        ann.opens("verify")
        assert "silent" not in ann.page.context


class TestDenial:
    def test_a_denial_sends_one_signal_and_one_email_and_is_audited(
        self, ann: Person, laptop: SoftwareBrowser, mailoutbox: Any, caplog: Any
    ) -> None:
        recorded = SignalRecorder(signals.twilio_2fa_approval_denied)
        is_asked(ann)
        mailoutbox.clear()
        with caplog.at_level(logging.INFO):
            denies(laptop)
        row = newest()
        device = Device.objects.get(kind="push")
        [told] = recorded.of("push")
        assert (told["user"], told["verification"]) == (ann.user, str(row.public_id))
        assert told["device"] == str(device.pk)
        [mail] = mailoutbox
        assert mail.to == ["ann@example.com"]
        [html] = [text for text, kind in mail.alternatives if kind == "text/html"]
        for text in (mail.body, html):
            assert "denied on My laptop" in text
            assert "Site: testserver" in text
        assert f"Verification {row.public_id} was denied" in caplog.text
        audited = [r for r in caplog.records if r.name == "django_twilio_2fa.audit"]
        assert any("approval_denied" in r.getMessage() for r in audited)
        ann.posts("verify")
        assert "The request was refused." in ann.text
        assert newest().status == Status.FAILED

    def test_a_denial_reaches_twilio(self, ann: Person, laptop: SoftwareBrowser) -> None:
        is_asked(ann)
        denies(laptop)
        device, row = Device.objects.get(kind="push"), newest()
        entity = get_providers()["push"].get_service(device.data["service"]).entities(device.data["identity"])
        assert entity.challenges(row.sid).fetch().status == "denied"

    def test_a_denial_counts_although_twilio_fails(
        self, ann: Person, laptop: SoftwareBrowser, twilio_sandbox: Any
    ) -> None:
        is_asked(ann)
        with twilio_sandbox.fault("hang", times=0):
            denies(laptop)
        assert newest().answer == Answer.DENIED

    def test_an_approval_without_twilios_answer_is_not_stored(
        self, ann: Person, laptop: SoftwareBrowser, twilio_sandbox: Any
    ) -> None:
        asked = is_asked(ann)
        with twilio_sandbox.fault("hang", times=0):
            answer = approves(laptop, asked.number)
        assert answer.status_code == 503
        assert newest().answer == ""
        assert approves(laptop, asked.number).status_code == 200

    def test_an_approval_whose_answer_was_lost_can_be_repeated(
        self, ann: Person, laptop: SoftwareBrowser
    ) -> None:
        asked = is_asked(ann)
        device, row = Device.objects.get(kind="push"), newest()
        token = laptop.answer(asked.shown, "approved", asked.number)
        entity = get_providers()["push"].get_service(device.data["service"]).entities(device.data["identity"])
        entity.challenges(row.sid).update(auth_payload=token)
        assert approves(laptop, asked.number).status_code == 200
        assert ann.posts("verify").is_verified


class TestAPI:
    @pytest.mark.parametrize("token", [False, True])
    def test_a_browser_is_registered_and_used(
        self, demo: Person, laptop: SoftwareBrowser, token: bool
    ) -> None:
        caller = Caller("demo", token=token)
        values = {"method": "push", "name": "My laptop", "data": {"public_key": laptop.public_key}}
        told = caller.asks("register", **values).json()
        assert told["registration"] == {}
        answer = laptop.confirm(told["ceremony"])
        done = caller.asks("verify", verification_id=told["verification_id"], answer=answer)
        assert done.json()["backups"] == ["recovery"]
        assert caller.is_verified

        other = Caller("demo")
        told = other.sends(method="push")
        assert "ceremony" not in told
        asked = asked_in(newest())
        assert asked is not None
        assert f"enter {asked.number} there" in told["display"]
        about = {"verification_id": told["verification_id"], "code": ""}
        refused(other.asks("verify", **about), 409, "approval_pending")
        approves(laptop, asked.number)
        assert other.asks("verify", **about).status_code == 200
        assert other.is_verified

    @pytest.mark.parametrize(
        "data",
        [{"public_key": "x"}, {"public_key": "AAAA"}, {"public_key": "\0"}, {"a" * 65: "x"}, [], "x", 1],
    )
    def test_an_invalid_public_key_is_refused(self, demo: Person, data: Any) -> None:
        answer = Caller("demo").asks("register", method="push", data=data)
        assert answer.status_code == 400
        assert not Device.objects.exists()

    @pytest.mark.parametrize(
        "answer", [{}, {"signature": 1}, {"signature": "ä"}, {"factor_sid": "../x"}, {"x": ""}]
    )
    def test_an_invalid_signature_is_not_counted_as_an_attempt(
        self, demo: Person, laptop: SoftwareBrowser, answer: dict[str, Any]
    ) -> None:
        caller = Caller("demo")
        told = caller.asks("register", method="push", data={"public_key": laptop.public_key}).json()
        refused(
            caller.asks("verify", verification_id=told["verification_id"], answer=answer),
            400,
            "invalid_verification_code",
        )
        assert newest().attempts == 0


class App(PushDevice):
    """An app with Twilio's library. It sends its requests to Twilio directly."""

    def creates_factor(self, registration: dict[str, str]) -> str:
        entity = self.entity(registration)
        auth = ("token", registration["access_token"])
        self.factor = post(f"{entity}/Factors", self.parameters, auth=auth).body
        payload = {"AuthPayload": self.signs(self.factor["sid"])}
        assert post(f"{entity}/Factors/{self.factor['sid']}", payload, auth=self.auth)["status"] == "verified"
        return str(self.factor["sid"])

    def entity(self, about: dict[str, str]) -> str:
        return f"/v2/Services/{about['service_sid']}/Entities/{about['identity']}"

    @property
    def auth(self) -> tuple[str, str]:
        return ("token", self.password(self.factor))

    def replies(self, status: str) -> str:
        """Answer the newest challenge at Twilio. Return its SID."""
        entity = self.entity({"service_sid": self.factor["service_sid"], "identity": self.factor["identity"]})
        path = f"{entity}/Challenges/{newest().sid}"
        asked = ask("GET", path, auth=self.auth)
        payload = self.answers(asked.body, asked.headers["Twilio-Verify-Signature-Fields"], status)
        assert post(path, {"AuthPayload": payload}, auth=self.auth)["status"] == status
        return newest().sid


def with_app(caller: Caller) -> App:
    app = App()
    told = caller.asks("register", method="push", name="My phone").json()
    assert set(told["registration"]) == {"access_token", "identity", "service_sid"}
    assert "ceremony" not in told
    answer = {"factor_sid": app.creates_factor(told["registration"])}
    done = caller.asks("verify", verification_id=told["verification_id"], answer=answer)
    assert done.status_code == 200, done.content
    return app


def webhook(event: str, app: App, *, signature: str | None = None, **changed: str) -> int:
    """Deliver a webhook as Twilio does. Return the status code of the response."""
    values = {
        "type": event,
        "challenge_sid": newest().sid,
        "factor_sid": app.factor["sid"],
        "entity_identity": app.factor["identity"],
        "uuid": "1",
        **changed,
    }
    url = "http://testserver/2fa/push/webhook/"
    signed = signature if signature is not None else RequestValidator("secret").compute_signature(url, values)
    answer = Client().post("/2fa/push/webhook/", values, HTTP_X_TWILIO_SIGNATURE=signed)
    return int(answer.status_code)


class TestApps:
    @pytest.fixture(autouse=True)
    def token(self, settings: Any) -> None:
        settings.TWILIO_2FA_AUTH_TOKEN = "secret"

    @pytest.fixture
    def app(self, demo: Person) -> App:
        return with_app(Caller("demo"))

    def test_without_a_webhook_the_page_asks_twilio(self, app: App) -> None:
        person = Person("demo")
        asked = is_asked(person)
        assert "Open the app there" in person.text
        assert asked.number in person.text
        assert person.client.get("/2fa/status/").json() == {"ready": False, "over": False}
        app.replies("approved")
        cache.clear()
        assert person.client.get("/2fa/status/").json() == {"ready": True, "over": False}
        assert person.posts("verify").is_verified

    def test_the_button_asks_twilio(self, app: App) -> None:
        person = Person("demo")
        is_asked(person)
        app.replies("approved")
        assert person.posts("verify").is_verified

    def test_a_denial_in_an_app_emails_the_owner(self, app: App, mailoutbox: Any) -> None:
        person = Person("demo")
        person.user.email = "demo@example.com"
        person.user.save()
        is_asked(person)
        app.replies("denied")
        mailoutbox.clear()
        person.posts("verify")
        assert "The request was refused." in person.text
        assert [m.subject for m in mailoutbox] == ["A sign-in to your account was denied"]

    @pytest.mark.parametrize("status", ["approved", "denied"])
    def test_a_webhook_stores_the_answer_once(self, app: App, status: str) -> None:
        recorded = SignalRecorder(signals.twilio_2fa_approval_denied)
        person = Person("demo")
        is_asked(person)
        for event in (f"challenge.{status}", f"challenge.{status}", "challenge.approved", "factor.verified"):
            assert webhook(event, app) == 204
        assert newest().answer == status
        assert len(recorded.of("push")) == (status == "denied")

    @pytest.mark.parametrize("signature", ["", "x", "AAAA"])
    def test_a_webhook_that_twilio_did_not_sign_is_refused(self, app: App, signature: str) -> None:
        is_asked(Person("demo"))
        assert webhook("challenge.approved", app, signature=signature) == 403
        assert newest().answer == ""

    def test_webhooks_are_refused_without_an_auth_token(self, app: App, settings: Any, caplog: Any) -> None:
        is_asked(Person("demo"))
        settings.TWILIO_2FA_AUTH_TOKEN = None
        settings.TWILIO_2FA_SANDBOX = False
        assert (
            webhook("challenge.approved", app, signature=RequestValidator("").compute_signature("", {}))
            == 403
        )
        assert "TWILIO_2FA_AUTH_TOKEN is not set" in caplog.text

    @pytest.mark.parametrize(
        "changed",
        [
            {"challenge_sid": "YC" + "0" * 32},
            {"challenge_sid": "\0"},
            {"factor_sid": "YF" + "0" * 32},
            {"entity_identity": "somebody-else"},
            {"type": "challenge.expired"},
            {"type": ""},
        ],
    )
    def test_a_webhook_about_something_else_changes_nothing(self, app: App, changed: dict[str, str]) -> None:
        is_asked(Person("demo"))
        about = {"type": "challenge.approved", **changed}
        assert webhook(about.pop("type"), app, **about) == 204
        assert newest().answer == ""

    def test_a_webhook_about_an_earlier_request_changes_nothing(self, app: App) -> None:
        person = Person("demo")
        first = is_asked(person)
        person.posts("verify", action="resend")
        assert webhook("challenge.approved", app, challenge_sid=first.sid) == 204
        assert newest().answer == ""

    def test_a_webhook_cannot_approve_for_a_browser(self, ann: Person, laptop: SoftwareBrowser) -> None:
        is_asked(ann)
        app = App()
        device = Device.objects.get(user=ann.user)
        app.factor = {"sid": device.value, "identity": device.data["identity"]}
        assert webhook("challenge.approved", app) == 204
        assert newest().answer == ""

    def test_an_app_that_is_not_verified_is_not_registered(self, demo: Person) -> None:
        caller, app = Caller("demo"), App()
        told = caller.asks("register", method="push").json()
        auth = ("token", told["registration"]["access_token"])
        factor = post(f"{app.entity(told['registration'])}/Factors", app.parameters, auth=auth)
        for sid in (factor["sid"], "YF" + "0" * 32):
            answer = {"factor_sid": sid}
            refused(
                caller.asks("verify", verification_id=told["verification_id"], answer=answer),
                400,
                "invalid_verification_code",
            )
        assert not Device.objects.exists()

    def test_the_app_of_another_user_is_not_registered(self, app: App, sam: Person) -> None:
        Device.objects.filter(user=sam.user).delete()
        caller = Caller("sam")
        told = caller.asks("register", method="push").json()
        answer = {"factor_sid": app.factor["sid"]}
        refused(
            caller.asks("verify", verification_id=told["verification_id"], answer=answer),
            400,
            "invalid_verification_code",
        )

    def test_an_app_has_no_link_to_approvals(self, app: App) -> None:
        assert 'href="/2fa/push/"' not in Person("demo").opens("devices").page.content.decode()


def test_the_approvals_page_is_public_and_not_cached(db: None) -> None:
    page = Client().get(reverse("twilio_2fa:push:approvals"))
    assert page.status_code == 200
    assert page["X-Frame-Options"] == "DENY"
    assert "no-store" in page["Cache-Control"]


def test_the_approvals_page_shows_the_site_and_the_user(ann: Person, settings: Any) -> None:
    ann.opens("/2fa/push/")
    assert "testserver Signed in as ann" in ann.text
    assert "<title>Approvals \N{EN DASH} testserver</title>" in ann.page.content.decode()
    assert 'href="/" data-hx-boost="false">Back to the site' in ann.page.content.decode()
    settings.TWILIO_2FA_SERVICE_NAME = "Our shop"
    nobody = Client().get("/2fa/push/")
    assert "Our shop" in nobody.content.decode()
    assert "Signed in as" not in nobody.content.decode()


def test_answers_to_the_script_are_not_cached(ann: Person, laptop: SoftwareBrowser) -> None:
    assert "no-store" in pending(laptop)["Cache-Control"]
    assert Client(enforce_csrf_checks=True).get("/2fa/push/pending/").status_code == 405
