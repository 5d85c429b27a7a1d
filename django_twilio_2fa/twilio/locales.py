"""The languages that Verify's own messages speak, by their tags."""

from __future__ import annotations

# Source: Twilio's documentation, "Verify supported languages". Which of them a template has differs; a tag
# that is refused is left out of a second try.
# fmt: off
LOCALES = frozenset((
    "af", "ar", "ca", "cs", "da", "de", "el", "en", "en-GB", "es", "et", "fi", "fr", "he", "hi",
    "hr", "hu", "id", "it", "ja", "kn", "ko", "lt", "mr", "ms", "nb", "nl", "pl", "pt", "pt-BR",
    "ro", "ru", "sk", "sv", "te", "th", "tl", "tr", "uk", "vi", "zh", "zh-CN", "zh-HK",
))
# fmt: on
BY_LOWER_CASE = {tag.lower(): tag for tag in LOCALES}

# What Django calls otherwise.
OTHER_NAMES = {"zh-hans": "zh-CN", "zh-hant": "zh-HK", "zh-tw": "zh-HK", "no": "nb", "nn": "nb", "fil": "tl"}


def locale_for(language: str | None) -> str | None:
    """Return Verify's tag for a Django language code (`pt-br`, `zh-hans`), or for its language, or None."""
    code = (language or "").lower().replace("_", "-")
    while code:
        if found := OTHER_NAMES.get(code) or BY_LOWER_CASE.get(code):
            return found
        code = code.rpartition("-")[0]
    return None
