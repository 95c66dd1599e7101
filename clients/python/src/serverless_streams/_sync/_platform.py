"""The counterpart of `_async/_platform.py`. Not generated."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Coroutine
from threading import Event as Event
from typing import Generic, ParamSpec, TypeVar

from .._errors import no_token
from .._options import Token

P = ParamSpec("P")
T = TypeVar("T")

sleep = time.sleep


def token_of(token: Token) -> str:
    """Raises `StreamsError` `no_token`, and `TypeError`."""
    if isinstance(token, str):
        return token
    try:
        value = token()
    except Exception as error:
        raise no_token(error) from error
    if isinstance(value, str):
        return value
    if isinstance(value, Coroutine):
        # Otherwise Python warns that nobody has awaited it.
        value.close()
    raise TypeError("token: expected a function that returns a string, got one that returns an awaitable")


def within(seconds: float, exchange: T) -> T:
    """The exchange has been made, bounded by the timeouts of httpx: nobody can interrupt it from outside."""
    return exchange


class Begun(Generic[T]):
    """A call that is made when its result is needed."""

    def __init__(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> None:
        self._call = functools.partial(function, *args, **kwargs)

    def result(self) -> T:
        return self._call()

    def cancel(self) -> None:
        pass
