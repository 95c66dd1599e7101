from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections.abc import Callable, Iterable

from .._batching import (
    Batch,
    Entry,
    EntryQueue,
    Outcome,
    ProducerOptions,
    after_unknown,
    fail_all,
    is_about_content,
    is_never_taken,
    too_late,
    with_outcome,
)
from .._calls import Call, log_retry, logger, may_repeat, now, path_of, pause_after
from .._errors import StreamsError
from .transport import AsyncTransport

# In seconds. With less time left, a batch is not sent.
_MINIMAL_TIME = 0.005


class Batches:
    """Sends the entries of a producer in batches.

    A batch has a seq. If its answer is lost, it is sent again with the same seq until there is one. If a batch fails for good,
    those behind it, which the service stores only after it, are sent again under the next epoch: that keeps late copies out.
    """

    def __init__(
        self, transport: AsyncTransport, topic: str, id: str, *, epoch: int | None, named: bool, options: ProducerOptions
    ) -> None:
        self._transport = transport
        self._path = path_of("topics", topic, "produce")
        self._id = id
        self._options = options
        self.messages = 0
        """Not acknowledged yet."""
        self.bytes = 0
        """Of these messages, as JSON."""
        self.stopped: BaseException | None = None
        """Why nothing more is sent."""
        self.on_settled: Callable[[], None] = _nothing
        """Called when outcomes are known, or it has stopped."""
        self._error: BaseException | None = None
        self._queue = EntryQueue(options.batch_messages, options.batch_bytes)
        # Batches that go before the queue, as an earlier attempt was not stored.
        self._returned: list[list[Entry]] = []
        # Batches on their way, in the order of their seqs, from the oldest without an outcome on.
        self._sent: list[Batch] = []
        # Two instances that start within a millisecond are told apart by chance.
        by_time = time.time_ns() // 1_000_000 * 1000 + random.randrange(1000) if named else 0
        self._epoch = by_time if epoch is None else epoch
        self._seq = 0
        # A batch of this epoch was acknowledged. Until then there is one at a time, so that a gap means what it says.
        self._confirmed = False
        # An epoch that nobody has given can be raised above that of an earlier instance, as long as nothing was sent under it.
        self._may_take_over = named and epoch is None
        # The seq of a batch that failed: nothing new is sent under this epoch.
        self._failed_seq: int | None = None
        self._timer: asyncio.TimerHandle | None = None
        # Entries that were appended up to then do not linger.
        self._flushed_at = 0.0
        self._tasks: set[asyncio.Task[None]] = set()

    def has_room(self) -> bool:
        return self.messages < self._options.buffer_messages and self.bytes < self._options.buffer_bytes

    def add(self, entries: Iterable[Entry]) -> None:
        """Takes entries; those for a producer that has stopped fail."""
        for entry in entries:
            self.messages += entry.messages
            self.bytes += entry.size
            if self.stopped is not None:
                self._fail_entries([entry], with_outcome(self.stopped, False))
                continue
            self._queue.add(entry)
            if self._queue.full and self._may_send():
                self._dispatch()
        # Otherwise the next outcome looks at what waits.
        if self._timer is None and self._queue.at is not None and self._may_send():
            self._timer = asyncio.get_running_loop().call_later(self._options.linger, self._dispatch)

    async def flush(self) -> None:
        """Sends what waits, and returns when all up to now have their outcome. Raises the first error since the last flush."""
        self._flushed_at = now()
        self._dispatch()
        await self._settling()
        error = self.stopped or self._error
        self._error = None
        if error is not None:
            raise error

    def abort(self) -> None:
        """Stops at once. What is not acknowledged fails with `producer_aborted`, and may be stored."""
        error = StreamsError("The producer was aborted", code="producer_aborted", written="unknown")
        self._stop(error)
        for task in tuple(self._tasks):
            task.cancel()
        sent, self._sent = self._sent, []
        for batch in sent:
            if batch.outcome != "stored":
                self._fail_entries([entry for entry in batch.entries if not entry.done], error)
        self._fail_waiting()

    async def end(self) -> None:
        """Requests that go on for nobody end."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _settling(self) -> None:
        """Waits until all entries up to now have their outcome."""
        batches = [*self._returned, *(batch.entries for batch in self._sent), self._queue.entries]
        open = [entry for entries in batches for entry in entries if not entry.done]
        if not open:
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        left = len(open)

        def settled() -> None:
            nonlocal left
            left -= 1
            if left == 0:
                wake(future)

        for entry in open:
            entry.callbacks = [*(entry.callbacks or ()), settled]
        await future

    def _settled(self, entries: list[Entry]) -> None:
        self.messages -= sum(entry.messages for entry in entries)
        self.bytes -= sum(entry.size for entry in entries)
        self.on_settled()

    def _fail_entries(self, entries: list[Entry], error: BaseException) -> None:
        self._error = self._error or error
        fail_all(entries, error)
        self._settled(entries)

    def _dispatch(self) -> None:
        """Sends batches as long as they are due and there is room on the way."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._may_send():
            entries = self._returned.pop(0) if self._returned else self._take_due()
            if not entries:
                return
            batch = Batch(entries, self._seq)
            self._seq += 1
            self._sent.append(batch)
            task = asyncio.get_running_loop().create_task(self._send(batch))
            self._tasks.add(task)
            task.add_done_callback(self._ended)

    def _may_send(self) -> bool:
        """Whether there is room for a batch on the way."""
        room = self._options.in_flight if self._confirmed else 1
        return len(self._sent) < room and self.stopped is None and self._failed_seq is None

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            # A defect. Nobody must wait for ever because of it.
            logger.error("producer: %r", error, exc_info=error)
            self.abort()

    def _take_due(self) -> list[Entry]:
        at = self._queue.at
        if at is None:
            return []
        left = 0.0 if at <= self._flushed_at else at + self._options.linger - now()
        # A timer may fire a part of a millisecond early.
        if self._queue.full or left < 0.001:
            return self._queue.take()
        self._timer = asyncio.get_running_loop().call_later(left, self._dispatch)
        return []

    async def _send(self, batch: Batch) -> None:
        outcome = await self._deliver(batch)
        batch.end(outcome)
        if outcome == "stored":
            self._confirmed = True
            self._may_take_over = False
            self._settled(batch.entries)
        else:
            self._failed_seq = batch.seq if self._failed_seq is None else min(self._failed_seq, batch.seq)
            self._wake_from(batch.seq)
            if outcome == "failed" and self._options.stop_on_error:
                self._stop(batch.entries[0].error or after_unknown())
        if self._failed_seq is None:
            # One that was stored out of turn keeps its place: the service knows only so many seqs back.
            while self._sent and self._sent[0].outcome is not None:
                self._sent.pop(0)
        elif all(sent.outcome is not None for sent in self._sent):
            self._begin_epoch()
        self._dispatch()

    def _begin_epoch(self) -> None:
        """All batches of the old epoch have an outcome. Those that were not stored go on, in their order."""
        lost = any(batch.outcome == "failed" and batch.unknown for batch in self._sent)
        again: list[list[Entry]] = []
        for batch in self._sent:
            if batch.outcome == "refused":
                again.extend(batch.halves())
            elif batch.outcome == "returned":
                if batch.unknown and lost:
                    # What the service may have stored of the batch before lets it store this one, too.
                    self._fail_entries(batch.entries, after_unknown())
                else:
                    again.append(batch.entries)
        self._returned = [*again, *self._returned]
        self._sent = []
        self._epoch += 1
        self._seq = 0
        self._confirmed = self._may_take_over = False
        self._failed_seq = None
        if self.stopped is not None:
            self._fail_waiting()

    async def _deliver(self, batch: Batch) -> Outcome:
        """Sends a batch until its outcome is known, or its time is over."""
        for attempt in itertools.count(1):
            if self._ends_at(batch) - now() < _MINIMAL_TIME:
                return self._failed(batch, batch.error or too_late())
            try:
                batch.stored(await self._attempt(batch))
                return "stored"
            except StreamsError as error:
                step = self._after(batch, error, attempt)
            except Exception as error:
                # A header that cannot be sent, say.
                return self._failed(batch, error)
            if isinstance(step, str):
                return step
            await _nap(step, batch.woken, *batch.awaited)
        raise AssertionError

    def _after(self, batch: Batch, error: StreamsError, attempt: int) -> Outcome | float:
        """The outcome of a batch after an attempt that failed, or the pause before the next one, in seconds."""
        # An attempt before that had no answer was refused, too.
        batch.unknown = (batch.unknown or error.written == "unknown") and not is_never_taken(error)
        batch.awaited = ()
        if error.code != "producer_gap" or batch.error is None:
            batch.error = error.with_written("unknown") if batch.unknown else error
        told = batch.error
        if self.stopped is not None:
            return self._failed(batch, with_outcome(self.stopped, batch.unknown))
        if self._failed_seq is not None and batch.seq > self._failed_seq:
            return "returned"
        if error.code == "producer_fenced" and self._take_over(batch, error):
            return 0.0
        if is_about_content(error):
            # One that may be stored is not sent again in halves.
            halved = len(batch.entries) > 1 and not batch.unknown
            return "refused" if halved else self._failed(batch, told)
        if error.code == "producer_gap" and self._forgotten(batch):
            return self._failed(batch, told) if batch.unknown else "returned"
        if not may_repeat(error):
            self._stop(told)
            return self._failed(batch, told)
        pause = pause_after(self._transport.options.retry, error, attempt)
        if now() + pause >= self._ends_at(batch):
            return self._failed(batch, told)
        if error.code != "producer_gap":
            log_retry("produce", attempt, told, pause)
        return pause

    def _forgotten(self, batch: Batch) -> bool:
        """Whether the service has forgotten what it acknowledged: it is another one, or the topic was deleted.

        Otherwise the batch before is still on its way: the next attempt waits for it.
        """
        before = self._before(batch)
        batch.awaited = () if before is None else (before.finished,)
        batch.gaps += before is None
        return batch.gaps > 2

    def _ends_at(self, batch: Batch) -> float:
        return batch.at + self._options.delivery_timeout

    def _failed(self, batch: Batch, error: BaseException) -> Outcome:
        self._fail_entries(batch.entries, error)
        return "failed"

    async def _attempt(self, batch: Batch) -> int:
        """The first offset. Raises `StreamsError`."""
        call = Call("produce", "POST", self._path, body=batch.body(self._id, self._epoch), appends=True)
        answer = await self._transport.once(call, self._ends_at(batch) - now())
        return answer.read(lambda answer: int(answer.json()["offset"]))

    def _before(self, batch: Batch) -> Batch | None:
        """The batch that has to be stored before, if its outcome is still open."""
        at = self._sent.index(batch)
        before = self._sent[at - 1] if at > 0 else None
        return before if before is not None and before.outcome is None else None

    def _take_over(self, batch: Batch, error: StreamsError) -> bool:
        """Whoever begins last goes on, even if its clock is behind."""
        epoch = error.problem.get("epoch")
        if not self._may_take_over or batch.unknown or self._confirmed or not isinstance(epoch, int):
            return False
        self._may_take_over = False
        self._epoch = epoch + 1
        return True

    def _stop(self, reason: BaseException) -> None:
        if self.stopped is not None:
            return
        self.stopped = reason
        self._wake_from(-1)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._sent:
            self._fail_waiting()
        self.on_settled()

    def _wake_from(self, seq: int) -> None:
        """The pauses of batches behind end: they are tried once more, and given back if they are not stored."""
        for batch in self._sent:
            if batch.seq > seq:
                batch.woken.set()

    def _fail_waiting(self) -> None:
        """What was never sent, or was not stored, will not be."""
        assert self.stopped is not None
        waiting = [entry for entries in self._returned for entry in entries] + self._queue.take_all()
        self._returned = []
        self._fail_entries(waiting, with_outcome(self.stopped, False))


def wake(future: asyncio.Future[None]) -> None:
    # Whoever waited may have been cancelled.
    if not future.done():
        future.set_result(None)


def _nothing() -> None:
    pass


async def _nap(seconds: float, *events: asyncio.Event) -> None:
    """Waits for a time, or for one of the events."""
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
