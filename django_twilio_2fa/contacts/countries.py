"""Countries: their names in the active language, and their calling codes."""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache

from django.utils.translation import get_language


@lru_cache(maxsize=1)
def _country_data() -> dict[str, dict[str, str]]:
    """Return the names of countries by language, as they come with phonenumbers."""
    from importlib.util import module_from_spec, spec_from_file_location
    from pathlib import Path

    import phonenumbers

    # Importing it by its name would run its package, which loads 100 MB of place names.
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


def country_name(region: str) -> str:
    """Return a country's name in the active language, else in English, else its code."""
    names = _country_data().get(region, {})
    language = (get_language() or "en").split("-")[0]
    name = names.get(language) or names.get("en") or region
    # "*aa" says: the same as in "aa".
    while name.startswith("*"):
        name = names.get(name[1:], region)
    return name


def countries(
    allowed: Collection[str] | None, disallowed: Collection[str] | None
) -> list[tuple[str, str, int]]:
    """Return the allowed countries as (code, name in the active language, calling code), sorted by name."""
    import phonenumbers

    wanted = {str(c).upper() for c in allowed} if allowed else set(phonenumbers.SUPPORTED_REGIONS)
    wanted &= set(phonenumbers.SUPPORTED_REGIONS)
    wanted -= {str(c).upper() for c in disallowed or ()}
    rows = [(c, country_name(c), phonenumbers.country_code_for_region(c)) for c in wanted]
    return sorted(rows, key=lambda row: row[1])
