"""What differs between the two kinds of clients beyond the words `async` and `await`."""

from __future__ import annotations

import asyncio
import sys
from asyncio import Event as Event
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Generic, ParamSpec, TypeVar

from .._errors import StreamsError, no_token
from .._options import Token

P = ParamSpec("P")
T = TypeVar("T")

sleep = asyncio.sleep


async def token_of(token: Token) -> str:
    """Raises `StreamsError` `no_token`."""
    if isinstance(token, str):
        return token
    try:
        value = token()
        return value if isinstance(value, str) else await value
    except Exception as error:
        raise no_token(error) from error


async def within(seconds: float, exchange: Awaitable[T]) -> T:
    """Raises `StreamsError` `timeout`, however slowly an answer trickles.

    `asyncio.wait_for` would not do: up to Python 3.11 it swallows a cancellation that comes with the answer.
    """
    try:
        return await _bounded(max(0.0, seconds), exchange)
    except asyncio.TimeoutError as error:
        raise StreamsError("no answer in time", code="timeout", retriable=True) from error


if sys.version_info >= (3, 11):

    async def _bounded(seconds: float, exchange: Awaitable[T]) -> T:
        async with asyncio.timeout(seconds):
            return await exchange

else:

    async def _bounded(seconds: float, exchange: Awaitable[T]) -> T:
        task = asyncio.ensure_future(exchange)
        try:
            # Unlike `wait_for`, it always raises a cancellation.
            await asyncio.wait({task}, timeout=seconds)
        finally:
            if not task.done():
                task.cancel()
                # Until its connection is given back.
                await asyncio.wait({task})
            elif not task.cancelled():
                # Its error is looked at, even if a cancellation comes first.
                task.exception()
        if task.cancelled():
            raise asyncio.TimeoutError
        return task.result()


class Begun(Generic[T]):
    """A call that goes on while the caller does something else."""

    def __init__(self, function: Callable[P, Coroutine[Any, Any, T]], /, *args: P.args, **kwargs: P.kwargs) -> None:
        self._task = asyncio.ensure_future(function(*args, **kwargs))

    async def result(self) -> T:
        return await self._task

    async def cancel(self) -> None:
        self._task.cancel()
        # Its error is nobody's, but must be looked at.
        await asyncio.gather(self._task, return_exceptions=True)
