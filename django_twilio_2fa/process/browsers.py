"""Remember, recognize and forget browsers."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from .. import moments
from ..conf import conf
from ..digests import digest, digests
from ..models.browsers import TrustedBrowser
from ..models.contention import again
from ..models.devices import Device
from ..models.verifications import Purpose, Status, Verification
from ..notices import tell_owner
from ..providers.user_agent import name_of, shown_name
from . import events
from .devices import CALLBACKS, Registered, from_callback, has_callback, is_backup_kind
from .subject import Subject

METHOD = "trusted_browser"
"""The `method` of verifications by a remembered browser."""

LONG_AGO = moments.from_unix(0)
"""The `approved_at` of these verifications: too long ago for any `max_age`."""


def age() -> timedelta | None:
    """Return how long browsers are remembered. None if browsers are not remembered."""
    seconds = 0 if conf.TRUSTED_BROWSER_AGE is None else conf.seconds("TRUSTED_BROWSER_AGE")
    return timedelta(seconds=seconds) if seconds > 0 else None


def current(user: Any, auths: Sequence[str]) -> QuerySet[TrustedBrowser]:
    """Return the user's remembered browsers, last used first.

    `auths`: the digests of the user's session auth hash, which a new password changes.
    """
    kept_for = age()
    if kept_for is None:
        return TrustedBrowser.objects.none()
    since = timezone.now() - kept_for
    return TrustedBrowser.objects.filter(user=user, auth_digest__in=auths, trusted_at__gt=since)


def trust(subject: Subject, row: Verification, name: str) -> tuple[TrustedBrowser, str] | None:
    """Remember the browser of a user whom `row` has just verified. Returns the browser and its token.

    Returns None if browsers are not remembered, or if the row does not verify a session.
    """
    if age() is None or not row.verifies_session or row.status != Status.APPROVED or row.method == METHOD:
        return None
    token = secrets.token_urlsafe(32)
    browser = TrustedBrowser.objects.create(
        user=subject.user,
        name=name,
        digest=digest("browser", token),
        auth_digest=subject.auth,
        contacts={
            kind: digest(kind, told.contact.identity)
            for kind in CALLBACKS
            if (told := _told(kind, subject)) and told.contact
        },
    )
    events.browser_trusted(subject, browser)
    tell_owner(subject.user, "twilio_2fa/email/browser_trusted", browser=shown_name(name))
    return browser, token


def recognize(
    subject: Subject, id: UUID, token: str, *, auths: Sequence[str], session: str
) -> tuple[Verification, TrustedBrowser, str] | None:
    """Verify a session whose browser is remembered. Returns its verification, the browser, and a new token.

    The new token is empty if a concurrent request of this session has replaced the token already. If another
    session has replaced the token, this one is a copy: the browser is forgotten, and None is returned.

    `auths`: see `current`. `session`: the key of the session.
    """
    browser = TrustedBrowser.objects.filter(pk=id, user=subject.user).first()
    if browser is None:
        return None
    if browser.auth_digest not in auths:
        end(browser, "password", subject.request)
        return None
    kept_for = age()
    if kept_for is None or browser.trusted_at <= timezone.now() - kept_for:
        end(browser, "expired", subject.request)
        return None
    if _has_new_contact(browser, subject):
        end(browser, "device", subject.request)
        return None
    renewed = _renew(browser, token, session)
    if not renewed and not _has_just_renewed(browser, token, session):
        end(browser, "copied", subject.request)
        tell_owner(subject.user, "twilio_2fa/email/browser_copied", browser=shown_name(browser.name))
        return None
    return _verify(subject, browser), browser, renewed


def _told(kind: str, subject: Subject) -> Registered | None:
    """Return the number or address that the site itself stores for the user. None if it stores none."""
    return from_callback(kind, subject.user, subject.request) if has_callback(kind) else None


def _has_new_contact(browser: TrustedBrowser, subject: Subject) -> bool:
    """Return whether a number or address of the site has changed since the browser was remembered."""
    for kind, before in browser.contacts.items():
        told = _told(kind, subject)
        if has_callback(kind) and not (told and told.contact):
            return True
        if told and told.contact and before not in digests(kind, told.contact.identity):
            return True
    return False


def _renew(browser: TrustedBrowser, token: str, session: str) -> str:
    """Replace the token and return the new one. Empty if `token` is not the current one."""
    new = secrets.token_urlsafe(32)
    mine = TrustedBrowser.objects.filter(pk=browser.pk, digest__in=digests("browser", token))
    values = {
        "digest": digest("browser", new),
        "previous": digest("browser", token),
        "session_digest": digest("session", session),
        "last_used_at": timezone.now(),
    }
    return new if mine.update(**values) else ""


def _has_just_renewed(browser: TrustedBrowser, token: str, session: str) -> bool:
    """Return whether a concurrent request of this session has replaced this token."""
    same = TrustedBrowser.objects.filter(pk=browser.pk, previous__in=digests("browser", token))
    return bool(session) and same.filter(session_digest__in=digests("session", session)).exists()


def _verify(subject: Subject, browser: TrustedBrowser) -> Verification:
    """Store a verification of the session. It cannot be used as a proof, and ends with the browser."""
    now = timezone.now()
    return Verification.objects.create(
        user=subject.user,
        purpose=Purpose.PROVE,
        transport=METHOD,
        method=METHOD,
        masked=browser.name,
        sid=str(browser.pk),
        browser=name_of(subject.request) or browser.name,
        status=Status.APPROVED,
        expires_at=now,
        ended_at=now,
        approved_at=moments.stored(LONG_AGO),
        verifies_session=True,
        flow_digest=digest("flow", subject.flow),
        auth_digest=subject.auth,
        in_figures=True,  # nothing was sent or entered, so it is not counted
    )


def end(browser: TrustedBrowser, reason: str, request: Any = None) -> None:
    """Forget a browser, and end the verifications that it gave to sessions."""
    id = browser.pk
    if again(partial(_end, browser)):
        events.browser_ended(browser.user, request, str(id), reason)


def _end(browser: TrustedBrowser) -> bool:
    with transaction.atomic():
        sessions = Verification.objects.filter(user=browser.user_id, sid=str(browser.pk), method=METHOD)
        sessions.filter(verifies_session=True).update(verifies_session=False)
        ended, _by_model = TrustedBrowser.objects.filter(pk=browser.pk).delete()
    return bool(ended)


def end_all(user: Any, reason: str, request: Any = None) -> int:
    """Forget all of a user's browsers. Returns their number."""
    found = list(TrustedBrowser.objects.filter(user=user))
    for browser in found:
        end(browser, reason, request)
    return len(found)


def device_deleted(instance: Device, **kwargs: Any) -> None:
    """Forget the user's browsers, unless the deleted device is a backup. Receives `post_delete`."""
    if is_backup_kind(instance.kind):
        return
    for browser in TrustedBrowser.objects.filter(user=instance.user_id).select_related("user"):
        end(browser, "device", instance.removed_in)
