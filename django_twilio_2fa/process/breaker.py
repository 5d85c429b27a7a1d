"""Stop registrations for a while where too few of the codes that are sent are entered.

Asked before each send to a phone number that nobody has proven yet, and before no other. Text-message pumping
registers numbers whose owners get a share of the price of a message, and who enter no code.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .. import errors
from ..conf import conf
from ..conf.breaker import BREAKER
from ..contacts import PhoneNumber
from ..models.counters import Counter
from ..models.pauses import Pause
from ..models.verifications import Verification
from ..providers import MethodProvider
from . import challenges, conversion, pauses, places, rate_limits
from .conversion import DAY, Conversion, Sends
from .limit_rows import UNLIMITED, RateLimit
from .subject import Subject

ESTABLISHED = 10
"""So many registrations in a month, and a country is counted by itself only."""

BRIEFLY = 120
"""For so long a burst stops registrations, in seconds: users enter their codes meanwhile, or do not."""

BURST = 4
"""So many times the number of sends may be on their way before anything was entered."""

LONGEST = DAY
ALL_METHODS = ""


@dataclass(frozen=True)
class Rules:
    """The setting `BREAKER`, with the defaults of what it leaves out."""

    sends: int
    conversion: float
    seconds: int
    countries: int
    numbers: int

    @classmethod
    def read(cls) -> Rules | None:
        told = conf.BREAKER
        if told is None:
            return None
        values = {name: told.get(name, default) for name, (default, _doc) in BREAKER.items()}
        return cls(values.pop("sends"), values.pop("conversion"), values.pop("minutes") * 60, **values)


@dataclass(frozen=True)
class Found:
    """The reason to stop registrations to a place. `brief`: until it is known whether codes are entered."""

    reason: str
    brief: bool = False


def counters(subject: Subject, row: Verification, provider: MethodProvider) -> list[RateLimit]:
    """Return what a send is counted on, once it may be made. None where the breaker has nothing to say.

    Raises `RegistrationsPaused` where registrations are stopped, or are stopped now, and `ChallengeRequired`
    where a challenge is wanted first. Two queries, and a third if the client address is known.
    """
    rules, number = Rules.read(), row.contact
    if rules is None or not provider.sends or not pauses.is_registration(row):
        return []
    if not isinstance(number, PhoneNumber):
        return []
    client = _client(subject)
    watched = watched_places(provider.name, number, client)
    past = _past_pauses(watched)
    since = {_key(*at): _counts_since(past.get(at)) for at in watched}
    found, registered = conversion.read(since, watched[0][1])
    if registered >= ESTABLISHED:
        watched.remove((provider.name, places.UNKNOWN))
    lasting = {at: pause.until for at, pause in past.items() if at in watched and pause.until > time.time()}
    if lasting:
        raise _refusal(lasting)
    doubtful, stops = False, []
    for at in watched:
        about, probing = found[_key(*at)], _is_probing(past.get(at))
        if (stop := _judge(rules, at, about, probing=probing)) is not None:
            stops.append(_stop(rules, at, stop, past.get(at)))
        doubtful |= probing or _is_doubtful(rules, at, about)
    if stops:
        # All at once: what was sent counts for none of these places after its stop.
        raise max(stops, key=lambda error: error.data["retry_after"])
    seen = _client_rows(client, number)
    if client:
        here = found[_key(ALL_METHODS, client)].day
        doubtful |= _judge_client(rules, client, number, here)
    if doubtful and not row.sends:
        challenges.require(subject)
    return [*conversion.sends(_key(*at) for at in watched), *seen]


def watched_places(method: str, number: PhoneNumber, client: str) -> list[tuple[str, str]]:
    """Return the method and place of everything that a registration is counted on, the country first."""
    where = [*places.of_number(number), places.UNKNOWN]
    found = [(method, place) for place in where]
    return [*found, (ALL_METHODS, client)] if client else found


def _key(method: str, place: str) -> str:
    return f"{method[: pauses.LONGEST_METHOD]}|{place}"


def record_approval(subject: Subject, row: Verification, number: object) -> None:
    """Count a registration that was approved. `number`: where its code went. One query."""
    if not isinstance(number, PhoneNumber) or not pauses.is_registration(row) or conf.BREAKER is None:
        return
    watched = watched_places(row.method, number, _client(subject))
    conversion.record_approval((_key(*at) for at in watched), watched[0][1], row.created_at)


# Pauses before


def _past_pauses(watched: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Pause]:
    """Return the breaker's last pause of each place, if it lasts or ended within a day. One query."""
    keys = {pauses.key_of(method, place, registrations=True): (method, place) for method, place in watched}
    rows = Pause.objects.filter(key__in=keys, until__gt=int(time.time()) - DAY)
    return {keys[row.key]: row for row in rows}


def _detail(pause: Pause | None, name: str) -> Any:
    return (pause.details or {}).get(name) if pause is not None else None


def _counts_since(pause: Pause | None) -> int:
    """Return since when sends count: since the last stop, which was for what was before it."""
    if pause is None or _detail(pause, pauses.BRIEF):
        return 0
    # The step in which it ended counts. If somebody ended it, what was sent just before may be in that step.
    return pause.until - (0 if _detail(pause, pauses.LIFTED) else conversion.STEP)


def _is_probing(pause: Pause | None) -> bool:
    """Return whether only a few sends may show that a place is good again."""
    if pause is None or pause.by != pauses.BREAKER:
        return False
    return not _detail(pause, pauses.BRIEF) and not _detail(pause, pauses.LIFTED)


# Judging


def _judge(rules: Rules, at: tuple[str, str], about: Conversion, *, probing: bool) -> Found | None:
    """Return the reason to stop registrations to a place now; None if there is none."""
    if at[0] == ALL_METHODS:
        return None  # a client address, which has rules of its own
    most = _most(rules, at)
    if probing and about.day.approved == 0:
        most = max(2, most // 5)
        if about.day.sent >= 2 * most:
            return Found(_sentence(about.day, at, "day"))
    for period, old in about.old.items():
        if old.sent >= most and not old.converts(rules.conversion):
            return Found(_sentence(old, at, period))
    if about.young.sent >= BURST * most and not about.hour.converts(rules.conversion):
        return Found(_sentence(about.young, at, "ten minutes"), brief=True)
    return None


def _most(rules: Rules, at: tuple[str, str]) -> int:
    return 2 * rules.numbers if at[1].startswith("block:") else rules.sends


def _is_doubtful(rules: Rules, at: tuple[str, str], about: Conversion) -> bool:
    """Return whether a place comes close to being stopped: half as many sends, twice as many entered."""
    near = about.hour.sent * 2 >= _most(rules, at)
    return near and not about.hour.converts(min(1.0, 2 * rules.conversion))


def _sentence(sends: Sends, at: tuple[str, str], period: str) -> str:
    method, place = at
    return f"{sends.approved} of {sends.sent} codes by {method} to {place} were entered in the last {period}."


def _stop(rules: Rules, at: tuple[str, str], found: Found, pause: Pause | None) -> errors.RegistrationsPaused:
    """Stop registrations to a place, each time for twice as long. Returns the error."""
    trips = int(_detail(pause, pauses.TRIPS) or 0) if pause is not None else 0
    if found.brief:
        seconds = BRIEFLY
    else:
        seconds = min(LONGEST, rules.seconds * 2 ** min(trips, 10))
        trips += 1
    pauses.begin(*at, seconds=seconds, reason=found.reason, brief=found.brief, trips=trips)
    return errors.RegistrationsPaused(retry_after=seconds)


def _refusal(lasting: dict[tuple[str, str], int]) -> errors.RegistrationsPaused:
    until = max(lasting.values())
    if until == Pause.FOR_EVER:
        return errors.RegistrationsPaused()
    return errors.RegistrationsPaused(retry_after=max(1, until - int(time.time())))


# One client address


def _client(subject: Subject) -> str:
    address = rate_limits.client_address(subject.request, subject.user)
    return places.client_of(address) if address else ""


def _client_rows(client: str, number: PhoneNumber) -> list[RateLimit]:
    """Return the rows that say which countries and which numbers of a block a client has entered."""
    if not client:
        return []
    today = int(time.time()) // DAY * DAY
    country, last = number.country_code or places.NOWHERE, places.number_key(number)
    rows = [(client, country), (_block_scope(client, number), last)]
    return [RateLimit("client", (scope, key, today), (key,), UNLIMITED, DAY) for scope, key in rows]


def _block_scope(client: str, number: PhoneNumber) -> str:
    return f"{client}{places.block_of(number)[-24:]}"


def _judge_client(rules: Rules, client: str, number: PhoneNumber, sends: Sends) -> bool:
    """Return whether a client address comes close to being stopped. Raises `RegistrationsPaused`.

    Many people may be behind one address, and enter their codes: those are not stopped.
    """
    block = _block_scope(client, number)
    lately = int(time.time()) // DAY * DAY - DAY
    rows = Counter.objects.filter(scope__in=(client, block), window__gte=lately, n__gt=0)
    seen = set(rows.values_list("scope", "key"))
    seen |= {(client, number.country_code or places.NOWHERE), (block, places.number_key(number))}
    countries = sum(scope == client for scope, _key in seen)
    numbers = len(seen) - countries
    many = countries > rules.countries or numbers > rules.numbers
    if many and not sends.converts(CLIENT_CONVERSION):
        reason = (
            f"One client address entered numbers of {countries} countries, {numbers} of them sequential, "
        )
        reason += f"and {sends.approved} of {sends.sent} codes."
        raise _stop(rules, (ALL_METHODS, client), Found(reason), None)
    near = 2 * countries > rules.countries + 1 or 2 * numbers > rules.numbers + 1
    return near and not sends.converts(CLIENT_CONVERSION)


CLIENT_CONVERSION = 0.25
"""At least this share of what one client address asks for is entered, where it asks for much."""
