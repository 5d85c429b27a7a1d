"""Parse phone numbers as people write them: with extensions, in links, or in a country's former format."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING
from urllib.parse import unquote

from .. import errors

if TYPE_CHECKING:
    import phonenumbers

# phonenumbers is imported in functions, so that Django does not load its metadata when it starts.

# An extension as people write it, or as in RFC 3966 (`;ext=`). At most 7 digits, as in numbering plans.
EXTENSION = re.compile(r"\s*(?:;\s*ext\s*=|[,;]?\s*(?:extension|ext|x|#)\s*[.:]?)\s*([0-9]{1,7})\s*$", re.I)
EXTENSION_DIGITS = re.compile(r"[0-9]{1,7}")
E164 = re.compile(r"\+[1-9][0-9]{5,14}")


def split_extension(text: str) -> tuple[str, str]:
    found = EXTENSION.search(text) if len(text) <= 64 else None
    return (text[: found.start()], found[1]) if found else (text, "")


# The beginning of a tel: link (RFC 3966) that was copied from a page.
LINK = re.compile(r"\s*(?:tel|callto|sms):(?://)?", re.I)
LONGEST = 64


def plain(text: str) -> str:
    """Return a text without the links and marks that phones, chat apps and web pages add to a number."""
    if len(text) > LONGEST:
        raise errors.InvalidPhoneNumber
    if link := LINK.match(text):
        text = unquote(text[link.end() :])
    # Remove invisible marks, such as those of direction, and normalize spaces and dashes.
    visible = (c for c in text if unicodedata.category(c) != "Cf")
    return "".join(" " if c.isspace() else "-" if unicodedata.category(c) == "Pd" else c for c in visible)


# Other forms in which people write, or wrote, mobile numbers. By calling code: a pattern of the digits after
# the calling code, and the replacement. Used only if a number is invalid and the result is valid.
SECOND_FORMS: dict[int, list[tuple[str, str]]] = {
    # Mexico, until 2019: 1 from abroad, 044 and 045 within the country, 01 for other areas.
    52: [(r"(?:1|01|04[45])(\d{10})", r"\1")],
    # Argentina: 15 within the country and 9 from abroad, or both. Area codes have 2 to 4 digits.
    54: [(rf"9?(\d{{{n}}})15(\d{{{10 - n}}})", r"9\1\2") for n in (2, 3, 4)],
    # Brazil, until 2016: eight digits after the area code.
    55: [(r"(\d{2})([6-9]\d{7})", r"\g<1>9\2")],
    # Italy, until 2001: a zero, as landlines still have.
    39: [(r"0(3\d{8,9})", r"\1")],
    # Ivory Coast, until 2021: eight digits, of which the second identifies the operator.
    225: [
        (r"([04-9][0-3]\d{6})", r"01\1"),
        (r"([04-9][4-6]\d{6})", r"05\1"),
        (r"([04-9][7-9]\d{6})", r"07\1"),
    ],
    # Benin, until 2024: eight digits.
    229: [(r"([4-9]\d{7})", r"01\1")],
}


def read(text: str, region: str = "") -> phonenumbers.PhoneNumber | None:
    """Return the valid number in a text, written with `+` or as within a country. None for no number."""
    import phonenumbers

    try:
        parsed = phonenumbers.parse(text, region or None)
    except phonenumbers.NumberParseException:
        return None
    if parsed.extension:
        return None
    return parsed if phonenumbers.is_valid_number(parsed) else _from_second_form(parsed)


def _from_second_form(parsed: phonenumbers.PhoneNumber) -> phonenumbers.PhoneNumber | None:
    """Return the mobile number of which this is another form. None if there is none, or several."""
    import phonenumbers

    digits = phonenumbers.national_significant_number(parsed)
    found: list[phonenumbers.PhoneNumber] = []
    for pattern, replacement in SECOND_FORMS.get(parsed.country_code or 0, ()):
        if match := re.fullmatch(pattern, digits):
            other = phonenumbers.parse(f"+{parsed.country_code}{match.expand(replacement)}")
            if phonenumbers.is_valid_number(other) and _is_mobile(other) and other not in found:
                found.append(other)
    return found[0] if len(found) == 1 else None


def read_with_calling_code(text: str, region: str) -> phonenumbers.PhoneNumber | None:
    """Return the number in a text with a calling code but without `+`. None for no number."""
    import phonenumbers

    calling = phonenumbers.country_code_for_region(region)
    digits = phonenumbers.normalize_digits_only(text)
    if not calling or "+" in unicodedata.normalize("NFKC", text) or not digits.startswith(str(calling)):
        return None
    return read(f"+{digits}")


def one_of(
    national: phonenumbers.PhoneNumber, international: phonenumbers.PhoneNumber
) -> phonenumbers.PhoneNumber:
    """Return the reading that is a mobile number. Raises `AmbiguousPhoneNumber` for none or both."""
    if _is_mobile(national) is _is_mobile(international):
        raise errors.AmbiguousPhoneNumber
    return national if _is_mobile(national) else international


def _is_mobile(number: phonenumbers.PhoneNumber) -> bool:
    import phonenumbers

    mobile = phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE
    return phonenumbers.number_type(number) in mobile
