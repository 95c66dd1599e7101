# Generated from _async/group.py by scripts/unasync.py: change that.

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from typing import Any, Generic, Literal, TypeVar

from .._calls import Answer, Call, json_of, path_of
from .._codec import Format
from .._consuming import ConsumeOptions, Handler
from .._errors import StreamsError
from .._models import (
    Acked,
    Extended,
    GroupInfo,
    GroupMode,
    LeasePart,
    Message,
    Nacked,
    Received,
    Redriven,
    Sought,
    group_info_of,
    model_of,
    received_of,
)
from .._options import KEEP, Backoff, Keep
from ._platform import Event
from .consumer import Consumer, ProcessHandler
from .transport import Transport

T = TypeVar("T")

Method = Literal["DELETE", "GET", "POST", "PUT"]


class Group(Generic[T]):
    """A consumer group of a topic."""

    topic: str
    name: str

    def __init__(self, transport: Transport, format: Format[T], topic: str, name: str) -> None:
        self.topic = topic
        self.name = name
        self._transport = transport
        self._format = format
        self._path = path_of("topics", topic, "groups", name)

    def create(
        self,
        *,
        mode: GroupMode | Keep = KEEP,
        lease_ms: int | Keep = KEEP,
        max_attempts: int | Keep | None = KEEP,
        dead_letter_topic: str | Keep | None = KEEP,
        max_in_flight: int | Keep = KEEP,
        start: int | Literal["earliest", "latest"] | Keep = KEEP,
        timeout: float | None = None,
    ) -> GroupInfo:
        """Creates the group, or changes its config. The same again is no error. Raises `StreamsError`.

        What is not given keeps its value. `mode`: `shared` is any message to any worker, `keyed` those of a key one after
        the other, `exclusive` one lease at a time. `max_attempts`: deliveries before a message becomes a dead letter;
        `None`: never. `start`: where a new group begins.
        """
        members: dict[str, Any] = {
            "mode": mode,
            "lease_ms": lease_ms,
            "max_attempts": max_attempts,
            "dead_letter_topic": dead_letter_topic,
            "max_in_flight": max_in_flight,
            "start": start,
        }
        call = Call("putGroup", "PUT", self._path, body=json_of(members, drop=KEEP))
        return self._transport.ask(call, lambda answer: group_info_of(answer.json(), created=answer.status == 201), timeout)

    def describe(self, *, timeout: float | None = None) -> GroupInfo:
        """The group as it is. Raises `StreamsError` `group_not_found`."""
        call = Call("describeGroup", "GET", self._path)
        return self._transport.ask(call, lambda answer: group_info_of(answer.json()), timeout)

    def delete(self, *, force: bool = False, timeout: float | None = None) -> None:
        """Deletes the group; with `force` also while messages are leased. Raises `StreamsError`."""
        call = Call("deleteGroup", "DELETE", self._path, query={"force": force or None})
        self._transport.send(call, lambda _: None, timeout)

    def seek(
        self,
        offset: int | Literal["earliest", "latest"],
        *,
        expected: int | None = None,
        timeout: float | None = None,
    ) -> Sought:
        """Moves the group; its leases end. Or stores the position of a consumer that reads by itself.

        `expected`: where that consumer began. Raises `StreamsError` `offset_conflict` if the committed offset is another.
        """
        call = self._call("seekGroup", "offset", {"offset": offset, "expected": expected}, method="PUT")
        return self._transport.ask(call, lambda answer: model_of(Sought, answer.json()), timeout)

    def redrive(self, *, limit: int | None = None, start: int | None = None, timeout: float | None = None) -> Redriven:
        """Delivers dead messages again, from the offset `start` of the dead-letter topic on. Raises `StreamsError`."""
        call = self._call("redriveGroup", "redrive", {"limit": limit, "from": start})
        return self._transport.ask(call, lambda answer: model_of(Redriven, answer.json()), timeout)

    def receive(
        self,
        *,
        limit: int | None = None,
        max_bytes: int | None = None,
        lease_ms: int | None = None,
        wait: float = 0.0,
        consumer: str | None = None,
        ack: Sequence[LeasePart] = (),
        idempotency_key: str | None = None,
        timeout: float | None = None,
    ) -> Received[T]:
        """Leases messages. If there is no such group, it is made, and begins at the first message. Raises `StreamsError`.

        `limit`: at most 1,000; 10 by default. `wait`: how long to wait for messages, in seconds, at most 20. `consumer`:
        the worker's name, for `describe`. `ack`: acknowledged first; one that is refused does not fail the receive.

        `idempotency_key`: a receive that is repeated with its key gets the same lease. By default each call has a new one.

        Also raises `invalid_payload` if the codec cannot decode a message; `consume` makes a dead letter of it.
        """
        received = self.receive_text(
            limit=limit,
            max_bytes=max_bytes,
            lease_ms=lease_ms,
            wait=wait,
            consumer=consumer,
            ack=ack,
            idempotency_key=idempotency_key,
            timeout=timeout,
        )
        return self._decoded(received)

    def receive_text(
        self,
        *,
        limit: int | None = None,
        max_bytes: int | None = None,
        lease_ms: int | None = None,
        wait: float = 0.0,
        consumer: str | None = None,
        ack: Sequence[LeasePart] = (),
        idempotency_key: str | None = None,
        timeout: float | None = None,
    ) -> Received[str]:
        """The same; payloads are JSON text."""
        members = {
            "limit": limit,
            "max_bytes": max_bytes,
            "lease_ms": lease_ms,
            "wait": wait,
            "consumer": consumer,
            "ack": [part.to_wire() for part in ack] or None,
        }
        headers = {"idempotency-key": idempotency_key or str(uuid.uuid4())}
        call = self._call("receive", "receive", members, headers=headers, wait=wait)
        return self._transport.ask(call, self._received, timeout)

    def ack(self, part: LeasePart, *, timeout: float | None = None) -> Acked:
        """Raises `StreamsError` `lease_lost`."""
        call = self._call("ack", "ack", part.to_wire())
        return self._transport.ask(call, lambda answer: model_of(Acked, answer.json()), timeout)

    def nack(
        self,
        part: LeasePart,
        *,
        delay_ms: int | None = None,
        counted: bool | None = None,
        reject: bool | None = None,
        detail: str | None = None,
        timeout: float | None = None,
    ) -> Nacked:
        """Gives messages back, or up. Raises `StreamsError` `lease_lost`.

        `counted`: whether the delivery counts; `False` for messages that were not begun. `reject`: to the dead letters at
        once. `detail`: why, for the dead letters.
        """
        members = {**part.to_wire(), "delay_ms": delay_ms, "counted": counted, "reject": reject, "detail": detail}
        return self._transport.ask(self._call("nack", "nack", members), lambda answer: model_of(Nacked, answer.json()), timeout)

    def extend(self, lease_id: str, *, lease_ms: int | None = None, timeout: float | None = None) -> Extended:
        """The lease ends `lease_ms` from now; by default the group's. Raises `StreamsError` `lease_lost`."""
        call = self._call("extend", "extend", {"lease_id": lease_id, "lease_ms": lease_ms})
        return self._transport.ask(call, lambda answer: model_of(Extended, answer.json()), timeout)

    def consume(
        self,
        handler: Handler[T],
        *,
        stop: Event | None = None,
        concurrency: int = 1,
        prefetch: int | None = None,
        lease_ms: int | None = None,
        handler_timeout: float | None = None,
        backoff: Backoff | None = None,
        consumer: str | None = None,
        on_error: Callable[[Exception, Message[Any]], object] | None = None,
        on_dead_letter: Callable[[Message[Any], Exception], object] | None = None,
        on_lease_lost: Callable[[list[int]], object] | None = None,
    ) -> None:
        """Handles messages until `stop` is set: then it finishes what was begun, gives the rest back, and returns.

        A handler that returns acknowledges its message. One that raises gives it back, to come again after a growing pause;
        `RejectMessage` makes it a dead letter at once. Raises `StreamsError` if it cannot go on; an outage ends no worker.

        `concurrency`: handlers at one time.

        `prefetch`: messages that are leased ahead of the handlers; by default as many as `concurrency`, for `exclusive`
        groups 100.

        `lease_ms`: by default that of the group. It is extended as long as the handlers take.

        `handler_timeout`: after this time a handler counts as failed, in seconds; by default never. A worker that hangs
        would keep its messages otherwise. A synchronous handler cannot be ended: it goes on in its thread, and another
        thread takes its place. If ten times `concurrency` of them hang, the consumer ends with `handler_timeout`.

        `backoff`: the pause before a message that failed comes again, by attempts; `Backoff(1, 60)` by default.

        `consumer`: the worker's name, for the description of the group.

        `on_error`: called when a handler has raised. `on_dead_letter`: when a message became a dead letter because of this
        worker. `on_lease_lost`: with the offsets of a lease that was lost before they were done; they come to somebody.
        """
        options = ConsumeOptions(
            concurrency,
            prefetch,
            lease_ms,
            handler_timeout,
            backoff or Backoff(1.0, 60.0),
            consumer,
            on_error,
            on_dead_letter,
            on_lease_lost,
        )
        Consumer(self._transport, self._format, self.topic, self.name, options).consume(handler, stop)

    def process(
        self,
        handler: ProcessHandler[T],
        *,
        stop: Event | None = None,
        concurrency: int = 1,
        prefetch: int | None = None,
        lease_ms: int | None = None,
        handler_timeout: float | None = None,
        backoff: Backoff | None = None,
        consumer: str | None = None,
        on_error: Callable[[Exception, Message[Any]], object] | None = None,
        on_dead_letter: Callable[[Message[Any], Exception], object] | None = None,
        on_lease_lost: Callable[[list[int]], object] | None = None,
        run: str | None = None,
        on_conflict: Callable[[Message[Any], StreamsError], object] | None = None,
    ) -> None:
        """Handles messages as `consume` does, and appends the `Output`s that the handler returns.

        Each output is stored once, however often its message is delivered. The outputs of one message for one topic are
        stored together; those for several topics are not. Raises `StreamsError` if it cannot go on.

        `run`: names a deliberate repetition, say after `seek` with a mended handler: its outputs are stored beside those of
        other runs. Without a new name, those of the first run stand for 24 hours. All workers of a run give the same.

        `on_conflict`: called when an earlier run has written other outputs for the message; those stand, and the new ones are
        dropped. By default a warning is logged. What it raises counts as raised by the handler.
        """
        options = ConsumeOptions(
            concurrency,
            prefetch,
            lease_ms,
            handler_timeout,
            backoff or Backoff(1.0, 60.0),
            consumer,
            on_error,
            on_dead_letter,
            on_lease_lost,
        )
        Consumer(self._transport, self._format, self.topic, self.name, options).process(handler, stop, run, on_conflict)

    def _received(self, answer: Answer) -> Received[str]:
        return received_of(*self._format.split_all(answer.text))

    def _decoded(self, received: Received[str]) -> Received[T]:
        return Received(
            [self._format.check(message) for message in received.messages],
            received.lease,
            received.acked,
            received.committed_offset,
            received.lag,
            received.waiting_for,
            received.retry_in_ms,
        )

    def _call(
        self,
        operation: str,
        part: str,
        members: dict[str, Any],
        *,
        method: Method = "POST",
        headers: dict[str, str] | None = None,
        wait: float = 0.0,
    ) -> Call:
        path = f"{self._path}/{part}"
        return Call(operation, method, path, headers=headers or {}, body=json_of(members), wait=wait)
