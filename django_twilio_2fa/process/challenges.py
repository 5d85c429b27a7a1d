"""Require the site's challenge, such as a CAPTCHA, before a send that the breaker finds suspicious."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.utils.module_loading import import_string

from .. import errors
from ..conf import conf
from .subject import Subject

logger = logging.getLogger(__name__)

T = TypeVar("T")


class Challenge(Protocol):
    """The interface of the class that `CHALLENGE` names. It is instantiated without arguments."""

    def is_passed(self, request: Any, user: Any) -> bool:
        """Return whether the request answers the challenge. `request` may be None."""

    def render(self, request: Any, user: Any) -> str:
        """Return the HTML of a challenge for the form of the register page."""

    def describe(self, request: Any, user: Any) -> dict[str, Any]:
        """Return a challenge for callers of the API, with how to answer it."""


def _made() -> Challenge | None:
    if not conf.CHALLENGE:
        return None
    made: Challenge = import_string(conf.CHALLENGE)()
    return made


def _asked(ask: Callable[[Challenge], T], otherwise: T) -> T:
    """Call the site's challenge. Return `otherwise` if there is no challenge, or if it raises."""
    try:
        challenge = _made()
        return otherwise if challenge is None else ask(challenge)
    except (PermissionDenied, Http404):
        raise
    except Exception:
        logger.exception("TWILIO_2FA_CHALLENGE failed")
        return otherwise


def require(subject: Subject) -> None:
    """Raise `ChallengeRequired` unless the request passes the challenge, or the site has none.

    If the site's code raises an error, the challenge is not passed.
    """
    about = subject.request, subject.user
    if not conf.CHALLENGE or _asked(lambda challenge: challenge.is_passed(*about), False):
        return
    nothing: dict[str, Any] = {}
    raise errors.ChallengeRequired(challenge=_asked(lambda challenge: challenge.describe(*about), nothing))


def render(subject: Subject) -> str:
    """Return the HTML of a challenge. Empty if there is none, or if the site's code raises an error."""
    return _asked(lambda challenge: challenge.render(subject.request, subject.user), "")
