"""Validate, format and mask phone numbers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar

from .. import errors
from .written import E164, EXTENSION_DIGITS, one_of, plain, read, read_with_calling_code, split_extension

if TYPE_CHECKING:
    import phonenumbers

# phonenumbers is imported in functions, so that Django does not load its metadata when it starts.


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


# A request parses the same one or two numbers many times, and phonenumbers is slow. The cache is small, so
# that it has the numbers of current requests only.
_remembered = lru_cache(maxsize=32)


@_remembered
def _parse_e164(e164: str) -> phonenumbers.PhoneNumber:
    """Return a stored number as an object of phonenumbers. Raises `InvalidPhoneNumber`."""
    import phonenumbers

    try:
        return phonenumbers.parse(e164)
    except phonenumbers.NumberParseException as e:
        raise errors.InvalidPhoneNumber from e


@_remembered
def _regions_of(e164: str) -> frozenset[str]:
    import phonenumbers

    parsed = _parse_e164(e164)
    region = phonenumbers.region_code_for_number(parsed)
    if region:
        return frozenset([region])
    return frozenset(phonenumbers.region_codes_for_country_code(parsed.country_code or 0))


# The region in phonenumbers of calling codes without a country, such as +870 for satellite phones.
NO_COUNTRY = "001"


@_remembered
def _identity_of(e164: str) -> str:
    import phonenumbers

    known = read(e164)
    if known is None:
        return e164
    return phonenumbers.format_number(known, phonenumbers.PhoneNumberFormat.E164)


@_remembered
def _mask(e164: str) -> str:
    import phonenumbers

    national = phonenumbers.format_number(_parse_e164(e164), phonenumbers.PhoneNumberFormat.NATIONAL)
    return _reduced_to_last_four(national)


@dataclass(frozen=True)
class PhoneNumber:
    """A valid phone number. `str()` returns E.164, without the extension.

    `PhoneNumber("+12025550143")`, `PhoneNumber("202 555 0143", "US")` or, for an office's switchboard,
    `PhoneNumber("202 555 0143 ext. 12", "US")`. All spellings of a number have the same E.164 form: that of
    the Mexican `+52 1 55 1234 5678` is `+525512345678`. Raises `InvalidPhoneNumber`, and
    `AmbiguousPhoneNumber` for digits that are one number within the country and another one with its calling
    code.
    """

    phone_number: str
    country_code: str = ""
    carrier_type: str | None = None
    verified: bool = False
    extension: str = ""

    kind: ClassVar[str] = "phone_number"

    def __post_init__(self) -> None:
        text, extension = split_extension(plain(str(self.phone_number)))
        extension = extension or str(self.extension)
        if extension and not EXTENSION_DIGITS.fullmatch(extension):
            raise errors.InvalidPhoneNumber
        parsed = self._parse(text, self.country_code)
        object.__setattr__(self, "extension", extension)
        import phonenumbers

        e164 = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
        object.__setattr__(self, "phone_number", e164)
        region = phonenumbers.region_code_for_number(parsed) or ""
        object.__setattr__(self, "country_code", "" if region == NO_COUNTRY else region)

    @classmethod
    def stored(cls, value: str, *, carrier_type: str | None = None, extension: str = "") -> PhoneNumber:
        """Return a stored number without validating it again, because numbering plans change.

        `value`: E.164, or what `PhoneNumber` takes. Raises `InvalidPhoneNumber`.
        """
        if not E164.fullmatch(value) or (extension and not EXTENSION_DIGITS.fullmatch(extension)):
            return cls(value, carrier_type=carrier_type, extension=extension)
        made = object.__new__(cls)
        fields = {"phone_number": value, "carrier_type": carrier_type, "extension": extension}
        for name, told in {**fields, "country_code": "", "verified": False}.items():
            object.__setattr__(made, name, told)
        if not made.regions:
            raise errors.InvalidPhoneNumber
        object.__setattr__(made, "country_code", min(made.regions - {NO_COUNTRY}, default=""))
        return made

    @staticmethod
    def _parse(text: str, region: str) -> phonenumbers.PhoneNumber:
        # phonenumbers would convert letters to the digits of a keypad.
        if len(text) > 40 or any(c.isalpha() for c in text):
            raise errors.InvalidPhoneNumber
        found = read(text, region.upper())
        other = read_with_calling_code(text, region.upper())
        if found and other and other != found:
            found = one_of(found, other)
        found = found or other
        if found is None:
            raise errors.InvalidPhoneNumber
        return found

    @property
    def _parsed(self) -> phonenumbers.PhoneNumber:
        return _parse_e164(self.phone_number)

    @property
    def is_valid(self) -> bool:
        """Return whether the number is valid according to phonenumbers."""
        import phonenumbers

        return phonenumbers.is_valid_number(self._parsed)

    @property
    def regions(self) -> frozenset[str]:
        """The country of the number. If it is not valid any more, all countries with its calling code."""
        return _regions_of(self.phone_number)

    @property
    def identity(self) -> str:
        """The normalized form of the number, for comparisons. It follows changes of the numbering plan."""
        return _identity_of(self.phone_number)

    @property
    def mailbox(self) -> str:
        """The key for counting messages."""
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
        """The masked number, such as `(XXX) XXX-0143` or `(XXX) XXX-0143 ext. XX`."""
        masked = _mask(self.phone_number)
        return f"{masked} ext. {'X' * len(self.extension)}" if self.extension else masked

    @property
    def number_type(self) -> str:
        """The type according to phonenumbers: `mobile`, `fixed_line`, …"""
        import phonenumbers

        return phonenumbers.PhoneNumberType.to_string(phonenumbers.number_type(self._parsed)).lower()
