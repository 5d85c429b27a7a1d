"""The settings of Twilio and of methods."""

from __future__ import annotations

from django.utils.functional import Promise

from .setting import (
    BOOL,
    CALLBACK,
    MAPPING,
    NAMES,
    RAISES,
    REQUEST,
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
        "Auth token of the account. If you use an API key, it is needed only for webhooks (`push`).",
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
        "SID of the Verify service (VA…). If this is a callable that returns different services, each "
        "verification is checked with the service that sent its code.",
        USER,
        fallback=RAISES,
    ),
    Setting(
        "REGISTRATION_SERVICE_ID",
        None,
        TEXT,
        "SID of a second Verify service, for registrations and for users who are not signed in. Twilio "
        "counts wrong codes for each service and number. With only one service, somebody who tries to "
        "register another person's number can use up that person's attempts. None: `SERVICE_ID`.",
        USER,
        fallback=RAISES,
    ),
    Setting(
        "RATE_LIMITS",
        None,
        MAPPING,
        "Values for the [service rate "
        "limits](https://www.twilio.com/docs/verify/api/service-rate-limits) that Twilio counts: a "
        'dict that maps the unique name of a rate limit to a value, such as `{"end_user_ip": '
        '"203.0.113.7"}`. The values are sent with each request to send a code.',
        ("user", "request", "method"),
    ),
    Setting(
        "SERVICE_NAME",
        None,
        TEXT,
        "Name of your site in the messages. None: the friendly name of the Verify service.",
        USER,
    ),
    Setting(
        "LOCALE_CB",
        None,
        CALLBACK,
        "Returns the language of the message as a tag (`de`, `pt-BR`), or None to let Twilio choose by the "
        "country of the number. If this setting is None: the active language, if Verify supports it.",
        ("method", "user", "request"),
        return_types=TEXT,
    ),
    Setting(
        "VERIFICATION_OPTIONS_CB",
        None,
        CALLBACK,
        "Returns a dict of additional parameters for Verify's send and check, by their names in "
        "twilio-python.",
        ("method", "user", "request"),
        return_types=MAPPING,
        fallback=RAISES,
    ),
    Setting(
        "SANDBOX",
        False,
        BOOL,
        "Use the sandbox instead of Twilio. Requires the app `django_twilio_2fa.sandbox`.",
    ),
    Setting(
        "SANDBOX_WITHOUT_DEBUG",
        False,
        BOOL,
        "Allow the sandbox while `DEBUG` is off, for example in a test run.",
    ),
    Setting(
        "BASE_URL",
        None,
        TEXT,
        "URL to send requests to instead of Twilio's, for example of a [sandbox that runs as a "
        "server](sandbox.md).",
    ),
    Setting(
        "TIMEOUT",
        (5, 10),
        (int, float, tuple, list),
        "Timeout of requests to Twilio, in seconds: one number, or a pair of the time to connect and "
        "the time for the whole response.",
    ),
)

METHODS = (
    Setting(
        "PROVIDERS",
        {},
        MAPPING,
        "Methods of your project: a dict that maps the name of a method to the dotted path of its provider, "
        "or to None to remove the method. An entry here overrides an installed method of the same name.",
    ),
    Setting(
        "ALLOWED_METHODS",
        None,
        NAMES,
        "Names of the methods that may be used, in the order in which they are shown. None: every "
        "installed method that is on by default, which is all but `whatsapp` and `push`.",
        USER,
        fallback=(),
    ),
    Setting(
        "METHOD_DISPLAY_CB",
        None,
        CALLBACK,
        "Returns a dict with a `label` and an `icon` for a method, both optional. A label or an icon "
        "that is returned overrides the one in `METHOD_DETAILS` and the provider's own.",
        ("method", "user", "request"),
        return_types=MAPPING,
    ),
    Setting(
        "METHOD_DETAILS",
        {},
        MAPPING,
        "A dict that maps the name of a method to a dict with a `label` and an `icon`, both optional.",
    ),
    Setting(
        "USER_METHODS_CB",
        None,
        CALLBACK,
        "Returns the names of the methods that this user may use. Methods that `ALLOWED_METHODS` does not "
        "name are not allowed.",
        USER,
        return_types=NAMES,
        fallback=(),
    ),
    Setting(
        "PASSKEY_RP_ID",
        None,
        TEXT,
        "The domain that passkeys belong to: the site's domain or a parent domain (`example.com` for "
        "`www.example.com`). Passkeys work on this domain and its subdomains. If you change it, "
        "existing passkeys stop working. None: the host of the request.",
        REQUEST,
        fallback=RAISES,
    ),
    Setting(
        "PASSKEY_ORIGINS",
        None,
        NAMES,
        "The origins whose pages may use passkeys, such as `https://www.example.com`. None: the "
        "host of the request with `https`, and on localhost with `http` as well.",
        REQUEST,
        fallback=RAISES,
    ),
    Setting(
        "PASSKEY_USER_VERIFICATION",
        "preferred",
        TEXT,
        "Whether an authenticator has to verify its user, with a PIN, fingerprint or face: "
        "`required`, `preferred` or `discouraged`.",
    ),
    Setting(
        "PUSH_SILENT",
        False,
        BOOL,
        "Whether a [registered browser](push.md) approves automatically while it shows the waiting "
        "page. This proves which browser it is, but not that the user agreed.",
        ("user",),
        fallback=False,
    ),
    Setting(
        "PUSH_PLACE_CB",
        None,
        CALLBACK,
        "Returns the place that a request comes from, such as `Rome, Italy`, for example looked up by "
        "IP address. The place is shown to the user who approves. Not set, or None returned: no place "
        "is shown.",
        USER,
        return_types=(str, Promise),
    ),
    Setting(
        "PUSH_VAPID_PRIVATE_KEY",
        None,
        TEXT,
        "The private key with which notifications of registered browsers are signed: 32 bytes in base64url. "
        "None: browsers are not notified.",
        secret=True,
    ),
    Setting(
        "PUSH_VAPID_SUBJECT",
        None,
        TEXT,
        "How a push service can reach you if your notifications cause trouble: `mailto:` and an "
        "address, or a URL with `https`. Required for notifications.",
    ),
    Setting(
        "PUSH_SERVICES",
        (
            "fcm.googleapis.com",
            "push.services.mozilla.com",
            "notify.windows.com",
            "push.apple.com",
        ),
        NAMES,
        "The push services that notifications may be sent to: hosts, including their subdomains, or "
        "origins such as `http://localhost:9000`. The browser supplies the URL of its push service, so "
        "this list prevents requests to other servers.",
    ),
    Setting(
        "TOTP_LABEL_CB",
        None,
        CALLBACK,
        "Returns the account name that an authenticator app shows beside the name of the service. "
        "It is sent to Twilio. Not set, or None returned: the user name. A few letters are added if "
        "another user may have the same name.",
        USER,
        return_types=(str, Promise),
    ),
)

SETTINGS_OF_TWILIO = (
    *group("Twilio", TWILIO),
    *group("Methods", METHODS),
)
