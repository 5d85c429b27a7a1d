"""Store and check whether the user of a session is verified."""

from __future__ import annotations

from django.http import HttpRequest

from .digests import digests
from .models.verifications import Verification
from .process.session_data import auth_digests, get_flow, get_subject, read, subject_of
from .state import MaxAge, Methods, TwoFactorState, get_two_factor, remember
from .verifier import Verifier

__all__ = [
    "TwoFactorState",
    "get_flow",
    "get_two_factor",
    "get_verification",
    "get_verifier",
    "is_verified",
    "may_pass",
    "remember",
]


def get_verifier(request: HttpRequest, *, create: bool = False) -> Verifier:
    """Return a verifier for the user and session. `create` gives the session a flow id if it has none."""
    subject = get_subject(request, create=create)
    return Verifier(subject.user, request=request, flow=subject.flow, auth=subject.auth)


def get_verification(request: HttpRequest) -> Verification | None:
    """Return the newest approved verification of this session, or None. One query."""
    user = subject_of(request)
    flow = get_flow(request) if user is not None else ""
    if not flow:
        return None
    return Verification.objects.approved_in(user, digests("flow", flow), auth_digests(user)).first()


def is_verified(request: HttpRequest, max_age: MaxAge = None, methods: Methods = None) -> bool:
    """Return whether the user of this request has been verified in this session.

    A verification counts as long as the session exists, or for `max_age` (a timedelta, or seconds) after the
    approval. `methods`: the names of the methods that count; None for all. It ends when the user logs out,
    another user logs in, or the password changes, and at most `VERIFIED_RECHECK` seconds after its device is
    removed. Makes at most one query, usually none.
    """
    return get_two_factor(request).satisfies(max_age, methods)


def may_pass(
    request: HttpRequest, max_age: MaxAge = None, methods: Methods = None, *, if_registered: bool = False
) -> bool:
    """Return whether a page that requires verification may be shown to the user of this request.

    True for a verified session, unless its user still has to register a phone number. Also true if the user
    has skipped registration in this session, as long as it is optional and they have no device.
    `if_registered`: also true for users who have no device.
    """
    if is_verified(request, max_age, methods):
        return not get_verifier(request).needs_phone()
    if subject_of(request) is None:
        return False
    verifier = get_verifier(request)
    if if_registered and not verifier.registered():
        return True
    if not get_flow(request) or not read(request).get("skipped"):
        return False
    if max_age is None and methods is None:
        return verifier.may_skip_registration()
    # A grace period is not enough for a page with `max_age` or `methods`.
    return verifier.may_skip_registration() and bool(verifier.resolve("REGISTER_OPTIONAL"))
