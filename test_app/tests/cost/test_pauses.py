"""Pauses of sending: the command, the admin, and the messages for users."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django.test import Client

from django_twilio_2fa import errors
from django_twilio_2fa.contacts import EmailAddress, PhoneNumber
from django_twilio_2fa.models import Counter, Lock, Pause, Verification
from django_twilio_2fa.process import lockout, pauses
from django_twilio_2fa.process.unauthenticated import UnauthenticatedVerifier
from django_twilio_2fa.sandbox import messages
from django_twilio_2fa.testing import register_device
from django_twilio_2fa.testing.site import move_counts, move_rows
from django_twilio_2fa.verifier import Verifier

from ..people import EMAIL, PHONE, Person

pytestmark = pytest.mark.usefixtures("sessions_in_database")

UK = "+447400123456"
PAUSES = "/admin/twilio_2fa/pause/"


def pause(*args: str) -> str:
    out = StringIO()
    call_command("twilio_2fa_pause", *args, stdout=out)
    return out.getvalue()


def pass_time(seconds: int) -> None:
    move_rows(seconds)
    move_counts(seconds)


def paused(method: str, user: Any, **more: Any) -> bool:
    """Return whether a pause refuses a send."""
    try:
        Verifier(user, flow="a session").send(method, **more)
    except errors.SendingPaused:
        return True
    return False


@pytest.mark.parametrize(
    ("options", "stopped"),
    [
        ((), {"sms", "email"}),
        (("--method", "sms"), {"sms"}),
        (("--country", "us"), {"sms"}),
        (("--country", "GB"), set()),
        (("--method", "sms", "--country", "US"), {"sms"}),
        (("--method", "call", "--country", "US"), set()),
        (("--registrations",), set()),
    ],
)
def test_a_pause_stops_the_sends_that_it_names(sam: Person, options: Any, stopped: set[str]) -> None:
    pause(*options)
    assert {method for method in ("sms", "email") if paused(method, sam.user)} == stopped
    assert messages.delivered(PHONE) == [] or "sms" not in stopped


@pytest.mark.parametrize(
    ("options", "stopped"),
    [
        (("--registrations",), {PHONE, UK, EMAIL}),
        (("--registrations", "--country", "GB"), {UK}),
        (("--registrations", "--method", "sms"), {PHONE, UK}),
        (("--country", "GB"), {UK}),
    ],
)
def test_a_pause_stops_the_registrations_that_it_names(
    demo: Person, no_cooldown: None, options: Any, stopped: set[str]
) -> None:
    pause(*options)
    ways = {
        PHONE: ("sms", PhoneNumber(PHONE)),
        UK: ("sms", PhoneNumber(UK)),
        EMAIL: ("email", EmailAddress(EMAIL)),
    }
    assert {to for to, (method, contact) in ways.items() if paused(method, demo.user, to=contact)} == stopped
    assert all(not messages.delivered(to) for to in stopped)


def test_a_resend_is_stopped_by_a_pause(pat: Person, no_cooldown: None) -> None:
    pat.opens("start").picks("sms")
    pause("--method", "sms")
    pat.posts("verify", action="resend")
    assert pat.has_got() == 1
    assert "We have paused sending codes this way" in pat.text
    assert pat.types_the_code().is_verified  # The code that was sent before the pause works.


def test_a_send_works_again_after_resuming(pat: Person) -> None:
    pause("--method", "sms", "--reason", "The bill")
    assert paused("sms", pat.user)
    assert "1 pauses were ended" in pause("--method", "sms", "--resume")
    assert not paused("sms", pat.user)


def test_resuming_ends_only_the_pause_that_it_names(pat: Person) -> None:
    pause("--method", "sms")
    pause("--country", "US")
    assert "1 pauses were ended" in pause("--resume", "--country", "US")
    assert "0 pauses were ended" in pause("--resume")
    assert paused("sms", pat.user)


def test_a_pause_ends_at_its_time(pat: Person) -> None:
    pause("--until", "2h")
    with pytest.raises(errors.SendingPaused) as e:
        Verifier(pat.user).send("sms")
    assert 7100 < e.value.data["retry_after"] <= 7200
    assert "in 2 hours" in e.value.display
    pass_time(7201)
    assert not paused("sms", pat.user)


def test_pausing_again_changes_reason_and_end(pat: Person) -> None:
    pause("--reason", "first")
    pause("--reason", "second", "--until", "1d")
    [row] = Pause.objects.lasting()
    assert row.reason == "second"
    assert row.ends is not None


def test_list_names_what_is_paused_and_why(db: None) -> None:
    assert pause("--list") == "Nothing is paused.\n"
    pause("--method", "sms", "--country", "GB", "--registrations", "--reason", "The bill")
    text = pause("--list")
    assert "registrations by sms to GB, until somebody resumes it, by command. The bill" in text
    [row] = json.loads(pause("--list", "--json"))
    assert row.pop("id") == Pause.objects.get().pk
    assert row == {
        "method": "sms",
        "place": "GB",
        "registrations": True,
        "reason": "The bill",
        "by": "command",
        "until": None,
    }


def test_a_pause_is_extended_and_lifted_by_its_id(pat: Person) -> None:
    pause("--until", "1h")
    pk = str(Pause.objects.get().pk)
    pause("--extend", pk)
    assert Pause.objects.get().ends is None
    pause("--lift", pk)
    assert not paused("sms", pat.user)
    for option in ("--lift", "--extend"):
        with pytest.raises(CommandError, match="no pause"):
            pause(option, pk)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--method", "pigeons"), "no method pigeons"),
        (("--method", "totp"), "no method totp that sends"),
        (("--country", "XX"), "no country XX"),
        (("--until", "soon"), "neither a moment nor a duration"),
        (("--until", "2001-01-01T00:00"), "in the past"),
        (("--until", "9999999999999d"), "neither a moment nor a duration"),
        (("--lift", "x"), "no pause x"),
        (("--lift", "9" * 30), "no pause"),
    ],
)
def test_a_wrong_option_pauses_nothing(db: None, options: Any, said: str) -> None:
    with pytest.raises(CommandError, match=said):
        pause(*options)
    assert not Pause.objects.exists()


def test_the_start_page_offers_methods_that_are_not_paused(sam: Person) -> None:
    pause("--method", "sms")
    sam.opens("start")
    assert {c["method"]: c["usable"] for c in sam.page.context["choices"]} == {
        "sms": False,
        "call": True,
        "email": True,
        "whatsapp": True,
    }
    assert "We have paused sending codes this way" in sam.text
    assert "unlocked" not in sam.text
    sam.picks("email").types(messages.last_code(EMAIL))
    assert sam.is_verified


def test_a_page_opened_before_a_pause_leads_to_other_methods(sam: Person) -> None:
    sam.opens("start")
    pause("--method", "sms")
    sam.picks("sms")
    assert sam.is_at("start")
    assert "Use another way" in sam.text
    assert not messages.delivered(PHONE)


def test_a_paused_registration_offers_another_method(demo: Person) -> None:
    pause("--method", "sms", "--registrations")
    demo.opens("start").picks("sms").registers()
    assert "We have paused sending codes to new phone numbers" in demo.text
    assert "You can use this instead" in demo.text
    assert not demo.has_got()


def test_a_user_whose_only_method_is_paused_sees_a_message(pat: Person, settings: Any) -> None:
    settings.TWILIO_2FA_ALLOWED_METHODS = ["sms"]
    pause("--reason", "The bill")
    pat.opens("start")
    assert "We have paused sending codes this way" in pat.text
    assert "The bill" not in pat.text


def test_the_api_answers_a_paused_send_with_503(pat: Person) -> None:
    pause("--until", "1h")
    response = pat.client.post("/api/2fa/send/", {"method": "sms"}, "application/json")
    assert response.status_code == 503
    body = response.json()
    assert body["error_code"] == "sending_paused"
    assert 3500 < body["data"]["retry_after"] <= 3600
    assert not pat.has_got()


def test_a_fallback_that_is_paused_is_not_offered(pat: Person, later: Any) -> None:
    pat.opens("start").picks("sms")
    later(70)
    assert pat.opens("verify").page.context["fallback"]["method"] == "call"
    pause("--method", "call")
    assert pat.opens("verify").page.context["fallback"]["method"] == "whatsapp"
    pause("--method", "whatsapp")
    assert not pat.opens("verify").page.context["fallback"]


def test_methods_without_messages_work_during_a_pause(demo: Person, settings: Any) -> None:
    settings.TWILIO_2FA_ALLOWED_METHODS = ["totp"]
    pause()
    assert Verifier(demo.user, flow="a session").send("totp", enrol=True).status == "pending"


def test_a_lookup_is_not_paid_for_during_a_pause(demo: Person, settings: Any) -> None:
    settings.TWILIO_2FA_PHONE_NUMBER_CARRIER_LOOKUP = True
    pause("--registrations")
    assert paused("sms", demo.user, to=PhoneNumber(PHONE))
    assert not Counter.objects.filter(scope__startswith="lookups").exists()
    pause("--registrations", "--resume")
    assert not paused("sms", demo.user, to=PhoneNumber(PHONE))
    assert Counter.objects.filter(scope__startswith="lookups").exists()


def test_a_lock_is_reported_before_a_pause(pat: Person) -> None:
    pause()
    lockout.lock((pat.user.pk,), Lock.FOR_EVER)
    with pytest.raises(errors.AccountLocked):
        Verifier(pat.user).send("sms")


def test_a_send_refused_by_a_pause_is_not_counted(pat: Person) -> None:
    pause()
    assert paused("sms", pat.user)
    assert not Verification.objects.filter(sends__gt=0).exists()


@pytest.mark.parametrize("name", ["pat", "nobody"])
def test_a_pause_does_not_reveal_whether_a_user_exists(pat: Person, settings: Any, name: str) -> None:
    settings.TWILIO_2FA_ALLOW_UNAUTHENTICATED_USERS = True
    named = str(pat.user.pk) if name == "pat" else "999999"
    settings.TWILIO_2FA_UNAUTHENTICATED_MIN_SECONDS = 0
    pause("--method", "call")
    with pytest.raises(errors.SendingPaused):
        UnauthenticatedVerifier(named).send("call")
    pause("--country", "US")
    assert UnauthenticatedVerifier(named).send("sms").sends == 1  # This hides the user's country.
    assert not pat.has_got()
    pause("--country", "US", "--resume")
    pass_time(60)
    UnauthenticatedVerifier(named).send("sms")
    assert pat.has_got() == (name == "pat")


def test_a_pause_adds_no_query_to_a_send(pat: Person, django_assert_num_queries: Any) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    def queries(user: Any) -> int:
        with CaptureQueriesContext(
            connection,
        ) as found:
            Verifier(user, flow="a session").send("sms")
        return len(found)

    other = get_user_model().objects.create_user("kim", password="kim")
    register_device(other, UK)
    before = queries(pat.user)
    pause("--registrations")
    pause("--country", "DE")
    assert queries(other) == before


def test_prune_keeps_a_pause_for_two_days_after_its_end(db: None) -> None:
    pause("--until", "1h")
    pass_time(3700)
    call_command("twilio_2fa_prune", stdout=StringIO())
    assert Pause.objects.count() == 1
    pass_time(3 * 86400)
    call_command("twilio_2fa_prune", stdout=StringIO())
    assert Pause.objects.count() == 0


# The admin


@pytest.fixture
def boss(db: None) -> Client:
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("boss", password="boss"))
    return client


def test_the_admin_begins_and_ends_a_pause(boss: Client, pat: Person) -> None:
    new = {"method": "sms", "country": "US", "reason": "The bill", "ends_0": "", "ends_1": ""}
    page = boss.post(f"{PAUSES}add/", new, follow=True)
    assert page.status_code == 200
    assert "The bill" in page.content.decode()
    assert paused("sms", pat.user)
    [row] = Pause.objects.lasting()
    assert (row.method, row.place, row.by, row.registrations) == ("sms", "US", "admin", False)
    page = boss.post(PAUSES, {"action": "end", "_selected_action": str(row.pk)}, follow=True)
    assert "1 pause was ended" in page.content.decode()
    assert not paused("sms", pat.user)


def test_the_admin_extends_a_pause_by_a_day(boss: Client) -> None:
    pause("--until", "1h")
    [row] = Pause.objects.all()
    page = boss.post(PAUSES, {"action": "extend", "_selected_action": str(row.pk)}, follow=True)
    assert "1 pause was extended" in page.content.decode()
    assert Pause.objects.get().until == row.until + 86400


def test_a_pause_until_the_last_possible_day_can_be_extended(boss: Client) -> None:
    new = {"method": "sms", "country": "", "ends_0": "9999-12-31", "ends_1": "23:59:59"}
    boss.post(f"{PAUSES}add/", new)
    [row] = Pause.objects.all()
    page = boss.post(PAUSES, {"action": "extend", "_selected_action": str(row.pk)}, follow=True)
    assert "1 pause was extended" in page.content.decode()
    assert Pause.objects.get().ends is None


@pytest.mark.parametrize("use_tz", [True, False])
def test_the_admin_shows_when_a_pause_ends_as_it_was_entered(
    boss: Client, settings: Any, use_tz: bool
) -> None:
    settings.USE_TZ, settings.TIME_ZONE = use_tz, "America/New_York"
    new = {"method": "sms", "country": "", "ends_0": "2999-07-01", "ends_1": "18:30:00"}
    page = boss.post(f"{PAUSES}add/", new, follow=True).content.decode()
    assert "July 1, 2999, 6:30 p.m." in page


def test_the_admin_refuses_an_end_in_the_past(boss: Client) -> None:
    new = {"method": "", "country": "", "ends_0": "2001-01-01", "ends_1": "00:00"}
    page = boss.post(f"{PAUSES}add/", new)
    assert "in the future" in page.content.decode()
    assert not Pause.objects.exists()


def test_staff_without_permission_do_not_end_pauses(db: None) -> None:
    pause()
    client = Client()
    client.force_login(get_user_model().objects.create_user("clerk", password="clerk", is_staff=True))
    [row] = Pause.objects.all()
    assert client.post(PAUSES, {"action": "end", "_selected_action": str(row.pk)}).status_code == 403
    assert Pause.objects.lasting().exists()


def test_the_key_of_a_pause_fits_a_method_name_of_any_length(db: None) -> None:
    row = pauses.pause("a" * 64, "client:" + "f" * 24, registrations=True)
    assert len(row.key) <= Lock._meta.get_field("key").max_length  # type: ignore[operator]
    assert (Lock.FOR_EVER, row.method) == (row.until, "a" * 64)
