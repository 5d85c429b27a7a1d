from typing import Any


def stylesheets(request: Any) -> list[dict[str, str]]:
    return []
