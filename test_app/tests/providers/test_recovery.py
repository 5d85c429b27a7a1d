"""Recovery codes: ten codes, each for one use, that an attacker cannot lock."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote

import pytest
from django.contrib.auth import get_user_model
from django.core import mail
from hypothesis import given
from hypothesis import strategies as st
from twilio_2fa_recovery import codes as the_codes
from twilio_2fa_recovery.models import SpentCode
from twilio_2fa_recovery.signals import recovery_code_used

from django_twilio_2fa import errors
from django_twilio_2fa.models import Counter, Device, Verification
from django_twilio_2fa.verifier import Verifier

from ..helpers import connected
from ..people import PHONE, Person


@pytest.fixture(autouse=True)
def offered(settings: Any) -> None:
    settings.TWILIO_2FA_ALLOWED_METHODS = ["sms", "email", "recovery"]


def codes_on(person: Person) -> list[str]:
    return re.findall(r"<code>([0-9a-f-]{19})</code>", person.page.content.decode())


def registers_a_phone(person: Person) -> Person:
    return person.opens("start").picks("sms").registers().types_the_code()


def gets_codes(person: Person) -> list[str]:
    """Create recovery codes and confirm that they are saved. Return the codes."""
    person.posts("/2fa/add/start/", method="recovery", device="").posts()
    codes = codes_on(person)
    person.posts(saved="on")
    return codes


@pytest.fixture
def codes(demo: Person) -> list[str]:
    """Return the recovery codes of `demo`, who also has a phone and has a new session."""
    found = gets_codes(registers_a_phone(demo))
    demo.client.logout()
    demo.client.force_login(demo.user)
    demo.page = None
    assert not demo.is_verified
    return found


@pytest.fixture
def used() -> Any:
    told: list[int] = []

    def note(left: int, **kwargs: Any) -> None:
        told.append(left)

    with connected(recovery_code_used, note):
        yield told


def uses(person: Person, code: str) -> Person:
    person.page = None
    return person.opens("start").picks("recovery").types(code)


class TestTheOffer:
    def test_recovery_codes_are_offered_after_the_first_registration(self, demo: Person) -> None:
        registers_a_phone(demo)
        assert demo.is_at("success")
        assert "Save your recovery codes" in demo.text
        assert demo.is_verified

    def test_declining_recovery_codes_leads_to_next(self, demo: Person) -> None:
        demo.opens("/secret/").picks("sms").registers().types_the_code()
        assert "Save your recovery codes" in demo.text
        demo.posts()
        assert demo.is_at("/secret/")
        demo.opens("success")
        assert "Save your recovery codes" not in demo.text

    def test_saving_recovery_codes_leads_to_next(self, demo: Person) -> None:
        demo.opens("/secret/").picks("sms").registers().types_the_code()
        action = demo.page.context["action"]
        demo.posts(action, method="recovery", device="").posts()
        assert len(codes_on(demo)) == 10
        demo.posts(saved="on")
        assert demo.is_at("/secret/")

    def test_canceling_recovery_codes_leads_to_next(self, demo: Person) -> None:
        demo.opens("/secret/").picks("sms").registers().types_the_code()
        action = demo.page.context["action"]
        demo.posts(action, method="recovery", device="").posts()
        assert len(codes_on(demo)) == 10
        demo.posts(action="cancel")
        assert "Save your recovery codes" in demo.text
        assert demo.posts().is_at("/secret/")

    def test_each_page_of_the_offer_has_a_link_to_skip(self, demo: Person) -> None:
        demo.opens("/secret/").picks("sms").registers().types_the_code()
        demo.posts(demo.page.context["action"], method="recovery", device="")
        for page in (demo.page, demo.opens("/2fa/add/start/?next=/2fa/success/").page):
            assert "Skip for now" in page.content.decode()
            assert page.context["leave_href"].startswith("/2fa/success/")

    def test_the_offer_ends_when_the_proof_is_too_old(self, demo: Person, later: Any) -> None:
        registers_a_phone(demo)
        assert "Save your recovery codes" in demo.opens("success").text
        later(601)
        assert "Save your recovery codes" not in demo.opens("success").text

    def test_recovery_codes_are_not_offered_without_a_registration(self, pat: Person) -> None:
        pat.opens("start").picks("sms").types_the_code()
        assert "Save your recovery codes" not in pat.text

    def test_recovery_codes_cannot_be_the_first_device(self, demo: Person) -> None:
        demo.opens("start")
        assert [method for method, _masked in demo.choices] == ["sms", "email"]
        demo.posts(method="recovery", device="")
        assert demo.is_at("start")
        with pytest.raises(errors.MethodNotAllowed):
            Verifier(demo.user, flow="a flow").send("recovery", enrol=True)

    @pytest.mark.parametrize("methods", [["sms"], ["sms", "email"]])
    def test_recovery_codes_are_not_offered_if_not_allowed(
        self, demo: Person, settings: Any, methods: list[str]
    ) -> None:
        settings.TWILIO_2FA_ALLOWED_METHODS = methods
        registers_a_phone(demo)
        assert "Save your recovery codes" not in demo.text


class TestTheSet:
    def test_a_set_has_ten_different_codes_of_64_bits(self, demo: Person) -> None:
        registers_a_phone(demo).posts("/2fa/add/start/", method="recovery", device="").posts()
        codes = codes_on(demo)
        assert len(set(codes)) == 10
        assert all(re.fullmatch(r"([0-9a-f]{4}-){3}[0-9a-f]{4}", c) for c in codes)

    def test_recovery_codes_can_be_downloaded(self, demo: Person) -> None:
        registers_a_phone(demo).posts("/2fa/add/start/", method="recovery", device="").posts()
        link = re.search(
            r'href="(data:text/plain[^"]+)" download="recovery-codes.txt"', demo.page.content.decode()
        )
        assert link
        text = unquote(link[1])
        assert all(code in text for code in codes_on(demo))
        # The printed list names the user.
        assert "Recovery codes for demo, made on " in text

    def test_recovery_codes_are_shown_until_they_are_saved(self, demo: Person) -> None:
        registers_a_phone(demo).posts("/2fa/add/start/", method="recovery", device="").posts()
        codes = codes_on(demo)
        address = demo.path
        assert codes_on(demo.opens(address)) == codes
        assert codes_on(demo.posts()) == codes
        assert "Tick to say you have saved" in demo.text
        assert not Device.objects.filter(kind="recovery").exists()
        demo.posts(saved="on")
        demo.opens(address)
        assert not codes_on(demo)
        assert Device.objects.filter(kind="recovery").count() == 1

    def test_unsaved_recovery_codes_verify_nobody(self, demo: Person) -> None:
        registers_a_phone(demo).posts("/2fa/add/start/", method="recovery", device="").posts()
        assert ("recovery", "") not in Person("demo").opens("start").choices

    def test_session_and_database_contain_no_recovery_codes(self, demo: Person) -> None:
        registers_a_phone(demo).posts("/2fa/add/start/", method="recovery", device="").posts()
        codes = codes_on(demo)
        for _ in range(2):
            kept = [dict(demo.client.session), *Device.objects.values(), *Verification.objects.values()]
            text = str([*kept, *Counter.objects.values(), *SpentCode.objects.values()])
            assert not [c for c in codes if c in text or c.replace("-", "") in text]
            demo.posts(saved="on")

    def test_another_session_cannot_see_new_recovery_codes(self, demo: Person) -> None:
        registers_a_phone(demo).posts("/2fa/add/start/", method="recovery", device="").posts()
        other = Person("demo").opens("start").picks("sms").types_the_code()
        row = Verification.objects.filter(method="recovery").get()
        assert not codes_on(other.opens("/2fa/add/verify/"))
        other.posts("/2fa/add/verify/", verification=str(row.public_id), saved="on")
        assert not Device.objects.filter(kind="recovery").exists()

    def test_a_new_set_needs_a_fresh_proof_and_ends_the_old_one(self, demo: Person, codes: list[str]) -> None:
        device = Device.objects.get(kind="recovery")
        demo.opens(f"/2fa/change/{device.pk}/")
        assert demo.is_at("start")
        demo.picks("sms").types_the_code()
        demo.opens(f"/2fa/change/{device.pk}/")
        assert "New recovery codes" in demo.text
        new = codes_on(demo.posts())
        assert not set(new) & set(codes)
        demo.posts(saved="on")
        assert Device.objects.filter(kind="recovery").count() == 1
        assert not uses(Person("demo"), codes[0]).is_verified
        assert uses(Person("demo"), new[0]).is_verified

    def test_a_user_has_one_set_of_recovery_codes(self, demo: Person, codes: list[str]) -> None:
        demo.opens("start").picks("sms").types_the_code()
        demo.opens("/2fa/add/start/")
        assert "recovery" not in [method for method, _masked in demo.choices]

    def test_two_concurrent_sets_of_recovery_codes_leave_one(self, demo: Person) -> None:
        registers_a_phone(demo)
        one, two = demo, Person("demo")
        two.opens("start").picks("sms").types_the_code()
        for person in (one, two):
            person.posts("/2fa/add/start/", method="recovery", device="").posts()
        first, second = codes_on(one), codes_on(two)
        one.posts(saved="on")
        two.posts(saved="on")
        assert Device.objects.filter(kind="recovery").count() == 1
        assert not uses(Person("demo"), first[0]).is_verified
        assert uses(Person("demo"), second[0]).is_verified

    def test_recovery_codes_survive_a_changed_key(self, demo: Person, settings: Any) -> None:
        settings.TWILIO_2FA_SECRET_KEY = "one"
        registers_a_phone(demo).posts("/2fa/add/start/", method="recovery", device="").posts()
        codes = codes_on(demo)
        settings.TWILIO_2FA_SECRET_KEY = "two"
        settings.TWILIO_2FA_SECRET_KEY_FALLBACKS = ["one"]
        assert codes_on(demo.opens("/2fa/add/verify/")) == codes

    def test_removing_the_last_device_removes_recovery_codes(
        self, demo: Person, codes: list[str], settings: Any
    ) -> None:
        settings.TWILIO_2FA_ALLOW_REMOVE_LAST = True
        demo.opens("start").picks("sms").types_the_code()
        phone = Device.objects.get(kind="phone_number")
        demo.posts(f"/2fa/remove/{phone.pk}/")
        assert not Device.objects.exists()


class TestUse:
    @pytest.mark.parametrize("typed", ["{}", " {} ", "{}\u200b", "UPPER"])
    def test_a_recovery_code_verifies_its_owner(self, demo: Person, codes: list[str], typed: str) -> None:
        code = codes[3].upper().replace("-", " ") if typed == "UPPER" else typed.format(codes[3])
        assert uses(demo, code).is_verified

    @pytest.mark.parametrize(
        "text",
        [
            "Your recovery code: {code}",
            "3. {code}",
            "{spaced} is my code",
            "be my dead cafe: {plain}.",
            "Recovery codes of demo, each lets you in once. {code}",
            "{code} ({code})",
        ],
    )
    def test_a_recovery_code_within_a_text_verifies(self, demo: Person, codes: list[str], text: str) -> None:
        code = codes[3]
        typed = text.format(code=code, spaced=code.replace("-", " "), plain=code.replace("-", "").upper())
        assert uses(demo, typed).is_verified

    @pytest.mark.parametrize("text", ["{a} {b}", "{a}\n{b}", "{a}-beef", "beef-{a}", "x{a}", "{a}z", "{a}_1"])
    def test_several_codes_or_a_part_of_a_word_are_not_an_attempt(
        self, demo: Person, codes: list[str], text: str
    ) -> None:
        uses(demo, text.format(a=codes[0], b=codes[1]))
        assert not demo.is_verified
        assert Verification.objects.latest("pk").attempts == 0

    @given(
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="_")),
        st.sampled_from(["5762-ccbc-9c40-0eda", "5762ccbc9c400eda", "5762 CCBC 9C40 0EDA"]),
    )
    def test_words_around_a_recovery_code_are_ignored(self, words: str, code: str) -> None:
        assert the_codes.normalize(f"{words}. {code}") == "5762ccbc9c400eda"

    def test_a_recovery_code_works_once(self, demo: Person, codes: list[str]) -> None:
        assert uses(demo, codes[0]).is_verified
        again = uses(Person("demo"), codes[0])
        assert not again.is_verified
        assert "You have already used this code. Use another one from your list." in again.text

    def test_another_users_recovery_code_is_wrong(self, demo: Person, codes: list[str], pat: Person) -> None:
        gets_codes(pat.opens("start").picks("sms").types_the_code())
        assert not uses(Person("pat"), codes[0]).is_verified
        assert SpentCode.objects.count() == 0

    @pytest.mark.parametrize(
        "typed", ["", "123456", "zzzz-zzzz-zzzz-zzzz", "1" * 17, "1" * 10_000, "\0" * 16]
    )
    def test_text_without_a_recovery_code_is_not_an_attempt(
        self, demo: Person, codes: list[str], typed: str
    ) -> None:
        demo.opens("start").picks("recovery").types(typed)
        assert demo.page.status_code == 200
        assert Verification.objects.filter(method="recovery", purpose="prove").get().attempts == 0

    def test_the_recovery_page_does_not_mention_sending(self, demo: Person, codes: list[str]) -> None:
        demo.opens("start").picks("recovery")
        assert "Send the code again" not in demo.text
        assert "was sent" not in demo.text

    def test_the_number_of_recovery_codes_left_is_shown(self, demo: Person, codes: list[str]) -> None:
        assert ("recovery", "10 left") in demo.opens("start").choices
        uses(demo, codes[0])
        assert "9 left" in demo.opens("devices").text

    def test_codes_that_another_user_has_used_are_not_counted(self, demo: Person, codes: list[str]) -> None:
        eve = get_user_model().objects.create_user("eve")
        device = Device.objects.create(user=eve, kind="recovery", value="x", digest="x", data={"codes": []})
        SpentCode.objects.create(device=device, digest="of a code that eve has used")
        assert ("recovery", "10 left") in demo.opens("start").choices

    def test_used_up_recovery_codes_are_not_offered(self, demo: Person, codes: list[str]) -> None:
        for code in codes:
            assert uses(Person("demo"), code).is_verified
        assert [method for method, _ in demo.opens("start").choices] == ["sms"]
        demo.picks("sms").types_the_code()
        device = Device.objects.get(kind="recovery")
        demo.posts(f"/2fa/change/{device.pk}/register/")
        assert len(codes_on(demo)) == 10

    def test_three_remaining_codes_show_a_warning(self, demo: Person, codes: list[str]) -> None:
        for code in codes[:6]:
            assert "Only" not in uses(Person("demo"), code).text
        person = uses(Person("demo"), codes[6])
        assert "You have 3 recovery codes left." in person.text
        assert "You have 3 recovery codes left." in person.opens("devices").text
        for code in codes[7:]:
            person = uses(Person("demo"), code)
        assert "You have no recovery codes left." in person.text

    def test_using_a_recovery_code_sends_a_signal_and_an_email(
        self, demo: Person, codes: list[str], used: list[int]
    ) -> None:
        demo.user.email = "demo@example.com"
        demo.user.save()
        uses(demo, codes[0])
        assert used == [9]
        [told] = mail.outbox
        assert told.to == ["demo@example.com"]
        assert "You have 9 recovery codes left" in told.body
        assert codes[0] not in told.body
        uses(Person("demo"), codes[0])
        assert used == [9]
        assert len(mail.outbox) == 1

    def test_without_notify_owner_a_recovery_code_sends_no_email(
        self, demo: Person, codes: list[str], settings: Any, used: list[int]
    ) -> None:
        settings.TWILIO_2FA_NOTIFY_OWNER = False
        demo.user.email = "demo@example.com"
        demo.user.save()
        uses(demo, codes[0])
        assert used == [9]
        assert not mail.outbox


class TestSendingAtOnce:
    def test_recovery_codes_do_not_delay_a_code_to_the_phone(
        self, demo: Person, codes: list[str], settings: Any
    ) -> None:
        settings.TWILIO_2FA_SEND_COOLDOWN = 0
        assert demo.navigates("start").is_at("verify")
        assert demo.has_got() == 2

    def test_recovery_codes_are_asked_for_if_nothing_else_is_left(
        self, demo: Person, codes: list[str]
    ) -> None:
        Device.objects.exclude(kind="recovery").delete()
        assert demo.navigates("start").is_at("verify")
        assert demo.page.context["method"]["value"] == "recovery"


class TestLockedUsers:
    WRONG = "0000-0000-0000-0000"

    def is_locked_out(self, person: Person, settings: Any) -> None:
        settings.TWILIO_2FA_LIMITS = {"wrong_tokens_in_a_row": 3}
        person.opens("start").picks("sms")
        for _ in range(3):
            person.types_a_wrong_code()
        with pytest.raises(errors.AccountLocked):
            session_verifier(person).send("sms")

    def test_recovery_codes_work_during_a_lock_of_other_methods(
        self, demo: Person, codes: list[str], settings: Any
    ) -> None:
        self.is_locked_out(Person("demo"), settings)
        assert uses(demo, codes[0]).is_verified

    def test_the_failed_page_of_a_locked_user_offers_recovery_codes(
        self, demo: Person, codes: list[str], settings: Any
    ) -> None:
        attacker = Person("demo")
        self.is_locked_out(attacker, settings)
        demo.opens("start").picks("sms")
        assert demo.is_at("failed")
        assert "Recovery codes (10 left)" in demo.text
        demo.posts("start", method="recovery", device=str(Device.objects.get(kind="recovery").pk))
        assert demo.is_at("verify")

    def test_a_locked_user_who_opens_the_page_is_offered_codes(
        self, demo: Person, codes: list[str], settings: Any
    ) -> None:
        self.is_locked_out(Person("demo"), settings)
        demo.navigates("start")
        assert "Recovery codes (10 left)" in demo.text
        assert demo.has_got() == 1 + 1  # while registering, and before the lock

    def test_an_attackers_wrong_recovery_codes_do_not_lock_the_owner(
        self, demo: Person, codes: list[str], settings: Any
    ) -> None:
        settings.TWILIO_2FA_LIMITS = {"wrong_tokens_in_a_row": 5, "wrong_tokens_per_user": "5/h"}
        for _ in range(3):
            attacker = Person("demo").opens("start").picks("recovery")
            for _ in range(6):
                attacker.posts("verify", token=self.WRONG)
            assert not attacker.is_verified
        assert uses(demo, codes[0]).is_verified
        assert Person("demo").opens("start").picks("sms").types_the_code().is_verified

    def test_a_session_has_ten_wrong_recovery_codes_an_hour(
        self, demo: Person, codes: list[str], later: Any
    ) -> None:
        reached = 0
        for _ in range(4):
            demo.opens("start").picks("recovery")
            for _ in range(6):
                demo.posts("verify", token=self.WRONG)
            rows = Verification.objects.filter(method="recovery", purpose="prove")
            reached = sum(rows.values_list("attempts", flat=True))
            rows.exclude(status="pending").update(pending_key=None)
        assert reached == 10
        assert not uses(demo, codes[0]).is_verified
        # Other sessions still work.
        assert Person("demo").opens("start").picks("sms").types_the_code().is_verified
        assert uses(Person("demo"), codes[0]).is_verified

    def test_another_sessions_verification_cannot_be_used(self, demo: Person, codes: list[str]) -> None:
        demo.opens("start").picks("recovery")
        row = Verification.objects.get(method="recovery", purpose="prove")
        other = Person("demo").opens("start").picks("sms")
        other.posts("verify", verification=str(row.public_id), token=codes[0])
        assert not other.is_verified
        row.refresh_from_db()
        assert (row.status, row.attempts) == ("pending", 0)
        for act in ("resend", "cancel"):
            other.posts("verify", verification=str(row.public_id), action=act)
        row.refresh_from_db()
        assert row.status == "pending"


def session_verifier(person: Person) -> Verifier:
    return person.verifier


def test_without_its_app_recovery_codes_are_not_offered(demo: Person, settings: Any) -> None:
    settings.INSTALLED_APPS = [a for a in settings.INSTALLED_APPS if a != "twilio_2fa_recovery"]
    registers_a_phone(demo)
    assert "Save your recovery codes" not in demo.text
    assert demo.has_got(PHONE) == 1
