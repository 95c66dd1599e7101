from __future__ import annotations

import uuid
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from typing import Any, Generic, Literal, TypeVar

from .._calls import Call, json_of, path_of
from .._codec import Codec, Format
from .._models import (
    Appended,
    AppendedBatch,
    Closed,
    Message,
    NewMessage,
    Page,
    Position,
    TopicInfo,
    Trimmed,
    model_of,
    topic_info_of,
)
from .._options import KEEP, Keep
from .following import AsyncFollowing, FollowTransport
from .group import AsyncGroup
from .producer import AsyncProducer
from .reading import AsyncReader
from .transport import AsyncTransport

T = TypeVar("T")


class AsyncTopic(Generic[T]):
    """A topic: writes, reads and manages it."""

    name: str

    def __init__(self, transport: AsyncTransport, name: str, codec: Codec[T]) -> None:
        self.name = name
        self._transport = transport
        self._format = Format(codec, transport.options.message_headers)
        self._reader = AsyncReader(transport, self._format, name)
        self._path = path_of("topics", name)

    async def append(
        self,
        payload: T,
        *,
        key: str | None = None,
        headers: Mapping[str, str] | None = None,
        expected_offset: int | None = None,
        order: str | None = None,
        close: bool = False,
        idempotency_key: str | Literal[False] | None = None,
        timeout: float | None = None,
    ) -> Appended:
        """Appends a message, once, and returns when it is stored.

        Raises `StreamsError`, whose `written` says whether it may be there.

        `key`: at most 1 KiB. `headers`: at most 8 KiB.

        `expected_offset`: stores it only if it gets this offset.

        `order`: stores it only if this is above the `order` of every append before, compared as bytes of UTF-8.

        `close`: closes the topic with this append.

        `idempotency_key`: the append is stored once, however often it is sent with this key within 24 hours. By default
        each call has a key of its own, so that it can be repeated safely. `False`: none; then an append whose answer was
        lost is not repeated.
        """
        message = self._format.encode(payload, key, headers)
        conditions = _conditions(expected_offset, order, close)
        call = self._append_call(message[:-1] + conditions, idempotency_key)
        return await self._transport.ask(call, lambda answer: model_of(Appended, answer.json()), timeout)

    async def append_batch(
        self,
        messages: Iterable[NewMessage[T]],
        *,
        expected_offset: int | None = None,
        order: str | None = None,
        close: bool = False,
        idempotency_key: str | Literal[False] | None = None,
        timeout: float | None = None,
    ) -> AppendedBatch:
        """Appends messages that get consecutive offsets, all or none: up to 65,536, and 4 MiB. Otherwise as `append`."""
        texts = b",".join(self._format.encode_all(messages))
        body = b'{"messages":[' + texts + b"]" + _conditions(expected_offset, order, close)
        call = self._append_call(body, idempotency_key)
        return await self._transport.ask(call, lambda answer: model_of(AppendedBatch, answer.json()), timeout)

    def producer(
        self,
        *,
        id: str | None = None,
        epoch: int | None = None,
        batch_messages: int = 1000,
        batch_bytes: int = 1_000_000,
        linger: float = 0.005,
        in_flight: int = 5,
        buffer_messages: int = 10_000,
        buffer_bytes: int = 16_000_000,
        delivery_timeout: float = 120.0,
        stop_on_error: bool = False,
    ) -> AsyncProducer[T]:
        """For many messages: gathers them into batches, stores each once, and keeps their order.

        `id`: names the program, so that an instance that starts anew shuts out the one before it. By default each producer
        has an id of its own, and nobody shuts it out.

        `epoch`: above that of every instance before. By default the time, for an `id` of yours.

        `batch_messages`, `batch_bytes`: of one batch, at most 65,536 and 4,000,000.

        `linger`: how long a batch waits for more messages, in seconds.

        `in_flight`: batches on their way at one time, at most 5.

        `buffer_messages`, `buffer_bytes`: what is not acknowledged yet, above which `send` waits.

        `delivery_timeout`: how long a message is tried, in seconds.

        `stop_on_error`: a message that could not be stored stops the producer, so that no later one is stored either. By
        default it fails alone, and those after it are stored.
        """
        return AsyncProducer(
            self._transport,
            self._format,
            self.name,
            id=id,
            epoch=epoch,
            batch_messages=batch_messages,
            batch_bytes=batch_bytes,
            linger=linger,
            in_flight=in_flight,
            buffer_messages=buffer_messages,
            buffer_bytes=buffer_bytes,
            delivery_timeout=delivery_timeout,
            stop_on_error=stop_on_error,
        )

    async def page(
        self,
        start: Position = "earliest",
        *,
        limit: int = 1000,
        max_bytes: int | None = None,
        wait: float = 0.0,
        timeout: float | None = None,
    ) -> Page[T]:
        """One page, or with `wait` one long poll. Raises `StreamsError`.

        `limit`: the most messages, at most 1,000. `max_bytes`: of all messages together, by default 4 MiB; at least one
        message comes. `wait`: how long to wait for a message if there is none, in seconds, at most 20.
        """
        return await self._reader.page(start, limit, max_bytes, wait, timeout)

    def read(
        self,
        start: Position = "earliest",
        *,
        until: int | None = None,
        page_size: int = 1000,
        on_trimmed: Callable[[int, int], object] | None = None,
        timeout: float | None = None,
    ) -> AsyncGenerator[Message[T]]:
        """Messages that are there. Raises `StreamsError`.

        `until`: the offset after the last message. By default the end of the topic when the reading began, so that it ends
        although others go on writing. Beyond the end, it waits for the messages.

        `on_trimmed`: called when messages were removed before they were read, with the first and the offset after the last.

        `timeout`: for each page.
        """
        return self._reader.read(start, until, page_size, on_trimmed, timeout)

    def follow(
        self,
        start: Position = "earliest",
        *,
        transport: FollowTransport = "auto",
        open_timeout: float = 5.0,
        silent_timeout: float = 35.0,
    ) -> AsyncGenerator[Message[T]]:
        """Messages that are there, then new ones, for ever or up to the end of a closed topic.

        Resumes after broken connections without a gap or a double. Raises `StreamsError` if it cannot go on. To resume in
        another process, give the offset after the last message that was handled.

        `transport`: `auto` is server-sent events, or long polls where something between holds events back.

        `open_timeout`: how long a stream may take to begin before it counts as held back, in seconds.

        `silent_timeout`: how long a stream may be silent; the service sends a heartbeat every 15 seconds.
        """
        following = AsyncFollowing(self._reader, transport, open_timeout, silent_timeout)
        return following.messages(start)

    def group(self, name: str) -> AsyncGroup[T]:
        """A consumer group of the topic. Sends nothing."""
        return AsyncGroup(self._transport, self._format, self.name, name)

    async def groups(self, *, timeout: float | None = None) -> AsyncGenerator[str]:
        """The names of the groups. Raises `StreamsError`."""
        after: str | None = None
        while True:
            page, after = await self._transport.page("listGroups", f"{self._path}/groups", "groups", after, timeout)
            for item in page:
                yield item["group"]
            if after is None:
                return

    async def describe(self, *, groups: bool = False, timeout: float | None = None) -> TopicInfo:
        """The topic as it is, with the lag of the first groups if `groups`. Raises `StreamsError` `topic_not_found`."""
        call = Call("describeTopic", "GET", self._path, query={"groups": groups or None})
        return await self._transport.ask(call, lambda answer: topic_info_of(answer.json()), timeout)

    async def create(
        self,
        *,
        retention_ms: int | Keep | None = KEEP,
        retention_bytes: int | Keep | None = KEEP,
        max_message_bytes: int | Keep | None = KEEP,
        rate: Mapping[str, int] | Keep | None = KEEP,
        timeout: float | None = None,
    ) -> TopicInfo:
        """Creates the topic, or changes its config. The same again is no error. Raises `StreamsError`.

        What is not given keeps its value; `None` takes the service's default again. `rate`: what each server takes in a
        second, such as `{"messages": 100, "bytes": 1_000_000}`.
        """
        members: dict[str, Any] = {
            "retention_ms": retention_ms,
            "retention_bytes": retention_bytes,
            "max_message_bytes": max_message_bytes,
            "rate": rate,
        }
        call = Call("putTopic", "PUT", self._path, body=json_of(members, drop=KEEP))
        return await self._transport.ask(call, lambda answer: topic_info_of(answer.json(), created=answer.status == 201), timeout)

    async def trim(self, before: int, *, timeout: float | None = None) -> Trimmed:
        """Removes the messages below an offset. Raises `StreamsError`."""
        call = Call("trimTopic", "POST", f"{self._path}/trim", body=json_of({"before": before}))
        return await self._transport.ask(call, lambda answer: model_of(Trimmed, answer.json()), timeout)

    async def close(self, *, expected_offset: int | None = None, timeout: float | None = None) -> Closed:
        """Takes no more messages, for ever. Raises `StreamsError` `offset_mismatch`."""
        body = json_of({"expected_offset": expected_offset})
        call = Call("closeTopic", "POST", f"{self._path}/close", body=body, appends=True)
        return await self._transport.ask(call, lambda answer: model_of(Closed, answer.json()), timeout)

    async def delete(self, *, timeout: float | None = None) -> None:
        """Deletes the topic with all its messages. Its groups stay. Raises `StreamsError` `topic_not_found`."""
        await self._transport.send(Call("deleteTopic", "DELETE", self._path), lambda _: None, timeout)

    def _append_call(self, body: bytes, idempotency_key: str | Literal[False] | None) -> Call:
        key = str(uuid.uuid4()) if idempotency_key is None else idempotency_key
        headers = {} if key is False else {"idempotency-key": key}
        repeatable = key is not False
        path = f"{self._path}/produce"
        return Call("produce", "POST", path, headers=headers, body=body, repeatable=repeatable, appends=True)


def _conditions(expected_offset: int | None, order: str | None, close: bool) -> bytes:
    """The rest of a body, whose first members are there."""
    rest = json_of({"expected_offset": expected_offset, "order": order, "close": close or None})
    return b"}" if rest == b"{}" else b"," + rest[1:]
