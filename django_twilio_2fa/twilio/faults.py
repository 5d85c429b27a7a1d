"""Twilio's codes and the network's faults, as the kit's errors."""

from __future__ import annotations

import logging
import re
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from .. import errors
from .retry_after import retry_after

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Fault:
    """The meaning of one of Twilio's codes.

    `operator`: only the site's owner can mend it. `ends_method`: never to be tried again there.
    `of_channel`: another method may well do.
    """

    error: type[errors.TwoFactorError]
    operator: bool = False
    ends_method: bool = False
    of_channel: bool = False


# Source of the meanings: Twilio's list of error codes.
FAULTS: dict[int, Fault] = {
    20003: Fault(errors.TwilioUnavailable, operator=True),
    20404: Fault(errors.VerificationExpired),
    20429: Fault(errors.TwilioRateLimited),
    20500: Fault(errors.TwilioUnavailable),
    20503: Fault(errors.TwilioUnavailable),
    21608: Fault(errors.TwilioUnavailable, operator=True),
    60200: Fault(errors.TwilioInvalidParameter),
    60202: Fault(errors.MaxAttemptsReached),
    60203: Fault(errors.MaxSendsReached),
    60205: Fault(errors.CannotReceive, of_channel=True),
    60212: Fault(errors.TwilioRateLimited),
    60217: Fault(errors.TwilioUnavailable, operator=True, of_channel=True),
    60222: Fault(errors.TwilioUnavailable, operator=True, of_channel=True),
    60223: Fault(errors.TwilioUnavailable, operator=True, of_channel=True),
    60228: Fault(errors.TwilioUnavailable, operator=True, of_channel=True),
    60238: Fault(errors.ChannelRefused, of_channel=True),
    60306: Fault(errors.InvalidVerificationCode),
    60308: Fault(errors.MaxAttemptsReached),
    60310: Fault(errors.MaxAttemptsReached),
    60311: Fault(errors.InvalidVerificationCode),
    60318: Fault(errors.VerificationNotFound),
    60323: Fault(errors.VerificationExpired),
    60324: Fault(errors.InvalidVerificationCode),
    60331: Fault(errors.TwilioUnavailable, operator=True, of_channel=True),
    60410: Fault(errors.ChannelRefused, ends_method=True, of_channel=True),
    60413: Fault(errors.ChannelRefused, ends_method=True, of_channel=True),
    60601: Fault(errors.TwilioUnavailable, operator=True),
    60605: Fault(errors.CountryUnavailable, operator=True, ends_method=True, of_channel=True),
    68008: Fault(errors.TwilioUnavailable, operator=True, of_channel=True),
}

# "Invalid parameter `To`: …", "Invalid parameter: To", "To is invalid": Twilio spells it in several ways.
PARAMETER = re.compile(
    r"invalid parameter[:\s]*[`'\"]?(\w+)|[`'\"]?\b(\w+)[`'\"]?\s+(?:parameter\s+)?is (?:invalid|required)",
    re.I,
)


def parameter_named(message: str) -> str:
    """Return the parameter that a 60200 names, in lower case with underscores. Empty if it names none."""
    match = PARAMETER.search(message)
    name = (match.group(1) or match.group(2)) if match else ""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def _from_code(code: int, status: int, message: str, *, service: bool) -> errors.TwoFactorError:
    fault = FAULTS.get(code)
    # A send knows no verification that could be missing: there a 404 means a wrong service SID.
    if code == 20404 and service:
        fault = Fault(errors.TwilioUnavailable, operator=True)
    if fault is None:
        if status == 429:
            fault = Fault(errors.TwilioRateLimited)
        else:
            fault = Fault(errors.TwilioUnavailable, operator=400 <= status < 500)
    parameter = ""
    if fault.error is errors.TwilioInvalidParameter:
        parameter = parameter_named(message)
        if parameter == "to":
            return errors.TwilioInvalidParameter(parameter="to")
        fault = Fault(errors.TwilioInvalidParameter, operator=True)
    # Neither the address nor the message: both may hold the number.
    level = logging.ERROR if fault.operator else logging.WARNING
    logger.log(
        level, "Twilio answered %s with code %s%s", status, code, f" for {parameter}" if parameter else ""
    )
    if fault.error is errors.TwilioUnavailable:
        unavailable = errors.TwilioUnavailable(twilio_error=code or status)
        unavailable.of_channel = fault.of_channel
        return unavailable
    if fault.error is errors.TwilioInvalidParameter:
        return errors.TwilioInvalidParameter(parameter=parameter or "unknown")
    if fault.error is errors.TwilioRateLimited:
        return errors.TwilioRateLimited(retry_after=retry_after.get())
    error = fault.error(twilio_error=code) if fault.ends_method else fault.error()
    error.ends_method, error.of_channel = fault.ends_method, fault.of_channel
    return error


def _never_arrived(exc: Any) -> bool:
    """Return whether no connection was made, so that Twilio cannot have seen the request."""
    from requests.exceptions import ConnectTimeout
    from urllib3.exceptions import NewConnectionError

    if isinstance(exc, ConnectTimeout):
        return True
    reason = getattr(exc.args[0], "reason", None) if exc.args else None
    return isinstance(reason, NewConnectionError)


def _place(error: BaseException) -> str:
    """Type of an error and where it was raised."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} at {Path(last.filename).name}:{last.lineno}"


@contextmanager
def translated(*, service: bool = False) -> Iterator[None]:
    """Raise the kit's errors for whatever twilio-python raises within.

    `service` says that a 404 is about the service, not about a verification. The error's `cause` is what
    was raised; it is not chained, since its text holds addresses. `uncertain` says that Twilio may have
    acted although its answer was lost.
    """
    from requests.exceptions import ConnectionError as NoConnection
    from twilio.base import exceptions as twilio

    # Which twilio-python has had since 9.10 only.
    service_exception = getattr(twilio, "TwilioServiceException", twilio.TwilioRestException)
    try:
        yield
        return
    except errors.TwoFactorError:
        raise
    except ImproperlyConfigured as e:
        logger.error("Twilio cannot be used: %s", e)
        error: errors.TwoFactorError = errors.TwilioUnavailable(twilio_error="not_configured")
        error.cause = e
    except (twilio.TwilioRestException, service_exception) as e:
        message = str(getattr(e, "msg", None) or getattr(e, "detail", None) or "")
        error = _from_code(int(e.code or 0), int(e.status or 0), message, service=service)
        # A server's own fault says nothing about whether the message went out.
        error.uncertain = int(e.status or 0) >= 500
        error.cause = e
    except NoConnection as e:
        arrived = not _never_arrived(e)
        logger.error("Twilio could not be reached: %s", type(e).__name__)
        error = errors.TwilioUnavailable(twilio_error="connection" if not arrived else "no_answer")
        error.uncertain = arrived
        error.cause = e
    except Exception as e:
        # Timeouts, answers cut short, and answers that are no JSON or not what the client expects. Which
        # types those are is twilio-python's affair; a traceback would show number and token.
        logger.error("Twilio gave no usable answer: %s", _place(e))
        error = errors.TwilioUnavailable(twilio_error="no_answer")
        error.uncertain = True
        error.cause = e
    raise error from None
