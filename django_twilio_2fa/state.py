"""`request.two_factor`: whether, when and how the user of a request was verified."""

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
"""The number of a session's verifications that are read. The session stores the newest of each method."""


class Record(NamedTuple):
    """One approval in a session: its method, its time (a Unix time), and the id of its device."""

    method: str
    at: float
    device: str = ""

    @property
    def verified_at(self) -> datetime:
        """The time of the approval, as in `timezone.now()`: naive without `USE_TZ`."""
        return moments.stored(moments.from_unix(self.at))


class TwoFactorState:
    """The verification state of a request's user. It is read only when it is used.

    The session stores the state. The database confirms it at most once in `VERIFIED_RECHECK` seconds, so
    removing a device ends the verifications that used it. In async code, `await aload()` first.
    """

    __slots__ = ("_confirmed", "_known", "_request")

    def __init__(self, request: HttpRequest) -> None:
        self._request = request
        self._known: tuple[Any, str, tuple[Record, ...]] | None = None
        self._confirmed = False

    # The public properties and methods

    @property
    def records(self) -> tuple[Record, ...]:
        """The newest approval of each method in this session, the newest first."""
        return self._cached() or self._confirm()

    @property
    def verified(self) -> bool:
        """Return whether the user has been verified in this session."""
        return bool(self.records)

    @property
    def verified_at(self) -> datetime | None:
        """The time of the last verification, as in `timezone.now()`. None in a remembered browser."""
        records = self.records
        return records[0].verified_at if records and records[0].method != browsers.METHOD else None

    @property
    def method(self) -> str:
        """The method of the last verification, or `trusted_browser`. Empty if there is none."""
        records = self.records
        return records[0].method if records else ""

    @property
    def device(self) -> str:
        """The id of the last verification's device. Empty without one, or if your site stores the device."""
        records = self.records
        return records[0].device if records else ""

    @property
    def age(self) -> timedelta | None:
        """The time since the last verification, or None."""
        verified_at = self.verified_at
        return timezone.now() - verified_at if verified_at else None

    @property
    def trusted_browser(self) -> bool:
        """Return whether a remembered browser let the user in. `max_age` and `methods` do not accept that."""
        return any(record.method == TRUSTED_BROWSER for record in self.records)

    def satisfies(self, max_age: MaxAge = None, methods: Methods = None) -> bool:
        """Return whether there is a verification by one of the methods that is no older than `max_age`."""
        if _satisfy(self._cached(), max_age, methods):
            return True
        # Another request may have been approved in the meantime, without having saved its session yet.
        return _satisfy(self._confirm(), max_age, methods)

    def is_known_to_satisfy(self, max_age: MaxAge = None, methods: Methods = None) -> bool:
        """Return the result of `satisfies` if it needs no query. Otherwise False."""
        return _satisfy(self._cached(), max_age, methods)

    async def aload(self) -> TwoFactorState:
        """Load the state, so that the properties work in async code. Returns this object."""
        await load_user(self._request)
        if not self._cached():
            await sync_to_async(self._confirm)()
        return self

    def forget(self) -> None:
        """Forget the loaded state. It is read again at its next use."""
        self._known, self._confirmed = None, False

    # Reading the state

    def _cached(self) -> tuple[Record, ...]:
        """Return the approvals that are known without a query. Empty if the database has to be read."""
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
        """Return the approvals in the database. Makes one query per request, and none without a flow id."""
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
    """Return whether a stored state belongs to this session, and was stored under a current secret key."""
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
    """Return the value that the session stores for the records. None, which deletes it, for no records."""
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
        # The approval of a remembered browser is dated 1970, and a `max_age` may reach back further.
        records = tuple(record for record in records if record.method != TRUSTED_BROWSER)
    return any(r.at >= oldest and (methods is None or r.method in methods) for r in records)


def get_two_factor(request: HttpRequest) -> TwoFactorState:
    """Return `request.two_factor`, and set it if the middleware has not."""
    state = getattr(request, "two_factor", None)
    if not isinstance(state, TwoFactorState):
        state = TwoFactorState(request)
        request.two_factor = state  # type: ignore[attr-defined]
    return state


def remember(request: HttpRequest, verification: Verification) -> None:
    """Store a new approval in the session, so that reading it needs no query."""
    if not (verification.verifies_session and verification.approved_at):
        return
    kept = read_part(request, "verified")
    before = _parse(kept.get("records")) if kept and _is_own(request, kept) else ()
    # The earlier approvals must not be confirmed later because of the new one.
    checked = _number(kept.get("checked")) if before else time.time()
    write(request, verified=_kept(request, _newest_of_each([_record_of(verification), *before]), checked))
    get_two_factor(request).forget()


async def load_user(request: HttpRequest) -> Any:
    """Load and return the request's user, or None. Async code can then use `request.user` and the session."""
    user = getattr(request, "user", None)
    if isinstance(user, LazyObject) and user._wrapped is empty:
        await sync_to_async(lambda: user.is_authenticated)()
        if hasattr(request, "auser"):
            # Django loads a separate user for `auser`, with another query.
            async def auser() -> Any:
                return user

            request.auser = auser
    session = getattr(request, "session", None)
    if session is not None and not session.accessed:
        # Another middleware has set the user, and nothing has read the session yet.
        await sync_to_async(session.get)(HASH_SESSION_KEY)
    return user
