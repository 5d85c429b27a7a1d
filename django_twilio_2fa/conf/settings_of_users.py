"""The settings of users and of phone numbers."""

from __future__ import annotations

from datetime import date

from .setting import (
    BOOL,
    CALLBACK,
    DURATION,
    MAPPING,
    NAMES,
    RAISES,
    REQUEST,
    TEXT,
    USER,
    Setting,
    group,
)


def _every_country() -> list[str]:
    import phonenumbers

    return sorted(phonenumbers.SUPPORTED_REGIONS)


WHO = (
    Setting(
        "ALLOW_USER_CB",
        True,
        BOOL,
        "Whether this user may use this package: verify, and register devices. Other users are redirected to "
        "`DISALLOWED_REDIRECT_URL`.",
        USER,
        fallback=False,
    ),
    Setting(
        "ALLOW_REGISTRATION",
        True,
        BOOL,
        "Whether a user who has no device may register one.",
        (*USER, "field"),
        old_names=("ALLOW_REGISTER",),
        fallback=False,
    ),
    Setting(
        "ALLOW_USERLESS",
        False,
        BOOL,
        "Whether a phone number or e-mail address may be verified without a user, for example at "
        "a checkout without an account. Then only the limits per destination and per IP address apply.",
        REQUEST,
        fallback=False,
    ),
    Setting(
        "ALLOW_CHANGE",
        True,
        BOOL,
        "Whether a user who has a device may add, change and remove devices.",
        (*USER, "field"),
        fallback=False,
    ),
    Setting(
        "ALLOW_REMOVE_LAST",
        None,
        BOOL,
        "Whether a user may remove their last device. If they do, the password is enough to register a new "
        "one. None: the value of `REGISTER_OPTIONAL`.",
        USER,
        fallback=False,
    ),
    Setting(
        "MAX_DEVICES",
        10,
        (int,),
        "How many devices a user may have. Recovery codes do not count, and neither do phone numbers and "
        "e-mail addresses that a callback of your site returns. Users who already have more keep them. "
        "None: no limit.",
        USER,
        optional=True,
    ),
    Setting(
        "MAX_ACCOUNTS_PER_DESTINATION",
        5,
        (int,),
        "For how many accounts one phone number or e-mail address may be registered. Accounts that have it "
        "already keep it. See [costs](costs.md#one-number-many-accounts). None: no limit.",
        USER,
        optional=True,
    ),
    Setting(
        "BREAKER",
        {},
        MAPPING,
        "The breaker pauses registrations of phone numbers if users enter too few of the codes that "
        "were sent. This setting changes its [rules](costs.md#the-breaker): a dict that maps a rule to "
        "a value. None: no breaker.",
        optional=True,
    ),
    Setting(
        "CHALLENGE",
        None,
        TEXT,
        "Dotted path of a class with a CAPTCHA or another challenge of yours. Users have to solve it "
        "before a code is sent to a new phone number, if few of the codes that were sent to similar "
        "numbers were entered. See [costs](costs.md#challenges).",
    ),
    Setting(
        "REGISTER_OPTIONAL",
        False,
        BOOL,
        "Whether a user without a device may skip registration. Until the session ends, views that "
        "require verification then let them in, except the admin.",
        USER,
        fallback=False,
    ),
    Setting(
        "REGISTER_OPTIONAL_URL",
        None,
        TEXT,
        "Where the Skip button leads: a path or a URL name. None: the page that required verification, or "
        "else `LOGIN_REDIRECT_URL`.",
        USER,
    ),
    Setting(
        "USER_MUST_HAVE_PHONE",
        False,
        BOOL,
        "Whether every user has to register a phone number, even if they have another device.",
        USER,
        fallback=True,
    ),
    Setting(
        "PHONE_NUMBER_CB",
        None,
        CALLBACK,
        "Returns the user's phone number (a string in E.164 or a `PhoneNumber`) or None. If this is set, "
        "phone numbers come only from this callback, and are not stored in the table of `Device`.",
        USER,
        old_names=("USER_PHONE_NUMBER_CB",),
        fallback=RAISES,
    ),
    Setting(
        "EMAIL_CB",
        None,
        CALLBACK,
        "Returns the user's e-mail address (a string or an `EmailAddress`) or None. If this is set, e-mail "
        "addresses come only from this callback, and are not stored in the table of `Device`.",
        USER,
        old_names=("USER_EMAIL_CB",),
        fallback=RAISES,
    ),
)

ADMIN = (
    Setting(
        "REQUIRED_IN_ADMIN",
        False,
        BOOL,
        "Whether Django's default admin site lets in only staff who are verified. A callable is asked for "
        "each user. An admin site of your own inherits from `TwoFactorAdminSite` instead.",
        USER,
        fallback=True,
    ),
)

PHONE = (
    Setting(
        "PHONE_NUMBER_DEFAULT_REGION",
        "US",
        TEXT,
        "Country that is selected in the form by default (ISO 3166-1, two letters).",
        USER,
    ),
    Setting(
        "PHONE_NUMBER_ALLOWED_COUNTRIES",
        ["US"],
        NAMES,
        "Countries whose numbers are accepted. An empty list or None: every country. Territories that "
        "share a calling code have to be named one by one: `US` does not include Puerto Rico (`PR`), and "
        "`GB` does not include Jersey (`JE`).",
        USER,
        optional=True,
        fallback=("ZZ",),
    ),
    Setting(
        "PHONE_NUMBER_DISALLOWED_COUNTRIES",
        [],
        NAMES,
        "Countries whose numbers are refused, even if `PHONE_NUMBER_ALLOWED_COUNTRIES` includes them.",
        USER,
        optional=True,
        fallback=_every_country,
    ),
    Setting(
        "PHONE_NUMBER_CARRIER_LOOKUP",
        True,
        BOOL,
        "Whether to ask Twilio Lookup for the line type (mobile, landline, voip) of a number when it is "
        "registered. Twilio charges for each lookup.",
        USER,
    ),
    Setting(
        "PHONE_NUMBER_ALLOWED_CARRIER_TYPES",
        ["mobile"],
        NAMES,
        "Line types accepted when a number is registered: mobile, landline, voip.",
        USER,
        optional=True,
    ),
    Setting(
        "PHONE_NUMBER_BYPASS_CARRIER_ON_EMPTY",
        True,
        BOOL,
        "Whether a number is accepted if Lookup does not know its line type.",
        USER,
        fallback=False,
    ),
    Setting(
        "HAS_CLNPC_PERMISSION",
        False,
        BOOL,
        "Whether your Twilio account may look up Canadian numbers, which needs an approval by the "
        "Canadian Local Number Portability Consortium (CLNPC). If False, they are not looked up.",
    ),
)

ACCESS = (
    Setting(
        "REQUIRED_CB",
        None,
        BOOL,
        "Whether this user has to verify on every page, if `TwoFactorMiddleware` is installed. None: the "
        "middleware asks nobody. If the callable fails, the user has to verify.",
        USER,
        fallback=True,
    ),
    Setting(
        "PASSWORDLESS_LOGIN",
        False,
        BOOL,
        "Whether `TwoFactorLoginView` and the API offer to log in without a password, with a passkey.",
        REQUEST,
        fallback=False,
    ),
    Setting(
        "GRACE_UNTIL",
        None,
        (date,),
        "End of the grace period: a date or a datetime. Until then, users without a device need not "
        "verify, except for views with `max_age` or `methods`, and for an admin that requires "
        "verification. None: no grace period.",
        USER,
        optional=True,
    ),
    Setting(
        "GRACE_ACTION",
        "remind",
        TEXT,
        "What happens to users in the grace period: `allow` lets them through, `remind` also shows "
        "them a message once a session, and `register` redirects them once a session to the "
        "registration, which they can skip.",
        USER,
    ),
    Setting(
        "VERIFIED_RECHECK",
        60,
        DURATION,
        "How long a verified session is trusted before the database is asked again, in seconds or as a "
        "timedelta. After a device is removed, sessions that it verified may last this long. 0: ask on "
        "each request.",
    ),
)

SETTINGS_OF_USERS = (
    *group("Access", ACCESS),
    *group("Users", WHO),
    *group("Administration", ADMIN),
    *group("Phone numbers", PHONE),
)
