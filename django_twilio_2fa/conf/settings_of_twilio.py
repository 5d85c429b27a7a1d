"""The settings of Twilio and of methods."""

from __future__ import annotations

from django.utils.functional import Promise

from .setting import (
    BOOL,
    CALLBACK,
    MAPPING,
    NAMES,
    RAISES,
    TEXT,
    USER,
    Setting,
    group,
)

TWILIO = (
    Setting("ACCOUNT_SID", None, TEXT, "Account SID (AC…)."),
    Setting(
        "AUTH_TOKEN",
        None,
        TEXT,
        "Auth token of the account. Leave it out when an API key is used.",
        secret=True,
    ),
    Setting(
        "API_KEY_SID",
        None,
        TEXT,
        "SID of an API key (SK…), instead of the auth token.",
    ),
    Setting("API_KEY_SECRET", None, TEXT, "Secret of the API key.", secret=True),
    Setting(
        "SERVICE_ID",
        None,
        TEXT,
        "SID of the Verify service (VA…). A verification keeps the service that it was begun with.",
        USER,
        if_it_fails=RAISES,
    ),
    Setting(
        "REGISTRATION_SERVICE_ID",
        None,
        TEXT,
        "SID of a second Verify service for registrations, so that strangers who register a number "
        "cannot use up its owner's codes. None: the same service.",
        USER,
        if_it_fails=RAISES,
    ),
    Setting(
        "RATE_LIMITS",
        None,
        MAPPING,
        "Verify's own service rate limits for a send: by unique name, what Twilio counts under.",
        ("user", "request", "method"),
    ),
    Setting(
        "SERVICE_NAME",
        None,
        TEXT,
        "Name shown in messages. None: the service's own name.",
        USER,
    ),
    Setting(
        "LOCALE_CB",
        None,
        CALLBACK,
        "Returns the language of Verify's message as a tag (`de`, `pt-BR`), or None for the one that "
        "Twilio chooses by the number's country. Unset: the active language, where Verify speaks it.",
        ("method", "user", "request"),
        returns=TEXT,
    ),
    Setting(
        "VERIFICATION_OPTIONS_CB",
        None,
        CALLBACK,
        "Returns a dict of further parameters of Verify's send and check, by twilio-python's names.",
        ("method", "user", "request"),
        returns=MAPPING,
        if_it_fails=RAISES,
    ),
    Setting(
        "SANDBOX",
        False,
        BOOL,
        "Answer in-process instead of calling Twilio. Needs the app `django_twilio_2fa.sandbox`.",
    ),
    Setting(
        "SANDBOX_WITHOUT_DEBUG",
        False,
        BOOL,
        "Says that the sandbox is meant to work although `DEBUG` is off, as in a test run.",
    ),
    Setting(
        "BASE_URL",
        None,
        TEXT,
        "Address that Twilio's requests go to instead of Twilio's own, as of a sandbox served over HTTP.",
    ),
    Setting(
        "TIMEOUT",
        (5, 10),
        (int, float, tuple, list),
        "Seconds to wait for Twilio: one number, or a pair for connecting and for reading.",
    ),
)

METHODS = (
    Setting(
        "PROVIDERS",
        {},
        MAPPING,
        "Methods of the project's own, by name: the dotted path of the provider. It wins over an entry "
        "point of that name; None removes the method.",
    ),
    Setting(
        "ALLOWED_METHODS",
        None,
        NAMES,
        "Names of the methods that may be used, in the order in which they are shown. None: every "
        "installed method that is on by default.",
        USER,
        if_it_fails=(),
    ),
    Setting(
        "METHOD_DISPLAY_CB",
        None,
        CALLBACK,
        "Returns a dict that may hold `label` and `icon` for a method; it wins over the provider.",
        ("method", "user", "request"),
        returns=MAPPING,
    ),
    Setting(
        "METHOD_DETAILS",
        {},
        MAPPING,
        "By method, a dict that may hold `label` and `icon`.",
    ),
    Setting(
        "USER_METHODS_CB",
        None,
        CALLBACK,
        "Returns the names of the methods that this user may use, out of the allowed ones.",
        USER,
        returns=NAMES,
        if_it_fails=(),
    ),
    Setting(
        "TOTP_LABEL_CB",
        None,
        CALLBACK,
        "Returns what an authenticator app shows of the user's account beside the service's name. It "
        "goes to Twilio. Unset, or for None: the user name. A few letters are added where the label may "
        "be another user's as well.",
        USER,
        returns=(str, Promise),
    ),
)

SETTINGS_OF_TWILIO = (
    *group("Twilio", TWILIO),
    *group("Methods", METHODS),
)
