"""Threads of handlers. Not generated."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import queue
import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from .._consuming import NotBegunError
from .._errors import StreamsError

T = TypeVar("T")


class _Call(Generic[T]):
    """A call in some thread, whose outcome is a future of the event loop."""

    def __init__(self, function: Callable[[], T]) -> None:
        self._function = function
        self._loop = asyncio.get_running_loop()
        self._settle: Callable[[], None] | None = None
        self.outcome: asyncio.Future[T] = self._loop.create_future()
        self.over = False
        self.abandoned = False

    def run(self) -> None:
        try:
            self._settle = functools.partial(self.outcome.set_result, self._function())
        except BaseException as error:
            raised: BaseException = error
            if isinstance(error, StopIteration):
                # As in a coroutine: a future takes none.
                raised = RuntimeError("the handler raised StopIteration")
                raised.__cause__ = error
            self._settle = functools.partial(self.outcome.set_exception, raised)

    def tell(self) -> None:
        # The loop may have ended: then nobody waits any more.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._told)

    def _told(self) -> None:
        if self._settle is not None and not self.outcome.done():
            self._settle()


class Threads:
    """Begins each call at once, in a thread that is idle or new.

    A pool of a fixed size would not do: a call that hangs after its time would keep a thread, and later ones would spend theirs
    in the queue. The threads are daemons, so that a call that hangs does not keep the program from ending.
    """

    def __init__(self, abandoned_max: int) -> None:
        self._abandoned_max = abandoned_max
        self._lock = threading.Lock()
        self._calls: queue.SimpleQueue[_Call[Any] | None] = queue.SimpleQueue()
        self._idle = 0
        self._abandoned = 0
        self._closed = False

    async def run(self, function: Callable[[], T]) -> T:
        """What the function returns. A cancellation abandons the call. Raises `NotBegunError` if too many hang already."""
        call = _Call(function)
        self._begin(call)
        try:
            return await call.outcome
        except asyncio.CancelledError:
            self._abandon(call)
            raise

    def close(self) -> None:
        """Idle threads end, and the others after their calls."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, 0
        for _ in range(idle):
            self._calls.put(None)

    def _begin(self, call: _Call[Any]) -> None:
        with self._lock:
            if self._abandoned >= self._abandoned_max:
                raise NotBegunError(_hang(self._abandoned))
            reuse = self._idle > 0
            self._idle -= reuse
        if not reuse:
            try:
                threading.Thread(target=self._work, name="serverless-streams-handler", daemon=True).start()
            except RuntimeError as error:
                # The system gives no more threads.
                raise NotBegunError(error) from error
        self._calls.put(call)

    def _abandon(self, call: _Call[Any]) -> None:
        with self._lock:
            if not call.over:
                call.abandoned = True
                self._abandoned += 1

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            call.run()
            with self._lock:
                call.over = True
                self._abandoned -= call.abandoned
                # Another thread has taken the place of one that was abandoned.
                ends = call.abandoned or self._closed
                self._idle += not ends
            call.tell()
            if ends:
                return
            # Not kept while it waits: what the call has held can go.
            del call


def _hang(count: int) -> StreamsError:
    return StreamsError(
        f"{count} handlers whose time was over, or whose lease was lost, still hang in their threads: the worker ends. "
        "A handler should return when `context.cancelled` is set, and have time limits for what it waits for",
        code="handler_timeout",
    )
