"""The breaker: it stops registrations where too few codes are entered, and only there."""

from __future__ import annotations

import logging
from itertools import islice
from typing import Any

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection
from django.db.models import F
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext

from django_twilio_2fa import errors
from django_twilio_2fa.contacts import PhoneNumber
from django_twilio_2fa.models import Counter, Lock, Pause
from django_twilio_2fa.process import conversion, lockout, pauses
from django_twilio_2fa.sandbox.fault_injection import injected
from django_twilio_2fa.testing import register_device
from django_twilio_2fa.verifier import Verifier

from ..conf.shows import shows
from ..people import PHONE, Person
from .people import Registrar, numbers, pass_time

pytestmark = pytest.mark.usefixtures("sessions_in_database")

FEW = {"sends": 4, "numbers": 50}


@pytest.fixture(autouse=True)
def quick(settings: Any, no_cooldown: None) -> None:
    settings.TWILIO_2FA_BREAKER = FEW
    settings.TWILIO_2FA_PHONE_NUMBER_ALLOWED_COUNTRIES = None
    settings.TWILIO_2FA_PHONE_NUMBER_DISALLOWED_COUNTRIES = None


@pytest.fixture
def bot(db: None) -> Registrar:
    return Registrar("bot")


def pumps(bot: Registrar, n: int, country: str = "LV", **how: Any) -> None:
    for number in islice(numbers(country, how.pop("step", 101)), bot.tried, bot.tried + n):
        bot.asks(number, **how)


def reasons() -> list[str]:
    return [row.reason for row in Pause.objects.lasting()]


def test_a_country_is_stopped_if_its_codes_are_not_entered(bot: Registrar, caplog: Any) -> None:
    pumps(bot, 4)
    pass_time(660)
    with caplog.at_level(logging.WARNING):
        pumps(bot, 3)
    assert (bot.sent, bot.refused) == (4, 3)
    assert "0 of 4 codes by sms to LV were entered in the last hour." in reasons()
    assert "stopped by the breaker for 3600 seconds" in caplog.text
    assert next(numbers("LV"))[1:] not in caplog.text


def test_registrations_go_on_while_codes_are_entered(db: None) -> None:
    person = Registrar("person")
    for number in islice(numbers("LV"), 12):
        assert person.registers(number)
        pass_time(200)
    assert not Pause.objects.exists()


def test_a_burst_stops_until_codes_are_entered(bot: Registrar) -> None:
    made = list(islice(numbers("LV"), 18))
    rows = [bot.asks(number) for number in made[:17]]
    assert (bot.sent, bot.refused) == (16, 1)
    assert all(0 < row.until - pauses.time.time() <= 120 for row in Pause.objects.all())
    for row in rows[:12]:
        assert row is not None
        bot.enters(row)
    pass_time(130)
    assert bot.asks(made[17])


def test_a_burst_whose_codes_are_not_entered_is_stopped_longer(bot: Registrar) -> None:
    pumps(bot, 17)
    for _ in range(10):
        pass_time(130)
        pumps(bot, 1)
    assert bot.sent == 16
    assert any(row.until - pauses.time.time() > 1800 for row in Pause.objects.lasting())


def test_each_stop_is_longer_and_needs_only_a_few_sends(bot: Registrar) -> None:
    pumps(bot, 4)
    pass_time(660)
    pumps(bot, 1)
    for stopped in (3600, 7200, 14400):
        [row] = Pause.objects.lasting().filter(key="sms|LV|registrations")
        assert stopped - 5 <= row.until - pauses.time.time() <= stopped
        pass_time(stopped + 1)
        before = bot.sent
        pumps(bot, 8)
        assert bot.sent - before == 4


def test_a_country_recovers_once_codes_are_entered(bot: Registrar) -> None:
    pumps(bot, 4)
    pass_time(660)
    pumps(bot, 1)
    pass_time(3601)
    person = Registrar("person")
    for number in islice(numbers("LV"), 100, 112):
        assert person.registers(number)
        pass_time(100)
    assert person.refused == 0


def test_lifting_a_stop_lets_registrations_go_on(bot: Registrar) -> None:
    pumps(bot, 4)
    pass_time(660)
    pumps(bot, 1)
    for row in Pause.objects.lasting():
        call_command("twilio_2fa_pause", "--lift", str(row.pk))
    before = bot.sent
    pumps(bot, 3)
    assert bot.sent - before == 3


def test_extending_a_stop_keeps_registrations_stopped(bot: Registrar) -> None:
    pumps(bot, 4)
    pass_time(660)
    pumps(bot, 1)
    for row in Pause.objects.lasting():
        call_command("twilio_2fa_pause", "--extend", str(row.pk), "--until", "2d")
    pass_time(3601)
    before = bot.sent
    pumps(bot, 2)
    assert bot.sent == before


@pytest.mark.slow
def test_a_stopped_prefix_leaves_the_rest_of_its_country_open(db: None, settings: Any) -> None:
    settings.TWILIO_2FA_BREAKER = {**FEW, "sends": 6}
    bot, person = Registrar("bot"), Registrar("person")
    good = [f"+1212{n}" for n in range(5550000, 5560000, 101)]
    for number in good[:30]:
        assert person.registers(number)
    for n in range(6):
        bot.asks(f"+1202555{n * 101 + 1000}")
        person.registers(good[30 + n])
    pass_time(660)
    assert bot.asks("+12025559001") is None
    assert [row.place for row in Pause.objects.lasting()] == ["+1202"]
    assert person.registers(good[50])


def test_a_block_of_sequential_numbers_is_stopped_separately(db: None, settings: Any) -> None:
    settings.TWILIO_2FA_BREAKER = {"sends": 100, "numbers": 3}
    bot, person = Registrar("bot"), Registrar("person")
    for n in range(6):
        bot.asks(f"+12025557{n:03d}")
    pass_time(660)
    assert bot.asks("+12025557007") is None
    assert [row.place[:6] for row in Pause.objects.lasting()] == ["block:"]
    assert person.registers("+12025558000")


def test_countries_without_registrations_share_one_count(db: None) -> None:
    bot, person = Registrar("bot"), Registrar("person")
    for number in islice(numbers("US"), 10):
        assert person.registers(number)
    pass_time(90000)  # Until then the US also counts as a new country.
    for country in ("LV", "EE", "TN", "SN"):
        bot.asks(next(numbers(country)))
    pass_time(660)
    assert bot.asks(next(numbers("LT"))) is None
    assert [row.place for row in Pause.objects.lasting()] == ["new"]
    assert person.registers(next(islice(numbers("US"), 20, 21)))


def test_sign_ins_go_on_while_registrations_are_stopped(bot: Registrar, pat: Person) -> None:
    for number in islice(numbers("US"), 4):
        bot.asks(number)
    pass_time(660)
    assert bot.asks(next(islice(numbers("US"), 9, 10))) is None
    assert pat.opens("start").picks("sms").types_the_code().is_verified


def test_a_log_in_makes_no_query_of_the_breaker(pat: Person) -> None:
    with CaptureQueriesContext(connection) as caught:
        Verifier(pat.user, flow="f").send("sms")
    assert not [q for q in caught if "SUM(" in q["sql"] or "'sent'" in q["sql"]]


def test_another_method_is_not_stopped(bot: Registrar) -> None:
    pumps(bot, 4)
    pass_time(660)
    pumps(bot, 1)
    assert Registrar("person").registers(next(islice(numbers("LV"), 50, 51)), method="call")


@shows("BREAKER")
def test_the_breaker_can_be_switched_off(bot: Registrar, settings: Any) -> None:
    settings.TWILIO_2FA_BREAKER = None
    pumps(bot, 20)
    assert bot.refused == 0
    assert not Counter.objects.filter(scope="sent").exists()


def test_a_send_that_twilio_refused_is_not_counted(bot: Registrar) -> None:
    with injected("60200", on="/Verifications", times=0):
        for number in islice(numbers("LV"), 8):
            with pytest.raises(errors.TwoFactorError):
                bot.asks(number)
    assert not Counter.objects.filter(scope="sent", n__gt=0).exists()


def test_counters_of_the_breaker_hold_no_numbers(bot: Registrar, settings: Any) -> None:
    settings.TWILIO_2FA_CLIENT_ADDRESS_CB = lambda request: request.META["REMOTE_ADDR"]
    bot.registers(PHONE, address="192.0.2.7")
    rows = [f"{row.scope} {row.key}" for row in Counter.objects.all()]
    assert any("+1202" in row for row in rows)
    for secret in (PHONE, PHONE[2:], "5550143", "192.0.2.7"):
        assert not any(secret in row for row in rows)


class TestOneClientAddress:
    @pytest.fixture(autouse=True)
    def addresses(self, settings: Any, quick: None) -> None:
        settings.TWILIO_2FA_CLIENT_ADDRESS_CB = lambda request: request.META["REMOTE_ADDR"]
        settings.TWILIO_2FA_BREAKER = {"countries": 3, "numbers": 3}

    def test_numbers_of_many_countries_stop_an_address(self, bot: Registrar) -> None:
        for country in ("LV", "EE", "TN", "SN", "LT"):
            bot.asks(next(numbers(country)), address="192.0.2.7")
        assert (bot.sent, bot.refused) == (3, 2)
        assert bot.asks(next(numbers("LV")), address="192.0.2.8")
        assert "One client address" in reasons()[0]

    def test_a_lock_is_reported_before_a_stopped_address(
        self, bot: Registrar, demo: Person, rf: RequestFactory
    ) -> None:
        for country in ("LV", "EE", "TN", "SN"):
            bot.asks(next(numbers(country)), address="192.0.2.7")
        verifier = Verifier(demo.user, flow="f", request=rf.get("/", REMOTE_ADDR="192.0.2.7"))
        lockout.lock((demo.user.pk,), Lock.FOR_EVER)
        with pytest.raises(errors.AccountLocked):
            verifier.send("sms", to=PhoneNumber(PHONE))

    def test_sequential_numbers_stop_an_address(self, bot: Registrar) -> None:
        pumps(bot, 5, address="192.0.2.7", step=1)
        assert (bot.sent, bot.refused) == (3, 2)

    @pytest.mark.parametrize("made", [{"n": 0}, {"window": F("window") - 3 * 86400}])
    def test_empty_or_old_counts_do_not_stop_an_address(self, bot: Registrar, made: dict[str, Any]) -> None:
        for country in ("LV", "EE", "TN"):
            bot.asks(next(numbers(country)), address="192.0.2.7")
        Counter.objects.filter(scope__startswith="client").update(**made)
        for country in ("SN", "LT", "DE"):
            assert bot.asks(next(numbers(country)), address="192.0.2.7")

    def test_an_address_shared_by_many_people_is_not_stopped(self, db: None) -> None:
        person = Registrar("student")
        for country in ("LV", "EE", "TN", "SN", "LT", "DE", "FR"):
            assert person.registers(next(numbers(country)), address="192.0.2.7")
        for number in islice(numbers("US", 1), 7):
            assert person.registers(number, address="192.0.2.7")


def test_a_database_error_while_counting_keeps_the_approval(bot: Registrar, caplog: Any) -> None:
    row = bot.asks(PHONE)
    assert row is not None

    def fails(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if params and conversion.APPROVED in params and "counter" in sql and sql.startswith("INSERT"):
            raise DatabaseError("down")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(fails):
        bot.enters(row)
    row.refresh_from_db()
    assert row.status == "approved"
    assert "could not be counted" in caplog.text


def test_the_admin_shows_why_registrations_stopped(bot: Registrar, admin_client: Any) -> None:
    pumps(bot, 4)
    pass_time(660)
    pumps(bot, 1)
    html = admin_client.get("/admin/twilio_2fa/pause/").content.decode()
    assert "0 of 4 codes by sms to LV were entered in the last hour." in html
    assert "Latvia (LV)" in html


def test_a_refused_registration_offers_a_call(demo: Person, bot: Registrar) -> None:
    for number in islice(numbers("US"), 4):
        bot.asks(number)
    pass_time(660)
    demo.opens("start").picks("sms").registers()
    assert "We have paused sending codes to new phone numbers" in demo.text
    assert "You can use this instead" in demo.text
    assert not demo.has_got()


def test_a_device_registered_from_python_gets_a_code(bot: Registrar, demo: Person) -> None:
    register_device(demo.user, PHONE)
    assert Verifier(demo.user, flow="f").send("sms").sends == 1
