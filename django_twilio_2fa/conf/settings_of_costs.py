"""The settings of what messages cost: prices and budgets."""

from __future__ import annotations

from .setting import MAPPING, TEXT, Setting, group

COSTS = (
    Setting(
        "PRICES",
        {},
        MAPPING,
        "[Prices](figures.md#prices): a dict that maps the name of a method to a dict with the price "
        "of a `message`, of an `approval`, and of a message to a country (`GB`). For missing prices, "
        "those of the provider are used.",
    ),
    Setting(
        "PRICES_CURRENCY",
        "USD",
        TEXT,
        "Currency of the prices (three letters), shown with the figures.",
    ),
    Setting(
        "BUDGETS",
        {},
        MAPPING,
        "[Budgets](figures.md#budgets): a dict that maps a name that you choose to a dict with "
        "`messages` or `money`, such as `500/h, 3000/d`. Further keys of that dict limit the budget to "
        "some sends.",
    ),
)

SETTINGS_OF_COSTS = tuple(group("Costs", COSTS))
