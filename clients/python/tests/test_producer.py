"""The batches of both producers are the same: most cases use the asynchronous one."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import threading
import time
from collections.abc import AsyncGenerator, Iterator
from typing import Any

import pytest

from serverless_streams import AsyncClient, AsyncTopic, Client, NewMessage, Retry

from .support.errors import fails
from .support.scripted import Reply, problem, scripted
from .support.service import Service

retry = Retry(base=0.01, max=0.1)


@pytest.fixture
def service() -> Iterator[Service]:
    with Service() as service:
        yield service


@pytest.fixture
async def topic(service: Service) -> AsyncGenerator[AsyncTopic[Any]]:
    async with AsyncClient(service.url, retry=retry) as client:
        yield client.topic("orders")


async def numbers_in(topic: AsyncTopic[Any]) -> list[Any]:
    return [message.payload async for message in topic.read()]


async def test_messages_are_gathered_by_number_by_size_and_by_time(service: Service, topic: AsyncTopic[Any]) -> None:
    async def appends(count: int, **options: Any) -> int:
        before = service.requests
        async with topic.producer(**options) as producer:
            for n in range(count):
                await producer.send(n)
            await producer.flush()
        return service.requests - before

    assert await appends(100, batch_messages=10) == 10
    assert await appends(100, batch_bytes=140, linger=0.05) == 10
    assert await appends(100, linger=0.05) == 1
    async with topic.producer(linger=0.1) as producer:
        started_at = time.monotonic()
        await producer.append(1)
        assert time.monotonic() - started_at > 0.099, "a message lingers"
    async with topic.producer(linger=60) as producer:
        lingering = await producer.send(2)
        await asyncio.wait_for(producer.flush(), 30)
        assert lingering.done, "a flush does not linger"
        assert await lingering.result() == 302


async def test_an_atomic_batch_of_a_producer_stays_together(topic: AsyncTopic[Any]) -> None:
    async with topic.producer(batch_messages=3) as producer:
        first = await producer.send(0)
        batch = await producer.send_batch([NewMessage(1), NewMessage(2), NewMessage(3)])
        last = await producer.send(4)
        assert [await first.result(), await batch.result(), await last.result()] == [1, 2, 5]
        with pytest.raises(ValueError, match="messages: expected at least one"):
            await producer.send_batch([])


async def test_send_waits_while_too_much_is_on_its_way(service: Service, topic: AsyncTopic[Any]) -> None:
    service.faults({"fault": "late", "rate": 1, "ms": 200})
    most = 0
    async with topic.producer(buffer_messages=10, linger=0) as producer:
        for n in range(30):
            await producer.send(n)
            most = max(most, producer.buffered)
    assert (most, producer.buffered) == (10, 0)


def test_send_of_the_synchronous_producer_waits_too(service: Service) -> None:
    service.faults({"fault": "late", "rate": 1, "ms": 200})
    most = 0
    with Client(service.url) as client, client.topic("orders").producer(buffer_messages=10, linger=0) as producer:
        for n in range(30):
            producer.send(n)
            most = max(most, producer.buffered)
        producer.flush()
        assert (most, producer.buffered) == (10, 0)
        service.faults({"fault": "late", "rate": 1, "ms": 2000})
        with pytest.raises(TimeoutError):
            producer.send(1).result(timeout=0.1)


async def test_a_message_that_the_topic_refuses_fails_alone_and_the_others_keep_their_order(
    service: Service, topic: AsyncTopic[Any]
) -> None:
    await topic.create(max_message_bytes=1000)
    service.faults({"fault": "refuse", "rate": 0.2, "on": "POST"})
    producer = topic.producer(batch_messages=20)
    sent = [await producer.send("x" * 2000 if n in (57, 130) else n) for n in range(200)]
    with fails("message_too_large", "no"):
        await producer.close()
    for n, delivery in enumerate(sent):
        if n in (57, 130):
            with fails("message_too_large", "no"):
                await delivery.result()
    assert await numbers_in(topic) == [n for n in range(200) if n not in (57, 130)]


async def test_with_stop_on_error_nothing_is_stored_after_a_message_that_failed(topic: AsyncTopic[Any]) -> None:
    await topic.create(max_message_bytes=1000)
    producer = topic.producer(batch_messages=10, stop_on_error=True)
    sent = [await producer.send("x" * 2000 if n == 57 else n) for n in range(100)]
    results = await asyncio.gather(*(delivery.result() for delivery in sent), return_exceptions=True)
    stored = await numbers_in(topic)
    assert len(stored) <= 57
    assert stored == list(range(len(stored)))
    assert [isinstance(result, int) for result in results] == [n < len(stored) for n in range(100)]
    with fails("message_too_large", "no"):
        await producer.send(1)
    with fails("message_too_large", "no"):
        await producer.close()


async def test_an_instance_that_starts_later_goes_on_even_if_its_clock_is_behind(topic: AsyncTopic[Any]) -> None:
    ahead = topic.producer(id="billing", epoch=2**53 - 11)
    await ahead.append(0)
    async with topic.producer(id="billing") as behind:
        assert await behind.append(1) == 2
        with fails("producer_fenced", "no"):
            await ahead.append(2)
        await behind.append(3)
        given = topic.producer(id="billing", epoch=5)
        with fails("producer_fenced", "no"):
            await given.append(4)
    assert await numbers_in(topic) == [0, 1, 3]


async def test_a_service_that_has_lost_all_it_knew_is_written_to_under_a_new_epoch() -> None:
    with Service(settings={"DATA_DIR": ":memory:"}) as service:
        async with AsyncClient(service.url, retry=retry) as client:
            topic = client.topic("orders")
            async with topic.producer() as producer:
                for n in range(3):
                    await producer.append(n)
                service.control("/kill")
                service.control("/start")
                await producer.append(3)
                await producer.append(4)
            assert await numbers_in(topic) == [3, 4]


async def test_a_message_that_cannot_be_delivered_in_time_fails_and_those_after_it_are_stored(
    service: Service, topic: AsyncTopic[Any]
) -> None:
    producer = topic.producer(delivery_timeout=2.0, batch_messages=1)
    await producer.append(0)
    service.faults({"fault": "reset", "rate": 1})
    lost = [await producer.send(1), await producer.send(2)]
    for delivery in lost:
        with fails(("no_answer", "timeout"), "unknown"):
            await delivery.result()
    service.faults()
    await producer.append(3)
    with fails(("no_answer", "timeout"), "unknown"):
        await producer.close()
    # An attempt whose time was over may come to the proxy when it lets requests through again.
    assert re.fullmatch("0(,1(,2)?)?,3", ",".join(map(str, await numbers_in(topic))))


async def test_flush_tells_of_errors_that_nobody_has_asked_for(topic: AsyncTopic[Any]) -> None:
    await topic.append(0, close=True)
    producer = topic.producer()
    await producer.send(1)
    await asyncio.sleep(0.1)
    with fails("topic_closed", "no"):
        await producer.flush()
    with fails("topic_closed", "no"):
        await producer.append(2)
    with fails("topic_closed", "no"):
        await producer.close()


async def test_aborting_stops_a_producer_at_once() -> None:
    with scripted("hang") as (url, _):
        async with AsyncClient(url) as client:
            producer = client.topic("orders").producer(linger=0, buffer_messages=2)
            waits = [asyncio.ensure_future((await producer.send(n)).result()) for n in range(2)]
            waits.append(asyncio.ensure_future(producer.append(2)))
            await asyncio.sleep(0.05)
            producer.abort()
            for wait in waits:
                with fails("producer_aborted"):
                    await wait
            with fails("producer_aborted"):
                await producer.close()
            other = client.topic("orders").producer()
            cancelled = await other.send(1)
            with pytest.raises(asyncio.CancelledError):
                async with other:
                    raise asyncio.CancelledError
            with fails("producer_aborted"):
                await cancelled.result()


def test_aborting_the_synchronous_producer_and_leaving_it_by_an_error() -> None:
    with scripted("hang") as (url, _), Client(url) as client:
        producer = client.topic("orders").producer(linger=0, buffer_messages=1)
        sent = producer.send(1)
        # The next one waits for room.
        waiting = threading.Timer(0.1, producer.abort)
        waiting.start()
        with fails("producer_aborted"):
            producer.send(2)
        with fails("producer_aborted"):
            sent.result()
        waiting.join()
        producer.close()
        with pytest.raises(KeyboardInterrupt), client.topic("orders").producer() as interrupted:
            interrupted.send(1)
            raise KeyboardInterrupt
    with scripted(problem(409, "topic_closed", written="no")) as (url, _), Client(url) as client:
        with pytest.raises(LookupError), client.topic("orders").producer() as left:
            left.send(1)
            raise LookupError
        with fails("topic_closed", "no"):
            left.send(1)


async def test_after_close_nothing_is_taken() -> None:
    with scripted(Reply({"offset": 1})) as (url, _):
        async with AsyncClient(url) as client:
            producer = client.topic("orders").producer()
            await producer.send(1)
            await producer.close()
            with fails("producer_closed", "no"):
                await producer.send(2)
            await producer.close()


async def test_a_batch_that_may_be_stored_although_the_one_before_failed_is_not_sent_again() -> None:
    # The first is acknowledged; the second is never answered; the third had an attempt without an answer.
    gap = problem(409, "producer_gap", retriable=True, written="no", expected_seq=1)
    with scripted(Reply({"offset": 1}), "hang", "close", gap) as (url, arrived):
        async with AsyncClient(url, retry=Retry(base=0.001, max=0.001)) as client:
            producer = client.topic("orders").producer(batch_messages=1, delivery_timeout=2.0)
            await producer.append(0)
            second = await producer.send(1)
            while len(arrived) < 2:
                await asyncio.sleep(0.01)
            third = await producer.send(2)
            with fails("timeout", "unknown"):
                await second.result()
            with fails(("no_answer", "timeout"), "unknown"):
                await third.result()
            assert all('"epoch":0' in request.body for request in arrived), "nothing was sent under another epoch"
            with fails("timeout"):
                await producer.close()


async def test_a_message_that_is_never_taken_fails_alone_although_an_answer_was_lost() -> None:
    bad = problem(400, "invalid_request", written="no")
    # Both together; the first; the second; the third.
    with scripted("close", bad, Reply({"offset": 1}), bad, Reply({"offset": 2})) as (url, arrived):
        async with AsyncClient(url, retry=Retry(base=0.001, max=0.001)) as client:
            producer = client.topic("orders").producer(batch_messages=2, linger=60)
            first, second = await producer.send(0), await producer.send(1)
            assert await first.result() == 1
            with fails("invalid_request", "no"):
                await second.result()
            third = await producer.send(2)
            with fails("invalid_request", "no"):
                await producer.close()
            assert await third.result() == 2
    assert [json.loads(request.body)["producer"]["epoch"] for request in arrived] == [0, 0, 1, 1, 2]


@pytest.mark.parametrize("stop_on_error", [False, True])
async def test_messages_that_a_topic_refuses_after_a_lost_answer_stop_no_later_ones(stop_on_error: bool) -> None:
    large = problem(413, "message_too_large", written="no")
    with scripted("close", large, Reply({"offset": 7})) as (url, arrived):
        async with AsyncClient(url, retry=Retry(base=0.001, max=0.001)) as client:
            producer = client.topic("orders").producer(batch_messages=2, linger=60, stop_on_error=stop_on_error)
            sent = [await producer.send(0), await producer.send(1)]
            for delivery in sent:
                with fails("message_too_large", "unknown"):
                    await delivery.result()
            if stop_on_error:
                with fails("message_too_large"):
                    await producer.send(2)
            else:
                later = await producer.send(2)
                with fails("message_too_large", "unknown"):
                    await producer.flush()
                assert await later.result() == 7
                await producer.close()
                assert '"epoch":1' in arrived[-1].body
    assert len(arrived) == (2 if stop_on_error else 3)


async def test_a_message_that_was_never_sent_is_not_there() -> None:
    with scripted(Reply({"offset": 1}), "hang") as (url, arrived):
        async with AsyncClient(url) as client:
            producer = client.topic("orders").producer(batch_messages=1, in_flight=1, delivery_timeout=1.0)
            await producer.append(0)
            sent = await producer.send(1)
            waiting = await producer.send(2)
            with fails("timeout", "unknown"):
                await sent.result()
            with fails("timeout", "no"):
                await waiting.result()
            with fails("timeout", "unknown"):
                await producer.close()
    assert len(arrived) == 2


async def test_if_no_time_is_left_after_a_pause_the_error_of_the_last_attempt_is_told(caplog: pytest.LogCaptureFixture) -> None:
    # A process that stands still for longer than its message may take, just as the pause begins.
    class Standstill(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if "attempt" in record.getMessage():
                time.sleep(1.1)

    caplog.set_level(logging.INFO, "serverless_streams")
    handler = Standstill()
    logging.getLogger("serverless_streams").addHandler(handler)
    try:
        with scripted(problem(503, "storage_unavailable", written="no")) as (url, _arrived):
            async with AsyncClient(url, retry=Retry(base=0.001, max=0.001)) as client:
                producer = client.topic("orders").producer(delivery_timeout=1.0)
                with fails("storage_unavailable", "no"):
                    await producer.append(1)
                with fails("storage_unavailable", "no"):
                    await producer.close()
    finally:
        logging.getLogger("serverless_streams").removeHandler(handler)


async def test_a_retry_pauses_although_a_later_batch_has_failed() -> None:
    # The second batch is refused for good while the first is tried again and again.
    busy = problem(503, "overloaded", written="no")
    with scripted(Reply({"offset": 1}), busy, problem(413, "message_too_large", written="no"), busy) as (url, arrived):
        async with AsyncClient(url, retry=Retry(base=1.0, max=1.0)) as client:
            producer = client.topic("orders").producer(batch_messages=1, delivery_timeout=2.0)
            await producer.append(0)
            first = await producer.send(1)
            while len(arrived) < 2:
                await asyncio.sleep(0.001)
            second = await producer.send(2)
            with fails(("overloaded", "timeout")):
                await first.result()
            with fails("message_too_large"):
                await second.result()
            # The first error since the last flush.
            with fails("message_too_large"):
                await producer.close()
    assert len(arrived) < 20


def test_several_threads_share_a_producer(service: Service) -> None:
    with Client(service.url) as client:
        topic = client.topic("orders")
        with topic.producer() as producer:

            def send(thread: int) -> None:
                for n in range(500):
                    producer.send([thread, n])

            threads = [threading.Thread(target=send, args=(thread,)) for thread in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        got = [message.payload for message in topic.read()]
    for sender in range(4):
        assert [n for by, n in got if by == sender] == list(range(500))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_producer_says_that_it_does_not_survive_a_fork() -> None:
    with scripted(Reply({"offset": 1})) as (url, _), Client(url) as client, client.topic("orders").producer() as producer:
        pid = os.fork()
        if pid == 0:
            try:
                producer.send(1)
            except RuntimeError:
                os._exit(7)
            os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7


def test_a_producer_that_was_forgotten_warns() -> None:
    with scripted(Reply({"offset": 1})) as (url, _), Client(url) as client:
        producer = client.topic("orders").producer()
        with pytest.warns(ResourceWarning, match="a producer was not closed"):
            producer.__del__()
        producer.close()


async def test_options_out_of_bounds_are_refused() -> None:
    async with AsyncClient("http://127.0.0.1:1") as client:
        topic = client.topic("orders")
        with pytest.raises(ValueError, match="in_flight: expected a whole number from 1 to 5, got 6"):
            topic.producer(in_flight=6)
        with pytest.raises(ValueError, match="batch_messages"):
            topic.producer(batch_messages=0)
