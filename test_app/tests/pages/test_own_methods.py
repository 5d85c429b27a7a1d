"""The page of the user's devices: each change needs a fresh code and sends an e-mail to the owner."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.template import TemplateSyntaxError

from django_twilio_2fa import notices
from django_twilio_2fa.models import Device, TrustedBrowser
from django_twilio_2fa.process import administration
from django_twilio_2fa.sandbox import messages
from django_twilio_2fa.signals import SIGNALS
from django_twilio_2fa.testing import register_device

from ..browsers.people import trusts
from ..conf.shows import shows
from ..helpers import heard
from ..people import EMAIL, PHONE, Person

OTHER = "+12025550199"


@pytest.fixture(autouse=True)
def fast(settings: Any, no_cooldown: None) -> None:
    settings.TWILIO_2FA_TRUSTED_BROWSER_AGE = timedelta(days=30)


def pk_of(person: Person, kind: str = "phone_number") -> str:
    return str(Device.objects.filter(user=person.user, kind=kind).latest("registered_at").pk)


def proven(person: Person) -> Person:
    return person.opens("start").picks("sms").types_the_code()


def makes_default(person: Person, kind: str) -> Person:
    return person.posts("devices", action="make_default", device=pk_of(person, kind))


class TestDefault:
    def test_the_default_device_is_offered_first(self, sam: Person) -> None:
        proven(sam)
        assert sam.opens("start").choices[0][0] == "sms"
        makes_default(sam, "email")
        assert sam.opens("start").choices[0][0] == "email"

    def test_a_code_is_sent_to_the_default_of_several_numbers(self, sam: Person) -> None:
        register_device(sam.user, OTHER)
        makes_default(proven(sam), "phone_number")
        Person("sam").verifier.send("sms")
        assert sam.has_got(OTHER) == 1

    def test_the_page_marks_the_default_device(self, sam: Person) -> None:
        shown = proven(sam).opens("devices").page.context["devices"]
        assert [(d["is_default"], d["defaultable"]) for d in shown] == [(False, True), (False, True)]
        makes_default(sam, "email")
        assert "Offered first from now on: sXX@eXXXXXX.com" in sam.text
        shown = sam.page.context["devices"]
        assert [d["is_default"] for d in shown] == [True, False]
        assert [d["defaultable"] for d in shown] == [False, True]

    def test_a_newer_default_replaces_the_older_one(self, sam: Person) -> None:
        proven(sam)
        for kind in ("email", "phone_number"):
            makes_default(sam, kind)
        assert [bool(d.default_at) for d in Device.objects.order_by("kind")] == [False, True]
        assert sam.opens("start").choices[0][0] == "sms"

    def test_a_single_device_cannot_be_made_default(self, pat: Person) -> None:
        assert not proven(pat).opens("devices").page.context["devices"][0]["defaultable"]

    def test_recovery_codes_are_never_the_default(self, sam: Person, settings: Any) -> None:
        settings.TWILIO_2FA_ALLOWED_METHODS = ["sms", "email", "recovery"]
        proven(sam).posts("/2fa/add/start/", method="recovery", device="").posts().posts(saved="on")
        makes_default(sam, "recovery")
        assert "You cannot change how you get codes here." in sam.text
        assert sam.opens("start").choices[0][0] == "sms"

    def test_a_device_that_replaces_the_default_is_the_default(self, sam: Person) -> None:
        makes_default(proven(sam), "phone_number")
        change = f"/2fa/change/{pk_of(sam)}/"
        sam.opens(change).picks("sms").registers("202 555 0144").types_the_code("+12025550144")
        assert Device.objects.get(kind="phone_number").default_at

    def test_another_users_device_cannot_be_made_default(self, sam: Person, pat: Person) -> None:
        proven(sam).posts("devices", action="make_default", device=pk_of(pat))
        assert not Device.objects.filter(default_at__isnull=False).exists()

    def test_an_address_stored_by_the_site_can_be_the_default(self, sam: Person, settings: Any) -> None:
        settings.TWILIO_2FA_EMAIL_CB = lambda user: "sam@example.org"
        proven(sam).posts("devices", action="make_default", device="email")
        assert sam.opens("start").choices[0][0] == "email"
        assert Person("sam").verifier.registered()[0].id == "email"
        makes_default(sam, "phone_number")
        assert sam.opens("start").choices[0][0] == "sms"

    def test_making_an_address_default_does_not_count_as_proving(self, sam: Person, settings: Any) -> None:
        settings.TWILIO_2FA_EMAIL_CB = lambda user: "sam@example.org"
        proven(sam).posts("devices", action="make_default", device="email")
        settings.TWILIO_2FA_EMAIL_CB = lambda user: "sam@example.net"
        assert all(r.proven for r in Person("sam").verifier.registered())


# The data that each change posts, and the subject of its e-mail.
CHANGES = {
    "name": ({"action": "rename", "name": "Work"}, "A way to get codes was renamed on your account"),
    "default": ({"action": "make_default"}, "Your default way to get codes was changed"),
    "forget": ({"action": "end_browser"}, "A browser was forgotten on your account"),
    "forget all": ({"action": "end_browsers"}, "A browser was forgotten on your account"),
}


@pytest.fixture
def owner(sam: Person) -> Person:
    """Return a verified user with two devices and a remembered browser."""
    sam.user.email = EMAIL
    sam.user.save()
    return trusts(sam)


def form(person: Person, change: str) -> dict[str, str]:
    told = {"device": pk_of(person, "email"), "browser": str(TrustedBrowser.objects.get().pk)}
    return {**told, **CHANGES[change][0]}


def state() -> Any:
    devices = Device.objects.order_by("pk").values_list("pk", "name", "default_at")
    return list(devices), list(TrustedBrowser.objects.values_list("pk"))


@pytest.mark.parametrize("change", CHANGES)
class TestEachChange:
    def test_a_change_is_continued_after_a_fresh_code(self, owner: Person, change: str, later: Any) -> None:
        later(601)
        before, posted = state(), form(owner, change)
        assert owner.posts("devices", **posted).is_at("start")
        assert state() == before
        assert owner.picks("sms").types_the_code().is_at("again")
        assert state() == before
        owner.presses_the_button()
        assert owner.is_at("devices")
        assert state() != before
        # The change is not offered a second time.
        assert not owner.opens("again").is_at("again")

    def test_an_unverified_session_changes_nothing(self, owner: Person, change: str) -> None:
        before = state()
        assert Person("sam").posts("devices", **form(owner, change)).is_at("start")
        assert state() == before

    def test_a_change_sends_an_email_to_the_owner(self, owner: Person, change: str, mailoutbox: Any) -> None:
        mailoutbox.clear()
        owner.posts("devices", **form(owner, change))
        assert [(mail.subject, mail.to) for mail in mailoutbox] == [(CHANGES[change][1], [EMAIL])]

    def test_a_change_does_not_use_up_the_proof(self, owner: Person, change: str) -> None:
        owner.posts("devices", **form(owner, change))
        assert owner.posts("devices", action="rename", device=pk_of(owner), name="Home").is_at("devices")
        assert Device.objects.filter(name="Home").exists()


def test_a_remembered_browser_does_not_replace_a_fresh_code(owner: Person) -> None:
    cookies = {k: v.value for k, v in owner.client.cookies.items() if k.startswith("twilio_2fa")}
    again = Person("sam")
    again.client.cookies.load(cookies)
    assert again.opens("/secret/").path == "/secret/"
    again.posts("devices", action="end_browsers")
    assert again.is_at("start")
    assert TrustedBrowser.objects.count() == 1


def test_names_and_defaults_send_the_device_changed_signal(owner: Person) -> None:
    with heard(SIGNALS["twilio_2fa_device_changed"].signal) as told:
        for change in ("name", "default"):
            owner.posts("devices", **form(owner, change))
    assert [(t["method"], t["kind"]) for t in told] == [("name", "email"), ("default", "email")]


def test_a_change_without_an_effect_sends_no_email(owner: Person, mailoutbox: Any) -> None:
    for change in ("name", "default"):
        owner.posts("devices", **form(owner, change))
    mailoutbox.clear()
    for change in ("name", "default"):
        owner.posts("devices", **form(owner, change))
    assert mailoutbox == []


class TestTheOldAddress:
    """E-mails to a removed or replaced address: the account's new address may be an attacker's."""

    def proves_by(self, person: Person) -> Person:
        return person.opens("start").picks("sms").types_the_code()

    def test_a_removed_address_gets_an_email(self, sam: Person, mailoutbox: Any) -> None:
        sam.user.email = "new@example.com"
        sam.user.save()
        self.proves_by(sam).posts(f"/2fa/remove/{pk_of(sam, 'email')}/")
        assert sorted(mail.to[0] for mail in mailoutbox) == ["new@example.com", EMAIL]
        assert len({mail.body for mail in mailoutbox}) == 1

    def test_a_replaced_address_gets_an_email(self, sam: Person, mailoutbox: Any) -> None:
        self.proves_by(sam).opens(f"/2fa/change/{pk_of(sam, 'email')}/").picks("email")
        sam.posts(email="sam@example.org").types_the_code("sam@example.org")
        assert [mail.to for mail in mailoutbox] == [[EMAIL]]
        assert mailoutbox[0].subject == "A way to get codes was changed on your account"

    def test_a_removed_account_address_gets_one_email(self, sam: Person, mailoutbox: Any) -> None:
        sam.user.email = EMAIL.upper()
        sam.user.save()
        self.proves_by(sam).posts(f"/2fa/remove/{pk_of(sam, 'email')}/")
        assert len(mailoutbox) == 1

    def test_an_address_stored_by_the_site_gets_an_email(
        self, sam: Person, settings: Any, mailoutbox: Any
    ) -> None:
        stored = {"email": EMAIL}
        settings.TWILIO_2FA_EMAIL_CB = lambda user: stored["email"]

        def store(user: Any, field: str, value: Any, **kwargs: Any) -> None:
            stored[field] = str(value)

        signal = SIGNALS["twilio_2fa_set_user_data"].signal
        signal.connect(store)
        try:
            self.proves_by(sam).opens("/2fa/change/email/").picks("email")
            sam.posts(email="sam@example.org").types_the_code("sam@example.org")
        finally:
            signal.disconnect(store)
        assert stored["email"] == "sam@example.org"
        assert [mail.to for mail in mailoutbox] == [[EMAIL]]

    def test_without_notify_owner_no_email_is_sent(self, sam: Person, settings: Any, mailoutbox: Any) -> None:
        settings.TWILIO_2FA_NOTIFY_OWNER = False
        self.proves_by(sam).posts(f"/2fa/remove/{pk_of(sam, 'email')}/")
        assert mailoutbox == []


class TestTheOldNumber:
    """Messages to a removed or replaced number, sent by the site: Twilio Verify sends only codes."""

    @pytest.fixture
    def texts(self, settings: Any) -> list[tuple[str, str, str]]:
        sent = []

        def send(number: str, text: str, user: Any) -> str:
            sent.append((number, text, user.username))
            return "the id of a message"

        settings.TWILIO_2FA_NOTIFY_NUMBER_CB = send
        return sent

    @shows("NOTIFY_NUMBER_CB")
    def test_a_removed_number_gets_a_message(self, sam: Person, texts: Any) -> None:
        proven(sam).posts(f"/2fa/remove/{pk_of(sam)}/")
        assert texts == [(PHONE, "A way to get codes was removed from your account", "sam")]

    def test_a_number_removed_by_an_administrator_gets_a_message(
        self, sam: Person, texts: Any, django_capture_on_commit_callbacks: Any
    ) -> None:
        with django_capture_on_commit_callbacks(execute=True):
            administration.remove(sam.user, Device.objects.filter(kind="phone_number"))
        assert texts == [(PHONE, "A way to get codes was removed from your account", "sam")]

    def test_a_replaced_number_gets_a_message(self, sam: Person, texts: Any) -> None:
        proven(sam).opens(f"/2fa/change/{pk_of(sam)}/").picks("sms").registers("202 555 0144")
        assert texts == []
        sam.types_the_code("+12025550144")
        assert texts == [(PHONE, "A way to get codes was changed on your account", "sam")]

    def test_an_added_number_gets_no_message(self, sam: Person, texts: Any) -> None:
        proven(sam).opens("/2fa/add/").picks("sms").registers("202 555 0144").types_the_code("+12025550144")
        assert texts == []

    def test_a_failing_callback_stops_no_removal(self, sam: Person, settings: Any) -> None:
        settings.TWILIO_2FA_NOTIFY_NUMBER_CB = lambda number: 1 / 0
        proven(sam).posts(f"/2fa/remove/{pk_of(sam)}/")
        assert not Device.objects.filter(kind="phone_number").exists()
        assert sam.page.status_code == 200

    def test_a_failing_template_stops_no_removal(self, sam: Person, texts: Any, monkeypatch: Any) -> None:
        def fails(*args: Any) -> str:
            raise TemplateSyntaxError

        monkeypatch.setattr(notices, "render_to_string", fails)
        proven(sam).posts(f"/2fa/remove/{pk_of(sam)}/")
        assert not Device.objects.filter(kind="phone_number").exists()
        assert sam.page.status_code == 200
        assert texts == []

    def test_without_notify_owner_no_message_is_sent(self, sam: Person, settings: Any, texts: Any) -> None:
        settings.TWILIO_2FA_NOTIFY_OWNER = False
        proven(sam).posts(f"/2fa/remove/{pk_of(sam)}/")
        assert texts == []


def test_a_code_reaches_the_number_that_was_made_default(pat: Person) -> None:
    register_device(pat.user, OTHER)
    makes_default(proven(pat), "phone_number")
    Person("pat").opens("start").posts("start", method="sms")
    assert len(messages.delivered(OTHER)) == 1
    assert pat.has_got(PHONE) == 1
