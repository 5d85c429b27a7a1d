"""Async versions of methods that use the database."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from asgiref.sync import sync_to_async

S = TypeVar("S")
P = ParamSpec("P")
T = TypeVar("T")


def awaitable(method: Callable[Concatenate[S, P], T]) -> Callable[Concatenate[S, P], Coroutine[Any, Any, T]]:
    """Return the async version of a method. A subclass that overrides the method overrides both.

    The method runs in the thread that Django uses for a request's database connections.
    """
    name = method.__name__

    @wraps(method)
    async def counterpart(self: S, /, *args: P.args, **kwargs: P.kwargs) -> T:
        found: T = await sync_to_async(getattr(self, name))(*args, **kwargs)
        return found

    counterpart.__name__ = counterpart.__qualname__ = f"a{name}"
    return counterpart
