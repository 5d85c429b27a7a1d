"""Convert Twilio's error codes and network errors to this package's errors."""

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
class ErrorCode:
    """The meaning of one of Twilio's codes.

    `operator`: only the operator of the site can fix the cause. `blocks_method`: the method must not be tried
    again for this destination. `try_other_method`: another method may work.
    """

    error: type[errors.TwoFactorError]
    operator: bool = False
    blocks_method: bool = False
    try_other_method: bool = False


# Source of the meanings: Twilio's list of error codes.
ERROR_CODES: dict[int, ErrorCode] = {
    20003: ErrorCode(errors.TwilioUnavailable, operator=True),
    20404: ErrorCode(errors.VerificationExpired),
    20429: ErrorCode(errors.TwilioRateLimited),
    20500: ErrorCode(errors.TwilioUnavailable),
    20503: ErrorCode(errors.TwilioUnavailable),
    21608: ErrorCode(errors.TwilioUnavailable, operator=True),
    60200: ErrorCode(errors.TwilioInvalidParameter),
    60202: ErrorCode(errors.MaxAttemptsReached),
    60203: ErrorCode(errors.MaxSendsReached),
    60205: ErrorCode(errors.CannotReceive, try_other_method=True),
    60212: ErrorCode(errors.TwilioRateLimited),
    60217: ErrorCode(errors.TwilioUnavailable, operator=True, try_other_method=True),
    60222: ErrorCode(errors.TwilioUnavailable, operator=True, try_other_method=True),
    60223: ErrorCode(errors.TwilioUnavailable, operator=True, try_other_method=True),
    60228: ErrorCode(errors.TwilioUnavailable, operator=True, try_other_method=True),
    60238: ErrorCode(errors.ChannelRefused, try_other_method=True),
    60306: ErrorCode(errors.InvalidVerificationCode),
    60308: ErrorCode(errors.MaxAttemptsReached),
    60310: ErrorCode(errors.MaxAttemptsReached),
    60311: ErrorCode(errors.InvalidVerificationCode),
    60318: ErrorCode(errors.VerificationNotFound),
    60322: ErrorCode(errors.VerificationExpired),
    60323: ErrorCode(errors.VerificationExpired),
    60324: ErrorCode(errors.InvalidVerificationCode),
    60331: ErrorCode(errors.TwilioUnavailable, operator=True, try_other_method=True),
    60410: ErrorCode(errors.ChannelRefused, blocks_method=True, try_other_method=True),
    60413: ErrorCode(errors.ChannelRefused, blocks_method=True, try_other_method=True),
    60601: ErrorCode(errors.TwilioUnavailable, operator=True),
    60605: ErrorCode(errors.CountryUnavailable, operator=True, blocks_method=True, try_other_method=True),
    68008: ErrorCode(errors.TwilioUnavailable, operator=True, try_other_method=True),
}

# Twilio's messages have several forms: "Invalid parameter `To`: …", "Invalid parameter: To", "To is invalid".
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
    fault = ERROR_CODES.get(code)
    # A send does not refer to a verification, so a 404 means that the service does not exist.
    if code == 20404 and service:
        fault = ErrorCode(errors.TwilioUnavailable, operator=True)
    if fault is None:
        if status == 429:
            fault = ErrorCode(errors.TwilioRateLimited)
        else:
            fault = ErrorCode(errors.TwilioUnavailable, operator=400 <= status < 500)
    parameter = ""
    if fault.error is errors.TwilioInvalidParameter:
        parameter = parameter_named(message)
        if parameter == "to":
            return errors.TwilioInvalidParameter(parameter="to")
        fault = ErrorCode(errors.TwilioInvalidParameter, operator=True)
    # The URL and the message are not logged, because both may contain the phone number.
    level = logging.ERROR if fault.operator else logging.WARNING
    logger.log(
        level, "Twilio answered %s with code %s%s", status, code, f" for {parameter}" if parameter else ""
    )
    if fault.error is errors.TwilioUnavailable:
        unavailable = errors.TwilioUnavailable(twilio_error=code or status)
        unavailable.try_other_method = fault.try_other_method
        return unavailable
    if fault.error is errors.TwilioInvalidParameter:
        return errors.TwilioInvalidParameter(parameter=parameter or "unknown")
    if fault.error is errors.TwilioRateLimited:
        return errors.TwilioRateLimited(retry_after=retry_after.get())
    error = fault.error(twilio_error=code) if fault.blocks_method else fault.error()
    error.blocks_method, error.try_other_method = fault.blocks_method, fault.try_other_method
    return error


def _number(code: Any) -> int:
    """Return an error code as an integer, or 0 if it is not a number. A proxy may send text."""
    try:
        return int(code or 0)
    except (TypeError, ValueError):
        return 0


def _never_arrived(exc: Any) -> bool:
    """Return whether no connection was made, so that Twilio cannot have received the request."""
    from requests.exceptions import ConnectTimeout
    from urllib3.exceptions import NewConnectionError

    if isinstance(exc, ConnectTimeout):
        return True
    reason = getattr(exc.args[0], "reason", None) if exc.args else None
    return isinstance(reason, NewConnectionError)


def _place(error: BaseException) -> str:
    """Return the type of an exception, and the file and line that raised it."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} at {Path(last.filename).name}:{last.lineno}"


@contextmanager
def convert_errors(*, service: bool = False) -> Iterator[None]:
    """Convert exceptions of twilio-python in the block to this package's errors.

    With `service`, a 404 is about the service, not about a verification. The error's `cause` is the original
    exception. It is not chained, because its text contains URLs. `uncertain` is True if Twilio may have
    processed the request although its response was lost.
    """
    from requests.exceptions import ConnectionError as NoConnection
    from twilio.base import exceptions as twilio

    # twilio-python has had this exception since 9.10.
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
        error = _from_code(_number(e.code), int(e.status or 0), message, service=service)
        # Twilio may have sent the message before an internal error.
        error.uncertain = int(e.status or 0) >= 500
        error.cause = e
    except NoConnection as e:
        arrived = not _never_arrived(e)
        logger.error("Twilio could not be reached: %s", type(e).__name__)
        error = errors.TwilioUnavailable(twilio_error="connection" if not arrived else "no_answer")
        error.uncertain = arrived
        error.cause = e
    except Exception as e:
        # Timeouts, incomplete responses, and responses that are not JSON or lack fields. twilio-python raises
        # various types. No traceback is logged, because it would show the number and the token.
        logger.error("Twilio gave no usable answer: %s", _place(e))
        error = errors.TwilioUnavailable(twilio_error="no_answer")
        error.uncertain = True
        error.cause = e
    raise error from None
