"""Parse, validate and mask phone numbers and e-mail addresses."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import unquote

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import get_language

from . import errors

if TYPE_CHECKING:
    import phonenumbers

# phonenumbers is imported where it is used: its metadata is not to be loaded when Django starts.

LINE_TYPES = ("mobile", "landline", "voip")


# As people write it, and as RFC 3966 does (`;ext=`). At most as long as the numbering plans have them.
EXTENSION = re.compile(r"\s*(?:;\s*ext\s*=|[,;]?\s*(?:extension|ext|x|#)\s*[.:]?)\s*([0-9]{1,7})\s*$", re.I)
EXTENSION_DIGITS = re.compile(r"[0-9]{1,7}")
E164 = re.compile(r"\+[1-9][0-9]{5,14}")


def _split_extension(text: str) -> tuple[str, str]:
    found = EXTENSION.search(text) if len(text) <= 64 else None
    return (text[: found.start()], found[1]) if found else (text, "")


# As a link on a page has it (RFC 3966), and as it is copied from there.
LINK = re.compile(r"\s*(?:tel|callto|sms):(?://)?", re.I)
LONGEST = 64


def _plain(text: str) -> str:
    """`text` without what phones, chat apps and web pages put around the digits of a number."""
    if len(text) > LONGEST:
        raise errors.InvalidPhoneNumber
    if link := LINK.match(text):
        text = unquote(text[link.end() :])
    # Invisible marks, such as those of direction; spaces and dashes of every width.
    visible = (c for c in text if unicodedata.category(c) != "Cf")
    return "".join(" " if c.isspace() else "-" if unicodedata.category(c) == "Pd" else c for c in visible)


# Other ways in which a mobile number is, or was, written: by calling code, a pattern of the digits after it
# and what takes their place. Used only where a number is not valid as it stands and the other one is.
SECOND_FORMS: dict[int, list[tuple[str, str]]] = {
    # Mexico, until 2019: 1 from abroad, 044 and 045 within, 01 for other areas.
    52: [(r"(?:1|01|04[45])(\d{10})", r"\1")],
    # Argentina: 15 within the country, where abroad has 9; some write both. Area codes have 2 to 4 digits.
    54: [(rf"9?(\d{{{n}}})15(\d{{{10 - n}}})", r"9\1\2") for n in (2, 3, 4)],
    # Brazil, until 2016: eight digits after the area code.
    55: [(r"(\d{2})([6-9]\d{7})", r"\g<1>9\2")],
    # Italy: a zero, as landlines have it; mobile numbers lost theirs in 2001.
    39: [(r"0(3\d{8,9})", r"\1")],
    # Ivory Coast, until 2021: eight digits, whose second tells the operator.
    225: [
        (r"([04-9][0-3]\d{6})", r"01\1"),
        (r"([04-9][4-6]\d{6})", r"05\1"),
        (r"([04-9][7-9]\d{6})", r"07\1"),
    ],
    # Benin, until 2024: eight digits.
    229: [(r"([4-9]\d{7})", r"01\1")],
}


def _reduced_to_last_four(text: str) -> str:
    digits = sum(c.isdigit() for c in text)
    seen = 0
    out = []
    for c in text:
        if c.isdigit():
            seen += 1
            out.append(c if seen > digits - 4 else "X")
        else:
            out.append(c)
    return "".join(out)


def _read(text: str, region: str = "") -> phonenumbers.PhoneNumber | None:
    """The valid number that a text is, with `+` or within a country; None if it is none."""
    import phonenumbers

    try:
        parsed = phonenumbers.parse(text, region or None)
    except phonenumbers.NumberParseException:
        return None
    if parsed.extension:
        return None
    return parsed if phonenumbers.is_valid_number(parsed) else _from_second_form(parsed)


def _from_second_form(parsed: phonenumbers.PhoneNumber) -> phonenumbers.PhoneNumber | None:
    """The mobile number whose other form this is; None for none, or for several."""
    import phonenumbers

    digits = phonenumbers.national_significant_number(parsed)
    found: list[phonenumbers.PhoneNumber] = []
    for pattern, replacement in SECOND_FORMS.get(parsed.country_code or 0, ()):
        if match := re.fullmatch(pattern, digits):
            other = phonenumbers.parse(f"+{parsed.country_code}{match.expand(replacement)}")
            if phonenumbers.is_valid_number(other) and _is_mobile(other) and other not in found:
                found.append(other)
    return found[0] if len(found) == 1 else None


def _read_with_calling_code(text: str, region: str) -> phonenumbers.PhoneNumber | None:
    """The number that digits are if only the `+` before the calling code is missing."""
    import phonenumbers

    calling = phonenumbers.country_code_for_region(region)
    digits = phonenumbers.normalize_digits_only(text)
    if not calling or "+" in unicodedata.normalize("NFKC", text) or not digits.startswith(str(calling)):
        return None
    return _read(f"+{digits}")


def _one_of(
    national: phonenumbers.PhoneNumber, international: phonenumbers.PhoneNumber
) -> phonenumbers.PhoneNumber:
    """Which of two readings is meant: the one that is a mobile number. Raises `AmbiguousPhoneNumber`."""
    if _is_mobile(national) is _is_mobile(international):
        raise errors.AmbiguousPhoneNumber
    return national if _is_mobile(national) else international


def _is_mobile(number: phonenumbers.PhoneNumber) -> bool:
    import phonenumbers

    mobile = phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE
    return phonenumbers.number_type(number) in mobile


@dataclass(frozen=True)
class PhoneNumber:
    """A valid phone number; `str()` gives E.164, without the extension.

    `PhoneNumber("+12025550143")`, `PhoneNumber("202 555 0143", "US")` or, for an office's switchboard,
    `PhoneNumber("202 555 0143 ext. 12", "US")`. A number has one E.164 form, however it is written: that of
    the Mexican `+52 1 55 1234 5678` is `+525512345678`. Raises `InvalidPhoneNumber`, and
    `AmbiguousPhoneNumber` for digits that are one number within the country and another with its calling
    code.
    """

    phone_number: str
    country_code: str = ""
    carrier_type: str | None = None
    verified: bool = False
    extension: str = ""

    kind: ClassVar[str] = "phone_number"

    def __post_init__(self) -> None:
        text, extension = _split_extension(_plain(str(self.phone_number)))
        extension = extension or str(self.extension)
        if extension and not EXTENSION_DIGITS.fullmatch(extension):
            raise errors.InvalidPhoneNumber
        parsed = self._parse(text, self.country_code)
        object.__setattr__(self, "extension", extension)
        import phonenumbers

        e164 = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
        object.__setattr__(self, "phone_number", e164)
        object.__setattr__(self, "country_code", phonenumbers.region_code_for_number(parsed) or "")

    @classmethod
    def stored(cls, value: str, *, carrier_type: str | None = None, extension: str = "") -> PhoneNumber:
        """Return a number as it was stored, whatever the numbering plans say today.

        `value`: E.164, or what `PhoneNumber` takes. Raises `InvalidPhoneNumber`.
        """
        if not E164.fullmatch(value) or (extension and not EXTENSION_DIGITS.fullmatch(extension)):
            return cls(value, carrier_type=carrier_type, extension=extension)
        made = object.__new__(cls)
        fields = {"phone_number": value, "carrier_type": carrier_type, "extension": extension}
        for name, told in {**fields, "country_code": "", "verified": False}.items():
            object.__setattr__(made, name, told)
        object.__setattr__(made, "country_code", min(made.regions, default=""))
        if not made.country_code:
            raise errors.InvalidPhoneNumber
        return made

    @staticmethod
    def _parse(text: str, region: str) -> phonenumbers.PhoneNumber:
        # The library reads letters as keypad digits.
        if len(text) > 40 or any(c.isalpha() for c in text):
            raise errors.InvalidPhoneNumber
        found = _read(text, region.upper())
        other = _read_with_calling_code(text, region.upper())
        if found and other and other != found:
            found = _one_of(found, other)
        found = found or other
        if found is None:
            raise errors.InvalidPhoneNumber
        return found

    @property
    def _parsed(self) -> phonenumbers.PhoneNumber:
        import phonenumbers

        try:
            return phonenumbers.parse(self.phone_number)
        except phonenumbers.NumberParseException as e:
            raise errors.InvalidPhoneNumber from e

    @property
    def is_valid(self) -> bool:
        """Whether the numbering plans that phonenumbers knows today have this number."""
        import phonenumbers

        return phonenumbers.is_valid_number(self._parsed)

    @property
    def regions(self) -> frozenset[str]:
        """The country of the number; for one that is not valid any more, all that share its calling code."""
        import phonenumbers

        region = phonenumbers.region_code_for_number(self._parsed)
        if region:
            return frozenset([region])
        return frozenset(phonenumbers.region_codes_for_country_code(self._parsed.country_code or 0))

    @property
    def identity(self) -> str:
        """What the number is compared and registered by: its form of today, where its plan has changed."""
        import phonenumbers

        read = _read(self.phone_number)
        if read is None:
            return self.phone_number
        return phonenumbers.format_number(read, phonenumbers.PhoneNumberFormat.E164)

    @property
    def mailbox(self) -> str:
        """What messages to the number are counted under."""
        return self.identity

    def _format(self, style: str) -> str:
        import phonenumbers

        return phonenumbers.format_number(self._parsed, getattr(phonenumbers.PhoneNumberFormat, style))

    def __str__(self) -> str:
        return self.phone_number

    def __repr__(self) -> str:
        return f"<PhoneNumber {self.obfuscated}>"

    @property
    def e164_format(self) -> str:
        return self.phone_number

    @property
    def national_format(self) -> str:
        return self._format("NATIONAL")

    @property
    def international_format(self) -> str:
        return self._format("INTERNATIONAL")

    @property
    def obfuscated(self) -> str:
        """National format with all but the last four digits as X: `(XXX) XXX-0143`; `ext. XX` if any."""
        masked = _reduced_to_last_four(self.national_format)
        return f"{masked} ext. {'X' * len(self.extension)}" if self.extension else masked

    @property
    def number_type(self) -> str:
        """What the numbering plan says: `mobile`, `fixed_line`, `premium_rate`, … (phonenumbers' names)."""
        import phonenumbers

        return phonenumbers.PhoneNumberType.to_string(phonenumbers.number_type(self._parsed)).lower()


@dataclass(frozen=True)
class EmailAddress:
    """A valid e-mail address; `str()` gives it plain. Raises `BadUserData`."""

    email: str
    verified: bool = field(default=False)

    kind: ClassVar[str] = "email"

    def __post_init__(self) -> None:
        text = str(self.email).strip()
        if text.count("@") == 1 and not text.partition("@")[0].isascii():
            raise errors.AddressNotASCII
        try:
            validate_email(text)
        except ValidationError as e:
            raise errors.BadUserData from e
        if len(text) > 254 or not text.isprintable():
            raise errors.BadUserData
        local, _, domain = text.rpartition("@")
        # Too long for any server (RFC 5321, 4.5.3.1.1); quoted, it may hold what others read as a second
        # recipient; and in brackets, the part behind the @ names a machine.
        if len(local) > 64 or '"' in local or domain.startswith("["):
            raise errors.BadUserData
        object.__setattr__(self, "email", f"{local}@{domain.lower()}")

    def __str__(self) -> str:
        return self.email

    def __repr__(self) -> str:
        return f"<EmailAddress {self.obfuscated}>"

    @property
    def identity(self) -> str:
        """What the address is compared and registered by: one form of all that lead to one mailbox.

        Servers may tell `Sam@` from `sam@` (RFC 5321, 2.4); none that matters does. The domain is written as
        in DNS (RFC 5890), so that `müller.de` and `xn--mller-kva.de` are one.
        """
        local, _, domain = self.email.rpartition("@")
        return f"{local.lower()}@{_in_dns(domain)}"

    @property
    def mailbox(self) -> str:
        """What messages to the address are counted under.

        Many servers deliver `sam+shop@` to `sam@` (RFC 5233), and Gmail ignores dots. A count that is shared
        by two mailboxes of another server does no harm.
        """
        local, _, domain = self.identity.rpartition("@")
        local = local.partition("+")[0] or local
        if domain in GMAIL:
            local, domain = local.replace(".", "") or local, GMAIL[0]
        return f"{local}@{domain}"

    @property
    def obfuscated(self) -> str:
        """First letters and the top-level domain, the rest as X: `sXX@eXXXXXX.com`."""
        local, _, domain = self.email.rpartition("@")
        name, dot, top = domain.rpartition(".")
        if not dot:
            name, top = domain, ""
        return f"{_hidden(local)}@{_hidden(name)}{dot}{top}"


GMAIL = ("gmail.com", "googlemail.com")


def _in_dns(domain: str) -> str:
    try:
        return domain.rstrip(".").encode("idna").decode().lower()
    except UnicodeError:
        return domain


def _hidden(text: str) -> str:
    return text[:1] + "".join("." if c == "." else "X" for c in text[1:])


Contact = PhoneNumber | EmailAddress
CONTACTS: dict[str, type[PhoneNumber] | type[EmailAddress]] = {
    PhoneNumber.kind: PhoneNumber,
    EmailAddress.kind: EmailAddress,
}


def identity_of(contact: Contact | None) -> str:
    """Return what a number or address is compared by; empty for none."""
    return contact.identity if contact else ""


def as_contact(kind: str, value: Any, *, stored: bool = False) -> Contact | None:
    """Return what a callback returned as a number or address; None for nothing.

    `stored`: a number in E.164 is taken although phonenumbers does not know it. Raises the type's error.
    """
    if value is None or value == "":
        return None
    wanted = CONTACTS[kind]
    if isinstance(value, wanted):
        return value
    try:
        return wanted(str(value))
    except errors.InvalidPhoneNumber:
        if not stored:
            raise
    return PhoneNumber.stored(str(value))


@lru_cache(maxsize=1)
def _country_data() -> dict[str, dict[str, str]]:
    """Names of countries by language, as they come with phonenumbers."""
    from importlib.util import module_from_spec, spec_from_file_location
    from pathlib import Path

    import phonenumbers

    # Importing it by its name would run its package, which loads 100 MB of place names.
    path = Path(phonenumbers.__file__).parent / "geodata" / "locale.py"
    spec = spec_from_file_location("phonenumbers.geodata.locale", path)
    if spec is None or spec.loader is None:
        return {}
    module = module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except OSError:
        return {}
    data: dict[str, dict[str, str]] = module.LOCALE_DATA
    return data


def country_name(region: str) -> str:
    """The country's name in the active language, in English where there is none, else its code."""
    names = _country_data().get(region, {})
    language = (get_language() or "en").split("-")[0]
    name = names.get(language) or names.get("en") or region
    # "*aa" says: the same as in "aa".
    while name.startswith("*"):
        name = names.get(name[1:], region)
    return name


def countries(
    allowed: Collection[str] | None, disallowed: Collection[str] | None
) -> list[tuple[str, str, int]]:
    """Allowed countries as (code, name in the active language, calling code), sorted by name."""
    import phonenumbers

    wanted = {str(c).upper() for c in allowed} if allowed else set(phonenumbers.SUPPORTED_REGIONS)
    wanted &= set(phonenumbers.SUPPORTED_REGIONS)
    wanted -= {str(c).upper() for c in disallowed or ()}
    rows = [(c, country_name(c), phonenumbers.country_code_for_region(c)) for c in wanted]
    return sorted(rows, key=lambda row: row[1])
