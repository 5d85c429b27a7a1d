"""Declare every error: code, sentence, HTTP status, and whether it blocks."""

from __future__ import annotations

from typing import Any, ClassVar

from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from .conf import conf

ERRORS: dict[str, type[TwoFactorError]] = {}


def in_words(seconds: int) -> str:
    """Return a wait in words: seconds, minutes, or hours from ninety minutes on; "now" for none."""
    if seconds <= 0:
        return gettext("now")
    if seconds < 90:
        return ngettext("in %d second", "in %d seconds", seconds) % seconds
    minutes = -(-seconds // 60)
    if minutes < 90:
        return ngettext("in %d minute", "in %d minutes", minutes) % minutes
    hours = -(-minutes // 60)
    return ngettext("in %d hour", "in %d hours", hours) % hours


class TwoFactorError(Exception):
    """Base of the kit's errors.

    `data` holds what the sentence is filled from, and what the API hands out with it. `blocking` errors
    leave the user nothing to retry. The exception's own text is its code: no destination, no token.
    """

    code: ClassVar[str] = "2fa_error"
    message: ClassVar[Any] = _("Something went wrong. Please try again.")
    check_message: ClassVar[Any] = ""
    """The sentence where it came of a check; empty where `message` fits that, too."""
    send_message: ClassVar[Any] = ""
    """The sentence where it came of a send; empty where `message` fits that, too."""
    status: ClassVar[int] = 400
    blocking: ClassVar[bool] = False

    cause: Exception | None = None
    """What Twilio's client raised, where that is behind it."""
    uncertain: bool = False
    """Whether it may have happened all the same: the request left, the answer was lost."""

    ends_method: bool = False
    """Whether trying the same method to the same destination again is of no use, or of harm."""
    of_channel: bool = False
    """Whether it is this method's fault, so that another may well do."""
    during: str = ""
    """What was being done: `send` or `check`, where that is known."""
    verification: Any = None
    """The verification that it is about, where there is one to go on with."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        # A subclass that only narrows an error keeps its code and is not another error.
        if "code" in cls.__dict__:
            ERRORS[cls.code] = cls

    def __init__(self, **data: Any) -> None:
        self.data = data
        super().__init__(self.full_code)

    @property
    def full_code(self) -> str:
        """The code with its placeholders filled: `twilio_error_20404`."""
        if self.code == TwoFactorError.code:
            return str(conf.DEFAULT_ERROR_CODE)
        return fill(self.code, self.data)

    @property
    def display(self) -> str:
        """The sentence for the user, in the active language, as the settings have it."""
        wait = self.data.get("retry_after")
        when = in_words(wait) if wait else gettext("later")
        return fill(self.sentence, {"when": when, **self.data})

    @property
    def sentence(self) -> str:
        """The sentence that `display` fills: placeholders from `data`, and `{when}` from `retry_after`."""
        if (told := self.site_sentence) is not None:
            return told
        if self.code == TwoFactorError.code:
            return str(conf.DEFAULT_ERROR_DISPLAY)
        fitting = {"check": self.check_message, "send": self.send_message}.get(self.during)
        return str(fitting or self.message)

    @property
    def site_sentence(self) -> str | None:
        """The sentence of `ERROR_DISPLAY`, or None."""
        overrides = conf.ERROR_DISPLAY
        found = (code for code in (self.full_code, self.code) if code in overrides)
        code = next(found, None)
        return None if code is None else str(overrides[code])


class _Blanks(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return ""


def fill(text: str, data: dict[str, Any]) -> str:
    """`text` with `{name}` filled from `data`; a name that is missing leaves nothing behind."""
    try:
        return text.format_map(_Blanks(data))
    except (ValueError, IndexError, AttributeError, KeyError):  # a site's own sentence with stray braces
        return text


# What the user typed


class BadUserData(TwoFactorError):
    code = "bad_user_data"
    message = _("Enter a valid e-mail address.")


class AddressNotASCII(BadUserData):
    """The part of an e-mail address before the @ has letters that few mail servers take (RFC 6531)."""

    message = _("Enter an e-mail address that has only letters from a to z, digits and signs before the @.")


class InvalidPhoneNumber(TwoFactorError):
    code = "invalid_phone_number"
    message = _("Enter a valid phone number.")


class AmbiguousPhoneNumber(InvalidPhoneNumber):
    """Digits that are one number within the country and another with its calling code."""

    message = _("Enter the number with + and the country code, for example +44 7700 900123.")


class PhoneCountryNotAllowed(TwoFactorError):
    """`country`: the number's, by name."""

    code = "phone_country_not_allowed"
    message = _("We cannot send codes to {country}. Enter a phone number from another country.")

    def __init__(self, **data: Any) -> None:
        super().__init__(**{"country": gettext("that country"), **data})


class InvalidCarrierType(TwoFactorError):
    code = "invalid_carrier_type"
    message = _("This kind of phone number ({carrier_type}) is not accepted here.")


class MobileNumberRequired(TwoFactorError):
    code = "mobile_number_required"
    message = _("This has to be a mobile number.")


class InvalidVerificationCode(TwoFactorError):
    """Wrong length, not numeric, or refused. `advice`: what may be the reason, where the method knows one."""

    code = "invalid_verification_code"
    message = _("That code is not right.")
    send_message = _("A code cannot be sent this way. Please try another way.")

    @property
    def display(self) -> str:
        return " ".join(filter(None, [super().display, str(self.data.get("advice") or "")]))


class CodeAlreadyUsed(InvalidVerificationCode):
    """A code that was accepted before, for the very device that it was typed for; no attempt is spent."""

    code = "code_already_used"
    message = _("This code has been used. Wait for the next one.")


class MalformedRequest(TwoFactorError):
    code = "malformed_request"
    message = _("The request could not be understood.")


# What the user has and may do


class PhoneNotSet(TwoFactorError):
    code = "phone_not_set"
    message = _("There is no phone number for your account.")


class EmailNotSet(TwoFactorError):
    code = "email_not_set"
    message = _("There is no e-mail address for your account.")


class RegistrationNotAllowed(TwoFactorError):
    code = "registration_not_allowed"
    message = _("Nothing is registered for your account, and it cannot be done here.")


class ChangeNotAllowed(TwoFactorError):
    code = "change_not_allowed"
    message = _("What is registered for your account cannot be changed here.")


class ProofRequired(TwoFactorError):
    """Adding, changing or removing needs a fresh verification with what is registered."""

    code = "proof_required"
    message = _("Please verify again first. Each change or removal needs a new verification.")
    status = 403


class LastDevice(TwoFactorError):
    """Nothing to verify with would be left, and `ALLOW_REMOVE_LAST` says no."""

    code = "last_device"
    message = _(
        "You need at least one way to verify besides recovery codes. Add another one before you remove "
        "this one."
    )
    status = 409


class TooManyDevices(TwoFactorError):
    """As many are registered as `MAX_DEVICES` says."""

    code = "too_many_devices"
    message = _("You have registered as many as you can. Remove one before you add another.")
    status = 409


class MethodNotAllowed(TwoFactorError):
    code = "method_not_allowed"
    message = _("This method cannot be used.")


class NoMethodAvailable(TwoFactorError):
    code = "no_method_available"
    message = _("There is no way to verify your account at the moment.")
    blocking = True


class MissingUserData(TwoFactorError):
    code = "missing_user_data"
    message = _("Something needed to verify your account is missing.")
    status = 404


class UserCannotVerify(TwoFactorError):
    code = "user_cannot_verify"
    message = _("Your account cannot be verified.")
    status = 401
    blocking = True


class UserNotAllowed(TwoFactorError):
    code = "user_not_allowed"
    message = _("Your account may not be verified here.")
    status = 403


class UserNotFound(TwoFactorError):
    code = "user_not_found"
    message = _("There is no such user.")
    status = 404


class UserRequired(TwoFactorError):
    code = "user_required"
    message = _("A user is required.")
    blocking = True


class UserUnauthenticated(TwoFactorError):
    code = "user_unauthenticated"
    message = _("Please sign in first.")
    status = 401


class UnauthenticatedUserFieldMissing(TwoFactorError):
    code = "unauthenticated_user_field_missing"
    message = _("The field that names the user is not set up.")


class UnauthenticatedUserParamMissing(TwoFactorError):
    code = "unauthenticated_user_param_missing"
    message = _("The parameter that names the user is missing.")


# The verification


class VerificationNotFound(TwoFactorError):
    code = "verification_not_found"
    message = _("There is no verification going on. Please start again.")
    status = 404


class VerificationExpired(TwoFactorError):
    code = "verification_expired"
    message = _("This code has already been used, or has expired. Ask for a new one.")


class MaxAttemptsReached(TwoFactorError):
    """`retry_after`: seconds until the verification is over, so that another may begin."""

    code = "max_attempts_reached"
    message = _("Too many wrong codes were entered. You can try again {when}.")
    status = 429


class MaxSendsReached(TwoFactorError):
    """`retry_after`: seconds until the verification is over, so that another may begin."""

    code = "max_sends_reached"
    message = _(
        "No more codes can be sent for now. Use the last one that you received, or ask for another {when}."
    )
    check_message = _("The code could not be checked. You can try again {when}.")
    status = 429


class TooManySends(MaxSendsReached):
    """A limit across verifications; `retry_after`: seconds, `when`: the same in words."""

    message = _("Too many codes have been sent. Please try again {when}.")
    check_message = _("Too many codes have been asked for or entered. You can try again {when}.")


class NoCodeToUse(MaxSendsReached):
    """Twilio refuses to send, and no earlier code is valid; `retry_after`: seconds until it may again."""

    message = _("No code can be sent for now. You can ask for one {when}.")
    check_message = _(
        "The code could not be used, and no other can be sent yet. You can ask for a new one {when}."
    )


class TooManyWrongTokens(MaxAttemptsReached):
    """A limit across verifications; `retry_after`: seconds, `when`: the same in words."""

    message = _("Too many wrong codes were entered. Please try again {when}.")
    blocking = True


class AccountLocked(TwoFactorError):
    """Too many wrong tokens in a row; somebody has to unlock the user."""

    code = "account_locked"
    message = _("Too many wrong codes were entered. Please ask for your account to be unlocked.")
    status = 429
    blocking = True


class ResendCooldown(TwoFactorError):
    """`can_resend_in`: seconds to wait, a whole number."""

    code = "resend_cooldown"
    message = _("Please wait {can_resend_in} seconds before another code is sent.")
    status = 429


class CheckInProgress(TwoFactorError):
    """Another check of the same verification has not been answered yet."""

    code = "check_in_progress"
    message = _("Another code is being checked. Please try again in a moment.")
    status = 409


class ApprovalPending(TwoFactorError):
    """A method that waits has no answer yet; no attempt is spent."""

    code = "approval_pending"
    message = _("It has not been approved yet.")
    status = 409


class ApprovalDenied(TwoFactorError):
    """A method that waits was told no; the verification is over."""

    code = "approval_denied"
    message = _("It was not approved.")
    status = 403


class NotRecorded(TwoFactorError):
    """The database would not take it; if Twilio was asked before, its answer is lost."""

    code = "not_recorded"
    message = _("This could not be saved. Try again in a moment.")
    check_message = _("This could not be saved. Please request a new code.")
    status = 503
    uncertain = True


class UserDataNotStored(TwoFactorError):
    """The site's callback does not return what its receiver of `set_user_data` was given."""

    code = "user_data_not_stored"
    message = _("Your details were confirmed but could not be saved. Please try again later.")
    status = 503


# Twilio

CANNOT_CHECK = _("The code could not be checked. Try again with a new code, or use another method.")


class CannotReceive(TwoFactorError):
    """A landline, or a number that this channel does not reach."""

    code = "cannot_receive"
    of_channel = True
    message = _("This number cannot receive messages. Please try another way, such as a call.")
    check_message = CANNOT_CHECK


class CountryUnavailable(TwoFactorError):
    code = "country_unavailable"
    message = _("This is not available in your country. Please try another way.")
    check_message = CANNOT_CHECK
    status = 403


class ChannelRefused(TwoFactorError):
    """Twilio or its fraud guard will not send this way to this destination."""

    code = "channel_refused"
    message = _("A code cannot be sent this way. Please try another way.")
    check_message = CANNOT_CHECK
    status = 403


class TwilioUnavailable(TwoFactorError):
    """Twilio refused, failed or could not be reached; `twilio_error` is its code, or what happened."""

    code = "twilio_error_{twilio_error}"
    message = _(
        "Codes cannot be sent or checked this way at the moment. Please try another way, or again later."
    )
    status = 503


class TwilioInvalidParameter(TwoFactorError):
    """Twilio refused a parameter, named in `parameter`."""

    code = "twilio_invalid_parameter_{parameter}"
    message = _("The code could not be sent. Please check what you entered.")
    check_message = CANNOT_CHECK


class TwilioRateLimited(TwoFactorError):
    """`retry_after`: seconds to wait where Twilio said so, else None."""

    code = "twilio_rate_limited"
    message = _("Too many requests at the moment. Please try again a little later.")
    status = 429


__all__ = ["ERRORS", "TwoFactorError", "fill", *(c.__name__ for c in ERRORS.values())]
