"""What a producer decides about its batches. Without input and output."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable, Iterable
from typing import Literal

from ._errors import StreamsError

window_max = 5
"""Batches on their way that the service keeps in order."""

_batch_messages_max = 65_536
_batch_bytes_max = 4_000_000


class ProducerOptions:
    """`AsyncTopic.producer` says what they mean. Raises `ValueError`."""

    def __init__(
        self,
        *,
        batch_messages: int,
        batch_bytes: int,
        linger: float,
        in_flight: int,
        buffer_messages: int,
        buffer_bytes: int,
        delivery_timeout: float,
        stop_on_error: bool,
    ) -> None:
        self.batch_messages = _bounded("batch_messages", batch_messages, _batch_messages_max)
        self.batch_bytes = _bounded("batch_bytes", batch_bytes, _batch_bytes_max)
        self.in_flight = _bounded("in_flight", in_flight, window_max)
        self.linger = linger
        self.buffer_messages = buffer_messages
        self.buffer_bytes = buffer_bytes
        self.delivery_timeout = delivery_timeout
        self.stop_on_error = stop_on_error


def _bounded(name: str, value: int, most: int) -> int:
    if 1 <= value <= most:
        return value
    raise ValueError(f"{name}: expected a whole number from 1 to {most}, got {value}")


class Entry:
    """One append to a producer: one message, or several that stay together."""

    __slots__ = ("at", "callbacks", "done", "error", "messages", "offset", "size", "text")

    def __init__(self, text: bytes, messages: int, at: float) -> None:
        self.text = text
        """Its messages as JSON, joined by commas."""
        self.size = len(text)
        self.messages = messages
        self.at = at
        """When it was appended, by the monotonic clock."""
        self.done = False
        self.offset = 0
        """The first offset, when it is stored."""
        self.error: BaseException | None = None
        self.callbacks: list[Callable[[], None]] | None = None

    def stored(self, offset: int) -> None:
        self.offset = offset
        self._settle()

    def failed(self, error: BaseException) -> None:
        self.error = error
        self._settle()

    def _settle(self) -> None:
        self.done = True
        self.text = b""
        callbacks, self.callbacks = self.callbacks, None
        for callback in callbacks or ():
            callback()


Outcome = Literal["stored", "failed", "refused", "returned"]
"""How the delivery of a batch ended.

`refused`: something in it, so that its halves are tried. `returned`: the batch before it failed, so it was not stored, and
can be sent again under another seq.
"""


class Batch:
    """Entries that are sent as one append, under one seq."""

    def __init__(self, entries: list[Entry], seq: int) -> None:
        self.entries = entries
        self.seq = seq
        self.unknown = False
        """An attempt had no answer, or one that does not say whether the messages are stored."""
        self.error: StreamsError | None = None
        """Of its last attempt. A gap is about the batch before, so it does not hide an error of this one."""
        self.outcome: Outcome | None = None
        self.gaps = 0
        """How often the service missed a batch before, although all of them were acknowledged."""
        self.woken = asyncio.Event()
        """Set when a batch before has failed, or the producer has stopped."""
        self.awaited: tuple[asyncio.Event, ...] = ()
        """What the next attempt need not wait for any longer than until it is set."""
        self.finished = asyncio.Event()
        self._messages = b",".join([entry.text for entry in entries])

    def body(self, id: str, epoch: int) -> bytes:
        """The same for all attempts, as the service compares them."""
        producer = json.dumps({"id": id, "epoch": epoch, "seq": self.seq}, separators=(",", ":"), ensure_ascii=False)
        return f'{{"producer":{producer},"messages":['.encode() + self._messages + b"]}"

    @property
    def at(self) -> float:
        """When its oldest entry was appended."""
        return self.entries[0].at

    def stored(self, offset: int) -> None:
        for entry in self.entries:
            entry.stored(offset)
            offset += entry.messages

    def end(self, outcome: Outcome) -> None:
        self.outcome = outcome
        self.finished.set()

    def halves(self) -> list[list[Entry]]:
        middle = len(self.entries) // 2
        return [self.entries[:middle], self.entries[middle:]]


# The messages themselves break rules that are the same for all topics and never change: the same body is always refused, before
# anything of it is reserved.
_fixed_codes = frozenset({"invalid_request", "malformed_json", "invalid_encoding", "body_too_large"})
# Something in the messages themselves: other messages are not concerned. What a topic takes may change between two attempts.
_content_codes = _fixed_codes | {"message_too_large"}


def is_about_content(error: StreamsError) -> bool:
    return error.code in _content_codes and error.written == "no"


def is_never_taken(error: StreamsError) -> bool:
    """Whether no attempt with the same body can have been stored."""
    return error.code in _fixed_codes and error.written == "no"


class EntryQueue:
    """Entries that wait to be sent."""

    def __init__(self, messages_max: int, bytes_max: int) -> None:
        self._messages_max = messages_max
        self._bytes_max = bytes_max
        self._entries: deque[Entry] = deque()
        self._messages = 0
        self._bytes = 0

    @property
    def at(self) -> float | None:
        """When the oldest was appended."""
        return self._entries[0].at if self._entries else None

    @property
    def entries(self) -> Iterable[Entry]:
        return self._entries

    @property
    def full(self) -> bool:
        """There is enough for a batch."""
        return self._messages >= self._messages_max or self._bytes >= self._bytes_max

    def add(self, entry: Entry) -> None:
        self._entries.append(entry)
        self._messages += entry.messages
        self._bytes += entry.size

    def take(self) -> list[Entry]:
        """The entries of the next batch; at least one."""
        taken: list[Entry] = []
        messages = size = 0
        while self._entries:
            entry = self._entries[0]
            messages += entry.messages
            size += entry.size
            if taken and (messages > self._messages_max or size > self._bytes_max):
                break
            taken.append(self._entries.popleft())
        self._messages -= sum(entry.messages for entry in taken)
        self._bytes -= sum(entry.size for entry in taken)
        return taken

    def take_all(self) -> list[Entry]:
        entries = list(self._entries)
        self._entries.clear()
        self._messages = self._bytes = 0
        return entries


def fail_all(entries: Iterable[Entry], error: BaseException) -> None:
    for entry in entries:
        entry.failed(error)


def too_late() -> StreamsError:
    """For a batch that was never sent: it had to wait for others for all of its time."""
    return StreamsError("produce: no time was left to send it", code="timeout", retriable=True, written="no")


def after_unknown() -> StreamsError:
    return StreamsError(
        "The batch before failed, and it is not known whether it was stored",
        code="no_answer",
        retriable=True,
        written="unknown",
    )


def with_outcome(reason: BaseException, unknown: bool) -> BaseException:
    """The reason of a stop, as the error of other messages."""
    return reason.with_written("unknown" if unknown else "no") if isinstance(reason, StreamsError) else reason
