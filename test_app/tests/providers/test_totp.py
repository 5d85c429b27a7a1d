"""Authenticator apps, registered with a secret. No message is ever sent."""

from __future__ import annotations

import html
import re
from typing import Any
from urllib.parse import unquote

import pytest
import segno
from django.contrib.auth import get_user_model
from django.contrib.sessions.serializers import JSONSerializer
from django.core import signing
from twilio_2fa_totp.labels import kept_of, label_of

from django_twilio_2fa import errors
from django_twilio_2fa.models import Counter, Device, PendingDeletion, Verification
from django_twilio_2fa.process import session_data
from django_twilio_2fa.sandbox import authenticators, clock, messages
from django_twilio_2fa.sandbox.models import SandboxFactor
from django_twilio_2fa.verifier import Verifier

from ..conf.shows import shows
from ..helpers import wrong_code
from ..people import PHONE, Person


@pytest.fixture(autouse=True)
def offered(settings: Any) -> None:
    settings.TWILIO_2FA_ALLOWED_METHODS = ["sms", "email", "totp"]


@pytest.fixture
def tick(monkeypatch: Any) -> Any:
    """Return a function that moves the clock of app and Twilio: after `tick(30)`, the next code is valid."""
    now = [1_800_000_000.0]
    monkeypatch.setattr(clock, "time", lambda: now[0])

    def tick(seconds: float) -> None:
        now[0] += seconds

    return tick


def secret_on(person: Person) -> str:
    """Return the secret that a person would type into the app."""
    found = re.search(r'class="twilio-2fa-secret"[^>]*>([A-Z2-7 ]+)<', person.page.content.decode())
    assert found, person.text
    return found[1].replace(" ", "")


def sealed_secrets(person: Person) -> list[str]:
    """Return the sealed secrets in a person's session."""
    wizards = session_data.read(person.client.get("/").wsgi_request)["wizards"]
    return [w["secret"] for w in wizards.values() if w.get("secret")]


def registers(person: Person, name: str = "", at: str = "start") -> str:
    """Begin to register an authenticator. Return its secret."""
    person.page = None
    person.opens(at).picks("totp").posts(name=name)
    return secret_on(person)


@pytest.fixture
def ann(demo: Person, tick: Any) -> Person:
    """Return a user with an authenticator, in a new session."""
    secret = registers(demo)
    demo.types(authenticators.current_code(secret))
    assert demo.is_verified
    tick(60)
    return Person("demo")


def code(tick: Any = None) -> str:
    return authenticators.current_code(SandboxFactor.objects.get().secret)


def counted(*scopes: str) -> int:
    return sum(c.n for c in Counter.objects.all() if c.scope.startswith(scopes))


class TestRegister:
    def test_a_code_of_the_shown_secret_registers_and_verifies(self, demo: Person, tick: Any) -> None:
        secret = registers(demo, "Work phone")
        assert demo.is_at("verify")
        assert "data:image/svg+xml" in demo.page.content.decode()
        assert not Device.objects.exists()
        demo.types(authenticators.current_code(secret))
        assert demo.is_verified
        device = Device.objects.get()
        assert (device.kind, device.name, str(device)) == ("totp", "Work phone", "Work phone")
        assert device.value == SandboxFactor.objects.get().sid
        assert SandboxFactor.objects.get().status == "verified"

    def test_the_picture_has_a_quiet_zone_of_four_modules(self, demo: Person, tick: Any) -> None:
        registers(demo)
        context = demo.page.context
        picture = unquote(context["qr_code"])
        size = segno.make(context["app_href"], error="m", micro=False).symbol_size(scale=5, border=4)
        assert f"width='{size[0]}' height='{size[1]}'" in picture.replace('"', "'")
        # The background is as large as the picture; the first dark module comes after four light ones.
        assert re.search(r"M4 4\.5h7", picture)

    def test_the_key_can_be_opened_in_an_app(self, demo: Person, tick: Any) -> None:
        secret = registers(demo)
        assert f'href="{html.escape(demo.page.context["app_href"])}"' in demo.page.content.decode()
        assert secret in demo.page.context["app_href"]

    def test_the_identity_at_twilio_is_opaque(self, ann: Person) -> None:
        identity = SandboxFactor.objects.get().identity
        assert re.fullmatch(r"[0-9a-f]{64}", identity)

    def test_the_secret_is_stored_nowhere_in_clear(self, demo: Person, tick: Any) -> None:
        secret = registers(demo)
        assert sealed_secrets(demo)
        rows = [*Verification.objects.values(), *Counter.objects.values(), *Device.objects.values()]
        assert secret not in str(rows) + str(dict(demo.client.session))
        demo.types(authenticators.current_code(secret))
        assert not sealed_secrets(demo)
        assert secret not in str([*Verification.objects.values(), *Device.objects.values()])

    def test_a_session_in_a_signed_cookie_does_not_show_the_secret(
        self, demo: Person, tick: Any, settings: Any
    ) -> None:
        settings.SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
        demo = Person("demo")
        secret = registers(demo)
        cookie = demo.client.cookies[settings.SESSION_COOKIE_NAME].value
        kept = signing.loads(
            cookie,
            salt="django.contrib.sessions.backends.signed_cookies",
            serializer=JSONSerializer,
            max_age=None,
        )
        assert kept["twilio_2fa"]["wizards"]
        assert secret not in str(kept)
        # A later page still shows it.
        assert secret_on(demo.opens("verify")) == secret
        assert demo.types(authenticators.current_code(secret)).is_verified

    @pytest.mark.parametrize("leave", ["cancel", "another"])
    def test_leaving_a_registration_removes_the_sealed_secret(
        self, demo: Person, tick: Any, leave: str
    ) -> None:
        registers(demo)
        if leave == "cancel":
            demo.posts("verify", action="cancel")
            # The factor at Twilio is deleted as well.
            assert not SandboxFactor.objects.exists()
        else:
            demo.page = None
            demo.opens("start").picks("sms").registers()
        assert not sealed_secrets(demo)

    def test_a_wrong_code_registers_nothing_and_costs_a_try(self, demo: Person, tick: Any) -> None:
        secret = registers(demo)
        right = authenticators.current_code(secret)
        demo.types(wrong_code(right))
        assert "You can try 4 more times" in demo.text
        assert secret_on(demo) == secret
        assert not Device.objects.exists()
        assert demo.types(right).is_verified

    def test_another_session_without_the_secret_starts_again(self, demo: Person, tick: Any) -> None:
        secret = registers(demo)
        other = Person("demo").opens("start").picks("totp").posts(name="")
        assert secret_on(other) != secret
        assert SandboxFactor.objects.count() == 1
        assert other.types(authenticators.current_code(secret_on(other))).is_verified

    def test_the_name_of_a_new_authenticator_can_be_corrected(self, demo: Person, tick: Any) -> None:
        registers(demo, "Work fone")
        secret = registers(demo, "Work phone")
        assert SandboxFactor.objects.count() == 1
        demo.types(authenticators.current_code(secret))
        assert [str(d) for d in Device.objects.all()] == ["Work phone"]

    def test_a_user_can_have_several_named_authenticators(self, ann: Person, tick: Any) -> None:
        ann.opens("start").picks("totp").types(code())
        secret = registers(ann, "Tablet", at="/2fa/add/")
        ann.types(authenticators.current_code(secret))
        assert sorted(map(str, Device.objects.all())) == ["", "Tablet"]
        again = Person("demo").opens("start")
        (_, unnamed), named = again.choices
        # An authenticator without a name is listed by the time of its registration.
        assert unnamed.startswith("Added ")
        assert named == ("totp", "Tablet")
        tick(60)
        # Only the code of the picked authenticator is right.
        tablet = Device.objects.get(name="Tablet")
        again.picks("totp", device=str(tablet.pk))
        assert "Enter the code from your authenticator app. Tablet" in again.text
        again.types(authenticators.current_code(secret))
        assert again.is_verified

    def test_messages_name_the_authenticator(self, ann: Person, tick: Any, settings: Any) -> None:
        settings.TWILIO_2FA_ALLOW_REMOVE_LAST = True
        ann.opens("start").picks("totp").types(code())
        ann.types(authenticators.current_code(registers(ann, "Tablet", at="/2fa/add/")))
        assert "Added: Authenticator app, Tablet" in ann.text
        for device in Device.objects.order_by("name"):
            said = device.name or "Authenticator app: Added "
            tick(60)
            ann = Person("demo").opens("start").picks("totp", device=str(device.pk))
            secret = SandboxFactor.objects.get(sid=device.value).secret
            ann.types(authenticators.current_code(secret))
            ann.posts(f"/2fa/remove/{device.pk}/")
            assert f"Removed: {said}" in ann.text

    def test_an_unfinished_authenticator_can_be_continued(self, demo: Person, tick: Any) -> None:
        registers(demo)
        demo.opens("start")
        assert "Continue where I left off" in demo.text
        assert "a code already" not in demo.text

    def test_the_list_of_devices_names_an_authenticator_once(self, demo: Person, tick: Any) -> None:
        secret = registers(demo, "Work phone")
        demo.types(authenticators.current_code(secret)).opens("devices")
        shown = [line.strip() for line in re.findall(r">([^<]*Work phone[^<]*)<", demo.page.content.decode())]
        # Shown once, and repeated for screen readers in the label of each action.
        assert shown == ["Work phone"] * 4
        assert "· Work phone" not in demo.text

    def test_the_authenticator_page_does_not_mention_sending(self, demo: Person, tick: Any) -> None:
        registers(demo)
        assert "Send the code again" not in demo.text
        assert "sent" not in demo.text
        assert not messages.delivered()


def labels() -> list[str]:
    """Return the label of each factor in the app, oldest first."""
    return list(SandboxFactor.objects.order_by("created_at").values_list("friendly_name", flat=True))


class TestLabel:
    """Labels in the app. Each is unique, because some apps overwrite an entry with the same label."""

    @pytest.mark.parametrize(("name", "label"), [("", "demo"), ("Work phone", "Work phone (demo)")])
    def test_the_label_has_the_user_name(self, demo: Person, tick: Any, name: str, label: str) -> None:
        registers(demo, name)
        assert labels() == [label]

    @pytest.mark.parametrize("name", ["", "Phone"])
    def test_two_users_do_not_have_the_same_label(
        self, demo: Person, pat: Person, tick: Any, name: str
    ) -> None:
        registers(demo, name)
        pat.opens("start").picks("sms").types_the_code()
        registers(pat, name, at="/2fa/add/")
        assert len(set(labels())) == 2

    @pytest.mark.parametrize("name", ["", "Phone"])
    def test_the_label_of_a_second_authenticator_differs(self, ann: Person, tick: Any, name: str) -> None:
        ann.opens("start").picks("totp").types(code())
        for _ in range(3):
            ann.types(authenticators.current_code(registers(ann, name, at="/2fa/add/")))
            tick(60)
            device = Device.objects.earliest("registered_at")
            secret = SandboxFactor.objects.get(sid=device.value).secret
            ann = Person("demo").opens("start").picks("totp", device=str(device.pk))
            ann.types(authenticators.current_code(secret))
            assert ann.is_verified
        if name:
            assert labels() == ["demo", "Phone (demo)", "Phone 2 (demo)", "Phone 3 (demo)"]
        else:
            assert labels() == ["demo", "demo #2", "demo #3", "demo #4"]

    @pytest.mark.parametrize("told", ["", "Shop customer", "x" * 100, "a: b", "demo (2)", "\u202edemo\n"])
    @pytest.mark.parametrize("name", ["", "Phone", "y" * 64])
    def test_a_label_that_users_share_gets_a_suffix(
        self, db: None, settings: Any, told: str, name: str
    ) -> None:
        settings.TWILIO_2FA_TOTP_LABEL_CB = lambda user: told
        users = [get_user_model().objects.create_user(f"user{n}") for n in range(50)]
        found = [label_of(user, name) for user in users]
        assert len(set(found)) == 50
        for label in found:
            assert 1 <= len(label) <= 64
            assert label.isprintable()
            assert ":" not in label
            assert told[:5].strip() in label or not told.isprintable() or ":" in told

    def test_labels_of_blank_user_names_get_a_suffix(self, db: None) -> None:
        users = [get_user_model()(pk=n, username="") for n in (1, 2)]
        one, other = (label_of(user, "") for user in users)
        assert one != other

    def test_a_user_name_cannot_imitate_the_label_of_another(self, db: None) -> None:
        # The second authenticator of "sam" would be "sam #2", which is also the name of a user.
        sam, odd = (get_user_model().objects.create_user(n) for n in ("sam", "sam #2"))
        Device.objects.create(user=sam, kind="totp", digest="1", data={"label": kept_of("sam")})
        assert label_of(sam, "") == "sam #2"
        assert label_of(odd, "") != "sam #2"

    def test_a_long_user_name_is_cut_in_the_label(self, db: None) -> None:
        users = [get_user_model().objects.create_user("z" * 140 + n) for n in "ab"]
        one, other = (label_of(user, "y" * 64) for user in users)
        assert one != other
        assert len(one) <= 64

    def test_the_data_of_an_authenticator_has_no_user_name(self, demo: Person, tick: Any) -> None:
        demo.types(authenticators.current_code(registers(demo)))
        assert "demo" not in str(Device.objects.get().data)


@shows("TOTP_LABEL_CB")
@pytest.mark.parametrize(
    ("callback", "label"),
    [
        (lambda user: user.email, "demo@example.com"),
        (lambda user: None, "demo"),
        (lambda user, request: request.path and "demo", "demo"),
        (lambda user: 1 / 0, "demo"),
    ],
)
def test_the_site_may_set_the_label_in_the_app(
    demo: Person, tick: Any, settings: Any, caplog: Any, callback: Any, label: str
) -> None:
    demo.user.email = "demo@example.com"
    demo.user.save()
    settings.TWILIO_2FA_TOTP_LABEL_CB = callback
    registers(demo)
    # Several users may share an e-mail address, so a suffix is added.
    assert re.fullmatch(re.escape(label) + (r" \[[a-z2-7]{6}\]" if "@" in label else ""), labels()[0])


class TestVerify:
    def test_the_code_of_an_authenticator_verifies(self, ann: Person) -> None:
        ann.opens("start").picks("totp")
        assert ann.is_at("verify")
        assert "Send the code again" not in ann.text
        assert "twilio-2fa-secret" not in ann.page.content.decode()
        assert ann.types(code()).is_verified

    def test_picking_an_authenticator_again_has_no_cooldown(self, ann: Person) -> None:
        for _ in range(8):
            ann.page = None
            ann.opens("start").picks("totp")
            assert ann.is_at("verify")
            assert "wait" not in ann.text
        assert Verification.objects.filter(status="pending").count() == 1
        assert not Counter.objects.filter(scope__startswith="sends").exists()

    def test_a_used_code_is_refused(self, ann: Person, tick: Any) -> None:
        used = code()
        assert ann.opens("start").picks("totp").types(used).is_verified
        other = Person("demo").opens("start").picks("totp").types(used)
        assert not other.is_verified
        assert "You have already used this code. Wait for the next one." in other.text
        tick(30)
        assert other.types(code()).is_verified

    def test_a_used_code_that_twilio_accepts_is_refused(self, ann: Person, tick: Any) -> None:
        used = code()
        assert ann.opens("start").picks("totp").types(used).is_verified
        SandboxFactor.objects.update(last_step=None)
        other = Person("demo").opens("start").picks("totp").types(used)
        assert not other.is_verified
        assert "You have already used this code" in other.text

    def test_the_code_that_registered_an_authenticator_is_used(self, demo: Person, tick: Any) -> None:
        used = authenticators.current_code(registers(demo))
        assert demo.types(used).is_verified
        SandboxFactor.objects.update(last_step=None)
        assert not Person("demo").opens("start").picks("totp").types(used).is_verified

    def test_a_used_code_is_not_an_attempt(self, ann: Person, settings: Any) -> None:
        settings.TWILIO_2FA_CLIENT_ADDRESS_CB = lambda request: "192.0.2.1"
        used = code()
        assert ann.opens("start").picks("totp").types(used).is_verified
        other = Person("demo").opens("start").picks("totp")
        before = counted("wrong_tokens", "session:")
        for _ in range(3):
            other.types(used)
            assert "tries" not in other.text
        row = Verification.objects.latest("pk")
        assert (row.attempts, row.status, row.lease) == (0, "pending", "")
        assert counted("wrong_tokens", "session:") == before
        assert SandboxFactor.objects.get().attempts == 0
        # They still count as requests.
        assert counted("requests_per_client") >= 3

    def test_used_codes_that_cost_no_attempt_are_limited(self, ann: Person, settings: Any) -> None:
        settings.TWILIO_2FA_LIMITS = {"used_codes_per_user": "2/h"}
        used = code()
        assert ann.opens("start").picks("totp").types(used).is_verified
        other = Person("demo").opens("start").picks("totp").types(used).types(used)
        assert "You have already used this code" in other.text
        other.types(used)
        assert "That code is incorrect. Check it and try again. You can try 4 more times." in other.text
        assert not other.is_verified

    def test_wrong_codes_are_never_reported_as_used(self, ann: Person) -> None:
        right = code()
        ann.opens("start").picks("totp")
        for _ in range(2):
            ann.types(wrong_code(right))
            assert "That code is incorrect" in ann.text
            assert "has been used" not in ann.text

    def test_a_code_used_for_another_authenticator_is_wrong(self, ann: Person, tick: Any) -> None:
        # Only a code that was used for the same authenticator is reported as used.
        used = code()
        assert ann.opens("start").picks("totp").types(used).is_verified
        secret = registers(ann, "Tablet", at="/2fa/add/")
        ann.types(authenticators.current_code(secret))
        tablet = Device.objects.get(name="Tablet")
        other = Person("demo").opens("start").picks("totp", device=str(tablet.pk)).types(used)
        assert "That code is incorrect" in other.text

    def test_a_used_code_is_refused_without_asking_twilio(self, ann: Person, caplog: Any) -> None:
        used = code()
        assert ann.opens("start").picks("totp").types(used).is_verified
        SandboxFactor.objects.all().delete()
        other = Person("demo").opens("start").picks("totp").types(used)
        assert "You have already used this code" in other.text

    def test_python_and_the_api_have_an_error_for_a_used_code(self, ann: Person) -> None:
        used = code()
        assert ann.opens("start").picks("totp").types(used).is_verified
        verifier = Verifier(ann.user, flow="f", auth="a")
        with pytest.raises(errors.InvalidVerificationCode) as caught:
            verifier.check(verifier.send("totp"), used)
        assert isinstance(caught.value, errors.CodeAlreadyUsed)
        post = Person("demo").client.post
        sent = post("/api/2fa/send/", {"method": "totp"}, content_type="application/json").json()
        told = {"verification_id": sent["verification_id"], "code": used}
        answer = post("/api/2fa/verify/", told, content_type="application/json")
        assert (answer.status_code, answer.json()["error_code"]) == (400, "code_already_used")
        assert answer.json()["blocking"] is False

    def test_a_second_wrong_code_points_to_the_clock(self, ann: Person) -> None:
        wrong = wrong_code(code())
        ann.opens("start").picks("totp").types(wrong)
        assert "date and time" not in ann.text
        ann.types(wrong)
        assert (
            "Wait for the next code. Check that your phone sets its date and time automatically." in ann.text
        )
        assert "You can try 3 more times" in ann.text

    def test_a_wrong_code_by_text_message_does_not_mention_the_clock(self, pat: Person) -> None:
        pat.opens("start").picks("sms").types_a_wrong_code().types_a_wrong_code()
        assert "date and time" not in pat.text

    def test_an_authenticator_deleted_at_twilio_shows_an_error(self, ann: Person, caplog: Any) -> None:
        shown = code()
        SandboxFactor.objects.all().delete()
        ann.opens("start").picks("totp").types(shown)
        assert "Try another way" in ann.text
        assert "new one" not in ann.text
        assert [r.levelname for r in caplog.records if "20404" in r.getMessage()] == ["ERROR"]

    @pytest.mark.parametrize(
        ("late", "good"), [(0, True), (29, True), (-30, True), (90, False), (-90, False)]
    )
    def test_clocks_may_differ_by_a_step(self, ann: Person, tick: Any, late: int, good: bool) -> None:
        ann.opens("start").picks("totp")
        tick(300)
        shown = code()
        tick(late)
        assert ann.types(shown).is_verified is good

    def test_no_code_is_accepted_after_the_last_attempt(self, ann: Person) -> None:
        ann.opens("start").picks("totp")
        right = code()
        for n in range(6):
            ann.posts("verify", token=wrong_code(right, n + 1))
        assert ann.is_at("failed") or ann.is_at("start")
        ann.page = None
        ann.opens("start").picks("totp").posts("verify", token=right)
        assert not ann.is_verified

    def test_a_verification_by_authenticator_expires(self, ann: Person, later: Any) -> None:
        ann.opens("start").picks("totp")
        later(601)
        assert not ann.types(code()).is_verified
        assert ann.is_at("start")

    def test_a_code_of_an_authenticator_always_has_six_digits(self, ann: Person, settings: Any) -> None:
        settings.TWILIO_2FA_TOKEN_LENGTH = 8
        assert ann.opens("start").picks("totp").types(code()).is_verified


@pytest.mark.parametrize("fault", ["60311", "60306", "60324"])
@pytest.mark.parametrize("enrolling", [True, False])
def test_each_twilio_error_for_a_wrong_code_says_incorrect(
    twilio_over_http: Any, demo: Person, fault: str, enrolling: bool
) -> None:
    twilio_over_http.is_new()
    secret = registers(demo)
    if not enrolling:
        demo.types(authenticators.current_code(secret))
        demo = Person("demo").opens("start").picks("totp")
    twilio_over_http.does(fault)
    demo.types("123456")
    assert "That code is incorrect" in demo.text
    assert not demo.is_verified


@pytest.mark.django_db(transaction=True)
class TestRemove:
    @pytest.fixture(autouse=True)
    def allowed(self, settings: Any) -> None:
        settings.TWILIO_2FA_ALLOW_REMOVE_LAST = True

    def remove(self, person: Person) -> None:
        person.opens("start").picks("totp").types(code())
        person.posts(f"/2fa/remove/{Device.objects.get().pk}/")
        assert not Device.objects.exists()

    def test_removing_an_authenticator_deletes_the_factor_at_twilio(self, ann: Person) -> None:
        self.remove(ann)
        assert not SandboxFactor.objects.exists()
        assert not PendingDeletion.objects.exists()

    def test_prune_retries_a_failed_deletion_at_twilio(self, ann: Person, settings: Any) -> None:
        from django.core.management import call_command

        ann.opens("start").picks("totp").types(code())
        settings.TWILIO_2FA_AUTH_TOKEN = "invalid"
        ann.posts(f"/2fa/remove/{Device.objects.get().pk}/")
        assert not Device.objects.exists()
        assert SandboxFactor.objects.exists()
        assert PendingDeletion.objects.exists()
        call_command("twilio_2fa_prune", verbosity=0)
        assert PendingDeletion.objects.exists()
        settings.TWILIO_2FA_AUTH_TOKEN = None
        call_command("twilio_2fa_prune", verbosity=0)
        assert not SandboxFactor.objects.exists()
        assert not PendingDeletion.objects.exists()

    def test_a_failing_deletion_does_not_stop_the_others(self, ann: Person, caplog: Any) -> None:
        from django.core.management import call_command

        # The older of the two entries has invalid data.
        PendingDeletion.objects.create(kind="totp", value="YF" + "1" * 32, data={})
        factor = Device.objects.get()
        PendingDeletion.objects.create(kind="totp", value=factor.value, data=factor.data)
        call_command("twilio_2fa_prune", verbosity=0)
        assert not SandboxFactor.objects.exists()
        assert [left.data for left in PendingDeletion.objects.all()] == [{}]
        assert "KeyError" in caplog.text

    def test_removing_works_if_the_factor_is_gone_at_twilio(self, ann: Person) -> None:
        ann.opens("start").picks("totp").types(code())
        SandboxFactor.objects.all().delete()
        ann.posts(f"/2fa/remove/{Device.objects.get().pk}/")
        assert not PendingDeletion.objects.exists()

    def test_a_deleted_user_leaves_nothing_at_twilio(self, ann: Person) -> None:
        ann.user.delete()
        assert not SandboxFactor.objects.exists()


def test_the_password_is_not_enough_to_add_an_authenticator(pat: Person) -> None:
    # A user with a registered phone has to prove it first.
    pat.opens("start").picks("totp")
    pat.posts("register", name="mine")
    pat.opens("/2fa/add/register/")
    with pytest.raises(errors.ProofRequired):
        Verifier(pat.user, flow="f", auth="a").send("totp", enrol=True)
    assert not SandboxFactor.objects.exists()
    assert [d.value for d in Device.objects.all()] == [PHONE]


def test_without_segno_authenticators_are_not_offered(demo: Person, monkeypatch: Any) -> None:
    import twilio_2fa_totp.provider as provider

    monkeypatch.setattr(provider, "find_spec", lambda name: None)
    assert [m for m, _ in demo.opens("start").choices] == ["sms", "email"]
