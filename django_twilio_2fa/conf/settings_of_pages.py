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
        "Number of digits of a code (4 to 10). Set the Verify service to the same length.",
    ),
    Setting(
        "VERIFICATION_EXPIRATION",
        10,
        DURATION,
        "Lifetime of a code, in minutes or as a timedelta. Set the Verify service to the same lifetime.",
    ),
    Setting(
        "SEND_COOLDOWN",
        (30, 40, 60, 90, 120),
        (int, float, timedelta, tuple, list),
        "How long the user has to wait before a code can be sent again (the cooldown), in seconds or as a "
        "timedelta: one value, or a list for the first, second, … resend.",
    ),
    Setting(
        "MAX_SENDS", 5, (int,), "How often a code may be sent in one verification. Twilio allows at most 5."
    ),
    Setting(
        "MAX_ATTEMPTS",
        5,
        (int,),
        "How many codes may be tried in one verification. Twilio allows at most 5.",
    ),
    Setting(
        "TRUSTED_BROWSER_AGE",
        None,
        DURATION,
        "For how long a browser is remembered if its user ticks the box on the verify page: a timedelta, or "
        "seconds. In such a browser, the user is not asked for a code. None: the box is not shown. See "
        "[remembered browsers](browsers.md).",
    ),
    Setting(
        "CANCEL_ON_MAX_RETRIES",
        False,
        BOOL,
        "Whether a verification is canceled at Twilio after `MAX_ATTEMPTS` wrong codes.",
    ),
    Setting(
        "LIMITS",
        {},
        MAPPING,
        "Limits that apply across verifications: a dict that maps the name of a limit to a rate such "
        "as `10/h, 20/d`, or to None for no limit. See [limits](#limits).",
    ),
    Setting(
        "CLIENT_ADDRESS_CB",
        None,
        CALLBACK,
        "Returns the client's IP address as a string. Requests are limited by IP address only if this is "
        "set, because behind a proxy all clients have the same `REMOTE_ADDR`.",
        ("request", "user"),
        return_types=TEXT,
    ),
    Setting(
        "NOTIFY_OWNER",
        True,
        BOOL,
        "Whether a user gets an e-mail when their account is locked, when a recovery code is "
        "used, and when a device or a remembered browser is added, changed or removed. An e-mail address "
        "that was replaced or removed gets it, too.",
        ("user",),
    ),
    Setting(
        "NOTIFY_NUMBER_CB",
        None,
        CALLBACK,
        "Sends `text` to `number`, a phone number that was replaced or removed. Verify only sends "
        "codes, so use another service. None: nothing is sent. Not called if `NOTIFY_OWNER` is off.",
        ("number", "text", "user"),
        return_types=(object,),
    ),
    Setting(
        "SECRET_KEY",
        None,
        TEXT,
        "Key of the digests by which devices and counters are looked up. None: Django's `SECRET_KEY`. If you "
        "change the key, add the old one to `SECRET_KEY_FALLBACKS`.",
        secret=True,
    ),
    Setting(
        "SECRET_KEY_FALLBACKS",
        [],
        NAMES,
        "Earlier keys, newest first. If `TWILIO_2FA_SECRET_KEY` was not set before, add Django's "
        "`SECRET_KEY`.",
        secret=True,
    ),
)

PAGES = (
    Setting(
        "SEND_IMMEDIATELY_ON_SINGLE",
        True,
        BOOL,
        "Whether a user who has only one device gets the code without choosing a method, when they "
        "open the start page or are redirected to the verify page. A phone is one device with several "
        "methods: the method used last sends the code, or the first allowed method if your site stores "
        "the number (`PHONE_NUMBER_CB`). Recovery codes do not count.",
        USER,
        fallback=False,
    ),
    Setting(
        "VERIFY_SUCCESS_URL",
        None,
        TEXT,
        "Where a verified user goes if there is no `next`: a path or a URL name. None: the success "
        "page. Not used after a log-in on `TwoFactorLoginView`, which goes to `next` or "
        "`LOGIN_REDIRECT_URL`.",
        USER,
        old_names=("SUCCESS_REDIRECT_URL",),
    ),
    Setting(
        "LOGOUT_URL",
        None,
        TEXT,
        "Where the Sign out button posts to: a path or a URL name. None: the first URL name that exists "
        "of `logout`, `account_logout` and, for staff, `admin:logout`. An empty string: no button.",
        USER,
    ),
    Setting(
        "SUBMIT_FULL_CODE",
        True,
        BOOL,
        "Whether the verify page submits itself as soon as the code has all its digits. It does not if "
        "the page has a checkbox, such as that of remembered browsers.",
    ),
    Setting(
        "HELP_URL",
        None,
        TEXT,
        'Where the link "I lost my phone" of each page leads: a path, a URL name or an address such as '
        "`mailto:help@example.com`. None: no link.",
        USER,
    ),
    Setting(
        "DISALLOWED_REDIRECT_URL",
        "/",
        TEXT,
        "Where a user goes if `ALLOW_USER_CB` returns False: a path or a URL name. `/` is the "
        "root of the site, even if the site is served below a path.",
        USER,
    ),
    Setting(
        "STYLESHEETS",
        None,
        NAMES,
        "Stylesheets of the pages, in order: static paths or URLs. None: Bootstrap 5 and Font "
        "Awesome 5 from a CDN, with integrity hashes. An empty list: only this package's own "
        "stylesheet.",
        REQUEST,
    ),
)

API = (
    Setting(
        "ALLOW_UNAUTHENTICATED_USERS",
        False,
        BOOL,
        "Whether the API sends and checks codes for users who are not signed in. A query parameter names the "
        "user. See [API](api.md#for-users-who-have-not-signed-in).",
        REQUEST,
        fallback=False,
    ),
    Setting(
        "UNAUTHENTICATED_QUERY_PARAM",
        "user_id",
        TEXT,
        "Name of the query parameter that names the user.",
    ),
    Setting(
        "UNAUTHENTICATED_USER_FIELD",
        "pk",
        TEXT,
        "Field of the user model that is compared with the query parameter, to find the user. Choose "
        "one whose values cannot be guessed.",
    ),
    Setting(
        "UNAUTHENTICATED_MIN_SECONDS",
        1,
        (int, float, timedelta),
        "Minimum duration of each response for a user who is not signed in, in seconds or as a "
        "timedelta. This hides which users exist. Set it to more than a send takes on your site. Each "
        "request occupies a thread for that long. 0 switches it off.",
    ),
    Setting(
        "API_CLASSES",
        {},
        MAPPING,
        "Classes for the API views: a dict with the keys `permission`, `authentication` and "
        "`throttle`, each with a class, a dotted path to one, or a list of these. If a key is missing: "
        "no permission is required; for authentication and throttles, the settings of Django REST "
        "framework apply.",
    ),
    Setting(
        "API_SESSION_CB",
        None,
        CALLBACK,
        "Returns the id of the log-in that an API token belongs to, such as the claim `sid` of a JWT. "
        "If one token is verified, all tokens with the same id are verified. `auth` is Django REST "
        "framework's `request.auth`. Not set, or None returned: each token has to be verified by "
        "itself.",
        ("auth", "user", "request"),
        return_types=(str, int),
    ),
)

WORDS = (
    Setting(
        "MESSAGE_DISPLAY_CB",
        None,
        CALLBACK,
        "Returns the text for `code`, a [message code](errors.md#messages), or None for the default text.",
        ("code", "user", "request"),
        return_types=(str, Promise),
    ),
    Setting(
        "ERROR_DISPLAY",
        {},
        MAPPING,
        "A dict that maps [error codes](errors.md) to the texts that are shown for them.",
    ),
    Setting("DEFAULT_ERROR_CODE", "2fa_error", TEXT, "Error code of errors without a code of their own."),
    Setting(
        "DEFAULT_ERROR_DISPLAY",
        _("Sorry, there is a problem. Try again."),
        (str, Promise),
        "Text of errors without a text of their own.",
    ),
)

SETTINGS_OF_PAGES = (
    *group("Verification", PROCESS),
    *group("Pages", PAGES),
    *group("API", API),
    *group("Messages", WORDS),
)

# Settings of earlier releases that nothing reads any more, and what to use instead.
RETIRED_NAMES: dict[str, str] = {
    "REGISTER_CB": "Store the number in a receiver of the signal twilio_2fa_set_user_data.",
    "TIMEOUT_CB": "Users are locked after too many wrong codes: see TWILIO_2FA_LIMITS.",
    "MAX_ATTEMPTS_TIMEOUT": "Users are locked after too many wrong codes: see TWILIO_2FA_LIMITS.",
    "ALLOW_UNVERIFIED_SMS": "Set TWILIO_2FA_PHONE_NUMBER_BYPASS_CARRIER_ON_EMPTY, which accepts "
    "numbers whose line type is unknown.",
    "ALLOW_USER_ERROR_MESSAGE": "Show the message on the page that "
    "TWILIO_2FA_DISALLOWED_REDIRECT_URL names. For the API, set "
    "'user_not_allowed' in TWILIO_2FA_ERROR_DISPLAY.",
    "ALLOW_USER_ERROR_REDIRECT": "Set TWILIO_2FA_DISALLOWED_REDIRECT_URL.",
    "RETRY_TIME": "Set TWILIO_2FA_SEND_COOLDOWN.",
    "OBFUSCATE": "Numbers and addresses are always shown masked.",
    "IS_VERIFIED_CB": "Remove it and call django_twilio_2fa.session.is_verified(request).",
    "ERROR_DISPLAY_CB": "Set TWILIO_2FA_ERROR_DISPLAY to a dict of sentences by error code.",
}
