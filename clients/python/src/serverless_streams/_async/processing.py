from __future__ import annotations

import asyncio
import hashlib
import inspect
import logging
import re
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

OnConflict = Callable[[Message[Any], StreamsError], object]

logger = logging.getLogger("serverless_streams")

_key_chars_max = 256


def processor(
    transport: AsyncTransport, name: str, handler: AsyncProcessHandler[T], run: str | None, on_conflict: OnConflict | None
) -> Handler[T]:
    """A handler that appends the outputs, then lets its message be acknowledged.

    The outputs of a message for one topic are one append, whose `Idempotency-Key` is the message's place:
    `topic/group/offset`, or `topic/group/run/offset`. So a redelivery, to this worker or to another, does not write them twice.
    A producer with seqs would not do: it would need one worker and one order, and a redelivery has neither.

    Raises `ValueError`.
    """
    # It is a part of a header.
    if run is not None and re.fullmatch("[!-~]+", run) is None:
        raise ValueError(f"run: expected ASCII characters without spaces, got {run!r}")
    place = name if run is None else f"{name}/{run}"
    format: Format[Any] = Format(json_codec, transport.options.message_headers)

    async def handle(message: Message[T], context: HandlerContext) -> None:
        returned = handler(message, context)
        outputs = await returned if inspect.isawaitable(returned) else returned
        by_topic: dict[str, list[bytes]] = {}
        for output in [outputs] if isinstance(outputs, Output) else outputs or ():
            text = format.encode(output.payload, output.key, output.headers)
            by_topic.setdefault(output.topic, []).append(text)
        key = _key_of(f"{place}/{message.offset}")
        conflicts = await asyncio.gather(*(_append(transport, topic, texts, key) for topic, texts in by_topic.items()))
        for topic, conflict in zip(by_topic, conflicts, strict=True):
            if conflict is None:
                continue
            if on_conflict is not None:
                on_conflict(message, conflict)
            else:
                logger.warning(
                    "%s: offset %d: an earlier run has written other outputs to %s; those stand, and these are dropped. "
                    "To process anew on purpose, name a new `run`",
                    place,
                    message.offset,
                    topic,
                )

    return handle


async def _append(transport: AsyncTransport, topic: str, texts: list[bytes], key: str) -> StreamsError | None:
    """The conflict, if other outputs stand under this key."""
    body = b'{"messages":[' + b",".join(texts) + b"]}"
    path = path_of("topics", topic, "produce")
    call = Call("produce", "POST", path, headers={"idempotency-key": key}, body=body, appends=True)
    try:
        await transport.send(call, lambda _: None)
    except StreamsError as error:
        if error.code != "idempotency_conflict":
            raise
        return error
    return None


def _key_of(name: str) -> str:
    """Names of topic and group together may be longer than a key: then their hash stands for them."""
    return name if len(name) <= _key_chars_max else hashlib.sha256(name.encode()).hexdigest()
