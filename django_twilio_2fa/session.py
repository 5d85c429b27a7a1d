"""Remember in the session that its user is verified, and tell whether they are."""

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

    It holds for as long as the session, or `max_age` (a timedelta, or seconds) since the approval. `methods`
    names those that count; None for all. It ends with a log-out, another user's log-in, a change of the
    password, and within `VERIFIED_RECHECK` seconds with the removal of the device. At most one query, mostly
    none.
    """
    return get_two_factor(request).satisfies(max_age, methods)


def may_pass(
    request: HttpRequest, max_age: MaxAge = None, methods: Methods = None, *, if_registered: bool = False
) -> bool:
    """Return whether a page that requires verification may be shown: verified, or registration skipped.

    It does for a verified session, unless its user still has to register a phone number; and for one that
    has skipped registration, if that is optional and as long as the user has no device. `if_registered`: also
    for users who have no device.
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
    # A grace period does not open what asks for more.
    return verifier.may_skip_registration() and bool(verifier.resolve("REGISTER_OPTIONAL"))
