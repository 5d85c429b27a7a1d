"""The settings of what messages cost: prices and budgets."""

from __future__ import annotations

from .setting import MAPPING, TEXT, Setting, group

COSTS = (
    Setting(
        "PRICES",
        {},
        MAPPING,
        "[Prices](figures.md#prices): a dict that maps the name of a method to a dict with the price of a "
        "`message`, of an `approval`, and of a message to a country (`GB`). What is missing is the "
        "provider's.",
    ),
    Setting(
        "PRICES_CURRENCY",
        "USD",
        TEXT,
        "The currency of the prices, of three letters, which the figures show.",
    ),
    Setting(
        "BUDGETS",
        {},
        MAPPING,
        "[Budgets](figures.md#budgets): a dict that maps a name of yours to a dict with `messages` or "
        "`money` (such as `500/h, 3000/d`) and, if the budget is not for all sends, `methods`, "
        "`countries`, `purpose` or `each`.",
    ),
)

SETTINGS_OF_COSTS = tuple(group("Costs", COSTS))
