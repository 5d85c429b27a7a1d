"""The stylesheets of the pages."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static

from .conf import conf

# Hashes of the files in the npm packages bootstrap 5.3.3 and @fortawesome/fontawesome-free 5.15.4, which
# the CDN serves unchanged.
CDN_STYLESHEETS: tuple[dict[str, str], ...] = (
    {
        "href": "https://cdn.jsdelivr.net/npm/bootstrap@5.3.3/dist/css/bootstrap.min.css",
        "integrity": "sha384-QWTKZyjpPEjISv5WaRU9OFeRpok6YctnYmDr5pNlyT2bRjXh0JMhjY6hW+ALEwIH",
    },
    {
        "href": "https://cdn.jsdelivr.net/npm/@fortawesome/fontawesome-free@5.15.4/css/all.min.css",
        "integrity": "sha384-DyZ88mC6Up2uqS4h/KRgHuoeGwBcD4Ng9SiP4dIRy0EXTlnuz47vAwmeGwVChigm",
    },
)


def stylesheets(request: HttpRequest) -> list[dict[str, str]]:
    """Return `href` and `integrity` of each stylesheet of `TWILIO_2FA_STYLESHEETS`, in order."""
    wanted = conf.resolve("STYLESHEETS", request=request)
    return [_sheet(entry) for entry in (CDN_STYLESHEETS if wanted is None else wanted)]


def _sheet(entry: str | dict[str, Any]) -> dict[str, str]:
    if isinstance(entry, dict):
        return {"href": str(entry["href"]), "integrity": str(entry.get("integrity", ""))}
    is_address = entry.startswith(("https://", "http://", "/"))
    return {"href": entry if is_address else static(entry), "integrity": ""}
