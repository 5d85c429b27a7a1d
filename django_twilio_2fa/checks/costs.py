"""Check the prices and the budgets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import phonenumbers
from django.core.checks import CheckMessage, Error

from ..conf import PREFIX, conf
from ..process import budgets, prices, rate_limits
from ..providers.installed import get_registry


def _is_country(code: Any) -> bool:
    return code in phonenumbers.SUPPORTED_REGIONS


def _faults_of_prices() -> Iterator[tuple[str, str]]:
    for method, told in conf.PRICES.items():
        if not isinstance(told, Mapping):
            yield (
                f"[{method!r}] is {told!r}.",
                "Use a dict with 'message', 'approval' or a country code.",
            )
            continue
        for key, value in told.items():
            if key not in prices.KINDS and not _is_country(key):
                yield (
                    f"[{method!r}] has {key!r}.",
                    "Use 'message', 'approval' or country codes, such as 'GB'.",
                )
            elif prices.as_price(value) is None:
                yield f"[{method!r}][{key!r}] is {value!r}.", "Use a number, 0 or more, or a string with one."


def _faults_of_a_budget(told: Any) -> Iterator[tuple[str, str]]:
    if not isinstance(told, Mapping):
        yield f" is {told!r}.", "Use a dict with 'messages' or 'money'."
        return
    for key in set(told) - set(budgets.KEYS):
        yield f" has {key!r}.", f"Use only these keys: {', '.join(budgets.KEYS)}."
    if not any(told.get(unit) for unit in ("messages", "money")):
        yield " has neither 'messages' nor 'money'.", "Set 'messages' or 'money', such as '500/h, 3000/d'."
    for unit in ("messages", "money"):
        parts = [part.strip() for part in str(told.get(unit) or "").split(",") if part.strip()]
        for part in parts:
            if not rate_limits.RATE.fullmatch(part):
                yield f"[{unit!r}] is {told[unit]!r}.", "Use whole numbers, such as '500/h, 3000/d'."
    known = set(get_registry().providers) | set(conf.PROVIDERS)
    for method in _several(told.get("methods")):
        if method not in known:
            yield f"['methods'] has {method!r}, which does not exist.", "Use the names of methods."
    for country in _several(told.get("countries")):
        if not _is_country(country):
            yield f"['countries'] has {country!r}.", "Use ISO 3166-1 codes of two letters, such as 'US'."
    if told.get("purpose") not in (None, *budgets.PURPOSES):
        yield f"['purpose'] is {told['purpose']!r}.", f"Use one of {', '.join(budgets.PURPOSES)}."
    for each in _several(told.get("each")):
        if each not in budgets.EACH:
            yield f"['each'] has {each!r}.", f"Use one or more of {', '.join(budgets.EACH)}."
    for name in ("warn_at", "registrations_until"):
        if name in told and not ((share := prices.as_price(told[name])) is not None and share <= 1):
            yield f"[{name!r}] is {told[name]!r}.", "Use a share of the budget, from 0 to 1."


def _several(told: Any) -> list[Any]:
    if told is None:
        return []
    return [told] if isinstance(told, str) else list(told)


def costs() -> Iterator[CheckMessage]:
    """Yield errors for invalid `PRICES` and `BUDGETS`."""
    if isinstance(conf.PRICES, Mapping):
        for text, hint in _faults_of_prices():
            yield Error(f"{PREFIX}PRICES{text}", hint=hint, id="twilio_2fa.E040")
    if isinstance(conf.BUDGETS, Mapping):
        for name, told in conf.BUDGETS.items():
            for text, hint in _faults_of_a_budget(told):
                yield Error(f"{PREFIX}BUDGETS[{name!r}]{text}", hint=hint, id="twilio_2fa.E041")


CHECKS = (costs,)
