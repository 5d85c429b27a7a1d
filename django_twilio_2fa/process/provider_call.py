"""Call a provider, and convert its exceptions to errors of this package."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from .. import errors
from ..models.verifications import Purpose
from ..providers import MethodProvider
from .subject import Subject

logger = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")


def trace(error: Exception) -> str:
    """Return the stack and type of an error. Its message and variables may hold a token: leave them out."""
    return "".join(traceback.format_tb(error.__traceback__)) + type(error).__name__


def call(action: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a provider and return its answer.

    Logs any error that is not a `TwoFactorError`, and raises `TwilioUnavailable`, marked as uncertain.
    """
    try:
        return action(*args, **kwargs)
    except errors.TwoFactorError:
        raise
    except Exception as e:
        logger.error("A provider failed\n%s", trace(e))
        error = errors.TwilioUnavailable(twilio_error="provider")
        error.uncertain = True
        raise error from e


def answer_of(instead: T, action: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Return what a provider's method returns, or `instead` if it raises. The exception is logged.

    For lists of methods and devices: one provider that fails does not break the whole list.
    """
    try:
        return action(*args, **kwargs)
    except Exception as e:
        logger.error("A provider failed\n%s", trace(e))
        return instead


def service_id(subject: Subject, provider: MethodProvider, purpose: Purpose) -> str:
    """Return where the provider keeps a new verification. Raises `TwilioUnavailable` if it fails."""
    enrols = purpose == Purpose.ENROL
    return call(provider.get_service_id, user=subject.user, request=subject.request, registration=enrols)
