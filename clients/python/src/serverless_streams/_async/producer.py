from __future__ import annotations

import asyncio
import functools
import uuid
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, Generic, TypeVar

from .._batching import Entry, ProducerOptions
from .._calls import logger, now
from .._codec import Format
from .._errors import StreamsError
from .._models import NewMessage
from .batches import Batches, wake
from .transport import AsyncTransport

T = TypeVar("T")


class AsyncDelivery:
    """A message, or several that stay together, on the way to the topic."""

    __slots__ = ("_entry",)

    def __init__(self, entry: Entry) -> None:
        self._entry = entry

    @property
    def done(self) -> bool:
        """Whether the outcome is known."""
        return self._entry.done

    async def result(self) -> int:
        """The offset, or the first of several, when it is stored. Raises `StreamsError`, whose `written` says more."""
        entry = self._entry
        if not entry.done:
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            if entry.callbacks is None:
                entry.callbacks = []
            entry.callbacks.append(functools.partial(wake, future))
            await future
        if entry.error is not None:
            raise entry.error
        return entry.offset


class AsyncProducer(Generic[T]):
    """Appends messages in batches, each message exactly once and in the order of the calls.

    Use it as a context manager, or call `close`. Several tasks may share one.
    """

    id: str

    def __init__(
        self,
        transport: AsyncTransport,
        format: Format[T],
        topic: str,
        *,
        id: str | None,
        epoch: int | None,
        **options: Any,
    ) -> None:
        self.id = str(uuid.uuid4()) if id is None else id
        self._format = format
        named = id is not None
        self._batches = Batches(transport, topic, self.id, epoch=epoch, named=named, options=ProducerOptions(**options))
        self._batches.on_settled = self._wake_waiters
        self._waiters: list[asyncio.Future[None]] = []
        self._closed = False

    async def __aenter__(self) -> AsyncProducer[T]:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if error is None:
            await self.close()
        elif isinstance(error, Exception):
            try:
                await self.close()
            except Exception as failed:
                # The error of the block is the one to raise.
                logger.error("producer: %s", failed)
        else:
            # Cancelled, or interrupted: there is no time.
            self.abort()

    @property
    def buffered(self) -> int:
        """Messages that are not acknowledged yet."""
        return self._batches.messages

    async def send(self, payload: T, *, key: str | None = None, headers: Mapping[str, str] | None = None) -> AsyncDelivery:
        """Appends a message, as soon as there is room. Need not be awaited further: `flush` and `close` raise errors.

        Raises `StreamsError` if the producer has stopped, or the payload cannot be encoded.
        """
        return await self._add(self._format.encode(payload, key, headers), 1)

    async def send_batch(self, messages: Iterable[NewMessage[T]]) -> AsyncDelivery:
        """Appends messages that get consecutive offsets, all or none. Otherwise as `send`."""
        texts = self._format.encode_all(messages)
        if not texts:
            raise ValueError("messages: expected at least one, got none")
        return await self._add(b",".join(texts), len(texts))

    async def append(self, payload: T, *, key: str | None = None, headers: Mapping[str, str] | None = None) -> int:
        """Appends a message, and returns its offset when it is stored. Raises `StreamsError`."""
        return await (await self.send(payload, key=key, headers=headers)).result()

    async def flush(self) -> None:
        """Sends what waits, and returns when all messages up to now have their outcome.

        Raises the first error since the last flush.
        """
        await self._batches.flush()

    async def close(self) -> None:
        """Takes no more messages, and flushes. Raises the first error since the last flush."""
        self._closed = True
        try:
            await self._batches.flush()
        finally:
            await self._batches.end()

    def abort(self) -> None:
        """Stops at once. What is not acknowledged fails with `producer_aborted`, and may be stored."""
        self._closed = True
        self._batches.abort()

    async def _add(self, text: bytes, messages: int) -> AsyncDelivery:
        while not self._closed and self._batches.stopped is None and not self._batches.has_room():
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            await waiter
        if self._batches.stopped is not None:
            raise self._batches.stopped
        if self._closed:
            raise StreamsError("send: the producer is closed", code="producer_closed", written="no")
        entry = Entry(text, messages, now())
        self._batches.add((entry,))
        return AsyncDelivery(entry)

    def _wake_waiters(self) -> None:
        if self._batches.has_room() or self._batches.stopped is not None:
            waiters, self._waiters = self._waiters, []
            for waiter in waiters:
                wake(waiter)
