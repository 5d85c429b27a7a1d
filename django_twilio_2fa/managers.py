"""Managers that read from the primary database, and never from a replica."""

from __future__ import annotations

from typing import Any, TypeVar

from django.contrib.auth import get_user_model
from django.db import models, router

M = TypeVar("M", bound=models.Model)


class PrimaryManager(models.Manager[M]):
    """A manager that reads from the database that the model is written to.

    A replica may lag behind, and the next step depends on the latest counts and approvals. Use this manager
    in the models of your own methods as well, with `base_manager_name = "objects"` in their `Meta`.
    """

    def get_queryset(self) -> models.QuerySet[M]:
        return super().get_queryset().using(self._db or router.db_for_write(self.model))


def users() -> models.QuerySet[Any]:
    """Return the site's users, read from the database that they are written to."""
    model = get_user_model()
    return model._default_manager.using(router.db_for_write(model))
