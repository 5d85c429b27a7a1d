"""Awaitable counterparts of methods that use the database."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from asgiref.sync import sync_to_async

S = TypeVar("S")
P = ParamSpec("P")
T = TypeVar("T")


def awaitable(method: Callable[Concatenate[S, P], T]) -> Callable[Concatenate[S, P], Coroutine[Any, Any, T]]:
    """Return the awaitable counterpart of a method. It calls the method that the object's class has.

    It runs in the thread that Django keeps for a request's database.
    """
    name = method.__name__

    @wraps(method)
    async def counterpart(self: S, /, *args: P.args, **kwargs: P.kwargs) -> T:
        found: T = await sync_to_async(getattr(self, name))(*args, **kwargs)
        return found

    counterpart.__name__ = counterpart.__qualname__ = f"a{name}"
    return counterpart
