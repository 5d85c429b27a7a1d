"""The grace period: users without a device need not verify until a date."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.utils import timezone

from django_twilio_2fa.checks import check_all
from django_twilio_2fa.process.grace import ends_at
from django_twilio_2fa.process.subject import Subject

from ..conf.shows import shows
from ..people import PHONE, Person
from . import urls


def in_days(days: int) -> date:
    return (
        timezone.localdate() + timedelta(days=days)
        if timezone.is_aware(timezone.now())
        else (timezone.now().date() + timedelta(days=days))
    )


@pytest.fixture
def grace(site: Any) -> Any:
    """Return the settings of the site, with a grace period of ten days."""
    site.TWILIO_2FA_GRACE_UNTIL = in_days(10)
    return site


def reminders(person: Person) -> list[str]:
    """Return the messages that the next page shows."""
    person.opens("devices")
    return [str(m) for m in person.page.context["messages"]]


@shows("GRACE_UNTIL")
class TestUntil:
    def test_a_user_without_a_device_is_let_through(self, grace: Any, demo: Person) -> None:
        assert demo.opens("/page/").path == "/page/"
        assert demo.opens("/guarded/").path == "/guarded/"
        assert demo.opens("/guarded/async/").path == "/guarded/async/"
        assert demo.client.post("/page/", {"a": "1"}).status_code == 200

    def test_users_with_a_device_have_to_verify(self, grace: Any, pat: Person) -> None:
        assert pat.opens("/page/").is_at("start")
        pat.posts(action="skip")
        assert pat.opens("/page/").is_at("start")

    def test_a_grace_period_ends(self, grace: Any, demo: Person) -> None:
        demo.opens("/page/")
        grace.TWILIO_2FA_GRACE_UNTIL = in_days(0)
        assert demo.opens("/page/").is_at("start")
        assert "Skip" not in demo.text

    def test_a_skipped_registration_is_required_after_the_period(self, grace: Any, demo: Person) -> None:
        grace.TWILIO_2FA_GRACE_ACTION = "register"
        demo.opens("/page/").posts(action="skip")
        grace.TWILIO_2FA_GRACE_UNTIL = in_days(0)
        assert demo.opens("/page/").is_at("start")

    @pytest.mark.parametrize("until", [None, lambda user: None, lambda user: 1 / 0, lambda user: "soon"])
    def test_without_a_date_there_is_no_grace_period(self, grace: Any, demo: Person, until: Any) -> None:
        grace.TWILIO_2FA_GRACE_UNTIL = until
        assert demo.opens("/page/").is_at("start")

    def test_a_grace_period_may_depend_on_the_user_or_group(self, grace: Any, demo: Person) -> None:
        def until(user: Any) -> date:
            return in_days(0 if user.groups.filter(name="Staff").exists() else 10)

        grace.TWILIO_2FA_GRACE_UNTIL = until
        assert demo.opens("/page/").path == "/page/"
        demo.user.groups.add(Group.objects.create(name="Staff"))
        assert demo.opens("/page/").is_at("start")

    @pytest.mark.parametrize("path", ["/step-up/", "/strong/", "/step-up/class/"])
    def test_a_grace_period_does_not_open_step_up_pages(self, grace: Any, demo: Person, path: str) -> None:
        demo.opens(path)
        assert demo.path in ("/2fa/start/", "/2fa/register/")
        assert "Skip" not in demo.text
        demo.posts(action="skip")
        assert demo.opens(path).path != path
        assert urls.RUN == []
        # Skipping registration on another page does not open this page.
        grace.TWILIO_2FA_GRACE_ACTION = "register"
        assert demo.opens("/page/").posts(action="skip").path == "/page/"
        assert demo.opens(path).path != path

    def test_naive_times_are_in_the_time_zone_of_the_site(self, settings: Any) -> None:
        now = timezone.now()
        for until in (now + timedelta(seconds=60), now - timedelta(seconds=60)):
            settings.TWILIO_2FA_GRACE_UNTIL = until
            assert (ends_at(Subject()) is not None) is (until > now)
            naive = timezone.make_naive(until, timezone.get_default_timezone()) if settings.USE_TZ else until
            settings.TWILIO_2FA_GRACE_UNTIL = naive
            assert (ends_at(Subject()) is not None) is (until > now)
        settings.TWILIO_2FA_GRACE_UNTIL = date(2999, 1, 1)
        found = ends_at(Subject())
        assert found
        assert found.year in (2998, 2999)
        assert isinstance(found, datetime)


@shows("GRACE_ACTION")
class TestAction:
    def test_a_reminder_is_shown_once_a_session(self, grace: Any, demo: Person) -> None:
        demo.opens("/page/").opens("/page/")
        [text] = reminders(demo)
        assert text.startswith("From ")
        assert "/2fa/start/" in text
        demo.opens("/page/")
        assert reminders(demo) == []

    def test_scripts_are_not_reminded(self, grace: Any, demo: Person) -> None:
        demo.client.get("/page/", HTTP_ACCEPT="application/json")
        assert reminders(demo) == []

    def test_users_may_be_let_through_silently(self, grace: Any, demo: Person) -> None:
        grace.TWILIO_2FA_GRACE_ACTION = "allow"
        assert demo.opens("/page/").path == "/page/"
        assert reminders(demo) == []

    def test_users_may_be_sent_to_register(self, grace: Any, demo: Person) -> None:
        grace.TWILIO_2FA_GRACE_ACTION = "register"
        assert demo.opens("/page/").is_at("start")
        assert "Skip for now" in demo.text
        assert demo.posts(action="skip").path == "/page/"
        assert demo.opens("/page/").path == "/page/"
        again = Person("demo").opens("/page/")
        assert again.is_at("start")
        assert again.picks("sms").registers().types_the_code(PHONE).posts(action="skip").path == "/page/"

    def test_the_action_may_depend_on_the_user(self, grace: Any, demo: Person) -> None:
        grace.TWILIO_2FA_GRACE_ACTION = lambda user: "register" if user.username == "demo" else "allow"
        get_user_model().objects.create_user("another")
        assert demo.opens("/page/").is_at("start")
        assert Person("another").opens("/page/").path == "/page/"

    @pytest.mark.parametrize("action", ["no such action", lambda user: "nor this", lambda user: 1 / 0])
    def test_an_invalid_action_shows_a_reminder(self, grace: Any, demo: Person, action: Any) -> None:
        grace.TWILIO_2FA_GRACE_ACTION = action
        assert demo.opens("/page/").path == "/page/"
        assert len(reminders(demo)) == 1

    def test_a_check_reports_an_invalid_action(self, settings: Any) -> None:
        settings.TWILIO_2FA_GRACE_ACTION = "no such action"
        assert [m.hint for m in check_all(None) if m.id == "twilio_2fa.E003"] == [
            "Use one of allow, remind, register, or a callable."
        ]
