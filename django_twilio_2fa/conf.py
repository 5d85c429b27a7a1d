"""Every setting, declared once: name, default, kind, what it does.

`conf.NAME` reads the live Django setting `TWILIO_2FA_NAME`, so `override_settings` works without
reloading. `conf.resolve("NAME", user=…, request=…)` also calls the setting where it is a callable.
"""

from __future__ import annotations

import inspect
import logging
import re
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.http import Http404
from django.utils.functional import Promise
from django.utils.module_loading import import_string
from django.utils.translation import gettext_lazy as _

logger = logging.getLogger(__name__)

PREFIX = "TWILIO_2FA_"
DOTTED_PATH = re.compile(r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)+$")


DEFAULT, RAISES = object(), object()


def _every_country() -> list[str]:
    import phonenumbers

    return sorted(phonenumbers.SUPPORTED_REGIONS)


@dataclass(frozen=True)
class Setting:
    """One setting: its default, the kinds of value it takes and what it does.

    `kinds` are the plain types that are accepted; `takes` the keywords that a callable in its place is
    offered (it gets those that its signature names), empty where a callable makes no sense. `returns` are
    the types that the callable may return, where they are not the `kinds`. `if_it_fails` is what holds when
    it raises or returns anything else: the default, or what lets nobody by.
    """

    name: str
    default: Any
    kinds: tuple[type, ...]
    doc: str
    takes: tuple[str, ...] = ()
    optional: bool = False
    old_names: tuple[str, ...] = ()
    secret: bool = False
    group: str = "Behaviour"
    returns: tuple[type, ...] = ()
    if_it_fails: Any = DEFAULT

    @property
    def full_name(self) -> str:
        return PREFIX + self.name


TWILIO, METHODS, WHO, PHONE, PROCESS, PAGES, API, WORDS = (
    "Twilio",
    "Methods",
    "Who and what",
    "Phone numbers",
    "The process",
    "Pages",
    "API",
    "Words",
)
BOOL: tuple[type, ...] = (bool,)
TEXT: tuple[type, ...] = (str,)
NAMES: tuple[type, ...] = (list, tuple, set, frozenset)
NUMBER: tuple[type, ...] = (int, float)
DURATION: tuple[type, ...] = (int, float, timedelta)
MAPPING: tuple[type, ...] = (dict,)
CALLBACK: tuple[type, ...] = ()
USER = ("user", "request")
REQUEST = ("request",)

SETTINGS: dict[str, Setting] = {
    setting.name: setting
    for setting in (
        Setting("ACCOUNT_SID", None, TEXT, "Account SID (AC…).", optional=True, group=TWILIO),
        Setting(
            "AUTH_TOKEN",
            None,
            TEXT,
            "Auth token of the account. Leave it out when an API key is used.",
            optional=True,
            secret=True,
            group=TWILIO,
        ),
        Setting(
            "API_KEY_SID",
            None,
            TEXT,
            "SID of an API key (SK…), instead of the auth token.",
            optional=True,
            group=TWILIO,
        ),
        Setting(
            "API_KEY_SECRET", None, TEXT, "Secret of the API key.", optional=True, secret=True, group=TWILIO
        ),
        Setting(
            "SERVICE_ID",
            None,
            TEXT,
            "SID of the Verify service (VA…). A verification keeps the service that it was begun with.",
            USER,
            optional=True,
            group=TWILIO,
            if_it_fails=RAISES,
        ),
        Setting(
            "REGISTRATION_SERVICE_ID",
            None,
            TEXT,
            "SID of a second Verify service for registrations, so that strangers who register a number "
            "cannot use up its owner's codes. None: the same service.",
            USER,
            optional=True,
            group=TWILIO,
            if_it_fails=RAISES,
        ),
        Setting(
            "RATE_LIMITS",
            None,
            MAPPING,
            "Verify's own service rate limits for a send: by unique name, what Twilio counts under.",
            ("user", "request", "method"),
            optional=True,
            group=TWILIO,
        ),
        Setting(
            "SERVICE_NAME",
            None,
            TEXT,
            "Name shown in messages. None: the service's own name.",
            USER,
            optional=True,
            group=TWILIO,
        ),
        Setting(
            "LOCALE_CB",
            None,
            CALLBACK,
            "Returns the language of Verify's message as a tag (`de`, `pt-BR`), or None for the one that "
            "Twilio chooses by the number's country. Unset: the active language, where Verify speaks it.",
            ("method", "user", "request"),
            optional=True,
            group=TWILIO,
            returns=TEXT,
        ),
        Setting(
            "VERIFICATION_OPTIONS_CB",
            None,
            CALLBACK,
            "Returns a dict of further parameters of Verify's send and check, by twilio-python's names.",
            ("method", "user", "request"),
            optional=True,
            group=TWILIO,
            returns=MAPPING,
            if_it_fails=RAISES,
        ),
        Setting(
            "SANDBOX",
            False,
            BOOL,
            "Answer in-process instead of calling Twilio. Needs the app `django_twilio_2fa.sandbox`.",
            group=TWILIO,
        ),
        Setting(
            "SANDBOX_WITHOUT_DEBUG",
            False,
            BOOL,
            "Says that the sandbox is meant to work although `DEBUG` is off, as in a test run.",
            group=TWILIO,
        ),
        Setting(
            "BASE_URL",
            None,
            TEXT,
            "Address that Twilio's requests go to instead of Twilio's own, as of a sandbox served over HTTP.",
            optional=True,
            group=TWILIO,
        ),
        Setting(
            "TIMEOUT",
            (5, 10),
            (int, float, tuple, list),
            "Seconds to wait for Twilio: one number, or a pair for connecting and for reading.",
            group=TWILIO,
        ),
        Setting(
            "PROVIDERS",
            {},
            MAPPING,
            "Methods of the project's own, by name: the dotted path of the provider. It wins over an entry "
            "point of that name; None removes the method.",
            group=METHODS,
        ),
        Setting(
            "ALLOWED_METHODS",
            None,
            NAMES,
            "Names of the methods that may be used, in the order in which they are shown. None: every "
            "installed method that is on by default.",
            USER,
            optional=True,
            group=METHODS,
            if_it_fails=(),
        ),
        Setting(
            "METHOD_DISPLAY_CB",
            None,
            CALLBACK,
            "Returns a dict that may hold `label` and `icon` for a method; it wins over the provider.",
            ("method", "user", "request"),
            optional=True,
            group=METHODS,
            returns=MAPPING,
        ),
        Setting(
            "METHOD_DETAILS",
            {},
            MAPPING,
            "By method, a dict that may hold `label` and `icon`.",
            group=METHODS,
        ),
        Setting(
            "USER_METHODS_CB",
            None,
            CALLBACK,
            "Returns the names of the methods that this user may use, out of the allowed ones.",
            USER,
            optional=True,
            group=METHODS,
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
            optional=True,
            group=METHODS,
            returns=(str, Promise),
        ),
        Setting(
            "ALLOW_USER_CB",
            True,
            BOOL,
            "Whether this user may use the kit at all.",
            USER,
            group=WHO,
            if_it_fails=False,
        ),
        Setting(
            "ALLOW_REGISTRATION",
            True,
            BOOL,
            "Whether a user with nothing registered may register something.",
            (*USER, "field"),
            old_names=("ALLOW_REGISTER",),
            group=WHO,
            if_it_fails=False,
        ),
        Setting(
            "ALLOW_USERLESS",
            False,
            BOOL,
            "Whether a number or address may be verified for nobody, as at a checkout without an account. "
            "Only the limits by destination and by client address hold then.",
            REQUEST,
            group=WHO,
            if_it_fails=False,
        ),
        Setting(
            "ALLOW_CHANGE",
            True,
            BOOL,
            "Whether a user may add to, change or remove what they have registered.",
            (*USER, "field"),
            group=WHO,
            if_it_fails=False,
        ),
        Setting(
            "ALLOW_REMOVE_LAST",
            None,
            BOOL,
            "Whether a user may remove the last thing that they can verify with. When they are next asked to "
            "verify they register anew, with their password alone. None: where `REGISTER_OPTIONAL` is on.",
            USER,
            optional=True,
            group=WHO,
            if_it_fails=False,
        ),
        Setting(
            "MAX_DEVICES",
            10,
            (int,),
            "How many devices a user may have; recovery codes, and what the site keeps itself, do not count. "
            "Whoever has more keeps them. None: any number.",
            USER,
            optional=True,
            group=WHO,
        ),
        Setting(
            "REGISTER_OPTIONAL",
            False,
            BOOL,
            "Whether registration may be skipped. Skipping is remembered for the session.",
            USER,
            group=WHO,
            if_it_fails=False,
        ),
        Setting(
            "REGISTER_OPTIONAL_URL",
            None,
            TEXT,
            "Where the Skip button leads: a path or a URL name. None: the page that the user came for.",
            USER,
            optional=True,
            group=WHO,
        ),
        Setting(
            "USER_MUST_HAVE_PHONE",
            False,
            BOOL,
            "Whether everybody has to register a phone number, whatever else they have registered.",
            USER,
            group=WHO,
            if_it_fails=True,
        ),
        Setting(
            "PHONE_NUMBER_CB",
            None,
            CALLBACK,
            "Returns the user's phone number (E.164 or `PhoneNumber`) or None. Where it is set, it is the "
            "only source of phone numbers and the kit stores none.",
            USER,
            optional=True,
            old_names=("USER_PHONE_NUMBER_CB",),
            group=WHO,
            if_it_fails=RAISES,
        ),
        Setting(
            "EMAIL_CB",
            None,
            CALLBACK,
            "Returns the user's e-mail address (a string or `EmailAddress`) or None. Where it is set, it is "
            "the only source of addresses and the kit stores none.",
            USER,
            optional=True,
            old_names=("USER_EMAIL_CB",),
            group=WHO,
            if_it_fails=RAISES,
        ),
        Setting(
            "PHONE_NUMBER_DEFAULT_REGION",
            "US",
            TEXT,
            "Country (ISO 3166-1, two letters) chosen in the form at first.",
            USER,
            group=PHONE,
        ),
        Setting(
            "PHONE_NUMBER_ALLOWED_COUNTRIES",
            ["US"],
            NAMES,
            "Countries whose numbers are accepted. An empty list or None: every country. The list is exact: "
            "territories that share a calling code, such as Puerto Rico with the United States or Jersey "
            "with the United Kingdom, are accepted where they are named themselves.",
            USER,
            optional=True,
            group=PHONE,
            if_it_fails=("ZZ",),
        ),
        Setting(
            "PHONE_NUMBER_DISALLOWED_COUNTRIES",
            [],
            NAMES,
            "Countries whose numbers are refused although the list above has them.",
            USER,
            optional=True,
            group=PHONE,
            if_it_fails=_every_country,
        ),
        Setting(
            "PHONE_NUMBER_CARRIER_LOOKUP",
            True,
            BOOL,
            "Whether the line type of a number is looked up when it is registered (a paid Twilio request).",
            USER,
            group=PHONE,
        ),
        Setting(
            "PHONE_NUMBER_ALLOWED_CARRIER_TYPES",
            ["mobile"],
            NAMES,
            "Line types accepted when a number is registered: mobile, landline, voip.",
            USER,
            optional=True,
            group=PHONE,
        ),
        Setting(
            "PHONE_NUMBER_BYPASS_CARRIER_ON_EMPTY",
            True,
            BOOL,
            "Whether a number is accepted when its line type cannot be found out.",
            USER,
            group=PHONE,
            if_it_fails=False,
        ),
        Setting(
            "HAS_CLNPC_PERMISSION",
            False,
            BOOL,
            "Whether the account may look up Canadian numbers. If not, these are not looked up.",
            group=PHONE,
        ),
        Setting(
            "TOKEN_LENGTH",
            6,
            (int,),
            "Digits of a token; what the Verify service is set to (4 to 10).",
            group=PROCESS,
        ),
        Setting(
            "VERIFICATION_EXPIRATION",
            10,
            DURATION,
            "How long a token is good for: minutes, or a timedelta. Has to agree with the Verify service.",
            group=PROCESS,
        ),
        Setting(
            "SEND_COOLDOWN",
            (30, 40, 60, 90, 120),
            (int, float, timedelta, tuple, list),
            "Seconds (or a timedelta) before the next send: one, or a list for the first, second, … resend.",
            group=PROCESS,
        ),
        Setting(
            "MAX_SENDS", 5, (int,), "Sends in one verification; Twilio allows no more than 5.", group=PROCESS
        ),
        Setting(
            "MAX_ATTEMPTS",
            5,
            (int,),
            "Tokens tried in one verification; Twilio allows no more than 5.",
            group=PROCESS,
        ),
        Setting(
            "CANCEL_ON_MAX_RETRIES",
            False,
            BOOL,
            "Whether a verification is canceled at Twilio when its attempts are used up.",
            group=PROCESS,
        ),
        Setting(
            "LIMITS",
            {},
            MAPPING,
            "Limits across verifications by name, as `10/h, 20/d`; None switches one off.",
            group=PROCESS,
        ),
        Setting(
            "CLIENT_ADDRESS_CB",
            None,
            CALLBACK,
            "Returns the client's address. Only where it is set are requests counted by address: behind a "
            "proxy `REMOTE_ADDR` is everybody.",
            ("request", "user"),
            optional=True,
            group=PROCESS,
            returns=TEXT,
        ),
        Setting(
            "NOTIFY_OWNER",
            True,
            BOOL,
            "Whether the owner of an account is told by e-mail: it was locked, a recovery code was used, or "
            "something was added, changed or removed.",
            ("user",),
            group=PROCESS,
        ),
        Setting(
            "SECRET_KEY",
            None,
            TEXT,
            "Key of the digests under which the kit stores destinations and counts. None: Django's "
            "`SECRET_KEY`, and then rotating that one forgets what was counted.",
            optional=True,
            secret=True,
            group=PROCESS,
        ),
        Setting(
            "SECRET_KEY_FALLBACKS",
            [],
            NAMES,
            "Earlier values of `TWILIO_2FA_SECRET_KEY`, newest first.",
            secret=True,
            group=PROCESS,
        ),
        Setting(
            "SEND_IMMEDIATELY_ON_SINGLE",
            True,
            BOOL,
            "Whether a user with a single choice is sent the token without pressing a button first.",
            USER,
            group=PAGES,
            if_it_fails=False,
        ),
        Setting(
            "VERIFY_SUCCESS_URL",
            None,
            TEXT,
            "Where a verified user goes without a `next`: a path or a URL name. None: the success page.",
            USER,
            optional=True,
            old_names=("SUCCESS_REDIRECT_URL",),
            group=PAGES,
        ),
        Setting(
            "LOGOUT_URL",
            None,
            TEXT,
            "Where the Sign out button of the last pages posts to: a path or a URL name. None: the URL named "
            "`logout`, else `account_logout`, else the admin's for whoever may use that. Empty: no button.",
            USER,
            optional=True,
            group=PAGES,
        ),
        Setting(
            "DISALLOWED_REDIRECT_URL",
            "/",
            TEXT,
            "Where a user goes whom `ALLOW_USER_CB` refuses: a path or a URL name. `/` is the root of the "
            "site, also where the site is served below a path.",
            USER,
            group=PAGES,
        ),
        Setting(
            "STYLESHEETS",
            None,
            NAMES,
            "Stylesheets of the pages, in order: static paths or addresses. None: Bootstrap 5 and Font "
            "Awesome 5 from a CDN, with integrity hashes. An empty list: none.",
            REQUEST,
            optional=True,
            group=PAGES,
        ),
        Setting(
            "MESSAGE_DISPLAY_CB",
            None,
            CALLBACK,
            "Returns the sentence for a message code, or None for the kit's own.",
            ("code", "user", "request"),
            optional=True,
            group=WORDS,
            returns=(str, Promise),
        ),
        Setting(
            "ALLOW_UNAUTHENTICATED_USERS",
            False,
            BOOL,
            "Whether the API sends to, and checks for, a user who is named by a parameter and not signed in.",
            REQUEST,
            group=API,
            if_it_fails=False,
        ),
        Setting(
            "UNAUTHENTICATED_QUERY_PARAM",
            "user_id",
            TEXT,
            "Name of that parameter of the address.",
            group=API,
        ),
        Setting(
            "UNAUTHENTICATED_USER_FIELD",
            "pk",
            TEXT,
            "Field of the user that the parameter holds. Best one that cannot be guessed.",
            group=API,
        ),
        Setting(
            "UNAUTHENTICATED_MIN_SECONDS",
            1,
            (int, float, timedelta),
            "Seconds (or a timedelta) that each answer to a user who is named and not signed in takes at "
            "least, so that its time does not tell who exists. Set it above what a send of yours takes. "
            "It holds a thread for as long; 0 switches it off.",
            group=API,
        ),
        Setting(
            "API_CLASSES",
            {},
            MAPPING,
            "Classes of the API, or dotted paths to them, under `permission`, `authentication`, `throttle`. "
            "What is left out: anyone, and what Django REST framework is set to.",
            group=API,
        ),
        Setting(
            "API_SESSION_CB",
            None,
            CALLBACK,
            "Returns what all tokens of one log-in share, and no others, as a JWT's claim `sid`; `auth` is "
            "Django REST framework's `request.auth`. What is proven with one holds for all. By default, and "
            "for None, it holds for the very token.",
            ("auth", "user", "request"),
            optional=True,
            group=API,
            returns=(str, int),
        ),
        Setting("ERROR_DISPLAY", {}, MAPPING, "By error code, the sentence shown for it.", group=WORDS),
        Setting(
            "DEFAULT_ERROR_CODE", "2fa_error", TEXT, "Code of an error that has none of its own.", group=WORDS
        ),
        Setting(
            "DEFAULT_ERROR_DISPLAY",
            _("Something went wrong. Please try again."),
            (str, Promise),
            "Sentence for an error that has none of its own.",
            group=WORDS,
        ),
    )
}

OLD_NAMES: dict[str, str] = {old: s.name for s in SETTINGS.values() for old in s.old_names}

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


@lru_cache(maxsize=256)
def _import(path: str) -> Any:
    return import_string(path)


def as_callable(value: Any) -> Callable[..., Any] | None:
    """The callable that a setting's value is or names, or None if it is a plain value."""
    if isinstance(value, str) and DOTTED_PATH.match(value):
        try:
            value = _import(value)
        except ImportError:  # a host name or a URL name may look like a path
            return None
    return value if callable(value) and not isinstance(value, Promise) else None


def call(function: Callable[..., Any], **offered: Any) -> Any:
    """Call with those of the offered keywords that the function's signature names.

    A first parameter of any other name is given what is offered first.
    """
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except ValueError:  # some builtins have no signature
        return function(**offered)
    first = []
    if parameters and _is_positional(parameters[0]) and parameters[0].name not in offered:
        name = next(iter(offered), None)
        first = [offered.pop(name)] if name else []
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return function(*first, **offered)
    names = {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    return function(*first, **{name: value for name, value in offered.items() if name in names})


def _is_positional(parameter: inspect.Parameter) -> bool:
    """Whether it has to be given by its place: `lambda u: …`, not `lambda user: …` and no default."""
    kinds = (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
    return parameter.kind in kinds and parameter.default is parameter.empty


def _told(setting: Setting, function: Callable[..., Any], offered: dict[str, Any]) -> Any:
    """What a site's callable returns; where it fails, what holds then. Only its answers are passed on."""
    if setting.if_it_fails is RAISES:
        return call(function, **offered)
    try:
        told = call(function, **offered)
        wanted = setting.kinds or setting.returns
        if wanted == NAMES and isinstance(told, Iterable) and not isinstance(told, (str, bytes, *NAMES)):
            told = list(told)
        if wanted == BOOL or (told is None and setting.optional) or isinstance(told, wanted):
            return told
        logger.error("%s returned a %s", setting.full_name, type(told).__name__)
    except (PermissionDenied, Http404):
        raise
    except Exception:
        logger.exception("%s failed", setting.full_name)
    instead = setting.default if setting.if_it_fails is DEFAULT else setting.if_it_fails
    return instead() if callable(instead) else instead


class Conf:
    """The live settings, by the names of `SETTINGS`."""

    def raw(self, name: str) -> Any:
        """The value as it is set, or the default; a 0.32 name is honoured with a warning."""
        setting = SETTINGS[name]
        if hasattr(settings, setting.full_name):
            return getattr(settings, setting.full_name)
        for old in setting.old_names:
            if hasattr(settings, PREFIX + old):
                warnings.warn(
                    f"{PREFIX}{old} is deprecated, use {setting.full_name}.", DeprecationWarning, stacklevel=3
                )
                return getattr(settings, PREFIX + old)
        return setting.default

    def __getattr__(self, name: str) -> Any:
        if name not in SETTINGS:
            raise AttributeError(name)
        return self.raw(name)

    def is_set(self, name: str) -> bool:
        """Whether the project gives the setting a value that is not None."""
        return self.raw(name) is not None

    def resolve(self, name: str, **offered: Any) -> Any:
        """The value; where it is a callable (or a dotted path to one), what it returns for these keywords.

        Raises `ImproperlyConfigured` for a path that leads nowhere, unless a plain text will do as well.
        """
        value = self.raw(name)
        setting = SETTINGS[name]
        if setting.takes and (function := as_callable(value)) is not None:
            # Each declared keyword is there, whoever asks.
            return _told(setting, function, {**dict.fromkeys(setting.takes), **offered})
        if isinstance(value, str) and str not in setting.kinds:
            # Taken as it is, a misspelt path would be true: it would let everybody in.
            raise ImproperlyConfigured(f"{setting.full_name} is {value!r}, which cannot be imported.")
        return value

    def seconds(self, name: str, unit: float = 1) -> float:
        """A duration setting in seconds; plain numbers count in `unit` seconds."""
        value = self.raw(name)
        if isinstance(value, timedelta):
            return value.total_seconds()
        return float(value) * unit

    @property
    def expiration(self) -> timedelta:
        return timedelta(seconds=self.seconds("VERIFICATION_EXPIRATION", 60))

    def cooldown(self, resend: int) -> timedelta:
        """How long before resend number `resend` (from 1); the last of a list serves all later ones."""
        value = self.raw("SEND_COOLDOWN")
        steps = list(value) if isinstance(value, (list, tuple)) else [value]
        wait = steps[min(resend, len(steps)) - 1] if steps else 0
        return wait if isinstance(wait, timedelta) else timedelta(seconds=float(wait))

    @property
    def timeout(self) -> tuple[float, float]:
        value = self.raw("TIMEOUT")
        if isinstance(value, (list, tuple)):
            connect, read = value
            return float(connect), float(read)
        return float(value), float(value)


conf = Conf()
