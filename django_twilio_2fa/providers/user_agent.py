"""Name the browser of a request, and translate that name."""

from __future__ import annotations

from django.http import HttpRequest
from django.utils.translation import gettext

# The first match in a User-Agent header is used. The names are only shown to users.
NAMES = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
)


def name_of(request: HttpRequest | None) -> str:
    """Return a name for the browser of a request, such as `Firefox on Windows`. Empty if it is unknown.

    The name has only the words above, and nothing else of the header. It is stored in English, and
    `shown_name` translates it.
    """
    header = getattr(request, "META", {}).get("HTTP_USER_AGENT", "")
    found = []
    for names in (NAMES, SYSTEMS):
        for part, name in names:
            if part in header:
                found.append(name)
                break
    return " on ".join(found)


# The names that `name_of` returns, with their parts.
PARTS = {
    f"{browser} on {system}": {"browser": browser, "system": system}
    for _, browser in NAMES
    for _, system in SYSTEMS
}


def shown_name(stored: str) -> str:
    """Translate a name that `name_of` has returned. Return any other text unchanged."""
    parts = PARTS.get(stored)
    return gettext("%(browser)s on %(system)s") % parts if parts else stored
