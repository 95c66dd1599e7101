from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .._calls import now
from .._errors import StreamsError
from .._models import Acked, AckProblem, Lease, LeasePart, Message

if TYPE_CHECKING:
    from .group import AsyncGroup

# The most entries in the `ack` of a receive.
_parts_max = 100
# How long an acknowledgement waits for others, or for the next receive, in seconds: of a lease that is done, and of one that
# is not.
_linger_done = 0.01
_linger_open = 0.1


class HeldLease:
    """A lease, which is extended as long as messages of it are open."""

    def __init__(
        self,
        group: AsyncGroup[Any],
        lease: Lease,
        lease_ms: int | None,
        on_lost: Callable[[HeldLease], None],
        background: set[asyncio.Task[None]],
    ) -> None:
        self.id = lease.id
        self.open: set[int] = set()
        """Offsets that are not settled."""
        self.running: set[asyncio.Future[object]] = set()
        """Handlers, which end when the lease is lost."""
        self.lost = False
        self._group = group
        self._lease_ms = lease_ms
        self._on_lost = on_lost
        # From now: a receive that has waited for messages was sent long before its lease began.
        self._ends_at = now() + lease.expires_in_ms / 1000
        self._timers: list[asyncio.TimerHandle] = []
        self._background = background
        self._schedule()

    def settle(self, offset: int) -> bool:
        """Whether the message was open."""
        if offset not in self.open:
            return False
        self.open.remove(offset)
        if not self.open:
            self._stop()
        return True

    def _lose(self) -> None:
        if self.lost:
            return
        self.lost = True
        self._stop()
        for handler in tuple(self.running):
            handler.cancel()
        self._on_lost(self)

    def _schedule(self) -> None:
        """Extends when half of the time is over, so that there is time for attempts that fail."""
        self._stop()
        loop = asyncio.get_running_loop()
        left = max(0.0, self._ends_at - now())
        self._timers = [loop.call_later(left / 2, self._begin), loop.call_later(left, self._lose)]

    def _begin(self) -> None:
        extending = asyncio.ensure_future(self._extend())
        self._background.add(extending)
        extending.add_done_callback(self._background.discard)

    async def _extend(self) -> None:
        asked_at = now()
        try:
            left = max(0.001, self._ends_at - asked_at)
            extended = await self._group.extend(self.id, lease_ms=self._lease_ms, timeout=left)
        except StreamsError as error:
            # Otherwise the end comes by its timer, and until then an acknowledgement may still succeed.
            if error.code == "lease_lost" and self.open:
                self._lose()
            return
        self._ends_at = asked_at + extended.expires_in_ms / 1000
        if self.open and not self.lost:
            self._schedule()

    def _stop(self) -> None:
        for timer in self._timers:
            timer.cancel()
        self._timers = []


@dataclass(eq=False)
class Task:
    """A message that is leased to this worker, until it is settled."""

    message: Message[str]
    """Its payload is not decoded yet."""
    attempt: int
    lease: HeldLease
    lane: object
    """Tasks with the same lane are handled one after the other."""
    ordered: bool
    """Others may have the same lane."""
    shown: Message[Any] = field(init=False)
    """The same message for hooks; its payload is decoded if it can be."""

    def __post_init__(self) -> None:
        self.shown = self.message


class Acks:
    """Collects acknowledgements, which then go with the next receive, or together after a moment."""

    def __init__(self, group: AsyncGroup[Any]) -> None:
        self._group = group
        self._parts: dict[str, set[int]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._flushing: asyncio.Task[None] | None = None

    def add(self, lease: HeldLease, offset: int) -> None:
        self._add(lease.id, [offset], _linger_open if lease.open else _linger_done)

    def take(self) -> list[LeasePart]:
        """All that are collected, up to as many as a receive takes. The caller tells how it went with them."""
        taken = list(self._parts)[:_parts_max]
        return [LeasePart(lease_id, sorted(self._parts.pop(lease_id))) for lease_id in taken]

    def put_back(self, parts: list[LeasePart]) -> None:
        """They were sent, and nobody knows whether they arrived: they can be sent again."""
        for part in parts:
            self._add(part.lease_id, part.offsets or [], _linger_done)

    def answered(self, parts: list[LeasePart], answers: list[Acked | AckProblem]) -> None:
        """A part whose lease is lost is forgotten: its messages come again."""
        pairs = zip(parts, answers, strict=False)
        self.put_back([part for part, answer in pairs if isinstance(answer, AckProblem) and answer.retriable])

    async def flush(self) -> None:
        """Sends all, and returns when they are answered, or are given up after the time of a call."""
        while self._parts or self._flushing is not None:
            if self._flushing is None:
                self._begin()
            if self._flushing is not None:
                await asyncio.shield(self._flushing)

    def _add(self, lease_id: str, offsets: list[int], linger: float) -> None:
        self._parts.setdefault(lease_id, set()).update(offsets)
        loop = asyncio.get_running_loop()
        due_at = loop.time() + linger
        if self._timer is not None:
            if self._timer.when() <= due_at:
                return
            self._timer.cancel()
        self._timer = loop.call_at(due_at, self._begin)

    def _begin(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._flushing is None and self._parts:
            self._flushing = asyncio.ensure_future(self._send(self.take()))

    async def _send(self, parts: list[LeasePart]) -> None:
        try:
            await asyncio.gather(*(self._send_part(part) for part in parts))
        finally:
            self._flushing = None
        # What has come in the meantime.
        if self._parts and self._timer is None:
            self._begin()

    async def _send_part(self, part: LeasePart) -> None:
        # `lease_lost`, or an outage that is longer than the lease: the messages come again.
        with contextlib.suppress(StreamsError):
            await self._group.ack(part)
