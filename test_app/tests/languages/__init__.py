"""The languages that the package is in."""

from __future__ import annotations

from pathlib import Path

ROOT = next(p for p in Path(__file__).resolve().parents if (p / "pyproject.toml").is_file())
KIT = ROOT / "django_twilio_2fa"
PACKAGES = [KIT, *sorted(p.parent for p in (ROOT / "providers").glob("*/__init__.py"))]
# By the names of their folders.
# fmt: off
LANGUAGES = (
    "ar", "cs", "de", "el", "es", "fr", "he", "hi", "id", "it", "ja", "ko", "nl", "pl", "pt_BR",
    "ru", "sv", "tr", "uk", "vi", "zh_Hans", "zh_Hant",
)
# fmt: on


def tag(language: str) -> str:
    """Return the tag that HTML calls a language by."""
    return language.replace("_", "-")
