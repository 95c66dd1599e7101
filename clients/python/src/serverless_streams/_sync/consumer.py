"""The consumer of the synchronous client: the asynchronous one, in a thread of its own. Not generated."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Generic, TypeVar

from .._async.consumer import AsyncConsumer
from .._async.processing import OnConflict
from .._async.transport import AsyncTransport
from .._codec import Format
from .._consuming import ConsumeOptions, Handler, HandlerContext
from .._consuming import ProcessHandler as ProcessHandler
from .._models import Message
from .threads import Threads
from .transport import Transport

R = TypeVar("R")
T = TypeVar("T")

# How often the caller's thread looks whether it is to stop, in seconds.
_look = 0.05
# How many handlers may hang in their threads, for each one of `concurrency`, before the worker ends.
_abandoned_max = 10


class Consumer(Generic[T]):
    """The loop of a worker. Handlers run in threads: as many as `concurrency`, and those that hang after their time."""

    def __init__(self, transport: Transport, format: Format[T], topic: str, group: str, options: ConsumeOptions) -> None:
        self._transport = transport
        self._format = format
        self._topic = topic
        self._group = group
        self._options = options

    def consume(self, handler: Handler[T], stop: threading.Event | None) -> None:
        # Variables of the context, such as the current span, are those of the caller.
        caller = contextvars.copy_context()

        async def run(consumer: AsyncConsumer[T], stopping: asyncio.Event, threads: Threads) -> None:
            await consumer.consume(_in_thread(handler, threads, caller), stopping)

        self._run(run, stop)

    def process(
        self, handler: ProcessHandler[T], stop: threading.Event | None, run: str | None, on_conflict: OnConflict | None
    ) -> None:
        caller = contextvars.copy_context()

        async def begin(consumer: AsyncConsumer[T], stopping: asyncio.Event, threads: Threads) -> None:
            await consumer.process(_in_thread(handler, threads, caller), stopping, run, on_conflict)

        self._run(begin, stop)

    def _run(
        self,
        run: Callable[[AsyncConsumer[T], asyncio.Event, Threads], Coroutine[Any, Any, None]],
        stop: threading.Event | None,
    ) -> None:
        if stop is not None and stop.is_set():
            return
        stopping = asyncio.Event()
        loop = asyncio.new_event_loop()
        ended = threading.Event()

        async def main() -> None:
            transport = AsyncTransport(self._transport.options)
            consumer = AsyncConsumer(transport, self._format, self._topic, self._group, self._options)
            threads = Threads(_abandoned_max * self._options.concurrency)
            try:
                await run(consumer, stopping, threads)
            finally:
                threads.close()
                await transport.aclose()

        failure: list[BaseException] = []

        def work() -> None:
            try:
                loop.run_until_complete(main())
                loop.run_until_complete(loop.shutdown_asyncgens())
            except BaseException as error:
                failure.append(error)
            finally:
                loop.close()
                ended.set()

        thread = threading.Thread(target=work, name="serverless-streams-consumer", daemon=True)
        thread.start()
        try:
            while not ended.wait(_look):
                if stop is not None and stop.is_set():
                    _set(loop, stopping)
                    stop = None
        except BaseException:
            # Ctrl-C: ends gracefully. Another one does not wait for that.
            _set(loop, stopping)
            ended.wait()
            raise
        thread.join()
        if failure:
            raise failure[0]


def _set(loop: asyncio.AbstractEventLoop, stopping: asyncio.Event) -> None:
    try:
        loop.call_soon_threadsafe(stopping.set)
    except RuntimeError:
        # It has ended by itself.
        return


def _in_thread(
    handler: Callable[[Message[T], HandlerContext], R], threads: Threads, caller: contextvars.Context
) -> Callable[[Message[T], HandlerContext], Awaitable[R]]:
    async def handle(message: Message[T], context: HandlerContext) -> R:
        return await threads.run(lambda: caller.copy().run(handler, message, context))

    return handle
