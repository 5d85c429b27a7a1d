"""Name the browser of a request."""

from __future__ import annotations

from django.http import HttpRequest

# The first that a User-Agent header contains. Only what users are shown depends on it.
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

    It is made of the words above only: nothing else of the header is kept.
    """
    header = getattr(request, "META", {}).get("HTTP_USER_AGENT", "")
    found = []
    for names in (NAMES, SYSTEMS):
        for part, name in names:
            if part in header:
                found.append(name)
                break
    return " on ".join(found)
