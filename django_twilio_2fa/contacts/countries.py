"""List countries with their names in the active language and their calling codes."""

from __future__ import annotations

import json
from collections.abc import Collection
from functools import lru_cache
from pathlib import Path

from django.utils.translation import get_language, to_locale

NAMES = Path(__file__).parent / "country_names"
"""The folder of names from Unicode CLDR: a file per language, sorted in its order. See `make countries`."""


@lru_cache(maxsize=64)
def _names_in(language: str) -> dict[str, str]:
    """Return the names by region, in the order of the language. Empty if there is no file for it."""
    path = NAMES / f"{to_locale(language)}.json"
    # A code such as "../de" could come only from a site's settings, but is not a language.
    if path.parent != NAMES or not path.is_file():
        return {}
    names: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    return names


@lru_cache(maxsize=1)
def _other_names() -> dict[str, dict[str, str]]:
    """Return the names in phonenumbers, which has more languages, by region and language."""
    from importlib.util import module_from_spec, spec_from_file_location

    import phonenumbers

    # A plain import would run the package `phonenumbers.geodata`, which loads 100 MB of place names.
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


def _active_names() -> dict[str, str]:
    """Return the names in the active language, or else in its base language (`de` for `de-at`)."""
    code = (get_language() or "en").lower()
    while code:
        if found := _names_in(code):
            return found
        code = code.rpartition("-")[0]
    return {}


def country_name(region: str) -> str:
    """Return the name of a country in the active language, or else in English, or else its code."""
    if name := _active_names().get(region):
        return name
    names = _other_names().get(region, {})
    name = names.get((get_language() or "en").split("-")[0], "")
    # "*aa" means the same name as in the language "aa".
    while name.startswith("*"):
        name = names.get(name[1:], "")
    return name or _names_in("en").get(region, region)


def countries(
    allowed: Collection[str] | None, disallowed: Collection[str] | None
) -> list[tuple[str, str, int]]:
    """Return the allowed countries as (code, name in the active language, calling code), sorted by name.

    The order is that of the language: Swedish sorts Österrike last, German sorts Österreich among the O.
    """
    import phonenumbers

    wanted = {str(c).upper() for c in allowed} if allowed else set(phonenumbers.SUPPORTED_REGIONS)
    wanted &= set(phonenumbers.SUPPORTED_REGIONS)
    wanted -= {str(c).upper() for c in disallowed or ()}
    rows = [(c, country_name(c), phonenumbers.country_code_for_region(c)) for c in wanted]
    place = {region: n for n, region in enumerate(_active_names())}
    return sorted(rows, key=lambda row: (place.get(row[0], len(place)), row[1]))


def main_countries(rows: list[tuple[str, str, int]]) -> dict[str, str]:
    """Return the main country of each calling code that several countries share, by calling code.

    `rows`: the result of `countries`.
    """
    import phonenumbers

    return {
        str(calling): code
        for code, _name, calling in rows
        if len(phonenumbers.region_codes_for_country_code(calling)) > 1
        and phonenumbers.region_code_for_country_code(calling) == code
    }
