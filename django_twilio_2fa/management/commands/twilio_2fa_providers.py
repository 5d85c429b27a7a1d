"""List the installed methods, with the source of each and whether it can be used."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from ...conf import conf
from ...providers.installed import get_registry, is_app_installed, why_unregistrable, why_unusable


class Command(BaseCommand):
    requires_system_checks = ()
    help = "Lists every provider: method, distribution, app, and whether it can be used, and if not why."

    def handle(self, *args: Any, **options: Any) -> None:
        found = get_registry()
        rows = [("method", "from", "app", "can be used")]
        for name in sorted(found.providers):
            rows.append((name, found.sources[name], found.apps[name], self.state(name)))
        rows += [(b.name, b.source, b.path, f"no: {b.reason}") for b in found.broken]
        widths = [max(len(row[n]) for row in rows) for n in range(3)]
        for row in rows:
            cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
            self.stdout.write("  ".join([*cells, row[3]]))

    def state(self, name: str) -> str:
        found = get_registry()
        reasons = []
        if not is_app_installed(found.apps[name]):
            reasons.append(f"{found.apps[name]} is not in INSTALLED_APPS, so its templates are not found")
        if reason := why_unusable(found.providers[name], if_it_fails=True):
            return f"no: {reason}"
        if reason := why_unregistrable(found.providers[name]):
            return f"no: {reason}"
        allowed = conf.ALLOWED_METHODS
        if isinstance(allowed, (list, tuple, set, frozenset)):
            if name not in allowed:
                reasons.append("not in TWILIO_2FA_ALLOWED_METHODS")
        elif allowed is None and not found.providers[name].on_by_default:
            reasons.append("off unless TWILIO_2FA_ALLOWED_METHODS names it")
        return f"yes, but {'; '.join(reasons)}" if reasons else "yes"
