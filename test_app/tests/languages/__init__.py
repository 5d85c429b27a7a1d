"""The languages of this package."""

from __future__ import annotations

from pathlib import Path

ROOT = next(p for p in Path(__file__).resolve().parents if (p / "pyproject.toml").is_file())
KIT = ROOT / "django_twilio_2fa"
PACKAGES = [KIT, *sorted(p.parent for p in (ROOT / "providers").glob("*/__init__.py"))]
# The names of their folders.
# fmt: off
LANGUAGES = (
    "ar", "cs", "de", "el", "es", "fr", "he", "hi", "id", "it", "ja", "ko", "nl", "pl", "pt_BR",
    "ru", "sv", "tr", "uk", "vi", "zh_Hans", "zh_Hant",
)
# fmt: on


def tag(language: str) -> str:
    """Return the tag of a language in HTML."""
    return language.replace("_", "-")
