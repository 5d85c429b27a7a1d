"""The settings of the process, the pages, the API and the words, and those of 0.32 that are gone."""

from __future__ import annotations

from datetime import timedelta

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from .setting import (
    BOOL,
    CALLBACK,
    DURATION,
    MAPPING,
    NAMES,
    REQUEST,
    TEXT,
    USER,
    Setting,
    group,
)

PROCESS = (
    Setting(
        "TOKEN_LENGTH",
        6,
        (int,),
        "Digits of a token; what the Verify service is set to (4 to 10).",
    ),
    Setting(
        "VERIFICATION_EXPIRATION",
        10,
        DURATION,
        "How long a token is good for: minutes, or a timedelta. Has to agree with the Verify service.",
    ),
    Setting(
        "SEND_COOLDOWN",
        (30, 40, 60, 90, 120),
        (int, float, timedelta, tuple, list),
        "Seconds (or a timedelta) before the next send: one, or a list for the first, second, … resend.",
    ),
    Setting("MAX_SENDS", 5, (int,), "Sends in one verification; Twilio allows no more than 5."),
    Setting(
        "MAX_ATTEMPTS",
        5,
        (int,),
        "Tokens tried in one verification; Twilio allows no more than 5.",
    ),
    Setting(
        "CANCEL_ON_MAX_RETRIES",
        False,
        BOOL,
        "Whether a verification is canceled at Twilio when its attempts are used up.",
    ),
    Setting(
        "LIMITS",
        {},
        MAPPING,
        "Limits across verifications by name, as `10/h, 20/d`; None switches one off.",
    ),
    Setting(
        "CLIENT_ADDRESS_CB",
        None,
        CALLBACK,
        "Returns the client's address. Only where it is set are requests counted by address: behind a "
        "proxy `REMOTE_ADDR` is everybody.",
        ("request", "user"),
        returns=TEXT,
    ),
    Setting(
        "NOTIFY_OWNER",
        True,
        BOOL,
        "Whether the owner of an account is told by e-mail: it was locked, a recovery code was used, or "
        "something was added, changed or removed.",
        ("user",),
    ),
    Setting(
        "SECRET_KEY",
        None,
        TEXT,
        "Key of the digests under which the kit stores destinations and counts. None: Django's "
        "`SECRET_KEY`, and then rotating that one forgets what was counted.",
        secret=True,
    ),
    Setting(
        "SECRET_KEY_FALLBACKS",
        [],
        NAMES,
        "Earlier values of `TWILIO_2FA_SECRET_KEY`, newest first.",
        secret=True,
    ),
)

PAGES = (
    Setting(
        "SEND_IMMEDIATELY_ON_SINGLE",
        True,
        BOOL,
        "Whether a user with a single choice is sent the token without pressing a button first.",
        USER,
        if_it_fails=False,
    ),
    Setting(
        "VERIFY_SUCCESS_URL",
        None,
        TEXT,
        "Where a verified user goes without a `next`: a path or a URL name. None: the success page.",
        USER,
        old_names=("SUCCESS_REDIRECT_URL",),
    ),
    Setting(
        "LOGOUT_URL",
        None,
        TEXT,
        "Where the Sign out button of the last pages posts to: a path or a URL name. None: the URL named "
        "`logout`, else `account_logout`, else the admin's for whoever may use that. Empty: no button.",
        USER,
    ),
    Setting(
        "DISALLOWED_REDIRECT_URL",
        "/",
        TEXT,
        "Where a user goes whom `ALLOW_USER_CB` refuses: a path or a URL name. `/` is the root of the "
        "site, also where the site is served below a path.",
        USER,
    ),
    Setting(
        "STYLESHEETS",
        None,
        NAMES,
        "Stylesheets of the pages, in order: static paths or addresses. None: Bootstrap 5 and Font "
        "Awesome 5 from a CDN, with integrity hashes. An empty list: none.",
        REQUEST,
    ),
)

API = (
    Setting(
        "ALLOW_UNAUTHENTICATED_USERS",
        False,
        BOOL,
        "Whether the API sends to, and checks for, a user who is named by a parameter and not signed in.",
        REQUEST,
        if_it_fails=False,
    ),
    Setting(
        "UNAUTHENTICATED_QUERY_PARAM",
        "user_id",
        TEXT,
        "Name of that parameter of the address.",
    ),
    Setting(
        "UNAUTHENTICATED_USER_FIELD",
        "pk",
        TEXT,
        "Field of the user that the parameter holds. Best one that cannot be guessed.",
    ),
    Setting(
        "UNAUTHENTICATED_MIN_SECONDS",
        1,
        (int, float, timedelta),
        "Seconds (or a timedelta) that each answer to a user who is named and not signed in takes at "
        "least, so that its time does not tell who exists. Set it above what a send of yours takes. "
        "It holds a thread for as long; 0 switches it off.",
    ),
    Setting(
        "API_CLASSES",
        {},
        MAPPING,
        "Classes of the API, or dotted paths to them, under `permission`, `authentication`, `throttle`. "
        "What is left out: anyone, and what Django REST framework is set to.",
    ),
    Setting(
        "API_SESSION_CB",
        None,
        CALLBACK,
        "Returns what all tokens of one log-in share, and no others, as a JWT's claim `sid`; `auth` is "
        "Django REST framework's `request.auth`. What is proven with one holds for all. By default, and "
        "for None, it holds for the very token.",
        ("auth", "user", "request"),
        returns=(str, int),
    ),
)

WORDS = (
    Setting(
        "MESSAGE_DISPLAY_CB",
        None,
        CALLBACK,
        "Returns the sentence for a message code, or None for the kit's own.",
        ("code", "user", "request"),
        returns=(str, Promise),
    ),
    Setting("ERROR_DISPLAY", {}, MAPPING, "By error code, the sentence shown for it."),
    Setting("DEFAULT_ERROR_CODE", "2fa_error", TEXT, "Code of an error that has none of its own."),
    Setting(
        "DEFAULT_ERROR_DISPLAY",
        _("Something went wrong. Please try again."),
        (str, Promise),
        "Sentence for an error that has none of its own.",
    ),
)

SETTINGS_OF_PAGES = (
    *group("The process", PROCESS),
    *group("Pages", PAGES),
    *group("API", API),
    *group("Words", WORDS),
)

# Settings of earlier releases that nothing reads any more, and what to use instead.
RETIRED_NAMES: dict[str, str] = {
    "REGISTER_CB": "Store the number in a receiver of the signal twilio_2fa_set_user_data.",
    "TIMEOUT_CB": "The kit locks out whoever tries too often: see TWILIO_2FA_LIMITS.",
    "MAX_ATTEMPTS_TIMEOUT": "The kit locks out whoever tries too often: see TWILIO_2FA_LIMITS.",
    "ALLOW_UNVERIFIED_SMS": "TWILIO_2FA_PHONE_NUMBER_BYPASS_CARRIER_ON_EMPTY says whether a number is "
    "accepted whose line type is not known.",
    "ALLOW_USER_ERROR_MESSAGE": "Say it on the page that TWILIO_2FA_DISALLOWED_REDIRECT_URL names. "
    "The API says what TWILIO_2FA_ERROR_DISPLAY has under 'user_not_allowed'.",
    "ALLOW_USER_ERROR_REDIRECT": "Set TWILIO_2FA_DISALLOWED_REDIRECT_URL.",
    "RETRY_TIME": "Set TWILIO_2FA_SEND_COOLDOWN.",
    "OBFUSCATE": "Numbers and addresses are always shown masked.",
    "IS_VERIFIED_CB": "Nothing has to be set: django_twilio_2fa.session.is_verified(request) says it.",
    "ERROR_DISPLAY_CB": "Set TWILIO_2FA_ERROR_DISPLAY to a dict of sentences by error code.",
}
