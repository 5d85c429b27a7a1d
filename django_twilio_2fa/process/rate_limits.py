"""Limit sends and checks across verifications: by user, session, destination and client address.

Counts expire with time only: no new code, session, log-in, cancel, device or browser resets them. Consecutive
failures also reset on a right token and on an unlock (see `lockout`).
"""

from __future__ import annotations

import ipaddress
import logging
import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.db import transaction
from django.db.models import F

from .. import errors
from ..conf import conf
from ..contention import again
from ..digests import digests
from ..errors import in_words
from ..models import Counter

logger = logging.getLogger(__name__)

DEFAULTS: dict[str, str | int | None] = {
    "sends_per_user": "10/h",
    "sends_per_destination": "10/h, 20/d",
    "unproven_sends_per_user": "5/h",
    "unproven_sends_per_destination": "2/10m, 5/d",
    "setups_per_user": "10/h",
    "refused_sends_per_user": "20/h",
    "refused_sends_per_destination": "20/h",
    "wrong_tokens_per_session": "10/h",
    "wrong_tokens_per_user": "30/h",
    "wrong_tokens_in_a_row": 100,
    "used_codes_per_user": "10/h",
    "lookups_per_user": "10/h",
    "requests_per_client": "30/h",
}
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
RATE = re.compile(r"(\d+)\s*/\s*(\d*)\s*([smhd])\w*")

RUN = "wrong_tokens_in_a_row"
PER_SESSION = "wrong_tokens_per_session"
PER_USER = "wrong_tokens_per_user"
PER_CLIENT = "requests_per_client"


def rates(name: str) -> list[tuple[int, int]]:
    """Return the limit's rates as pairs of a number and a window in seconds; empty if it is switched off."""
    told = {**DEFAULTS, **conf.LIMITS}[name]
    return [(int(n), int(times or 1) * UNITS[unit]) for n, times, unit in RATE.findall(str(told or ""))]


# A limit's window moves on in so many steps: what is counted in one step leaves it as one.
STEPS = 12


@dataclass(frozen=True)
class Count:
    """One counter: up to `most` within `seconds`; `window` is when its step began (Unix time)."""

    name: str
    scope: str
    keys: tuple[str, ...]
    most: int
    window: int
    seconds: int

    @property
    def identity(self) -> tuple[str, str, int]:
        return self.scope, self.keys[0], self.window


def counts(name: str, *parts: Any, scope: str = "") -> list[Count]:
    """Return the counters of a limit for the user, session or destination in `parts`, one for each rate."""
    now = int(time.time())
    keys = tuple(digests("count", name, *parts))
    return [
        Count(name, f"{scope or name}:{seconds}", keys, most, now - now % max(1, seconds // STEPS), seconds)
        for most, seconds in rates(name)
    ]


class LimitReached(Exception):
    """A counter is at its limit, and nothing was counted. `retry_after`: seconds."""

    def __init__(self, count: Count, retry_after: int = 0) -> None:
        super().__init__(count.name)
        self.count = count
        self.retry_after = retry_after


def spend(wanted: Iterable[Count], *, below: Sequence[Count] = ()) -> None:
    """Increment every counter of an action, or none. Raises `LimitReached` if one is at its limit.

    The counters in `below` have to be below their limits, and are not incremented. The order is fixed, so
    that two requests at once wait for each other and never deadlock.
    """
    ordered = _in_order(wanted)
    if not ordered:
        return
    with transaction.atomic():
        _create(ordered)
        counted = counted_of([*ordered, *below])
        for count in below:
            if sum(counted[count].values()) >= count.most:
                raise LimitReached(count, _frees_after(count, counted[count]))
        for count in ordered:
            others = sum(n for identity, n in counted[count].items() if identity != count.identity)
            if not row_of(count).filter(n__lt=count.most - others).update(n=F("n") + 1):
                raise LimitReached(count, _frees_after(count, counted[count]))


def row_of(count: Count) -> Any:
    return Counter.objects.filter(scope=count.scope, key=count.keys[0], window=count.window)


def counted_of(wanted: Sequence[Count]) -> dict[Count, dict[tuple[str, str, int], int]]:
    """Return each counter's rows within its seconds: of this step, earlier steps and earlier keys."""
    if not wanted:
        return {}
    now = int(time.time())
    rows = Counter.objects.filter(
        scope__in={c.scope for c in wanted},
        key__in={key for c in wanted for key in c.keys},
        window__gt=min(_began(c, now) for c in wanted),
    )
    found = list(rows.values_list("scope", "key", "window", "n"))
    return {
        count: {
            (scope, key, window): n
            for scope, key, window, n in found
            if scope == count.scope and key in count.keys and window > _began(count, now)
        }
        for count in wanted
    }


def _began(count: Count, now: int) -> int:
    """Return the time after which a step counts. Consecutive failures count always."""
    return now - count.seconds if count.seconds else -1


def _frees_after(count: Count, counted: dict[tuple[str, str, int], int]) -> int:
    """Return the seconds until the limit allows one more."""
    left = sum(counted.values())
    for (_scope, _key, window), n in sorted(counted.items(), key=lambda item: item[0][2]):
        left -= n
        if left < count.most:
            return max(1, window + count.seconds - int(time.time()))
    return max(1, count.seconds)


def _in_order(wanted: Iterable[Count]) -> list[Count]:
    return sorted(wanted, key=lambda c: (c.scope, c.keys[0]))


def _create(wanted: Sequence[Count]) -> None:
    fresh = [Counter(scope=c.scope, key=c.keys[0], window=c.window) for c in wanted]
    Counter.objects.bulk_create(fresh, ignore_conflicts=True)


def add(wanted: Iterable[Count]) -> None:
    """Count something that has happened already, regardless of limits."""
    ordered = _in_order(wanted)
    _create(ordered)
    for count in ordered:
        row_of(count).update(n=F("n") + 1)


def refund(wanted: Iterable[Count]) -> None:
    """Decrement every counter of an action that does not count, such as a check of a right token."""
    ordered = _in_order(wanted)

    def take_back() -> None:
        # All or none, or whoever tries again would take the first back twice.
        with transaction.atomic():
            for count in ordered:
                row_of(count).filter(n__gt=0).update(n=F("n") - 1)

    if ordered:
        again(take_back)


def wait_for(actions: Sequence[Sequence[Count]]) -> list[int]:
    """Return in how many seconds each action is within its limits; 0 for now. Counts nothing. One query."""
    counted = counted_of([count for wanted in actions for count in wanted])

    def wait(count: Count) -> int:
        return _frees_after(count, counted[count]) if sum(counted[count].values()) >= count.most else 0

    return [max(map(wait, wanted), default=0) for wanted in actions]


def as_error(reached: LimitReached) -> errors.TwoFactorError:
    """Return the error for a limit that was reached, with the time to try again."""
    count = reached.count
    if count.name == RUN:
        return errors.AccountLocked()
    about = {"retry_after": reached.retry_after, "when": in_words(reached.retry_after)}
    if count.name in (PER_SESSION, PER_USER):
        return errors.TooManyWrongTokens(**about)
    return errors.TooManySends(**about)


# By whom


# What a proxy may write for a client: `203.0.113.9:17085`, `[2001:db8::1]:443`, `"[2001:db8::1]"` (RFC 7239).
WITH_PORT = re.compile(r'"?(?:\[([^\]]*)\]|([^:\[\]]*))(?::\d+)?"?')


def address_of(client: str) -> str:
    """Return the address that is counted, without port and zone; empty for text that is no address.

    An IPv6 subscriber has a /64 to choose from, so that is counted as one.
    """
    text = client.strip()
    if match := WITH_PORT.fullmatch(text):
        text = match[1] or match[2] or ""
    try:
        ip = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return ""
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is None:
        return str(ipaddress.ip_network((ip, 64), strict=False).network_address)
    return str(getattr(ip, "ipv4_mapped", None) or ip)


def for_client(request: Any, user: Any) -> list[Count]:
    """Return the counters of a request's client address; none if that is not known."""
    client = conf.resolve("CLIENT_ADDRESS_CB", request=request, user=user) if request is not None else None
    if not client:
        return []
    address = address_of(str(client))
    if not address:
        _warn_of_no_address()
        return []
    return counts(PER_CLIENT, address)


@lru_cache(maxsize=1)
def _warn_of_no_address() -> None:
    # Once a process, and without the text: it may be whatever a client has sent.
    logger.error(
        "TWILIO_2FA_CLIENT_ADDRESS_CB returned text that is no IP address: such requests are not limited by "
        "client."
    )
