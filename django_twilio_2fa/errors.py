"""Declare every error: its code, its message, its HTTP status, and whether it is blocking."""

from __future__ import annotations

from functools import reduce
from typing import Any, ClassVar

from django.conf import settings
from django.utils.translation import gettext, ngettext, pgettext
from django.utils.translation import gettext_lazy as _

ERRORS: dict[str, type[TwoFactorError]] = {}


def _setting(name: str, default: Any) -> Any:
    """Return a setting that is plain data. Does not use `conf`, which must not be imported this early."""
    return getattr(settings, f"TWILIO_2FA_{name}", default)


def sentences(*parts: Any) -> str:
    """Join sentences, or parts of a sentence, with spaces. Omit the space after "。"."""
    return " ".join(str(part) for part in parts if part).replace("。 ", "。")


def listed(*texts: str) -> str:
    """Join texts with the comma of the active language, as in "Work, (XXX) XXX-0143". Skip empty ones."""
    pair = pgettext("a list", "%(first)s, %(second)s")
    found = [text for text in texts if text]
    return reduce(lambda first, second: pair % {"first": first, "second": second}, found) if found else ""


def labelled(label: str, value: str) -> str:
    """Join a label and a value with the colon of the active language, as in "Text message: No code yet."."""
    return pgettext("a label", "%(label)s: %(value)s") % {"label": label, "value": value}


def in_words(seconds: int) -> str:
    """Return a wait in words: seconds, minutes, or hours from ninety minutes on. "now" for no wait."""
    if seconds <= 0:
        return pgettext("when", "now")
    if seconds < 90:
        return ngettext("in %(n)d second", "in %(n)d seconds", seconds) % {"n": seconds}
    minutes = -(-seconds // 60)
    if minutes < 90:
        return ngettext("in %(n)d minute", "in %(n)d minutes", minutes) % {"n": minutes}
    hours = -(-minutes // 60)
    return ngettext("in %(n)d hour", "in %(n)d hours", hours) % {"n": hours}


class TwoFactorError(Exception):
    """Base class of this package's errors.

    `data`: the values that fill the message. The API returns them, too. `blocking`: the user cannot try
    again. The exception's own text is its code, which contains no number, no address and no token.
    """

    code: ClassVar[str] = "2fa_error"
    message: ClassVar[Any] = _("Sorry, there is a problem. Try again.")
    check_message: ClassVar[Any] = ""
    """The message if a check failed. Empty if `message` fits a check, too."""
    send_message: ClassVar[Any] = ""
    """The message if a send failed. Empty if `message` fits a send, too."""
    status: ClassVar[int] = 400
    blocking: ClassVar[bool] = False

    cause: Exception | None = None
    """The exception of Twilio's client that caused the error, or None."""
    uncertain: bool = False
    """True if the operation may have succeeded all the same: the request was sent, its answer was lost."""

    blocks_method: bool = False
    """True if it is useless or harmful to try the same method again with the same destination."""
    try_other_method: bool = False
    """True if the method failed, so that another method may work."""
    during: str = ""
    """The operation that failed: `send` or `check`. Empty if unknown."""
    verification: Any = None
    """The verification that the user can continue with, or None."""
    wording: Any = ""
    """The method's own message, used in place of `message`. Empty if there is none."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        # A subclass without a `code` of its own is a special case of its parent, and is not registered.
        if "code" in cls.__dict__:
            ERRORS[cls.code] = cls

    def __init__(self, **data: Any) -> None:
        self.data = data
        super().__init__(self.full_code)

    @property
    def full_code(self) -> str:
        """The code with its placeholders filled, such as `twilio_error_20404`."""
        if self.code == TwoFactorError.code:
            return str(_setting("DEFAULT_ERROR_CODE", self.code))
        return fill(self.code, self.data)

    @property
    def display(self) -> str:
        """The message for the user in the active language. The settings can replace it."""
        wait = self.data.get("retry_after") or self.data.get("can_resend_in")
        when = in_words(wait) if wait else gettext("later")
        return fill(self.sentence, {"when": when, **self.data})

    @property
    def sentence(self) -> str:
        """The message before `display` fills its placeholders from `data`, and `{when}` from the wait."""
        if (told := self.site_sentence) is not None:
            return told
        if self.code == TwoFactorError.code:
            return str(_setting("DEFAULT_ERROR_DISPLAY", self.message))
        fitting = {"check": self.check_message, "send": self.send_message}.get(self.during)
        return str(self.wording or fitting or self.message)

    @property
    def site_sentence(self) -> str | None:
        """The message in `ERROR_DISPLAY`, or None."""
        overrides = _setting("ERROR_DISPLAY", {})
        found = (code for code in (self.full_code, self.code) if code in overrides)
        code = next(found, None)
        return None if code is None else str(overrides[code])


class _Blanks(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return ""


def fill(text: str, data: dict[str, Any]) -> str:
    """Fill `{name}` in `text` from `data`. A missing name becomes empty."""
    try:
        return text.format_map(_Blanks(data))
    except (ValueError, IndexError, AttributeError, KeyError):  # a site's own message with stray braces
        return text


# Errors in the user's input


class BadUserData(TwoFactorError):
    code = "bad_user_data"
    message = _("Enter an email address in the correct format, like name@example.com")


class AddressNotASCII(BadUserData):
    """The part of an e-mail address before the @ has letters that few mail servers accept (RFC 6531)."""

    message = _("Enter an email address with only unaccented letters, numbers and signs before the @")


class InvalidPhoneNumber(TwoFactorError):
    code = "invalid_phone_number"
    message = _("Enter a phone number, like 202 555 0143 or +44 7700 900123")


class AmbiguousPhoneNumber(InvalidPhoneNumber):
    """Digits that can be read as a national number, or as one that begins with the calling code."""

    message = _("Enter the phone number with + and the country code, like +44 7700 900123")


class PhoneCountryNotAllowed(TwoFactorError):
    """The site sends no codes to the number's country. `country`: the name of the country."""

    code = "phone_country_not_allowed"
    message = _("We cannot send codes to {country}. Enter a phone number from another country.")

    def __init__(self, **data: Any) -> None:
        super().__init__(**{"country": gettext("that country"), **data})


class InvalidCarrierType(TwoFactorError):
    code = "invalid_carrier_type"
    message = _("We cannot send codes to this type of number ({carrier_type}). Enter a different number.")


class MobileNumberRequired(TwoFactorError):
    code = "mobile_number_required"
    message = _("This is not a mobile number. Enter a mobile number.")


class InvalidVerificationCode(TwoFactorError):
    """A code that is malformed or was refused. `advice`: a possible reason, if the method knows one."""

    code = "invalid_verification_code"
    message = _("That code is incorrect. Check it and try again.")
    send_message = _("We cannot send a code this way. Try another way.")

    @property
    def display(self) -> str:
        return sentences(super().display, self.data.get("advice"))


class CodeAlreadyUsed(InvalidVerificationCode):
    """A code that was accepted before for the same device. It does not count as an attempt."""

    code = "code_already_used"
    message = _("You have already used this code. Wait for the next one.")


class MalformedRequest(TwoFactorError):
    code = "malformed_request"
    message = _("Sorry, we did not understand that request.")


# Errors about users, devices and permissions


class PhoneNotSet(TwoFactorError):
    code = "phone_not_set"
    message = _("Your account has no phone number.")


class EmailNotSet(TwoFactorError):
    code = "email_not_set"
    message = _("Your account has no email address.")


class RegistrationNotAllowed(TwoFactorError):
    code = "registration_not_allowed"
    message = _("Your account has no way to get codes, and you cannot add one here.")


class ChangeNotAllowed(TwoFactorError):
    code = "change_not_allowed"
    message = _("You cannot change how you get codes here.")


class ProofRequired(TwoFactorError):
    """Adding, changing or removing a device requires a recent verification with a registered device."""

    code = "proof_required"
    message = _("Check it is you before you change or remove something. You need to do this each time.")
    status = 403


class TwoFactorRequired(TwoFactorError):
    """The request requires a verified session or a verified API token."""

    code = "two_factor_required"
    message = _("Check it is you before you go on.")
    status = 403


class LastDevice(TwoFactorError):
    """The user would have no device left, and `ALLOW_REMOVE_LAST` forbids that."""

    code = "last_device"
    message = _(
        "You need one way to check it is you besides recovery codes. Add another way before you "
        "remove this one."
    )
    status = 409


class TooManyDevices(TwoFactorError):
    """The user already has as many devices as `MAX_DEVICES` allows."""

    code = "too_many_devices"
    message = _("You have added as many as you can. Remove one before you add another.")
    status = 409


class TooManyAccounts(TwoFactorError):
    """Too many accounts have the number or address already. See `MAX_ACCOUNTS_PER_DESTINATION`."""

    code = "too_many_accounts"
    message = _("This cannot be registered for another account. Enter another phone number or address.")
    status = 409


class MethodNotAllowed(TwoFactorError):
    code = "method_not_allowed"
    message = _("You cannot use that way. Choose another.")


class NoMethodAvailable(TwoFactorError):
    code = "no_method_available"
    message = _("You cannot get a code at the moment. Try again later.")
    blocking = True


class MissingUserData(TwoFactorError):
    code = "missing_user_data"
    message = _("You can no longer use that way. Choose another.")
    status = 404


class UserCannotVerify(TwoFactorError):
    code = "user_cannot_verify"
    message = _("You cannot use a code with this account.")
    status = 401
    blocking = True


class UserNotAllowed(TwoFactorError):
    code = "user_not_allowed"
    message = _("You cannot use a code here with this account.")
    status = 403


class UserNotFound(TwoFactorError):
    code = "user_not_found"
    message = _("We cannot find that user.")
    status = 404


class UserRequired(TwoFactorError):
    code = "user_required"
    message = _("Say which user this is for.")
    blocking = True


class UserUnauthenticated(TwoFactorError):
    code = "user_unauthenticated"
    message = _("Sign in first.")
    status = 401


class UnauthenticatedUserFieldMissing(TwoFactorError):
    code = "unauthenticated_user_field_missing"
    message = _("The field that names the user is not set up.")


class UnauthenticatedUserParamMissing(TwoFactorError):
    code = "unauthenticated_user_param_missing"
    message = _("The parameter that names the user is missing.")


# Errors of a verification


class VerificationNotFound(TwoFactorError):
    code = "verification_not_found"
    message = _("Your session has ended. Start again.")
    status = 404


class VerificationExpired(TwoFactorError):
    code = "verification_expired"
    message = _("This code has expired or has been used. Send a new one.")


class CeremonyOver(VerificationExpired):
    """A log-in without a password that has expired, was answered before, or was not begun in this session."""

    message = _("That took too long, or was used already. Try again.")


class MaxAttemptsReached(TwoFactorError):
    """The verification has no attempts left. `retry_after`: seconds until another one can begin."""

    code = "max_attempts_reached"
    message = _("You entered the wrong code too many times. You can try again {when}.")
    status = 429


class MaxSendsReached(TwoFactorError):
    """The verification has no sends left. `retry_after`: seconds until another one can begin."""

    code = "max_sends_reached"
    message = _("We cannot send any more codes for now. Use the last one you got, or ask for another {when}.")
    check_message = _("We could not check the code. You can try again {when}.")
    status = 429


class TooManySends(MaxSendsReached):
    """Too many codes were sent across verifications. `retry_after`: seconds; `when`: in words."""

    message = _("We have sent too many codes. You can ask for another {when}.")
    check_message = _("You have asked for or entered too many codes. You can try again {when}.")


class BudgetReached(TooManySends):
    """The site's budget for codes is used up. `retry_after`: seconds; `when`: in words."""

    code = "budget_reached"
    message = _("We cannot send codes this way for now. Use another way, or try again {when}.")
    try_other_method = True


class NoCodeToUse(MaxSendsReached):
    """Twilio refuses to send, and no earlier code is valid. `retry_after`: seconds until the next send."""

    message = _("We cannot send a code for now. You can ask for one {when}.")
    check_message = _(
        "We could not use that code, and we cannot send another yet. You can ask for a new one {when}."
    )


class TooManyWrongTokens(MaxAttemptsReached):
    """Too many wrong codes were entered across verifications. `retry_after`: seconds; `when`: in words."""

    message = _("You entered the wrong code too many times. You can try again {when}.")
    blocking = True


class TooManyLogIns(MaxAttemptsReached):
    """Too many log-ins without a password failed in one session or from one IP address."""

    message = _("Too many attempts. Try again {when}, or sign in another way.")
    blocking = True


class AccountLocked(TwoFactorError):
    """Too many wrong codes were entered in a row. The account is locked until somebody unlocks it."""

    code = "account_locked"
    message = _(
        "Your account is locked because the wrong code was entered too many times. Contact the site "
        "to unlock it."
    )
    status = 429
    blocking = True


class ResendCooldown(TwoFactorError):
    """A code was sent a short time ago. `can_resend_in`: whole seconds until the next send."""

    code = "resend_cooldown"
    message = _("You can ask for another code {when}.")
    status = 429


class CheckInProgress(TwoFactorError):
    """Another check of the same verification is still in progress."""

    code = "check_in_progress"
    message = _("We are still checking your last code. Wait a moment, then try again.")
    status = 409


class ApprovalPending(TwoFactorError):
    """The user has not answered the request for approval yet. This does not count as an attempt."""

    code = "approval_pending"
    message = _("We have not had your answer yet.")
    status = 409


class ApprovalDenied(TwoFactorError):
    """The user denied the request for approval. The verification has ended."""

    code = "approval_denied"
    message = _("The request was refused. If that was not you, change your password.")
    status = 403


class NotRecorded(TwoFactorError):
    """The database could not store the change. If Twilio was asked before, its answer is lost."""

    code = "not_recorded"
    message = _("Sorry, we could not save this. Try again in a moment.")
    check_message = _("Sorry, we could not save this. Send a new code.")
    status = 503
    uncertain = True


class UserDataNotStored(TwoFactorError):
    """The site's callback does not return the value that its receiver of `set_user_data` was to store."""

    code = "user_data_not_stored"
    message = _("Your code was right, but we could not save your details. Try again later.")
    status = 503


# Errors of Twilio, and of sending

CANNOT_CHECK = _("We could not check the code. Send a new code, or try another way.")


class CannotReceive(TwoFactorError):
    """The number is a landline, or this channel cannot reach it."""

    code = "cannot_receive"
    try_other_method = True
    message = _("This number cannot get text messages. Try another way, such as a phone call.")
    check_message = CANNOT_CHECK


class SendingPaused(TwoFactorError):
    """The site has paused sends of this kind. `retry_after`: seconds, if the pause ends by itself."""

    code = "sending_paused"
    try_other_method = True
    message = _("We have paused sending codes this way. Use another way, or try again {when}.")
    status = 503


class RegistrationsPaused(SendingPaused):
    """The site has paused sends to numbers and addresses that are not registered yet."""

    message = _(
        "We have paused sending codes to new phone numbers and addresses of this kind. Use another way, or "
        "try again {when}."
    )


class ChallengeRequired(TwoFactorError):
    """The user has to answer a challenge first. `challenge`: its description by the site's `CHALLENGE`."""

    code = "challenge_required"
    message = _("Answer the question below to show that you are a person, and continue.")
    status = 403


class CountryUnavailable(TwoFactorError):
    code = "country_unavailable"
    message = _("We cannot send codes this way to your country. Try another way.")
    check_message = CANNOT_CHECK
    status = 403


class ChannelRefused(TwoFactorError):
    """Twilio, or its fraud guard, refuses to send a code to this destination by this method."""

    code = "channel_refused"
    message = _("We cannot send a code this way. Try another way.")
    check_message = CANNOT_CHECK
    status = 403


class TwilioUnavailable(TwoFactorError):
    """Twilio refused, failed or could not be reached. `twilio_error`: Twilio's code, or the failure."""

    code = "twilio_error_{twilio_error}"
    message = _(
        "Sorry, there is a problem with sending or checking codes this way. Try another way, or try "
        "again later."
    )
    status = 503


class TwilioInvalidParameter(TwoFactorError):
    """Twilio refused a parameter. `parameter`: its name."""

    code = "twilio_invalid_parameter_{parameter}"
    message = _("We could not send the code. Check what you entered and try again.")
    check_message = CANNOT_CHECK


class TwilioRateLimited(TwoFactorError):
    """A rate limit of Twilio or of the site's API was reached. `retry_after`: seconds, or None if unknown."""

    code = "twilio_rate_limited"
    message = _("Sorry, we are busy. Try again in a few minutes.")
    status = 429


__all__ = ["ERRORS", "TwoFactorError", "fill", *(c.__name__ for c in ERRORS.values())]
