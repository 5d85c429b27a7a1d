"""Tell whether, when and how the user of a request was verified: `request.two_factor`."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from functools import cache
from operator import attrgetter
from typing import Any, NamedTuple

from asgiref.sync import sync_to_async
from django.contrib.auth import HASH_SESSION_KEY
from django.core.signals import setting_changed
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils import timezone
from django.utils.functional import LazyObject, empty

from . import moments
from .conf import conf
from .digests import digests
from .models.verifications import Verification
from .process import browsers
from .process.devices import still_returned
from .process.session_data import (
    auth_digests,
    flow_of,
    get_flow,
    read,
    read_part,
    subject_of,
    write,
    write_at_once,
)

__all__ = ["Record", "TwoFactorState", "get_two_factor"]

MaxAge = timedelta | float | None
Methods = Collection[str] | None

TRUSTED_BROWSER = browsers.METHOD
"""The method of a session that a remembered browser has verified. It is never enough for `max_age`."""

NEWEST = 20
"""How many of a session's verifications are read. The session keeps the newest of each method."""


class Record(NamedTuple):
    """One approval of this session: by which method, when (a Unix time), and with which device (its id)."""

    method: str
    at: float
    device: str = ""

    @property
    def verified_at(self) -> datetime:
        """When it was, as `timezone.now()` returns it."""
        return moments.stored(moments.from_unix(self.at))


class TwoFactorState:
    """What is known of a request's user. Nothing is read before something is asked.

    The session keeps the answer. The database confirms it once in `VERIFIED_RECHECK` seconds at most, so a
    removed device ends what was verified with it. In async code, `await aload()` first.
    """

    __slots__ = ("_confirmed", "_known", "_request")

    def __init__(self, request: HttpRequest) -> None:
        self._request = request
        self._known: tuple[Any, str, tuple[Record, ...]] | None = None
        self._confirmed = False

    # What can be asked

    @property
    def records(self) -> tuple[Record, ...]:
        """The approvals of this session, the newest first; of each method the newest only."""
        return self._cached() or self._confirm()

    @property
    def verified(self) -> bool:
        """Whether the user has been verified in this session."""
        return bool(self.records)

    @property
    def verified_at(self) -> datetime | None:
        """When the user was last verified, as `timezone.now()` returns it. None in a remembered browser."""
        records = self.records
        return records[0].verified_at if records and records[0].method != browsers.METHOD else None

    @property
    def method(self) -> str:
        """The method of the last verification, or `trusted_browser`. Empty if there is none."""
        records = self.records
        return records[0].method if records else ""

    @property
    def device(self) -> str:
        """The id of the device of the last verification. Empty if it has none, or if your site stores it."""
        records = self.records
        return records[0].device if records else ""

    @property
    def age(self) -> timedelta | None:
        """How long ago the user was last verified."""
        verified_at = self.verified_at
        return timezone.now() - verified_at if verified_at else None

    @property
    def trusted_browser(self) -> bool:
        """Whether a remembered browser has let the user in. That is enough for no `max_age` or `methods`."""
        return any(record.method == TRUSTED_BROWSER for record in self.records)

    def satisfies(self, max_age: MaxAge = None, methods: Methods = None) -> bool:
        """Return whether there is a verification by one of the methods that is no older than `max_age`."""
        if _satisfy(self._cached(), max_age, methods):
            return True
        # Another request may have been approved meanwhile, and not have saved its session.
        return _satisfy(self._confirm(), max_age, methods)

    def is_known_to_satisfy(self, max_age: MaxAge = None, methods: Methods = None) -> bool:
        """Return what `satisfies` would, if no query is needed for that. Otherwise False."""
        return _satisfy(self._cached(), max_age, methods)

    async def aload(self) -> TwoFactorState:
        """Read what is needed, so that the properties work in async code. Returns this object."""
        await load_user(self._request)
        if not self._cached():
            await sync_to_async(self._confirm)()
        return self

    def forget(self) -> None:
        """Read again at the next question."""
        self._known, self._confirmed = None, False

    # How it is known

    def _cached(self) -> tuple[Record, ...]:
        """Return what is known without a query. Empty if nothing is, or if it has to be confirmed."""
        user = subject_of(self._request)
        if user is None:
            return ()
        state = read(self._request)
        flow = flow_of(self._request, user, state)
        known = self._known
        if known is not None and known[0] == user.pk and known[1] == flow:
            return known[2]
        self._confirmed = False
        kept = state.get("verified") if flow else None
        if not isinstance(kept, dict) or not _is_own(self._request, kept):
            return ()
        records = _parse(kept.get("records"))
        if not 0 <= time.time() - _number(kept.get("checked")) < conf.seconds("VERIFIED_RECHECK"):
            return ()
        self._known = (user.pk, flow, records)
        return records

    def _confirm(self) -> tuple[Record, ...]:
        """Ask the database, once a request. One query, none for a session without a flow id."""
        user = subject_of(self._request)
        flow = get_flow(self._request) if user is not None else ""
        if not flow:
            return ()
        if self._confirmed and self._known is not None:
            return self._known[2]
        rows = Verification.objects.approved_in(user, digests("flow", flow), auth_digests(user))
        found = [
            row for row in rows.select_related(None)[:NEWEST] if still_returned(row, user, self._request)
        ]
        records = _newest_of_each([_record_of(row) for row in found])
        self._known, self._confirmed = (user.pk, flow, records), True
        if records or read_part(self._request, "verified"):
            write_at_once(self._request, verified=_kept(self._request, records, time.time()))
        return records


def _parse(kept: Any) -> tuple[Record, ...]:
    try:
        return tuple(Record(str(method), float(at), str(device)) for method, at, device in kept)
    except (TypeError, ValueError):
        return ()


def _number(value: Any) -> float:
    return value if isinstance(value, int | float) else 0


def _record_of(row: Verification) -> Record:
    at = moments.aware(row.approved_at).timestamp() if row.approved_at else 0.0
    return Record(row.method, at, str(row.device_id or ""))


def _session_hash(request: HttpRequest) -> Any:
    """Return Django's hash of the user's password in the session. It changes with the password."""
    session = getattr(request, "session", None)
    return session.get(HASH_SESSION_KEY) if session is not None else None


def _is_own(request: HttpRequest, kept: dict[str, Any]) -> bool:
    """Return whether an answer is of this session, and under one of the secret keys."""
    return kept.get("hash") == _session_hash(request) and kept.get("key") in _names_of_keys()


@cache
def _names_of_keys() -> tuple[str, ...]:
    return tuple(name[:16] for name in digests("verified"))


@receiver(setting_changed)
def _forget_keys(**kwargs: Any) -> None:
    _names_of_keys.cache_clear()


def _newest_of_each(records: Iterable[Record]) -> tuple[Record, ...]:
    found: dict[str, Record] = {}
    for record in sorted(records, key=attrgetter("at"), reverse=True):
        found.setdefault(record.method, record)
    return tuple(found.values())


def _kept(request: HttpRequest, records: Any, checked: float) -> dict[str, Any] | None:
    """Return what the session keeps of the records. None, which deletes it, if there are none."""
    if not records:
        return None
    about = {"checked": checked, "hash": _session_hash(request), "key": _names_of_keys()[0]}
    return {"records": [*map(list, records)], **about}


def _satisfy(records: tuple[Record, ...], max_age: MaxAge, methods: Methods) -> bool:
    if max_age is None and methods is None:
        return bool(records)
    oldest = 0.0
    if max_age is not None:
        oldest = time.time() - (max_age.total_seconds() if isinstance(max_age, timedelta) else max_age)
        # The approval of a remembered browser is of 1970, and a `max_age` may go back further.
        records = tuple(record for record in records if record.method != TRUSTED_BROWSER)
    return any(r.at >= oldest and (methods is None or r.method in methods) for r in records)


def get_two_factor(request: HttpRequest) -> TwoFactorState:
    """Return `request.two_factor`. It is set if the middleware has not done so."""
    state = getattr(request, "two_factor", None)
    if not isinstance(state, TwoFactorState):
        state = TwoFactorState(request)
        request.two_factor = state  # type: ignore[attr-defined]
    return state


def remember(request: HttpRequest, verification: Verification) -> None:
    """Keep a new approval in the session, so that asking for it needs no query."""
    if not (verification.verifies_session and verification.approved_at):
        return
    kept = read_part(request, "verified")
    before = _parse(kept.get("records")) if kept and _is_own(request, kept) else ()
    # What was there before is confirmed no later than it would have been.
    checked = _number(kept.get("checked")) if before else time.time()
    write(request, verified=_kept(request, _newest_of_each([_record_of(verification), *before]), checked))
    get_two_factor(request).forget()


async def load_user(request: HttpRequest) -> Any:
    """Return the request's user. Afterwards, async code may read `request.user` and the session.

    None if it has none.
    """
    user = getattr(request, "user", None)
    if isinstance(user, LazyObject) and user._wrapped is empty:
        await sync_to_async(lambda: user.is_authenticated)()
        if hasattr(request, "auser"):
            # Django keeps another copy for `auser`, which would be one more query.
            async def auser() -> Any:
                return user

            request.auser = auser
    session = getattr(request, "session", None)
    if session is not None and not session.accessed:
        # Another middleware has set the user, and nothing has read the session yet.
        await sync_to_async(session.get)(HASH_SESSION_KEY)
    return user
