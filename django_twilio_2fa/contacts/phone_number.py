"""Phone numbers: valid, in E.164, and masked where they are shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from .. import errors
from .written import E164, EXTENSION_DIGITS, one_of, plain, read, read_with_calling_code, split_extension

if TYPE_CHECKING:
    import phonenumbers

# phonenumbers is imported where it is used: its metadata is not to be loaded when Django starts.


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
        text, extension = split_extension(plain(str(self.phone_number)))
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
        import phonenumbers

        try:
            return phonenumbers.parse(self.phone_number)
        except phonenumbers.NumberParseException as e:
            raise errors.InvalidPhoneNumber from e

    @property
    def is_valid(self) -> bool:
        """Whether the numbering plans that phonenumbers knows have this number."""
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
        """The spelling that the number is compared by: today's, if its numbering plan has changed."""
        import phonenumbers

        known = read(self.phone_number)
        if known is None:
            return self.phone_number
        return phonenumbers.format_number(known, phonenumbers.PhoneNumberFormat.E164)

    @property
    def mailbox(self) -> str:
        """The key under which messages to the number are counted."""
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
        """The type by the numbering plan, as phonenumbers names it: `mobile`, `fixed_line`, …"""
        import phonenumbers

        return phonenumbers.PhoneNumberType.to_string(phonenumbers.number_type(self._parsed)).lower()
