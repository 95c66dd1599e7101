from __future__ import annotations

import asyncio
import hashlib
import inspect
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from .._calls import Call, path_of
from .._codec import Format, json_codec
from .._consuming import Handler, HandlerContext, Outputs
from .._errors import StreamsError
from .._models import Message, Output
from .transport import AsyncTransport

T = TypeVar("T")

AsyncProcessHandler = Callable[[Message[T], HandlerContext], Outputs | Awaitable[Outputs]]
"""A handler of `AsyncGroup.process`."""

_key_chars_max = 256


def processor(transport: AsyncTransport, name: str, handler: AsyncProcessHandler[T]) -> Handler[T]:
    """A handler that appends the outputs, then lets its message be acknowledged.

    The outputs of a message for one topic are one append, whose `Idempotency-Key` is the message's place:
    `topic/group/offset`. So a redelivery, to this worker or to another, does not write them twice. A producer with seqs would
    not do: it would need one worker and one order, and a redelivery has neither.
    """
    format: Format[Any] = Format(json_codec, transport.options.message_headers)

    async def handle(message: Message[T], context: HandlerContext) -> None:
        returned = handler(message, context)
        outputs = await returned if inspect.isawaitable(returned) else returned
        by_topic: dict[str, list[bytes]] = {}
        for output in [outputs] if isinstance(outputs, Output) else outputs or ():
            text = format.encode(output.payload, output.key, output.headers)
            by_topic.setdefault(output.topic, []).append(text)
        key = _key_of(f"{name}/{message.offset}")
        await asyncio.gather(*(_append(transport, topic, texts, key) for topic, texts in by_topic.items()))

    return handle


async def _append(transport: AsyncTransport, topic: str, texts: list[bytes], key: str) -> None:
    body = b'{"messages":[' + b",".join(texts) + b"]}"
    path = path_of("topics", topic, "produce")
    call = Call("produce", "POST", path, headers={"idempotency-key": key}, body=body, appends=True)
    try:
        await transport.send(call, lambda _: None)
    except StreamsError as error:
        # An earlier run of the handler has written other outputs for this message. Those stand.
        if error.code != "idempotency_conflict":
            raise


def _key_of(name: str) -> str:
    """Names of topic and group together may be longer than a key: then their hash stands for them."""
    return name if len(name) <= _key_chars_max else hashlib.sha256(name.encode()).hexdigest()
