"""Stop registrations temporarily for places where too few of the sent codes are entered.

The breaker is asked only before sends to phone numbers that nobody has proven yet. Text-message pumping
registers numbers whose owners get a share of the price of each message, and enter no codes.
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
"""The number of registrations in a month from which a country no longer counts for `places.UNKNOWN`."""

BRIEFLY = 120
"""The seconds for which a burst stops registrations, until it is known whether users enter their codes."""

BURST = 4
"""The multiple of `_most` sends in ten minutes that is a burst, unless enough codes were entered."""

LONGEST = DAY
ALL_METHODS = ""


@dataclass(frozen=True)
class Rules:
    """The setting `BREAKER`, with defaults for missing keys."""

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
    """The reason to stop registrations to a place. `brief`: stop for `BRIEFLY`, because of a burst."""

    reason: str
    brief: bool = False


def counters(subject: Subject, row: Verification, provider: MethodProvider) -> list[RateLimit]:
    """Return the counters of a send that the breaker allows. Empty if the breaker does not apply.

    Raises `RegistrationsPaused` if registrations are stopped already or now, and `ChallengeRequired` if the
    user has to pass a challenge first. Two queries, and a third if the client address is known.
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
        # Stop all places before raising: sends before a stop no longer count for any of them.
        raise max(stops, key=lambda error: error.data["retry_after"])
    seen = _client_rows(client, number)
    if client:
        here = found[_key(ALL_METHODS, client)].day
        doubtful |= _judge_client(rules, client, number, here)
    if doubtful and not row.sends:
        challenges.require(subject)
    return [*conversion.sends(_key(*at) for at in watched), *seen]


def watched_places(method: str, number: PhoneNumber, client: str) -> list[tuple[str, str]]:
    """Return the pairs of method and place that a registration is counted for, the country first."""
    where = [*places.of_number(number), places.UNKNOWN]
    found = [(method, place) for place in where]
    return [*found, (ALL_METHODS, client)] if client else found


def _key(method: str, place: str) -> str:
    return f"{method[: pauses.LONGEST_METHOD]}|{place}"


def record_approval(subject: Subject, row: Verification, number: object) -> None:
    """Count an approved registration. `number`: the number that the code was sent to. One query."""
    if not isinstance(number, PhoneNumber) or not pauses.is_registration(row) or conf.BREAKER is None:
        return
    watched = watched_places(row.method, number, _client(subject))
    conversion.record_approval((_key(*at) for at in watched), watched[0][1], row.created_at)


# Earlier pauses


def _past_pauses(watched: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Pause]:
    """Return the pause of registrations of each place that is active or ended in the last day. One query."""
    keys = {pauses.key_of(method, place, registrations=True): (method, place) for method, place in watched}
    rows = Pause.objects.filter(key__in=keys, until__gt=int(time.time()) - DAY)
    return {keys[row.key]: row for row in rows}


def _detail(pause: Pause | None, name: str) -> Any:
    return (pause.details or {}).get(name) if pause is not None else None


def _counts_since(pause: Pause | None) -> int:
    """Return the Unix time from which sends count: the end of the last stop, which earlier sends caused.

    A brief stop does not matter.
    """
    if pause is None or _detail(pause, pauses.BRIEF):
        return 0
    # Count the step in which the stop ended, except after a manual end: it may have sends before the stop.
    return pause.until - (0 if _detail(pause, pauses.LIFTED) else conversion.STEP)


def _is_probing(pause: Pause | None) -> bool:
    """Return whether the place was stopped in the last day, so that fewer sends are enough to stop it again.

    False after a brief stop, and after a stop that somebody ended.
    """
    if pause is None or pause.by != pauses.BREAKER:
        return False
    return not _detail(pause, pauses.BRIEF) and not _detail(pause, pauses.LIFTED)


# Deciding on a stop


def _judge(rules: Rules, at: tuple[str, str], about: Conversion, *, probing: bool) -> Found | None:
    """Return the reason to stop registrations to a place now; None if there is none."""
    if at[0] == ALL_METHODS:
        return None  # a client address has its own rules, see `_judge_client`
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
    """Return whether a place is close to a stop.

    At least half as many codes were sent as a stop needs, and less than twice the required share was entered.
    """
    near = about.hour.sent * 2 >= _most(rules, at)
    return near and not about.hour.converts(min(1.0, 2 * rules.conversion))


def _sentence(sends: Sends, at: tuple[str, str], period: str) -> str:
    method, place = at
    return f"{sends.approved} of {sends.sent} codes by {method} to {place} were entered in the last {period}."


def _stop(rules: Rules, at: tuple[str, str], found: Found, pause: Pause | None) -> errors.RegistrationsPaused:
    """Stop registrations to a place, for twice as long as the last time. Returns the error to raise."""
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
    """Return the counters of the country and the number that a client address has entered."""
    if not client:
        return []
    today = int(time.time()) // DAY * DAY
    country, last = number.country_code or places.NOWHERE, places.number_key(number)
    rows = [(client, country), (_block_scope(client, number), last)]
    return [RateLimit("client", (scope, key, today), (key,), UNLIMITED, DAY) for scope, key in rows]


def _block_scope(client: str, number: PhoneNumber) -> str:
    return f"{client}{places.block_of(number)[-24:]}"


def _judge_client(rules: Rules, client: str, number: PhoneNumber, sends: Sends) -> bool:
    """Return whether a client address is close to a stop. Raises `RegistrationsPaused` if it is stopped.

    Many people may share one address. They are not stopped if they enter their codes.
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
            f"One client address entered numbers of {countries} countries and {numbers} sequential numbers. "
        )
        reason += f"{sends.approved} of {sends.sent} codes were entered."
        raise _stop(rules, (ALL_METHODS, client), Found(reason), None)
    near = 2 * countries > rules.countries + 1 or 2 * numbers > rules.numbers + 1
    return near and not sends.converts(CLIENT_CONVERSION)


CLIENT_CONVERSION = 0.25
"""The share of codes that has to be entered at a client address with many countries or numbers."""
