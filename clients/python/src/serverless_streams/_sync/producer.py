"""The producer of the synchronous client: the asynchronous one, in a thread of its own. Not generated."""

from __future__ import annotations

import asyncio
import os
import threading
import uuid
import warnings
from collections.abc import Coroutine, Iterable, Mapping
from types import TracebackType
from typing import Any, Generic, TypeVar

from .._async.batches import Batches
from .._async.transport import AsyncTransport
from .._batching import Entry, ProducerOptions
from .._calls import logger, now
from .._codec import Format
from .._errors import StreamsError
from .._models import NewMessage
from .transport import Transport

T = TypeVar("T")


class Delivery:
    """A message, or several that stay together, on the way to the topic."""

    __slots__ = ("_changed", "_entry")

    def __init__(self, entry: Entry, changed: threading.Condition) -> None:
        self._entry = entry
        self._changed = changed

    @property
    def done(self) -> bool:
        """Whether the outcome is known."""
        return self._entry.done

    def result(self, timeout: float | None = None) -> int:
        """The offset, or the first of several, when it is stored. Raises `StreamsError`, whose `written` says more.

        `timeout`: in seconds; then raises `TimeoutError`. The message is still on its way.
        """
        entry = self._entry
        with self._changed:
            if not self._changed.wait_for(lambda: entry.done, timeout):
                raise TimeoutError(f"the outcome was not known after {timeout} s")
        if entry.error is not None:
            raise entry.error
        return entry.offset


class Producer(Generic[T]):
    """Appends messages in batches, each message exactly once and in the order of the calls.

    Use it as a context manager, or call `close`. Several threads may share one. It sends in a thread of its own, which does
    not survive a fork: make producers in the process that uses them.
    """

    id: str

    def __init__(
        self,
        transport: Transport,
        format: Format[T],
        topic: str,
        *,
        id: str | None,
        epoch: int | None,
        **options: Any,
    ) -> None:
        self._format = format
        self._pid = os.getpid()
        self._transport = AsyncTransport(transport.options)
        limits = ProducerOptions(**options)
        named = id is not None
        self.id = str(uuid.uuid4()) if id is None else id
        self._batches = Batches(self._transport, topic, self.id, epoch=epoch, named=named, options=limits)
        self._batches.on_settled = self._notify
        self._messages_max = limits.buffer_messages
        self._bytes_max = limits.buffer_bytes
        # Guards all below, and the moves from the inbox to the batches. Tells of outcomes.
        self._changed = threading.Condition()
        self._inbox: list[Entry] = []
        self._messages = 0
        self._bytes = 0
        self._draining = False
        self._closed = False
        self._ended = False
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="serverless-streams-producer", daemon=True)
        self._thread.start()

    def __enter__(self) -> Producer[T]:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if error is None:
            self.close()
        elif isinstance(error, Exception):
            try:
                self.close()
            except Exception as failed:
                # The error of the block is the one to raise.
                logger.error("producer: %s", failed)
        else:
            # Interrupted: there is no time.
            self.abort()

    def __del__(self) -> None:
        if not getattr(self, "_ended", True) and self._pid == os.getpid():
            warnings.warn("a producer was not closed: messages may be lost", ResourceWarning, stacklevel=2)

    @property
    def buffered(self) -> int:
        """Messages that are not acknowledged yet."""
        return self._messages + self._batches.messages

    def send(self, payload: T, *, key: str | None = None, headers: Mapping[str, str] | None = None) -> Delivery:
        """Appends a message, as soon as there is room. `flush` and `close` raise errors that nobody asks the result for.

        Raises `StreamsError` if the producer has stopped, or the payload cannot be encoded.
        """
        return self._add(self._format.encode(payload, key, headers), 1)

    def send_batch(self, messages: Iterable[NewMessage[T]]) -> Delivery:
        """Appends messages that get consecutive offsets, all or none. Otherwise as `send`."""
        texts = self._format.encode_all(messages)
        if not texts:
            raise ValueError("messages: expected at least one, got none")
        return self._add(b",".join(texts), len(texts))

    def append(self, payload: T, *, key: str | None = None, headers: Mapping[str, str] | None = None) -> int:
        """Appends a message, and returns its offset when it is stored. Raises `StreamsError`."""
        return self.send(payload, key=key, headers=headers).result()

    def flush(self) -> None:
        """Sends what waits, and returns when all messages up to now have their outcome.

        Raises the first error since the last flush.
        """
        self._run(self._flush())

    def close(self) -> None:
        """Takes no more messages, and flushes. Raises the first error since the last flush."""
        with self._changed:
            if self._ended:
                return
            self._closed = True
            self._changed.notify_all()
        try:
            self._run(self._flush())
        finally:
            self._end()

    def abort(self) -> None:
        """Stops at once. What is not acknowledged fails with `producer_aborted`, and may be stored."""
        with self._changed:
            if self._ended:
                return
            self._closed = True
        self._run(self._abort())
        self._end()

    def _add(self, text: bytes, messages: int) -> Delivery:
        self._check_process()
        with self._changed:
            while not self._closed and self._batches.stopped is None and not self._has_room():
                self._changed.wait()
            if self._batches.stopped is not None:
                raise self._batches.stopped
            if self._closed:
                raise StreamsError("send: the producer is closed", code="producer_closed", written="no")
            entry = Entry(text, messages, now())
            self._inbox.append(entry)
            self._messages += messages
            self._bytes += entry.size
            # One call takes all that come until then.
            if not self._draining:
                self._draining = True
                self._loop.call_soon_threadsafe(self._drain)
        return Delivery(entry, self._changed)

    def _has_room(self) -> bool:
        messages, size = self._batches.messages, self._batches.bytes
        return self._messages + messages < self._messages_max and self._bytes + size < self._bytes_max

    def _drain(self) -> None:
        with self._changed:
            entries, self._inbox = self._inbox, []
            self._messages = self._bytes = 0
            self._draining = False
            self._batches.add(entries)

    def _notify(self) -> None:
        with self._changed:
            self._changed.notify_all()

    async def _flush(self) -> None:
        self._drain()
        await self._batches.flush()

    async def _abort(self) -> None:
        self._drain()
        self._batches.abort()

    async def _close(self) -> None:
        await self._batches.end()
        await self._transport.aclose()

    def _end(self) -> None:
        with self._changed:
            if self._ended:
                return
            self._ended = True
        self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        self._check_process()
        if self._loop.is_closed():
            work.close()
            raise StreamsError("The producer is closed", code="producer_closed", written="no")
        asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def _check_process(self) -> None:
        if self._pid != os.getpid():
            raise RuntimeError("a producer does not survive a fork: make one in the process that uses it")
