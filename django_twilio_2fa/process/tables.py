"""Explain missing migrations, and keep views out of the site's transactions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, OperationalError, ProgrammingError, connections, router, transaction
from django.http import HttpResponseBase

from ..models.verifications import Verification
from ..providers.installed import get_registry

KIT = "django_twilio_2fa"

View = Callable[..., HttpResponseBase]


def labels() -> set[str]:
    """Return the labels of this package's own apps and of the providers' apps that are installed."""
    of_providers = set(get_registry().apps.values())
    return {
        config.label
        for config in apps.get_app_configs()
        if config.name == KIT or config.name.startswith(f"{KIT}.") or config.name in of_providers
    }


def database() -> str:
    """Return the alias of the database that holds this package's tables."""
    return str(router.db_for_read(Verification))


def unapplied() -> list[str]:
    """Return this package's migrations that its database lacks, such as `twilio_2fa.0001_initial`."""
    from django.db.migrations.loader import MigrationLoader

    loader = MigrationLoader(connections[database()])
    wanted = labels()
    missing = [k for k in loader.graph.nodes if k[0] in wanted and k not in loader.applied_migrations]
    return [f"{label}.{name}" for label, name in sorted(missing)]


@contextmanager
def explained() -> Iterator[None]:
    """Raise `ImproperlyConfigured` if a query fails for missing migrations. Also works as a decorator."""
    try:
        yield
    except (OperationalError, ProgrammingError) as e:
        try:
            missing = unapplied()
        except DatabaseError:
            # The database does not answer, or the transaction is broken. Raise the original error.
            missing = []
        if not missing:
            raise
        raise ImproperlyConfigured(
            f"The database lacks migrations of django-twilio-2fa ({', '.join(missing)}). "
            "Run: python manage.py migrate"
        ) from e


def outside_host_transaction(view: View) -> View:
    """Exempt a view from the site's `ATOMIC_REQUESTS`: a rollback would undo the counters of limits."""
    view = explained()(view)
    for alias in connections:
        view = transaction.non_atomic_requests(using=alias)(view)
    return view
