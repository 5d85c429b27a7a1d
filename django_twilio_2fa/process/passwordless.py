"""Log in without a password, by a token that identifies its user and proves two factors.

The session keeps each ceremony that a visitor has begun. An answer that proves who the visitor is gets
recorded like any other verification. The caller then signs the user in.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.contrib.auth import load_backend
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils import timezone

from .. import errors
from ..conf import conf
from ..digests import digests
from ..errors import in_words
from ..models import contention
from ..models.verifications import PASSWORDLESS, Purpose, Status, Verification
from ..providers import Checked, MethodProvider
from ..providers.installed import default_methods, get_providers, why_unavailable
from ..providers.replay import use_once
from . import check, events, lockout, rate_limits, reservations, session_data, verifications
from .database import recording, retry
from .devices import Devices
from .limit_rows import LimitReached, RateLimit
from .methods import Methods
from .provider_call import call, service_id
from .reservations import Attempt
from .subject import Subject

NAME = "passwordless"
LIFETIME = 600
MOST = 5
"""The maximum number of ceremonies that a session keeps, one for each tab."""


@dataclass(frozen=True)
class Begun:
    """A ceremony that has begun. `expires_in`: seconds."""

    id: str
    ceremony: dict[str, Any]
    expires_in: int = LIFETIME


def find_provider(request: HttpRequest) -> MethodProvider | None:
    """Return the method that visitors may log in with. None if the site allows none."""
    if not hasattr(request, "session") or not conf.resolve("PASSWORDLESS_LOGIN", request=request):
        return None
    providers = get_providers()
    names = conf.resolve("ALLOWED_METHODS", user=None, request=request)
    for name in default_methods() if names is None else names:
        provider = providers.get(name)
        if provider and provider.passwordless and not why_unavailable(provider, user=None, request=request):
            return provider
    return None


def begin(request: HttpRequest) -> Begun:
    """Begin a log-in, and keep its ceremony in the session. Raises `MethodNotAllowed`."""
    provider = find_provider(request)
    if provider is None:
        raise errors.MethodNotAllowed
    row = _row(provider)
    row.data = call(provider.start, row, request=request).data or {}
    ceremony = call(provider.get_ceremony, row)
    id = uuid4().hex
    kept = {**_kept(request), id: {"method": provider.name, "data": row.data, "at": int(time.time())}}
    session_data.write(request, **{NAME: dict(list(kept.items())[-MOST:])})
    return Begun(id, ceremony or {})


@recording()
def answer(
    request: HttpRequest, id: str, token: str, *, confirm: Callable[[Any], None] | None = None
) -> tuple[Subject, Verification]:
    """Check an answer. Returns the user with their new session's flow id, and the approved verification.

    All wrong answers raise the same `InvalidVerificationCode`, so that an attacker does not learn who exists.
    A user whose answer is right learns why they may not log in: `UserNotAllowed`, `AccountLocked`,
    `TooManyWrongTokens`, `MethodNotAllowed`, or what `confirm` raises, which is called with the user.

    Raises `CeremonyOver`, and `TooManyLogIns` after too many refused answers.
    """
    provider = find_provider(request)
    if provider is None:
        raise errors.MethodNotAllowed
    row = _row(provider)
    token = call(provider.read_token, row, token)
    row.data = _take(request, id, provider)
    counts = _count(request)
    user = _user_of(call(provider.find_user, row, token, request=request))
    if user is None:
        raise _was_wrong(provider)
    subject = Subject(user, request, session_data.new_flow(), session_data.auth_digests(user)[0])
    attempt = _record_attempt(subject, row, provider, id, counts)
    try:
        checked = _checked(subject, attempt, provider, token)
        _authorize(subject, provider, confirm)
    except (errors.TwoFactorError, ValidationError) as e:
        code = str(e.code or "") if isinstance(e, ValidationError) else e.full_code
        verifications.end(subject, attempt.row, Status.FAILED, lease=attempt.lease, error_code=code[:64])
        raise
    retry(lockout.record_success, user, attempt.spent)
    return subject, check.record_approval(Devices(subject), attempt, checked)


def _kept(request: HttpRequest) -> dict[str, Any]:
    return session_data.read_part(request, NAME)


def _row(provider: MethodProvider) -> Verification:
    """Return an unsaved verification of a user who is not known yet."""
    fields = verifications.new_fields(provider, Purpose.PROVE, None, None)
    fields["expires_at"] = timezone.now() + timedelta(seconds=LIFETIME)
    return Verification(**fields, details={PASSWORDLESS: True})


def _take(request: HttpRequest, id: str, provider: MethodProvider) -> dict[str, Any]:
    """Remove a ceremony from the session and return its data, once. Raises `CeremonyOver`."""
    kept = _kept(request)
    asked = kept.pop(id, None)
    if not isinstance(asked, dict):
        raise errors.CeremonyOver
    session_data.write(request, **{NAME: kept or None})
    at, data = asked.get("at"), asked.get("data")
    if not isinstance(data, dict) or asked.get("method") != provider.name:
        raise errors.CeremonyOver
    if not isinstance(at, int) or not 0 <= time.time() - at <= LIFETIME:
        raise errors.CeremonyOver
    # Another request may have read the same session, and a session in a cookie can be sent again.
    if not use_once(NAME, id, seconds=2 * LIFETIME):
        raise errors.CeremonyOver
    return data


def _count(request: HttpRequest) -> list[RateLimit]:
    """Count an attempt, which is refunded if the answer is right. Raises `TooManyLogIns`."""
    flow = session_data.read(request).get("flow")
    counts = rate_limits.client_limits(request, None)
    counts += rate_limits.limits_for("passwordless_per_session", flow)
    try:
        contention.durably(rate_limits.consume, counts)
    except LimitReached as e:
        about = {"retry_after": e.retry_after, "when": in_words(e.retry_after)}
        raise errors.TooManyLogIns(**about) from None
    return counts


def _user_of(key: Any) -> Any:
    """Return the user with this primary key if a backend lets them sign in, else None."""
    for path in settings.AUTHENTICATION_BACKENDS if key is not None else ():
        backend: Any = load_backend(path)
        user = backend.get_user(key)
        may_sign_in = getattr(backend, "user_can_authenticate", lambda user: user.is_active)
        if user is not None and may_sign_in(user):
            user.backend = path
            return user
    return None


def _was_wrong(provider: MethodProvider) -> errors.InvalidVerificationCode:
    error = errors.InvalidVerificationCode()
    error.wording = provider.wrong_wording
    return error


def _record_attempt(
    subject: Subject, begun: Verification, provider: MethodProvider, id: str, counts: list[RateLimit]
) -> Attempt:
    """Store the verification for its user, and take its lease for this check."""
    row, _created = verifications.get_or_create_pending(
        subject,
        digests("pending", NAME, id),
        {
            **verifications.new_fields(provider, Purpose.PROVE, None, None),
            "user": subject.user,
            "service": service_id(subject, provider, Purpose.PROVE),
            "data": begun.data,
            "details": begun.details,
            "flow_digest": subject.flow_digests[0],
        },
    )
    row.user = subject.user
    return Attempt(row, reservations.take_lease(row), tuple(counts))


def _checked(subject: Subject, attempt: Attempt, provider: MethodProvider, token: str) -> Checked:
    """Check the token at the provider. Raises `InvalidVerificationCode` for a wrong one."""
    try:
        checked = call(provider.check, attempt.row, token, request=subject.request)
    except errors.InvalidVerificationCode:
        checked = Checked(approved=False)
    except errors.TwoFactorError as e:
        events.twilio_error(subject, e)
        raise
    if not checked.approved:
        events.failed(subject, attempt.row)
        raise _was_wrong(provider)
    return checked


def _authorize(subject: Subject, provider: MethodProvider, confirm: Callable[[Any], None] | None) -> None:
    """Raise an error if the user, whose answer was right, may not log in."""
    # The same order as in a log-in with a password: first the form, then the wizard.
    if confirm is not None:
        confirm(subject.user)
    subject.authorize()
    lockout.raise_if_locked(subject.user, subject.flow)
    Methods(subject, Devices(subject)).get(provider.name)
