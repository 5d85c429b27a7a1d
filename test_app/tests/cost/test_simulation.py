"""Simulated attacks and rushes with the default settings: messages sent, their cost, and users refused.

The table in docs/security.md has these figures, and a test compares them. The price of a message is that of
an expensive country. The bot uses another account and client address for each number.
"""

from __future__ import annotations

from itertools import cycle, islice
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from django_twilio_2fa.verifier import Verifier

from ..people import PHONE, Person
from .people import Registrar, numbers, pass_time

ROOT = next(p for p in Path(__file__).resolve().parents if (p / "pyproject.toml").is_file())
PRICE = 0.30
HOUR = 3600


class Scenario(NamedTuple):
    """A row of the table. `sent` is the maximum of messages, `stopped` the number of real users refused."""

    name: str
    tried: int
    sent: int
    stopped: int

    @property
    def row(self) -> str:
        return f"| {self.name} | {self.tried} | {self.sent} | ${self.sent * PRICE:.0f} | {self.stopped} |"


PUMP = Scenario("A pumping bot, five countries, a day", 508, 320, 0)
RUSH = Scenario("A launch: 120 people in four minutes", 120, 120, 0)
DOWN = Scenario("A day on which text messages to one country are lost", 72, 60, 0)


@pytest.fixture(autouse=True)
def defaults(settings: Any, db: None) -> None:
    """Use the default settings, but allow all countries: the default list of countries would stop the bot."""
    settings.TWILIO_2FA_ALLOWED_METHODS = ["sms", "call", "email"]
    settings.TWILIO_2FA_PHONE_NUMBER_ALLOWED_COUNTRIES = None
    settings.TWILIO_2FA_PHONE_NUMBER_CARRIER_LOOKUP = False  # A lookup would refuse more numbers of the bot.
    del settings.TWILIO_2FA_CHALLENGE


def established() -> tuple[Registrar, Any]:
    """Return a person and the numbers of a US site with earlier registrations."""
    person, home = Registrar("person"), numbers("US")
    for number in islice(home, 10):
        assert person.registers(number)
    pass_time(26 * HOUR)
    return person, home


@pytest.mark.slow
def test_a_pumping_bot_costs_less_than_a_hundred_dollars_a_day(pat: Person) -> None:
    person, home = established()
    bot = Registrar("bot")
    ways = [numbers(country) for country in ("LV", "TN", "SN", "EE", "LT")]
    targets = (next(way) for way in cycle(ways))

    def attacks(n: int) -> None:
        for number in islice(targets, n):
            if bot.asks(number) is None:
                bot.asks(number, method="call")

    attacks(110)
    for _hour in range(24):
        pass_time(HOUR)
        attacks(6)
        assert person.registers(next(home))
    assert Verifier(pat.user, flow="f").send("sms").sends == 1  # a sign-in
    assert person.refused == PUMP.stopped
    assert PUMP.sent * 0.6 < bot.sent <= PUMP.sent
    assert PUMP.sent * PRICE < 100
    assert bot.tried <= PUMP.tried


@pytest.mark.slow
def test_a_rush_at_a_launch_refuses_no_user() -> None:
    person, home = Registrar("person"), numbers("US")
    waiting: list[list[Any]] = [[], [], []]
    for _seconds in range(0, 240, 10):
        entering = waiting.pop(0)
        for n, row in enumerate(entering):
            if n % 5:  # One user in five does not enter the code.
                person.enters(row)
        waiting.append([person.asks(number) for number in islice(home, 5)])
        pass_time(10)
    assert (person.tried, person.sent, person.refused) == (RUSH.tried, RUSH.sent, RUSH.stopped)


@pytest.mark.slow
def test_calls_and_sign_ins_go_on_while_messages_are_lost(pat: Person) -> None:
    person, home = established()
    lost, caller = Registrar("lost"), Registrar("caller")
    there = numbers("GB")
    for _hour in range(24):
        for number in islice(there, 3):
            lost.asks(number)  # the message is lost
            assert caller.registers(number, method="call")
        assert person.registers(next(home))
        pass_time(HOUR)
    assert Verifier(pat.user, flow="f").send("sms").sends == 1
    assert caller.refused + person.refused == DOWN.stopped
    assert lost.tried == DOWN.tried
    assert lost.sent <= DOWN.sent
    assert lost.refused > 0


def test_the_table_in_the_documentation_has_these_figures() -> None:
    text = (ROOT / "docs" / "security.md").read_text()
    for scenario in (PUMP, RUSH, DOWN):
        assert scenario.row in text
    assert PHONE not in text
