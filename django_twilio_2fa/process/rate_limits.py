"""Limit sends and checks across verifications: by user, session, destination and client address.

Counters expire with time: a new code, session, log-in, cancel, device or browser does not reset them. A right
token resets consecutive failures, and an unlock resets the counters of wrong tokens (see `lockout`).
"""

from __future__ import annotations

import ipaddress
import logging
import re
import time
from collections.abc import Iterable, Sequence
from functools import lru_cache, partial
from operator import attrgetter
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from .. import errors
from ..conf import conf
from ..conf.limits import LIMITS
from ..digests import digests
from ..errors import in_words
from ..models.contention import again, durably
from ..models.counters import Counter
from .limit_rows import UNLIMITED, LimitReached, LockFound, LockKey, OtherFound, RateLimit, read

logger = logging.getLogger(__name__)

DEFAULTS = {name: limit.default for name, limit in LIMITS.items()}
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
RATE = re.compile(r"(\d+)\s*/\s*(\d*)\s*([smhd])\w*")

CONSECUTIVE = "wrong_tokens_in_a_row"
PER_SESSION = "wrong_tokens_per_session"
PER_USER = "wrong_tokens_per_user"
PER_CLIENT = "requests_per_client"


def rates(name: str) -> list[tuple[int, int]]:
    """Return the limit's rates as pairs of a number and a window in seconds; empty if it is switched off."""
    return rates_of(str(conf.LIMITS.get(name, DEFAULTS[name]) or ""))


@lru_cache(maxsize=256)
def rates_of(text: str) -> list[tuple[int, int]]:
    """Read rates such as `10/h, 20/d`."""
    return [(int(n), int(times or 1) * UNITS[unit]) for n, times, unit in RATE.findall(text)]


# The number of steps of a limit's sliding window. All that one step counts leaves the window together.
STEPS = 12


# The order in which rows are updated.
ROW = attrgetter("row")
ROW_AND_AMOUNT = attrgetter("row", "amount")


def limits_for(name: str, *parts: Any, scope: str = "") -> list[RateLimit]:
    """Return the counters of a limit for the user, session or destination in `parts`, one for each rate."""
    now = int(time.time())
    keys = tuple(digests("count", name, *parts))
    found = []
    for most, seconds in rates_of(str(conf.LIMITS.get(name, DEFAULTS[name]) or "")):
        window = now - now % max(1, seconds // STEPS)
        row = f"{scope or name}:{seconds}", keys[0], window
        found.append(RateLimit(name, row, keys, most, seconds))
    return found


def consume(
    wanted: Iterable[RateLimit],
    *,
    below: Sequence[RateLimit] = (),
    locks: Iterable[LockKey] = (),
    unless: QuerySet[Any] | None = None,
) -> None:
    """Increment every counter of an action. Raises `LimitReached` if one is at its limit.

    The counters in `below` have to be below their limits, and are not incremented. Rows are updated in a
    fixed order, so that concurrent requests wait for each other and never deadlock. Call this in a
    transaction, and roll it back after an error (`contention.durably`).

    Raises `LockFound` if one of `locks` is active, and `OtherFound` if there is a row in `unless`. One query
    reads all of these together with the counters, which are locked by then.
    """
    ordered = sorted(wanted, key=ROW)
    # Write first: SQLite cannot turn a reading transaction into a writing one while another one writes.
    if ordered:
        _increment(ordered)
    limited = []
    for count in ordered:
        if count.most < UNLIMITED:
            limited.append(count)
    found = read([*limited, *below], locks, unless=unless)
    if found.locks:
        raise LockFound(found.locks)
    if found.other:
        raise OtherFound
    for count in below:
        found.require_room(count)
    for count in limited:
        found.require_room(count, own=count.amount)
        for level in count.levels:
            # The counters are locked until the transaction ends, so only one request reaches a level.
            if found.total(count) < level <= found.total(count) + count.amount:
                transaction.on_commit(partial(count.reached, level), robust=True)


def try_to_consume(wanted: Iterable[RateLimit], locks: Iterable[LockKey] = ()) -> bool:
    """Increment all counters. Returns False, without counting, if a limit is reached or a lock is active."""
    try:
        durably(consume, wanted, locks=locks)
    except (LimitReached, LockFound):
        return False
    return True


def _increment(ordered: Iterable[RateLimit]) -> None:
    # Two rates of one limit may share a row.
    amounts = dict(map(ROW_AND_AMOUNT, ordered))
    Counter.objects.increment(amounts)


def add(wanted: Iterable[RateLimit]) -> None:
    """Count something that has happened already, regardless of limits."""
    if ordered := sorted(wanted, key=ROW):
        _increment(ordered)


def refund(wanted: Iterable[RateLimit], *, reset: RateLimit | None = None) -> None:
    """Decrement every counter of an action that does not count, such as a check of a right token.

    `reset` is set to 0 in the same statement: a retry after a partial failure would decrement twice.
    """
    amounts = dict(map(ROW_AND_AMOUNT, wanted))
    if amounts or reset:
        again(partial(Counter.objects.decrement, amounts, reset.row if reset else None))


def as_error(reached: LimitReached) -> errors.TwoFactorError:
    """Return the error for a limit that was reached, with the time to try again."""
    count = reached.count
    if count.levels:
        return errors.BudgetReached(retry_after=reached.retry_after, when=in_words(reached.retry_after))
    if count.name == CONSECUTIVE:
        return errors.AccountLocked()
    about = {"retry_after": reached.retry_after, "when": in_words(reached.retry_after)}
    if count.name in (PER_SESSION, PER_USER):
        return errors.TooManyWrongTokens(**about)
    return errors.TooManySends(**about)


# Client addresses


# Proxies write a client as `203.0.113.9:17085`, `[2001:db8::1]:443`, `"[2001:db8::1]"` (RFC 7239).
WITH_PORT = re.compile(r'"?(?:\[([^\]]*)\]|([^:\[\]]*))(?::\d+)?"?')


def address_of(client: str) -> str:
    """Return a client's address without port and zone. Empty for text that is not an IP address.

    An IPv6 subscriber may use any address of a /64, so a /64 counts as one address.
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


def client_address(request: Any, user: Any) -> str:
    """Return the address of a request's client as limits count it. Empty if it is unknown."""
    client = conf.resolve("CLIENT_ADDRESS_CB", request=request, user=user) if request is not None else None
    if not client:
        return ""
    address = address_of(str(client))
    if not address:
        _warn_of_no_address()
    return address


def client_limits(request: Any, user: Any) -> list[RateLimit]:
    """Return the counters of a request's client address. Empty if the address is unknown."""
    if conf.CLIENT_ADDRESS_CB is None:
        return []
    address = client_address(request, user)
    return limits_for(PER_CLIENT, address) if address else []


@lru_cache(maxsize=1)
def _warn_of_no_address() -> None:
    # Log once per process, and without the text, which a client may have sent.
    logger.error(
        "TWILIO_2FA_CLIENT_ADDRESS_CB returned text that is no IP address: such requests are not limited by "
        "client."
    )
