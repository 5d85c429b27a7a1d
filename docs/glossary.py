"""Write the glossary: the form of address, and the terms of this package, in each language."""

from __future__ import annotations

from tables import table

# The form of address that each translation uses.
ADDRESSED = {
    "ar": "the singular",
    "cs": "vy",
    "de": "Sie",
    "el": "the plural",
    "es": "usted",
    "fr": "vous",
    "he": "without a gender: יש, אפשר",
    "hi": "आप",
    "id": "Anda",
    "it": "Lei",
    "ja": "です, ます",
    "ko": "-세요, -습니다",
    "nl": "u",
    "pl": "Ty, or impersonal",
    "pt-br": "você",
    "ru": "вы",
    "sv": "du",
    "tr": "siz",
    "uk": "ви",
    "vi": "bạn",
    "zh-hans": "您",
    "zh-hant": "您",
}
TERMS = (
    "Security code",
    "Recovery codes",
    "Passkey",
    "Authenticator app",
    "Text message",
    "device",
    "verification",
)


def page() -> str:
    from django.utils.translation import get_language_info, gettext, override

    rows = []
    for language, address in ADDRESSED.items():
        with override(language):
            rows.append([get_language_info(language)["name"], address, *map(gettext, TERMS)])
    return table(["language", "address", *(term.lower() for term in TERMS)], rows)
