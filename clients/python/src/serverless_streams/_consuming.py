"""What consumers of both kinds share."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from ._models import Message, Output
from ._options import Backoff

T = TypeVar("T")


@dataclass(frozen=True)
class HandlerContext:
    """What a handler gets beside its message."""

    attempt: int
    """The how many-th delivery this is, from 1."""
    cancelled: threading.Event
    """Set when the lease is lost or the handler takes too long: the work should stop, as the message comes to somebody.

    An asynchronous handler is also cancelled. Not when the consumer stops.
    """


Outputs = Output | Iterable[Output] | None
"""What a handler of `process` returns: nothing, a message, or several."""

Handler = Callable[[Message[T], HandlerContext], object]
"""A handler of `Group.consume`. Those of `AsyncGroup` may be asynchronous functions."""

ProcessHandler = Callable[[Message[T], HandlerContext], Outputs]
"""A handler of `Group.process`."""


class NotBegunError(Exception):
    """A handler was not called, and none will be: the worker ends, and the delivery does not count."""

    def __init__(self, reason: Exception) -> None:
        super().__init__(str(reason))
        self.reason = reason


@dataclass(frozen=True)
class ConsumeOptions:
    """`AsyncGroup.consume` says what they mean."""

    concurrency: int
    prefetch: int | None
    lease_ms: int | None
    handler_timeout: float | None
    backoff: Backoff
    consumer: str | None
    on_error: Callable[[Exception, Message[Any]], object] | None
    on_dead_letter: Callable[[Message[Any], Exception], object] | None
    on_lease_lost: Callable[[list[int]], object] | None

    def __post_init__(self) -> None:
        if self.concurrency < 1:
            raise ValueError(f"concurrency: expected at least 1, got {self.concurrency}")
        if self.prefetch is not None and self.prefetch < 0:
            raise ValueError(f"prefetch: expected at least 0, got {self.prefetch}")


def shortened(text: str, bytes_max: int = 100) -> str:
    """Cut at a character."""
    return text.encode("utf-8", "replace")[:bytes_max].decode("utf-8", "ignore")
