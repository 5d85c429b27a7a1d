"""The names of countries in each language, and their order."""

from __future__ import annotations

import json

import phonenumbers
import pytest
from django.utils import translation

from django_twilio_2fa.contacts import countries, country_name
from django_twilio_2fa.contacts.countries import NAMES

from . import LANGUAGES, tag


@pytest.mark.parametrize("language", ["en", *LANGUAGES])
def test_every_country_has_a_name_in_each_language(language: str) -> None:
    names = json.loads((NAMES / f"{language}.json").read_text())
    assert set(names) >= set(phonenumbers.SUPPORTED_REGIONS)
    assert all(name and name != region for region, name in names.items())
    if language != "en":
        english = json.loads((NAMES / "en.json").read_text())
        assert sum(name != english[region] for region, name in names.items()) > 60


@pytest.mark.parametrize(
    ("language", "name"),
    [
        ("cs", "Německo"),
        ("ja", "ドイツ"),
        ("pt-br", "Alemanha"),
        ("zh-hant", "德國"),
        ("zh-hans", "德国"),
        ("de-at", "Deutschland"),
        ("en-gb", "Germany"),
    ],
)
def test_variants_of_a_language_have_its_names(language: str, name: str) -> None:
    with translation.override(language):
        assert country_name("DE") == name


@pytest.mark.parametrize(
    ("language", "order"),
    [
        ("de", ["EG", "BE", "AT", "CY"]),
        ("sv", ["BE", "EG", "ZW", "AX", "AT"]),
        ("cs", ["CK", "TD", "CZ", "DK", "HN", "CL", "IN"]),
        ("es", ["NE", "NU", "NO"]),
        ("tr", ["DJ", "TD", "CN", "DK", "IQ", "IR", "CH"]),
        ("zh-hans", ["AL", "BR", "DE", "FR", "CN"]),
    ],
)
def test_countries_are_in_the_order_of_the_language(language: str, order: list[str]) -> None:
    with translation.override(language):
        found = [code for code, _name, _calling in countries(order, [])]
        names = [country_name(code) for code in found]
    assert (found, names) == (order, names)


@pytest.mark.parametrize("language", ["da", "tlh", "xx-../de"])
def test_a_language_without_country_names_shows_english_names(language: str) -> None:
    with translation.override(language):
        assert country_name("XK") == "Kosovo"
        assert [c for c, _name, _calling in countries(["DE", "AX"], [])] in (["DE", "AX"], ["AX", "DE"])


def test_the_tag_of_a_language_comes_from_its_folder() -> None:
    assert [tag(language) for language in ("de", "pt_BR", "zh_Hans")] == ["de", "pt-BR", "zh-Hans"]
