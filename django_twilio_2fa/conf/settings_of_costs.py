"""The settings of what messages cost: prices and budgets."""

from __future__ import annotations

from .setting import MAPPING, TEXT, Setting, group

COSTS = (
    Setting(
        "PRICES",
        {},
        MAPPING,
        '[Prices](figures.md#prices): a dict of dicts, such as `{"sms": {"message": "0.0083", '
        '"approval": "0.05", "GB": "0.0463"}}`. `GB` is the price of a message to that '
        "country. For missing prices, those of the provider are used.",
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
        '[Budgets](figures.md#budgets): a dict of dicts, such as `{"all": {"messages": "500/h, '
        '3000/d"}}`. You choose the names. Other keys, such as `countries`, restrict which sends a '
        "budget covers.",
    ),
)

SETTINGS_OF_COSTS = tuple(group("Costs", COSTS))
