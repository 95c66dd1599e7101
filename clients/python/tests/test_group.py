"""Consumers of both clients are the same: most cases use the asynchronous one."""

from __future__ import annotations

import asyncio
import contextvars
import random
import signal
import threading
import time
from collections.abc import AsyncGenerator, Iterator
from typing import Any

import pytest

from serverless_streams import (
    AckProblem,
    AsyncClient,
    AsyncTopic,
    Backoff,
    Client,
    HandlerContext,
    LeasePart,
    Message,
    NewMessage,
    Output,
    RejectMessage,
    Retry,
    StreamsError,
    Topic,
    text_codec,
)

from .support.errors import fails
from .support.service import Service

retry = Retry(base=0.01, max=0.1)


@pytest.fixture
def service() -> Iterator[Service]:
    with Service() as service:
        yield service


@pytest.fixture
async def client(service: Service) -> AsyncGenerator[AsyncClient]:
    async with AsyncClient(service.url, retry=retry) as client:
        yield client


@pytest.fixture
def synchronous(service: Service) -> Iterator[Topic[Any]]:
    with Client(service.url, retry=retry) as client:
        yield client.topic("jobs")


async def topic_of(client: AsyncClient, messages: int) -> AsyncTopic[Any]:
    topic = client.topic("jobs")
    await topic.append_batch([NewMessage(n) for n in range(messages)])
    return topic


async def test_a_consumer_that_stops_finishes_what_was_begun_and_gives_back_the_rest(client: AsyncClient) -> None:
    group = (await topic_of(client, 10)).group("workers")
    stop = asyncio.Event()
    handled: list[int] = []

    async def handler(message: Message[Any], context: HandlerContext) -> None:
        await asyncio.sleep(0.1)
        stop.set()
        await asyncio.sleep(0.1)
        assert not context.cancelled.is_set()
        handled.append(message.payload)

    await group.consume(handler, stop=stop, concurrency=2, prefetch=5, lease_ms=60_000)
    assert handled == [0, 1]
    info = await group.describe()
    assert (info.committed_offset, info.in_flight, info.retrying) == (3, 0, 5)
    received = await group.receive(limit=5)
    assert [message.payload for message in received.messages] == [2, 3, 4, 5, 6]
    assert received.lease is not None
    assert received.lease.redelivered == [], "they count as never delivered"


async def test_a_consumer_that_stops_while_it_waits_leaves_no_lease_behind(client: AsyncClient) -> None:
    topic = await topic_of(client, 1)
    group = topic.group("workers")
    stop = asyncio.Event()
    consuming = asyncio.create_task(group.consume(lambda message, _: None, stop=stop, lease_ms=60_000))
    while not await is_committed(group, 2):
        await asyncio.sleep(0.02)
    started_at = time.monotonic()
    stop.set()
    await asyncio.gather(consuming, topic.append(1))
    assert time.monotonic() - started_at < 3
    assert (await group.describe()).in_flight == 0
    assert [message.payload for message in (await group.receive()).messages] == [1]


async def is_committed(group: Any, offset: int) -> bool:
    try:
        return bool((await group.describe()).committed_offset == offset)
    except StreamsError:
        return False


def test_a_synchronous_consumer_stops_while_it_waits(synchronous: Topic[Any]) -> None:
    synchronous.append(0)
    stop = threading.Event()
    handled: list[int] = []
    timer = threading.Timer(0.7, stop.set)
    began_at = 0.0

    def handler(message: Message[Any], context: HandlerContext) -> None:
        nonlocal began_at
        began_at = time.monotonic()
        handled.append(message.payload)
        timer.start()

    synchronous.group("workers").consume(handler, stop=stop)
    # A long poll takes 20 seconds.
    assert time.monotonic() - began_at < 10
    assert handled == [0]
    info = synchronous.group("workers").describe()
    assert (info.committed_offset, info.in_flight) == (2, 0)
    # Once more: it is stopped already.
    synchronous.group("workers").consume(lambda message, _: None, stop=stop)
    timer.join()


def test_ctrl_c_ends_a_synchronous_consumer_gracefully(synchronous: Topic[Any]) -> None:
    synchronous.append(0)
    done: list[int] = []

    def handler(message: Message[Any], context: HandlerContext) -> None:
        signal.raise_signal(signal.SIGINT)
        time.sleep(0.3)
        done.append(message.payload)

    with pytest.raises(KeyboardInterrupt):
        synchronous.group("workers").consume(handler)
    assert done == [0]
    assert synchronous.group("workers").describe().committed_offset == 2


async def test_cancelling_a_consumer_cancels_its_handlers_and_gives_back_everything(client: AsyncClient) -> None:
    group = (await topic_of(client, 3)).group("workers")
    begun = asyncio.Event()
    cancelled: list[int] = []

    async def handler(message: Message[Any], context: HandlerContext) -> None:
        begun.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.append(message.payload)
            raise

    consuming = asyncio.create_task(group.consume(handler, concurrency=2, prefetch=1, lease_ms=60_000))
    await begun.wait()
    consuming.cancel()
    with pytest.raises(asyncio.CancelledError):
        await consuming
    assert sorted(cancelled) == [0, 1]
    received = await group.receive()
    assert [message.payload for message in received.messages] == [0, 1, 2]
    assert received.lease is not None
    assert received.lease.redelivered == []


async def test_a_lease_is_extended_as_long_as_its_handler_takes(client: AsyncClient) -> None:
    group = (await topic_of(client, 1)).group("workers")
    stop = asyncio.Event()
    calls = 0

    async def handler(message: Message[Any], context: HandlerContext) -> None:
        nonlocal calls
        calls += 1
        await asyncio.sleep(2.5)
        assert not context.cancelled.is_set()
        stop.set()

    await group.consume(handler, stop=stop, lease_ms=1000, concurrency=2)
    assert calls == 1
    assert (await group.describe()).lag == 0


async def test_a_handler_is_cancelled_when_its_lease_is_lost(client: AsyncClient) -> None:
    group = (await topic_of(client, 3)).group("workers")
    stop = asyncio.Event()
    lost: list[list[int]] = []
    contexts: list[HandlerContext] = []

    async def handler(message: Message[Any], context: HandlerContext) -> None:
        if lost:
            return
        await group.seek("earliest")
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            contexts.append(context)
            stop.set()
            raise

    await group.consume(handler, stop=stop, lease_ms=1000, prefetch=5, on_lease_lost=lost.append)
    assert lost[0] == [1, 2, 3]
    assert contexts[0].cancelled.is_set()


def test_a_synchronous_handler_hears_that_its_lease_is_lost(synchronous: Topic[Any]) -> None:
    synchronous.append(0)
    group = synchronous.group("workers")
    stop = threading.Event()

    def handler(message: Message[Any], context: HandlerContext) -> None:
        if context.attempt == 1 and not stop.is_set():
            group.seek("earliest")
            assert context.cancelled.wait(5)
            stop.set()

    group.consume(handler, stop=stop, lease_ms=1000)
    assert stop.is_set()


def test_a_synchronous_handler_that_hangs_takes_no_time_from_the_messages_after_it(synchronous: Topic[Any]) -> None:
    synchronous.append_batch([NewMessage(n) for n in range(5)])
    group = synchronous.group("workers")
    group.create(max_attempts=1)
    stop, over = threading.Event(), threading.Event()
    handled: list[int] = []
    errors: list[int] = []
    dead: list[int] = []

    def handler(message: Message[Any], context: HandlerContext) -> None:
        if message.payload == 0:
            over.wait(60)
            return
        # Together they take longer than the time of one.
        time.sleep(0.5)
        handled.append(message.payload)
        if message.payload == 4:
            stop.set()

    group.consume(
        handler,
        stop=stop,
        handler_timeout=1.5,
        prefetch=4,
        on_error=lambda _, message: errors.append(message.payload),
        on_dead_letter=lambda message, _: dead.append(message.payload),
    )
    over.set()
    assert (handled, errors) == ([1, 2, 3, 4], [0])
    assert dead == [0]
    assert group.describe().lag == 0


def test_a_synchronous_worker_ends_when_too_many_handlers_hang(synchronous: Topic[Any]) -> None:
    synchronous.append_batch([NewMessage(n) for n in range(30)])
    group = synchronous.group("workers")
    group.create(max_attempts=1)
    over = threading.Event()
    called: list[int] = []

    def handler(message: Message[Any], context: HandlerContext) -> None:
        called.append(message.payload)
        over.wait(60)

    with fails("handler_timeout") as caught:
        group.consume(handler, handler_timeout=0.05, concurrency=2, prefetch=28, lease_ms=60_000)
    over.set()
    assert "20 handlers" in str(caught.value)
    assert len(called) in (20, 21)
    received = group.receive(limit=100)
    assert len(received.messages) == 30 - len(called)
    assert received.lease is not None
    assert received.lease.redelivered == [], "none of those that were not begun counts"


def test_threads_of_handlers_are_used_again_and_end(synchronous: Topic[Any]) -> None:
    synchronous.append_batch([NewMessage(n) for n in range(50)])
    stop = threading.Event()
    threads: set[threading.Thread] = set()
    seen: set[int] = set()
    raised = False

    def handler(message: Message[Any], context: HandlerContext) -> None:
        nonlocal raised
        threads.add(threading.current_thread())
        if message.payload == 7 and not raised:
            raised = True
            # Not what a future takes.
            next(iter(()))
        seen.add(message.payload)
        if len(seen) == 50:
            stop.set()

    synchronous.group("workers").consume(handler, stop=stop, concurrency=3, backoff=Backoff(0.01, 0.01))
    assert raised
    assert len(threads) <= 3
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()


async def test_a_handler_that_fails_one_that_takes_too_long_and_one_that_rejects(client: AsyncClient) -> None:
    group = (await topic_of(client, 4)).group("workers")
    await group.create(max_attempts=2)
    stop = asyncio.Event()
    attempts: list[str] = []
    errors: list[str] = []
    dead: list[int] = []

    async def handler(message: Message[Any], context: HandlerContext) -> None:
        attempts.append(f"{message.payload} {context.attempt}")
        if message.payload == 0:
            raise ValueError("ü" * 101)
        if message.payload == 1:
            raise RejectMessage("no such customer")
        if message.payload == 2 and context.attempt == 1:
            # One that does not stop.
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                await asyncio.sleep(0.05)

    def on_error(error: Exception, message: Message[Any]) -> None:
        errors.append(f"{message.payload} {error.code if isinstance(error, StreamsError) else str(error)[:20]}")

    def on_dead_letter(message: Message[Any], error: Exception) -> None:
        dead.append(message.offset)
        if len(dead) == 2:
            asyncio.get_running_loop().call_later(0.8, stop.set)

    await group.consume(
        handler,
        stop=stop,
        handler_timeout=0.3,
        concurrency=4,
        backoff=Backoff(0.01, 0.01),
        on_error=on_error,
        on_dead_letter=on_dead_letter,
    )
    assert sorted(attempts) == ["0 1", "0 2", "1 1", "2 1", "2 2", "3 1"]
    assert sorted(errors) == [f"0 {'ü' * 20}", f"0 {'ü' * 20}", "1 no such customer", "2 handler_timeout"]
    assert sorted(dead) == [1, 2]
    letters = [message async for message in client.topic("jobs.dlq").read()]
    assert any("no such customer" in (letter.headers or {}).values() for letter in letters)
    assert (await group.describe()).lag == 0
    redriven = await group.redrive()
    assert (redriven.redriven, redriven.skipped, redriven.trimmed, redriven.more) == (2, 0, [], False)


async def test_a_payload_that_cannot_be_decoded_becomes_a_dead_letter_and_stops_nobody(client: AsyncClient) -> None:
    topic = await topic_of(client, 2)
    await client.topic("jobs", text_codec).append("1" * 5000)
    await topic.append(3)
    stop = asyncio.Event()
    got: list[int] = []
    dead: list[Message[Any]] = []

    def look() -> None:
        if len(got) == 3 and dead:
            stop.set()

    async def handler(message: Message[Any], context: HandlerContext) -> None:
        got.append(message.payload)
        look()

    def on_dead_letter(message: Message[Any], error: Exception) -> None:
        dead.append(message)
        look()

    await topic.group("workers").consume(handler, stop=stop, on_dead_letter=on_dead_letter)
    assert (got, [message.offset for message in dead]) == ([0, 1, 3], [3])
    assert dead[0].payload == "1" * 5000


async def test_an_error_that_stays_ends_the_consumer_and_an_outage_does_not(service: Service, client: AsyncClient) -> None:
    topic = await topic_of(client, 1)
    with fails("invalid_group"):
        await topic.group("no such name!").consume(lambda message, _: None)
    service.control("/kill")
    stop = asyncio.Event()
    consuming = asyncio.create_task(topic.group("workers").consume(lambda message, _: stop.set(), stop=stop))
    await asyncio.sleep(0.5)
    await asyncio.to_thread(service.control, "/start")
    await consuming


async def test_what_a_hook_raises_ends_the_consumer(client: AsyncClient) -> None:
    topic = await topic_of(client, 1)

    def on_error(error: Exception, message: Message[Any]) -> None:
        raise LookupError("a hook")

    async def handler(message: Message[Any], context: HandlerContext) -> None:
        raise ValueError

    with pytest.raises(LookupError, match="a hook"):
        await topic.group("workers").consume(handler, on_error=on_error)


def test_a_synchronous_consumer_raises_what_ends_it_and_keeps_the_context(synchronous: Topic[Any]) -> None:
    synchronous.append(0)
    variable = contextvars.ContextVar("variable", default="")
    variable.set("the caller's")
    seen: list[str] = []

    def handler(message: Message[Any], context: HandlerContext) -> None:
        seen.append(variable.get())
        raise RejectMessage("enough")

    def on_dead_letter(message: Message[Any], error: Exception) -> None:
        raise LookupError(str(error))

    with pytest.raises(LookupError, match="enough"):
        synchronous.group("workers").consume(handler, on_dead_letter=on_dead_letter)
    assert seen == ["the caller's"]
    with pytest.raises(ValueError, match="concurrency: expected at least 1"):
        synchronous.group("workers").consume(handler, concurrency=0)


async def test_several_outputs_of_a_message_to_several_topics_once_each(client: AsyncClient) -> None:
    group = (await topic_of(client, 3)).group("splitter")

    async def run() -> None:
        stop = asyncio.Event()
        left = {0, 1, 2}

        def handler(message: Message[Any], context: HandlerContext) -> list[Output] | None:
            left.discard(message.payload)
            if not left:
                stop.set()
            if message.payload == 1:
                return None
            return [
                Output("a", [message.payload], key="k"),
                Output("a", {"at": random.random()}),
                Output("b", message.payload, headers={"h": "x"}),
            ]

        await group.process(handler, stop=stop, concurrency=3)

    await run()
    await group.seek("earliest")
    await run()
    a = [message async for message in client.topic("a").read()]
    b = [message async for message in client.topic("b").read()]
    assert sorted(message.payload[0] for message in a if message.key == "k") == [0, 2]
    assert len(a) == 4
    assert sorted((message.payload, (message.headers or {})["h"]) for message in b) == [(0, "x"), (2, "x")]


async def test_other_outputs_of_a_second_run_are_told_and_those_of_a_new_run_are_stored(
    client: AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    group = (await topic_of(client, 2)).group("billing")
    told: list[str] = []

    def on_conflict(message: Message[Any], error: StreamsError) -> None:
        told.append(f"{message.offset} {error.code}")

    async def run(version: int, **options: Any) -> None:
        stop = asyncio.Event()

        async def handler(message: Message[Any], context: HandlerContext) -> Output:
            if message.payload == 1:
                stop.set()
            return Output("bills", [version, message.payload])

        await group.process(handler, stop=stop, **options)
        await group.seek("earliest")

    await run(1)
    await run(1, on_conflict=on_conflict)
    assert not told, "the same outputs are no conflict"
    await run(2, on_conflict=on_conflict)
    assert told == ["1 idempotency_conflict", "2 idempotency_conflict"]
    assert not caplog.records
    await run(2)
    assert [(record.name, record.levelname) for record in caplog.records] == [("serverless_streams", "WARNING")] * 2
    assert "jobs/billing: offset 1: an earlier run has written other outputs to bills" in caplog.text
    await run(2, run="mended")
    await run(2, run="mended", on_conflict=on_conflict)
    assert len(told) == 2
    assert [message.payload async for message in client.topic("bills").read()] == [[1, 0], [1, 1], [2, 0], [2, 1]]
    for wrong in ("", "a b", "ü", "a\n"):
        with pytest.raises(ValueError, match="run: expected ASCII characters without spaces"):
            await run(2, run=wrong)


def test_the_synchronous_client_has_runs_and_tells_of_conflicts_too(synchronous: Topic[Any]) -> None:
    synchronous.append(0)
    group = synchronous.group("billing")
    told: list[int] = []

    def run(version: int, **options: Any) -> None:
        stop = threading.Event()

        def handler(message: Message[Any], context: HandlerContext) -> Output:
            stop.set()
            return Output("bills", version)

        group.process(handler, stop=stop, on_conflict=lambda message, _: told.append(message.offset), **options)
        group.seek("earliest")

    run(1)
    run(2)
    assert told == [1]
    run(2, run="mended")
    assert told == [1]


async def test_managing_a_group_and_a_consumer_that_reads_by_itself(client: AsyncClient) -> None:
    topic = await topic_of(client, 5)
    group = topic.group("billing")
    assert (await group.create(mode="keyed", lease_ms=5000, start=3)).created
    info = await group.create(max_attempts=7)
    assert (info.created, info.mode, info.lease_ms, info.max_attempts) == (False, "keyed", 5000, 7)
    assert (info.committed_offset, info.lag) == (3, 3)
    assert [name async for name in topic.groups()] == ["billing"]
    lags = (await topic.describe(groups=True)).groups
    assert lags is not None
    assert [(lag.group, lag.committed_offset, lag.lag) for lag in lags] == [("billing", 3, 3)]
    sought = await group.seek(4, expected=3)
    assert (sought.committed_offset, sought.ended_leases) == (4, 0)
    with fails("offset_conflict") as caught:
        await group.seek(5, expected=3)
    assert caught.value.problem["committed_offset"] == 4
    received = await group.receive(limit=1, consumer="me", lease_ms=2000)
    assert received.messages[0].offset == 4
    assert (await group.describe()).leases[0].consumer == "me"
    assert received.lease is not None
    assert (await group.extend(received.lease.id, lease_ms=9000)).expires_in_ms > 8000
    nacked = await group.nack(LeasePart(received.lease.id), counted=False)
    assert (nacked.nacked, nacked.returned, nacked.dead) == (1, [], 0)
    again = await group.receive(ack=[LeasePart(received.lease.id)], limit=1)
    assert again.messages[0].offset == 4
    assert isinstance(again.acked[0], AckProblem)
    assert again.acked[0].code == "lease_lost"
    with fails("group_busy"):
        await group.delete()
    await group.delete(force=True)
    with fails("group_not_found"):
        await group.describe()


def test_managing_topics(service: Service) -> None:
    with Client(service.url) as client:
        assert (client.health(), client.ready()) == ({"status": "ok"}, {"status": "ok"})
        topic = client.topic("orders")
        info = topic.create(retention_ms=60_000, rate={"messages": 1000})
        assert info.created
        assert (info.config.retention_ms, info.config.retention_bytes, info.config.rate) == (60_000, None, {"messages": 1000})
        assert topic.create(retention_ms=None).config.retention_ms is None
        assert topic.append(1, expected_offset=1, order="b").offset == 1
        with fails("out_of_order") as caught:
            topic.append(2, order="a")
        assert caught.value.problem["order"] == "b"
        assert topic.append(3, idempotency_key="same").offset == 2
        again = topic.append(3, idempotency_key="same")
        assert (again.offset, again.duplicate) == (2, True)
        batch = topic.append_batch([NewMessage(4), NewMessage(5)], close=True)
        assert (batch.offset, batch.last_offset, batch.count, batch.closed) == (3, 4, 2, True)
        assert topic.close(expected_offset=5).end == 5
        assert topic.trim(2).earliest == 2
        for name in "abc":
            client.topic(name).create()
        assert list(client.topics()) == ["a", "b", "c", "orders"]
        topic.delete()
        with fails("topic_not_found"):
            topic.describe()
