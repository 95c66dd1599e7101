from __future__ import annotations

import asyncio
import functools
import inspect
import logging
import threading
import uuid
from typing import Any, Generic, TypeVar

from .._calls import now, pause_after
from .._codec import Format
from .._consuming import ConsumeOptions, Handler, HandlerContext, NotBegunError, shortened
from .._errors import RejectMessage, StreamsError
from .._models import GroupMode, Lease, LeasePart, Message, Received
from .leases import Acks, HeldLease, Task
from .processing import AsyncProcessHandler as AsyncProcessHandler
from .processing import OnConflict, processor
from .transport import AsyncTransport

T = TypeVar("T")

logger = logging.getLogger("serverless_streams")

_wait = 20.0
# For what is given back when the consumer stops: if it fails, the lease ends by its time.
_return_timeout = 5.0


class AsyncConsumer(Generic[T]):
    """The loop of a worker."""

    def __init__(self, transport: AsyncTransport, format: Format[T], topic: str, group: str, options: ConsumeOptions) -> None:
        from .group import AsyncGroup

        self._transport = transport
        self._format = format
        self._name = f"{topic}/{group}"
        self._group: AsyncGroup[T] = AsyncGroup(transport, format, topic, group)
        self._options = options
        self._acks = Acks(self._group)
        self._leases: set[HeldLease] = set()
        self._queued: list[Task] = []
        self._running: set[asyncio.Task[None]] = set()
        self._lanes: set[object] = set()
        # Extensions of leases. They end by themselves: cancelled requests cost their connections.
        self._background: set[asyncio.Task[None]] = set()
        self._mode: GroupMode = "shared"
        self._cancelled = False
        # What handlers, hooks and defects have raised that ends the consumer.
        self._failure: BaseException | None = None

    async def consume(self, handler: Handler[T], stop: asyncio.Event | None) -> None:
        self._handler = handler
        self._stopping = asyncio.Event()
        self._changed = asyncio.Event()
        watcher = None if stop is None else asyncio.ensure_future(self._watch(stop))
        try:
            if stop is None or not stop.is_set():
                await self._run()
        except asyncio.CancelledError:
            self._cancelled = True
            raise
        finally:
            self._stopping.set()
            if watcher is not None:
                watcher.cancel()
            await self._finish()
        if self._failure is not None:
            raise self._failure

    async def process(
        self, handler: AsyncProcessHandler[T], stop: asyncio.Event | None, run: str | None, on_conflict: OnConflict | None
    ) -> None:
        await self.consume(processor(self._transport, self._name, handler, run, on_conflict), stop)

    async def _watch(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._stopping.set()
        self._changed.set()

    async def _run(self) -> None:
        self._mode = await self._mode_of()
        while not self._stopping.is_set():
            if self._has_room():
                await self._receive()
                continue
            self._changed.clear()
            await self._changed.wait()

    async def _mode_of(self) -> GroupMode:
        attempt = 0
        while not self._stopping.is_set():
            attempt += 1
            asking = asyncio.ensure_future(self._group.describe())
            if not await self._done_unless_stopped(asking):
                break
            try:
                return asking.result().mode
            except StreamsError as error:
                # The first receive makes it.
                if error.code == "group_not_found":
                    break
                await self._outlive(error, attempt)
        return "shared"

    @property
    def _prefetch(self) -> int:
        given = self._options.prefetch
        return given if given is not None else 100 if self._mode == "exclusive" else self._options.concurrency

    def _has_room(self) -> bool:
        # An exclusive group hands out nothing while its lease is out.
        if self._mode == "exclusive":
            return not self._queued and not self._running
        return len(self._queued) <= self._prefetch // 2

    async def _receive(self) -> None:
        """Leases messages when there is room for enough of them."""
        asked_at = now()
        key = str(uuid.uuid4())
        ack = self._acks.take()
        room = self._options.concurrency + self._prefetch - len(self._queued) - len(self._running)
        receiving = asyncio.ensure_future(
            self._group.receive_text(
                limit=max(1, min(1000, room)),
                lease_ms=self._options.lease_ms,
                wait=_wait,
                consumer=self._options.consumer,
                ack=ack,
                idempotency_key=key,
            )
        )
        done = False
        try:
            done = await self._done_unless_stopped(receiving)
        finally:
            if not done:
                self._acks.put_back(ack)
                await self._give_back(key)
        if not done:
            return
        try:
            received = receiving.result()
        except StreamsError as error:
            self._acks.put_back(ack)
            await self._outlive(error, 5)
            return
        self._acks.answered(ack, received.acked)
        if received.lease is not None:
            self._hold(received, received.lease)
        elif now() - asked_at < 0.1:
            # Some platforms answer a long poll at once.
            await self._pause(min(received.retry_in_ms if received.retry_in_ms is not None else 1000, 1000) / 1000)

    async def _outlive(self, error: StreamsError, attempt: int) -> None:
        """A worker outlives an outage of any length. Raises the error, if it stays."""
        if not error.retriable:
            raise error
        logger.warning("%s: %s: %s", self._name, error.code, error.message)
        await self._pause(pause_after(self._transport.options.retry, error, attempt))

    async def _done_unless_stopped(self, work: asyncio.Future[Any]) -> bool:
        """Waits for work, or for the end of the consumer, which cancels it. Whether it is done."""
        stopping = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait({work, stopping}, return_when=asyncio.FIRST_COMPLETED)
            return work.done()
        finally:
            stopping.cancel()
            if not work.done():
                work.cancel()
                await asyncio.wait({work})

    async def _pause(self, seconds: float) -> None:
        stopping = asyncio.ensure_future(self._stopping.wait())
        await asyncio.wait({stopping}, timeout=seconds)
        stopping.cancel()

    def _hold(self, received: Received[str], lease: Lease) -> None:
        held = HeldLease(self._group, lease, self._options.lease_ms, self._lost, self._background)
        self._leases.add(held)
        for message in received.messages:
            offset = message.offset
            attempts = (part.attempt for part in lease.redelivered if part.first <= offset <= part.last)
            exclusive = self._mode == "exclusive"
            ordered = exclusive or (self._mode == "keyed" and message.key is not None)
            lane = None if exclusive else message.key if ordered else offset
            held.open.add(offset)
            self._queued.append(Task(message, next(attempts, 1), held, lane, ordered))
        self._start()

    def _lost(self, lost: HeldLease) -> None:
        try:
            if self._options.on_lease_lost is not None:
                self._options.on_lease_lost(sorted(lost.open))
        except Exception as error:
            self._fail(error)
        self._queued = [task for task in self._queued if task.lease is not lost]
        self._leases.discard(lost)
        self._changed.set()

    def _start(self) -> None:
        """Starts handlers as long as there is work that may be done now."""
        while len(self._running) < self._options.concurrency and not self._stopping.is_set():
            at = next((at for at, task in enumerate(self._queued) if task.lane not in self._lanes), None)
            if at is None:
                break
            task = self._queued.pop(at)
            self._lanes.add(task.lane)
            work = asyncio.ensure_future(self._handle(task))
            self._running.add(work)
            work.add_done_callback(functools.partial(self._ended, task.lane))
        self._changed.set()

    def _ended(self, lane: object, work: asyncio.Task[None]) -> None:
        self._running.discard(work)
        self._lanes.discard(lane)
        if not work.cancelled() and (error := work.exception()) is not None:
            # No handler's, those are caught: a hook's, or a defect. It must not be lost.
            self._fail(error)
        self._start()

    def _fail(self, error: BaseException) -> None:
        self._failure = self._failure or error
        self._stopping.set()

    async def _handle(self, task: Task) -> None:
        offset = task.message.offset
        try:
            handled = await self._call(task)
        except NotBegunError as error:
            self._fail(error.reason)
            await self._return(task.lease.id, [offset])
            return
        except Exception as error:
            if self._options.on_error is not None:
                self._options.on_error(error, task.shown)
            if not task.lease.lost:
                await self._nack(task, error)
            return
        finally:
            if task.lease.settle(offset) and not task.lease.open:
                self._leases.discard(task.lease)
        # Also of a lease that is lost by this process's clock: it may still be good for the service.
        if handled:
            self._acks.add(task.lease, offset)

    async def _call(self, task: Task) -> bool:
        """Whether the message was handled; otherwise it was cancelled. Raises what the handler raises."""
        try:
            message: Message[T] = self._format.check(task.message)
        except StreamsError as error:
            raise RejectMessage(error.message) from error
        task.shown = message
        context = HandlerContext(task.attempt, threading.Event())
        returned = self._handler(message, context)
        if not inspect.isawaitable(returned):
            return True
        handler: asyncio.Future[object] = asyncio.ensure_future(returned)
        task.lease.running.add(handler)
        handler.add_done_callback(task.lease.running.discard)
        try:
            await asyncio.wait({handler}, timeout=self._options.handler_timeout)
        finally:
            if not handler.done() or handler.cancelled():
                context.cancelled.set()
        if not handler.done():
            handler.cancel()
            handler.add_done_callback(_look_at)
            timeout = self._options.handler_timeout
            raise StreamsError(f"The handler took longer than {timeout} s", code="handler_timeout", retriable=True)
        if handler.cancelled():
            if task.lease.lost:
                return False
            if self._cancelled:
                await self._return(task.lease.id, [task.message.offset])
                return False
            raise StreamsError("The handler was cancelled", code="handler_timeout", retriable=True)
        handler.result()
        return True

    async def _nack(self, task: Task, error: Exception) -> None:
        """Gives a message back. Later ones of its lane in the lease go back with it."""
        dropped = [other for other in self._queued if task.ordered and other.lease is task.lease and other.lane == task.lane]
        self._queued = [other for other in self._queued if other not in dropped]
        try:
            nacked = await self._group.nack(
                LeasePart(task.lease.id, [task.message.offset]),
                delay_ms=round(self._options.backoff.pause(task.attempt) * 1000),
                reject=isinstance(error, RejectMessage),
                detail=shortened(str(error) or type(error).__name__),
            )
        except StreamsError as failed:
            # The lease was lost, or will end by its time: the message comes again.
            logger.info("%s: offset %d was not given back: %s", self._name, task.message.offset, failed.message)
            return
        finally:
            # They are returned, or must not overtake one that comes again: nobody handles them under this lease.
            for other in dropped:
                task.lease.settle(other.message.offset)
        if nacked.dead > 0 and self._options.on_dead_letter is not None:
            self._options.on_dead_letter(task.shown, error)

    async def _finish(self) -> None:
        """Ends gracefully; after a cancellation at once."""
        if self._cancelled:
            for lease in tuple(self._leases):
                for handler in tuple(lease.running):
                    handler.cancel()
        unbegun: dict[HeldLease, list[int]] = {}
        for task in self._queued:
            unbegun.setdefault(task.lease, []).append(task.message.offset)
        self._queued = []

        async def give_back(lease: HeldLease, offsets: list[int]) -> None:
            await self._return(lease.id, offsets)
            for offset in offsets:
                lease.settle(offset)

        returns = [give_back(lease, offsets) for lease, offsets in unbegun.items()]
        await asyncio.gather(*returns, *self._running, return_exceptions=True)
        await self._acks.flush()
        await asyncio.gather(*self._background, return_exceptions=True)

    async def _give_back(self, key: str) -> None:
        """What an aborted receive may have leased is not kept from others until its time is over."""
        try:
            received = await self._group.receive_text(limit=1, idempotency_key=key, timeout=_return_timeout)
        except StreamsError:
            return
        if received.lease is not None:
            await self._return(received.lease.id)

    async def _return(self, lease_id: str, offsets: list[int] | None = None) -> None:
        try:
            await self._group.nack(LeasePart(lease_id, offsets), counted=False, timeout=_return_timeout)
        except StreamsError:
            # The lease ends by its time.
            return


def _look_at(future: asyncio.Future[object]) -> None:
    """An exception that nobody looks at would be logged as a defect."""
    if not future.cancelled():
        future.exception()
