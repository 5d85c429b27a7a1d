"""Declare every error: code, sentence, HTTP status, and whether it blocks."""

from __future__ import annotations

from functools import reduce
from typing import Any, ClassVar

from django.conf import settings
from django.utils.translation import gettext, ngettext, pgettext
from django.utils.translation import gettext_lazy as _

ERRORS: dict[str, type[TwoFactorError]] = {}


def _setting(name: str, default: Any) -> Any:
    """Return a setting of plain values. `conf` is not asked: it would be loaded before every module below."""
    return getattr(settings, f"TWILIO_2FA_{name}", default)


def sentences(*parts: Any) -> str:
    """Join sentences, or parts of one, with spaces. None follows a Chinese or Japanese full stop."""
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
    """Return a wait in words: seconds, minutes, or hours from ninety minutes on; "now" for none."""
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
    """Base of this package's errors.

    `data` holds what the sentence is filled from, and what the API hands out with it. `blocking` errors
    leave the user nothing to retry. The exception's own text is its code: no destination, no token.
    """

    code: ClassVar[str] = "2fa_error"
    message: ClassVar[Any] = _("Sorry, there is a problem. Try again.")
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

    blocks_method: bool = False
    """Whether trying the same method to the same destination again is of no use, or of harm."""
    try_other_method: bool = False
    """Whether the method failed, so that another method may work."""
    during: str = ""
    """What was being done: `send` or `check`, where that is known."""
    verification: Any = None
    """The verification that it is about, where there is one to go on with."""
    wording: Any = ""
    """The sentence of the method that it came of, in place of `message`; empty for none."""

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
            return str(_setting("DEFAULT_ERROR_CODE", self.code))
        return fill(self.code, self.data)

    @property
    def display(self) -> str:
        """The sentence for the user, in the active language, as the settings have it."""
        wait = self.data.get("retry_after") or self.data.get("can_resend_in")
        when = in_words(wait) if wait else gettext("later")
        return fill(self.sentence, {"when": when, **self.data})

    @property
    def sentence(self) -> str:
        """The sentence that `display` fills: placeholders from `data`, and `{when}` from the wait."""
        if (told := self.site_sentence) is not None:
            return told
        if self.code == TwoFactorError.code:
            return str(_setting("DEFAULT_ERROR_DISPLAY", self.message))
        fitting = {"check": self.check_message, "send": self.send_message}.get(self.during)
        return str(self.wording or fitting or self.message)

    @property
    def site_sentence(self) -> str | None:
        """The sentence of `ERROR_DISPLAY`, or None."""
        overrides = _setting("ERROR_DISPLAY", {})
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
    message = _("Enter an email address in the correct format, like name@example.com")


class AddressNotASCII(BadUserData):
    """The part of an e-mail address before the @ has letters that few mail servers take (RFC 6531)."""

    message = _("Enter an email address with only unaccented letters, numbers and signs before the @")


class InvalidPhoneNumber(TwoFactorError):
    code = "invalid_phone_number"
    message = _("Enter a phone number, like 202 555 0143 or +44 7700 900123")


class AmbiguousPhoneNumber(InvalidPhoneNumber):
    """Digits that are one number within the country and another with its calling code."""

    message = _("Enter the phone number with + and the country code, like +44 7700 900123")


class PhoneCountryNotAllowed(TwoFactorError):
    """`country`: the number's, by name."""

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
    """Wrong length, not numeric, or refused. `advice`: what may be the reason, where the method knows one."""

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


# What the user has and may do


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
    """Only a verified session, or a verified token, may see or do this."""

    code = "two_factor_required"
    message = _("Check it is you before you go on.")
    status = 403


class LastDevice(TwoFactorError):
    """Nothing to verify with would be left, and `ALLOW_REMOVE_LAST` says no."""

    code = "last_device"
    message = _(
        "You need one way to check it is you besides recovery codes. Add another way before you "
        "remove this one."
    )
    status = 409


class TooManyDevices(TwoFactorError):
    """As many are registered as `MAX_DEVICES` says."""

    code = "too_many_devices"
    message = _("You have added as many as you can. Remove one before you add another.")
    status = 409


class TooManyAccounts(TwoFactorError):
    """As many accounts have the number or address as `MAX_ACCOUNTS_PER_DESTINATION` says."""

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


# The verification


class VerificationNotFound(TwoFactorError):
    code = "verification_not_found"
    message = _("Your session has ended. Start again.")
    status = 404


class VerificationExpired(TwoFactorError):
    code = "verification_expired"
    message = _("This code has expired or has been used. Send a new one.")


class CeremonyOver(VerificationExpired):
    """A log-in without a password that the session was not asked for, has answered, or began too long ago."""

    message = _("That took too long, or was used already. Try again.")


class MaxAttemptsReached(TwoFactorError):
    """`retry_after`: seconds until the verification is over, so that another may begin."""

    code = "max_attempts_reached"
    message = _("You entered the wrong code too many times. You can try again {when}.")
    status = 429


class MaxSendsReached(TwoFactorError):
    """`retry_after`: seconds until the verification is over, so that another may begin."""

    code = "max_sends_reached"
    message = _("We cannot send any more codes for now. Use the last one you got, or ask for another {when}.")
    check_message = _("We could not check the code. You can try again {when}.")
    status = 429


class TooManySends(MaxSendsReached):
    """A limit across verifications; `retry_after`: seconds, `when`: the same in words."""

    message = _("We have sent too many codes. You can ask for another {when}.")
    check_message = _("You have asked for or entered too many codes. You can try again {when}.")


class BudgetReached(TooManySends):
    """The site has sent as many codes as it wants to pay for; `retry_after`: seconds, `when`: in words."""

    code = "budget_reached"
    message = _("We cannot send codes this way for now. Use another way, or try again {when}.")
    try_other_method = True


class NoCodeToUse(MaxSendsReached):
    """Twilio refuses to send, and no earlier code is valid; `retry_after`: seconds until it may again."""

    message = _("We cannot send a code for now. You can ask for one {when}.")
    check_message = _(
        "We could not use that code, and we cannot send another yet. You can ask for a new one {when}."
    )


class TooManyWrongTokens(MaxAttemptsReached):
    """A limit across verifications; `retry_after`: seconds, `when`: the same in words."""

    message = _("You entered the wrong code too many times. You can try again {when}.")
    blocking = True


class TooManyLogIns(MaxAttemptsReached):
    """Too many log-ins without a password were refused, in one session or from one address."""

    message = _("Too many attempts. Try again {when}, or sign in another way.")
    blocking = True


class AccountLocked(TwoFactorError):
    """Too many wrong tokens in a row; somebody has to unlock the user."""

    code = "account_locked"
    message = _(
        "Your account is locked because the wrong code was entered too many times. Contact the site "
        "to unlock it."
    )
    status = 429
    blocking = True


class ResendCooldown(TwoFactorError):
    """`can_resend_in`: seconds to wait, a whole number."""

    code = "resend_cooldown"
    message = _("You can ask for another code {when}.")
    status = 429


class CheckInProgress(TwoFactorError):
    """Another check of the same verification has not been answered yet."""

    code = "check_in_progress"
    message = _("We are still checking your last code. Wait a moment, then try again.")
    status = 409


class ApprovalPending(TwoFactorError):
    """A method that waits has no answer yet; no attempt is spent."""

    code = "approval_pending"
    message = _("We have not had your answer yet.")
    status = 409


class ApprovalDenied(TwoFactorError):
    """The user refused the approval of a method that waits. The verification has ended."""

    code = "approval_denied"
    message = _("The request was refused. If that was not you, change your password.")
    status = 403


class NotRecorded(TwoFactorError):
    """The database would not take it; if Twilio was asked before, its answer is lost."""

    code = "not_recorded"
    message = _("Sorry, we could not save this. Try again in a moment.")
    check_message = _("Sorry, we could not save this. Send a new code.")
    status = 503
    uncertain = True


class UserDataNotStored(TwoFactorError):
    """The site's callback does not return what its receiver of `set_user_data` was given."""

    code = "user_data_not_stored"
    message = _("Your code was right, but we could not save your details. Try again later.")
    status = 503


# Twilio

CANNOT_CHECK = _("We could not check the code. Send a new code, or try another way.")


class CannotReceive(TwoFactorError):
    """A landline, or a number that this channel does not reach."""

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
    """Sends to numbers and addresses that nobody has proven yet are paused."""

    message = _(
        "We have paused sending codes to new phone numbers and addresses of this kind. Use another way, or "
        "try again {when}."
    )


class ChallengeRequired(TwoFactorError):
    """`challenge`: what to answer, and how, as the site's `CHALLENGE` describes it."""

    code = "challenge_required"
    message = _("Answer the question below to show that you are a person, and continue.")
    status = 403


class CountryUnavailable(TwoFactorError):
    code = "country_unavailable"
    message = _("We cannot send codes this way to your country. Try another way.")
    check_message = CANNOT_CHECK
    status = 403


class ChannelRefused(TwoFactorError):
    """Twilio or its fraud guard will not send this way to this destination."""

    code = "channel_refused"
    message = _("We cannot send a code this way. Try another way.")
    check_message = CANNOT_CHECK
    status = 403


class TwilioUnavailable(TwoFactorError):
    """Twilio refused, failed or could not be reached; `twilio_error` is its code, or what happened."""

    code = "twilio_error_{twilio_error}"
    message = _(
        "Sorry, there is a problem with sending or checking codes this way. Try another way, or try "
        "again later."
    )
    status = 503


class TwilioInvalidParameter(TwoFactorError):
    """Twilio refused a parameter, named in `parameter`."""

    code = "twilio_invalid_parameter_{parameter}"
    message = _("We could not send the code. Check what you entered and try again.")
    check_message = CANNOT_CHECK


class TwilioRateLimited(TwoFactorError):
    """`retry_after`: seconds to wait where Twilio said so, else None."""

    code = "twilio_rate_limited"
    message = _("Sorry, we are busy. Try again in a few minutes.")
    status = 429


__all__ = ["ERRORS", "TwoFactorError", "fill", *(c.__name__ for c in ERRORS.values())]
