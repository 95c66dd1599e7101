"""The consumer of the synchronous client: the asynchronous one, in a thread of its own. Not generated."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Generic, TypeVar

from .._async.consumer import AsyncConsumer
from .._async.transport import AsyncTransport
from .._codec import Format
from .._consuming import ConsumeOptions, Handler, HandlerContext
from .._consuming import ProcessHandler as ProcessHandler
from .._models import Message
from .transport import Transport

R = TypeVar("R")
T = TypeVar("T")

# How often the caller's thread looks whether it is to stop, in seconds.
_look = 0.05


class Consumer(Generic[T]):
    """The loop of a worker. Handlers run in threads, as many as `concurrency`."""

    def __init__(self, transport: Transport, format: Format[T], topic: str, group: str, options: ConsumeOptions) -> None:
        self._transport = transport
        self._format = format
        self._topic = topic
        self._group = group
        self._options = options

    def consume(self, handler: Handler[T], stop: threading.Event | None) -> None:
        # Variables of the context, such as the current span, are those of the caller.
        caller = contextvars.copy_context()

        async def run(consumer: AsyncConsumer[T], stopping: asyncio.Event, pool: ThreadPoolExecutor) -> None:
            await consumer.consume(_in_thread(handler, pool, caller), stopping)

        self._run(run, stop)

    def process(self, handler: ProcessHandler[T], stop: threading.Event | None) -> None:
        caller = contextvars.copy_context()

        async def run(consumer: AsyncConsumer[T], stopping: asyncio.Event, pool: ThreadPoolExecutor) -> None:
            await consumer.process(_in_thread(handler, pool, caller), stopping)

        self._run(run, stop)

    def _run(
        self,
        run: Callable[[AsyncConsumer[T], asyncio.Event, ThreadPoolExecutor], Coroutine[Any, Any, None]],
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
            pool = ThreadPoolExecutor(self._options.concurrency, thread_name_prefix="serverless-streams-handler")
            try:
                await run(consumer, stopping, pool)
            finally:
                # A handler that hangs has had its time.
                pool.shutdown(wait=False, cancel_futures=True)
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
    handler: Callable[[Message[T], HandlerContext], R], pool: ThreadPoolExecutor, caller: contextvars.Context
) -> Callable[[Message[T], HandlerContext], Awaitable[R]]:
    async def handle(message: Message[T], context: HandlerContext) -> R:
        def run() -> R:
            return caller.copy().run(handler, message, context)

        return await asyncio.get_running_loop().run_in_executor(pool, run)

    return handle
