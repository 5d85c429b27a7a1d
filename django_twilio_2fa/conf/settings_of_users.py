"""The settings of users and of phone numbers."""

from __future__ import annotations

from .setting import (
    BOOL,
    CALLBACK,
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
        "Whether this user may use the kit at all.",
        USER,
        if_it_fails=False,
    ),
    Setting(
        "ALLOW_REGISTRATION",
        True,
        BOOL,
        "Whether a user with nothing registered may register something.",
        (*USER, "field"),
        old_names=("ALLOW_REGISTER",),
        if_it_fails=False,
    ),
    Setting(
        "ALLOW_USERLESS",
        False,
        BOOL,
        "Whether a number or address may be verified for nobody, as at a checkout without an account. "
        "Only the limits by destination and by client address hold then.",
        REQUEST,
        if_it_fails=False,
    ),
    Setting(
        "ALLOW_CHANGE",
        True,
        BOOL,
        "Whether a user may add to, change or remove what they have registered.",
        (*USER, "field"),
        if_it_fails=False,
    ),
    Setting(
        "ALLOW_REMOVE_LAST",
        None,
        BOOL,
        "Whether a user may remove the last thing that they can verify with. When they are next asked to "
        "verify they register anew, with their password alone. None: where `REGISTER_OPTIONAL` is on.",
        USER,
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
    ),
    Setting(
        "REGISTER_OPTIONAL",
        False,
        BOOL,
        "Whether registration may be skipped. Skipping is remembered for the session.",
        USER,
        if_it_fails=False,
    ),
    Setting(
        "REGISTER_OPTIONAL_URL",
        None,
        TEXT,
        "Where the Skip button leads: a path or a URL name. None: the page that the user came for.",
        USER,
    ),
    Setting(
        "USER_MUST_HAVE_PHONE",
        False,
        BOOL,
        "Whether everybody has to register a phone number, whatever else they have registered.",
        USER,
        if_it_fails=True,
    ),
    Setting(
        "PHONE_NUMBER_CB",
        None,
        CALLBACK,
        "Returns the user's phone number (E.164 or `PhoneNumber`) or None. Where it is set, it is the "
        "only source of phone numbers and the kit stores none.",
        USER,
        old_names=("USER_PHONE_NUMBER_CB",),
        if_it_fails=RAISES,
    ),
    Setting(
        "EMAIL_CB",
        None,
        CALLBACK,
        "Returns the user's e-mail address (a string or `EmailAddress`) or None. Where it is set, it is "
        "the only source of addresses and the kit stores none.",
        USER,
        old_names=("USER_EMAIL_CB",),
        if_it_fails=RAISES,
    ),
)

PHONE = (
    Setting(
        "PHONE_NUMBER_DEFAULT_REGION",
        "US",
        TEXT,
        "Country (ISO 3166-1, two letters) chosen in the form at first.",
        USER,
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
        if_it_fails=("ZZ",),
    ),
    Setting(
        "PHONE_NUMBER_DISALLOWED_COUNTRIES",
        [],
        NAMES,
        "Countries whose numbers are refused although the list above has them.",
        USER,
        optional=True,
        if_it_fails=_every_country,
    ),
    Setting(
        "PHONE_NUMBER_CARRIER_LOOKUP",
        True,
        BOOL,
        "Whether the line type of a number is looked up when it is registered (a paid Twilio request).",
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
        "Whether a number is accepted when its line type cannot be found out.",
        USER,
        if_it_fails=False,
    ),
    Setting(
        "HAS_CLNPC_PERMISSION",
        False,
        BOOL,
        "Whether the account may look up Canadian numbers. If not, these are not looked up.",
    ),
)

SETTINGS_OF_USERS = (
    *group("Who and what", WHO),
    *group("Phone numbers", PHONE),
)
