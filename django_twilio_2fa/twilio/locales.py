"""Find the language of a message among the languages of Verify."""

from __future__ import annotations

# Source: Twilio's documentation, "Verify supported languages". A template may lack some of them. If Twilio
# refuses a tag, the message is sent again without it.
# fmt: off
LOCALES = frozenset((
    "af", "ar", "ca", "cs", "da", "de", "el", "en", "en-GB", "es", "et", "fi", "fr", "he", "hi",
    "hr", "hu", "id", "it", "ja", "kn", "ko", "lt", "mr", "ms", "nb", "nl", "pl", "pt", "pt-BR",
    "ro", "ru", "sk", "sv", "te", "th", "tl", "tr", "uk", "vi", "zh", "zh-CN", "zh-HK",
))
# fmt: on
BY_LOWER_CASE = {tag.lower(): tag for tag in LOCALES}

# Django's codes of languages to which Verify gives another tag.
OTHER_NAMES = {"zh-hans": "zh-CN", "zh-hant": "zh-HK", "zh-tw": "zh-HK", "no": "nb", "nn": "nb", "fil": "tl"}


def locale_for(language: str | None) -> str | None:
    """Return Verify's tag for a Django language code (`pt-br`), or else for its language (`pt`), or None."""
    code = (language or "").lower().replace("_", "-")
    while code:
        if found := OTHER_NAMES.get(code) or BY_LOWER_CASE.get(code):
            return found
        code = code.rpartition("-")[0]
    return None
